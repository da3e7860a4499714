# antpool from other languages: what each binding promises, and the programs of README.md and docs/. All of it
# against the installed package, which consumers.cmake puts to ${consumers_prefix}.

set(consumers_environment
    "PKG_CONFIG_PATH=${consumers_prefix}/${CMAKE_INSTALL_LIBDIR}/pkgconfig"
    "LD_LIBRARY_PATH=${consumers_prefix}/${CMAKE_INSTALL_LIBDIR}"
    "ANTPOOL_LIBRARY=${consumers_prefix}/${CMAKE_INSTALL_LIBDIR}/libantpool.so"
    PYTHONPATH=src PYTHONDONTWRITEBYTECODE=1)

# antpool_binding_test(<name> <directory> <command>...)
function(antpool_binding_test name directory)
    add_test(NAME "consumers/${name}" WORKING_DIRECTORY "${directory}" COMMAND ${ARGN})
    set_tests_properties("consumers/${name}" PROPERTIES
        LABELS "consumers" TIMEOUT 1800 FIXTURES_REQUIRED consumers_prefix
        ENVIRONMENT "${consumers_environment}")
endfunction()

# ---- C++ -----------------------------------------------------------------------------------------

# antpool_cxx_test(<name> <compiler> <-Dvariable=value>...)
function(antpool_cxx_test name compiler)
    antpool_binding_test("${name}" "${CMAKE_CURRENT_BINARY_DIR}"
        "${CMAKE_CTEST_COMMAND}"
        --build-and-test "${CMAKE_CURRENT_SOURCE_DIR}/cpp"
            "${CMAKE_CURRENT_BINARY_DIR}/consumers/${name}"
        --build-generator "${CMAKE_GENERATOR}" --build-noclean
        --build-options "-DCMAKE_PREFIX_PATH=${consumers_prefix}" "-DCMAKE_CXX_COMPILER=${compiler}"
            ${ARGN}
        --test-command "${CMAKE_CTEST_COMMAND}" --output-on-failure)
endfunction()
if(have_gcc)
    antpool_cxx_test(g++ "${ANTPOOL_GXX}")
endif()
if(have_clang)
    antpool_cxx_test(clang++ "${ANTPOOL_CLANGXX}")
endif()
if(have_libcxx)
    antpool_cxx_test(clang++-libc++ "${ANTPOOL_CLANGXX}"
        -DCMAKE_CXX_FLAGS=-stdlib=libc++ -DANTPOOL_CPP_STANDARDS=17)
endif()

# ---- Go ------------------------------------------------------------------------------------------

find_program(ANTPOOL_GO go HINTS /usr/local/go/bin)
antpool_needs(have_go "consumers/go" ANTPOOL_GO go "apt install golang-go"
    ANTPOOL_PKG_CONFIG pkg-config "apt install pkg-config")
find_program(ANTPOOL_GOFMT gofmt HINTS /usr/local/go/bin)
find_program(ANTPOOL_STATICCHECK staticcheck HINTS "$ENV{HOME}/go/bin")
antpool_needs(have_gofmt "consumers/go-fmt" ANTPOOL_GOFMT gofmt "apt install golang-go")
antpool_needs(have_staticcheck "consumers/go-staticcheck" ANTPOOL_STATICCHECK staticcheck
    "go install honnef.co/go/tools/cmd/staticcheck@latest")
if(have_go)
    set(go_module "${PROJECT_SOURCE_DIR}/bindings/go")
    cmake_path(GET ANTPOOL_GO PARENT_PATH go_directory)
    list(APPEND consumers_environment "PATH=${go_directory}:$ENV{PATH}")
    antpool_binding_test(go-vet "${go_module}" "${ANTPOOL_GO}" vet ./...)
    if(have_gofmt)
        antpool_binding_test(go-fmt "${PROJECT_SOURCE_DIR}" "${ANTPOOL_GOFMT}" -l bindings benches)
        set_tests_properties(consumers/go-fmt PROPERTIES FAIL_REGULAR_EXPRESSION "[.]go")
    endif()
    if(have_staticcheck)
        antpool_binding_test(go-staticcheck "${go_module}" "${ANTPOOL_STATICCHECK}" ./...)
    endif()
    # -count: Go does not know that the library is another one than last time.
    antpool_binding_test(go "${go_module}" "${ANTPOOL_GO}" test -count=1 ./...)
    antpool_binding_test(go-race "${go_module}" "${ANTPOOL_GO}" test -count=1 -race ./...)
    # The same promises where Go functions run on goroutines.
    antpool_binding_test(go-goroutines "${go_module}" "${CMAKE_COMMAND}" -E env
        ANTPOOL_TEST_GOROUTINES=1 "${ANTPOOL_GO}" test -count=1 -race ./...)
    antpool_binding_test(go-static "${go_module}"
        "${ANTPOOL_GO}" test -count=1 -tags antpool_static ./...)
endif()

# ---- Python --------------------------------------------------------------------------------------

set(found_pytest OFF)
if(ANTPOOL_PYTHON)
    execute_process(COMMAND "${ANTPOOL_PYTHON}" -c "import pytest"
        RESULT_VARIABLE python_status OUTPUT_QUIET ERROR_QUIET)
    if(python_status EQUAL 0)
        set(found_pytest ON)
    endif()
endif()
antpool_needs(have_python "consumers/python" ANTPOOL_PYTHON python3 "apt install python3"
    found_pytest pytest "pip install pytest")
if(have_python)
    antpool_binding_test(python "${PROJECT_SOURCE_DIR}/bindings/python"
        "${ANTPOOL_PYTHON}" -m pytest -q -rs)
endif()
mark_as_advanced(ANTPOOL_GO ANTPOOL_GOFMT ANTPOOL_STATICCHECK)

# ---- README.md and docs/ -------------------------------------------------------------------------

# antpool_page_test(<page> <section> <number>): what a section says, done as its reader would do it.
function(antpool_page_test page section number)
    cmake_path(GET page STEM name)
    string(TOLOWER "page-${name}-${number}" name)
    antpool_binding_test(${name} "${CMAKE_CURRENT_BINARY_DIR}"
        "${check_dir}/page.sh" "${page}" "${section}"
        "${CMAKE_CURRENT_BINARY_DIR}/consumers/${name}" "${consumers_prefix}"
        "${PROJECT_SOURCE_DIR}")
endfunction()

# Every section of a page that has commands is a test; a new one needs no line here.
file(GLOB pages CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/README.md" "${PROJECT_SOURCE_DIR}/docs/*.md")
foreach(page IN LISTS pages)
    cmake_path(GET page STEM name)
    if((name STREQUAL "go" AND NOT have_go) OR (name STREQUAL "python" AND NOT ANTPOOL_PYTHON)
            OR (name MATCHES "^(README|c|loops|questions|waiting)$" AND NOT have_pkg_config))
        continue()
    endif()
    file(STRINGS "${page}" lines REGEX "^(#+ |```)")
    set(inside OFF)
    set(number 0)
    foreach(line IN LISTS lines)
        if(line MATCHES "^```")
            if(NOT inside AND line STREQUAL "```sh" AND NOT section STREQUAL tested)
                math(EXPR number "${number} + 1")
                antpool_page_test("${page}" "${section}" ${number})
                set(tested "${section}")
            endif()
            if(inside)
                set(inside OFF)
            else()
                set(inside ON)
            endif()
        elseif(NOT inside)
            set(section "${line}")
            set(tested "")
        endif()
    endforeach()
endforeach()
