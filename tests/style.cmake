# How the sources that cargo does not see are written. clang-format changes its mind from version to version: one counts.

set(clang_format_version 14)
find_program(ANTPOOL_CLANG_FORMAT NAMES clang-format-${clang_format_version} clang-format)
find_program(ANTPOOL_RUFF ruff)
find_program(ANTPOOL_CLANG_TIDY clang-tidy)
mark_as_advanced(ANTPOOL_CLANG_FORMAT ANTPOOL_CLANG_TIDY ANTPOOL_RUFF)

set(found_clang_format OFF)
if(ANTPOOL_CLANG_FORMAT)
    execute_process(COMMAND "${ANTPOOL_CLANG_FORMAT}" --version OUTPUT_VARIABLE version)
    if(version MATCHES "version ${clang_format_version}\\.")
        set(found_clang_format ON)
    endif()
endif()
antpool_needs(have_clang_format "style/clang-format" found_clang_format
    "clang-format ${clang_format_version}" "pip install clang-format==14.0.6")
antpool_needs(have_clang_tidy "style/clang-tidy-…" ANTPOOL_CLANG_TIDY clang-tidy "apt install clang-tidy")
antpool_needs(have_ruff "style/ruff" ANTPOOL_RUFF ruff "pip install ruff")

# antpool_style_test(<name> <directory> <command>...)
function(antpool_style_test name directory)
    add_test(NAME "style/${name}" WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}/${directory}" COMMAND ${ARGN})
    set_tests_properties("style/${name}" PROPERTIES LABELS "style" TIMEOUT 1800)
endfunction()

if(have_clang_format)
    set(patterns)
    foreach(folder IN ITEMS benches bindings docs examples-c include src tests)
        foreach(extension IN ITEMS c h cpp hpp)
            list(APPEND patterns "${PROJECT_SOURCE_DIR}/${folder}/*.${extension}")
        endforeach()
    endforeach()
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${patterns})
    list(FILTER sources EXCLUDE REGEX "/(build|target|node_modules|include/antpool\\.h)") # Made, not written.
    antpool_style_test(clang-format . "${ANTPOOL_CLANG_FORMAT}" --dry-run --Werror ${sources})
    # cmake --build build/check --target format
    add_custom_target(format COMMAND "${ANTPOOL_CLANG_FORMAT}" -i ${sources} VERBATIM)
endif()
if(have_clang_tidy)
    file(GLOB c_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/examples-c/*.c"
        "${PROJECT_SOURCE_DIR}/examples-c/checksum/*.c")
    file(GLOB cxx_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/*.cpp")
    antpool_style_test(clang-tidy-c . "${ANTPOOL_CLANG_TIDY}" --quiet ${c_sources}
        -- -std=c99 -D_GNU_SOURCE -Iinclude)
    antpool_style_test(clang-tidy-c++ . "${ANTPOOL_CLANG_TIDY}" --quiet include/antpool.hpp ${cxx_sources}
        -- -x c++ -std=c++17 -Iinclude)
endif()
if(have_ruff)
    antpool_style_test(ruff bindings/python "${ANTPOOL_RUFF}" check --no-cache .)
    antpool_style_test(ruff-format bindings/python "${ANTPOOL_RUFF}" format --no-cache --check .)
    antpool_style_test(ruff-benches benches "${ANTPOOL_RUFF}" check --no-cache . run)
endif()
