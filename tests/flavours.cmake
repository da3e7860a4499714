# The programs of tests/c, built and run in several flavours. Each is a build of its own below
# c/<flavour>, made by the target c-<flavour>; its tests have the names <flavour>/<program>.

include(ExternalProject)

# antpool_flavour(<name> <C compiler> <C++ compiler> LIBRARY <file> BUILT_BY <target>
#                 [SETTINGS <-Dvariable=value>...])
function(antpool_flavour name c_compiler cxx_compiler)
    cmake_parse_arguments(PARSE_ARGV 3 arg "" "LIBRARY;BUILT_BY" "SETTINGS")
    set(binary_dir "${PROJECT_BINARY_DIR}/c/${name}")
    ExternalProject_Add(c-${name}
        SOURCE_DIR "${PROJECT_SOURCE_DIR}/tests/c"
        BINARY_DIR "${binary_dir}"
        PREFIX "${PROJECT_BINARY_DIR}/c/.steps/${name}"
        DEPENDS ${arg_BUILT_BY}
        BUILD_ALWAYS ON
        INSTALL_COMMAND ""
        CMAKE_ARGS
            "-DCMAKE_C_COMPILER=${c_compiler}"
            "-DCMAKE_CXX_COMPILER=${cxx_compiler}"
            "-DANTPOOL_LIBRARY=${arg_LIBRARY}"
            "-DANTPOOL_INCLUDE_DIR=${PROJECT_SOURCE_DIR}/include"
            "-DANTPOOL_TEST_PREFIX=${name}/"
            "-DANTPOOL_SOAK=${ANTPOOL_SOAK}"
            ${arg_SETTINGS})
    # ctest reads the tests of the flavour when they are there.
    file(CONFIGURE OUTPUT "${binary_dir}-tests.cmake" @ONLY CONTENT [=[
if(EXISTS "@binary_dir@/CTestTestfile.cmake")
    include("@binary_dir@/CTestTestfile.cmake")
else()
    add_test([[@name@/is-not-built]] "false")
endif()
]=])
    set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${binary_dir}-tests.cmake")
endfunction()

# The library instrumented by rustc for one sanitizer, in <name>/lib. Only nightly compilers admit
# to this option; RUSTC_BOOTSTRAP makes a stable one accept it.
function(antpool_instrumented name flags)
    antpool_cargo_library(${name}
        DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/${name}/lib" PROFILE dev KINDS cdylib
        ENVIRONMENT "RUSTFLAGS=${flags}" RUSTC_BOOTSTRAP=1 CARGO_PROFILE_DEV_OPT_LEVEL=1)
endfunction()

# The runtimes of the sanitizers come with some builds of the Rust compiler and not with others.
execute_process(COMMAND "${ANTPOOL_RUSTC}" --print sysroot
    OUTPUT_VARIABLE sysroot OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
set(rust_runtimes "${sysroot}/lib/rustlib/${ANTPOOL_CARGO_TARGET}/lib")
file(GLOB tsan_runtime "${rust_runtimes}/librustc*_rt.tsan.a")
file(GLOB asan_runtime "${rust_runtimes}/librustc*_rt.asan.a")

set(shared "${antpool_lib_dir}/libantpool.so")
if(have_gcc)
    antpool_flavour(gcc "${ANTPOOL_GCC}" "${ANTPOOL_GXX}"
        LIBRARY "${shared}" BUILT_BY antpool_cargo)
endif()
set(clang_asan OFF)
if(have_clang)
    antpool_can_link(clang_asan c "${ANTPOOL_CLANG}" -fsanitize=address,undefined)
endif()
antpool_needs(have_asan "asan" ${clang_things}
    clang_asan "clang's sanitizers" "apt install libclang-rt-dev"
    asan_runtime "Rust's sanitizers" "rustup default stable")
if(have_asan)
    antpool_instrumented(antpool_asan "-Zsanitizer=address")
    antpool_flavour(asan "${ANTPOOL_CLANG}" "${ANTPOOL_CLANGXX}"
        LIBRARY "${CMAKE_CURRENT_BINARY_DIR}/antpool_asan/lib/libantpool.so" BUILT_BY antpool_asan
        SETTINGS -DANTPOOL_FLAVOUR=asan)
endif()

antpool_needs(have_tsan "tsan" ${clang_things}
    tsan_runtime "Rust's sanitizers" "rustup default stable")
if(have_tsan)
    # TSan cannot follow a thread from stack to stack: fibers are threads that take turns there.
    antpool_instrumented(antpool_tsan
        "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer --cfg antpool_stand_in")
    antpool_flavour(tsan "${ANTPOOL_CLANG}" "${ANTPOOL_CLANGXX}"
        LIBRARY "${CMAKE_CURRENT_BINARY_DIR}/antpool_tsan/lib/libantpool.so" BUILT_BY antpool_tsan
        SETTINGS -DANTPOOL_FLAVOUR=tsan "-DANTPOOL_TSAN_RUNTIME=${tsan_runtime}")
endif()
# The long runs are in these three.
if(ANTPOOL_SOAK)
    return()
endif()

if(have_gcc)
    antpool_flavour(static "${ANTPOOL_GCC}" "${ANTPOOL_GXX}"
        LIBRARY "${antpool_lib_dir}/libantpool.a" BUILT_BY antpool_cargo)
endif()
if(have_clang)
    antpool_flavour(clang "${ANTPOOL_CLANG}" "${ANTPOOL_CLANGXX}"
        LIBRARY "${shared}" BUILT_BY antpool_cargo)
endif()
if(have_libcxx)
    antpool_flavour(libcxx "${ANTPOOL_CLANG}" "${ANTPOOL_CLANGXX}"
        LIBRARY "${shared}" BUILT_BY antpool_cargo
        SETTINGS "-DANTPOOL_PROGRAMS=*.cpp" -DCMAKE_CXX_FLAGS=-stdlib=libc++)
endif()

# The library that runs on an older glibc, made the way docs/packaging.md says. Its tests are of what is
# linked in another way there: threads, and what unwinds.
find_program(ANTPOOL_ZIGBUILD cargo-zigbuild)
antpool_needs(have_zigbuild "portable" ${gcc_things}
    ANTPOOL_ZIGBUILD cargo-zigbuild "pip install cargo-zigbuild ziglang")
if(have_zigbuild)
    set(portable_dir "${CMAKE_CURRENT_BINARY_DIR}/portable")
    ExternalProject_Add(antpool_portable
        SOURCE_DIR "${PROJECT_SOURCE_DIR}"
        BINARY_DIR "${portable_dir}"
        PREFIX "${portable_dir}-steps"
        BUILD_ALWAYS ON
        INSTALL_COMMAND ""
        CMAKE_ARGS -DANTPOOL_GLIBC=2.28 -DANTPOOL_BUILD_TESTS=OFF -DANTPOOL_BUILD_EXAMPLES=OFF)
    antpool_flavour(portable "${ANTPOOL_GCC}" "${ANTPOOL_GXX}"
        LIBRARY "${portable_dir}/lib/libantpool.so" BUILT_BY antpool_portable
        SETTINGS "-DANTPOOL_PROGRAMS=panics*$<SEMICOLON>fiber_cxx.cpp$<SEMICOLON>thread_exit.c$<SEMICOLON>workers.c")
endif()

antpool_needs(have_valgrind "valgrind" ${gcc_things}
    ANTPOOL_VALGRIND valgrind "apt install valgrind")
if(have_valgrind)
    antpool_flavour(valgrind "${ANTPOOL_GCC}" "${ANTPOOL_GXX}"
        LIBRARY "${shared}" BUILT_BY antpool_cargo
        SETTINGS -DANTPOOL_FLAVOUR=valgrind "-DANTPOOL_VALGRIND=${ANTPOOL_VALGRIND}")
endif()

# Programs that have a sanitizer, with the library as it is shipped: it tells the sanitizer what there is to know.
# Without those that end threads, which ThreadSanitizer knows not to happen on fibers.
set(shipped_programs soak.c wait.c submit.c tasks.c groups.c completions.c fiber_waits.c fiber_streams.c fiber_cxx.cpp)
function(antpool_sanitized_flavours c_compiler cxx_compiler)
    cmake_path(GET c_compiler STEM compiler)
    list(JOIN shipped_programs "$<SEMICOLON>" programs)
    foreach(sanitizer IN ITEMS address thread)
        antpool_can_link(can_${compiler}_${sanitizer} c "${c_compiler}" -fsanitize=${sanitizer})
        string(SUBSTRING "${sanitizer}" 0 1 letter)
        antpool_needs(have_sanitizer "${letter}san-shipped-${compiler}"
            can_${compiler}_${sanitizer} "${compiler}'s sanitizers" "apt install libclang-rt-dev")
        if(have_sanitizer)
            antpool_flavour(${letter}san-shipped-${compiler} "${c_compiler}" "${cxx_compiler}"
                LIBRARY "${shared}" BUILT_BY antpool_cargo
                SETTINGS -DANTPOOL_FLAVOUR=${letter}san "-DANTPOOL_PROGRAMS=${programs}")
        endif()
    endforeach()
    set(antpool_left_out "${antpool_left_out}" PARENT_SCOPE)
endfunction()
if(have_gcc)
    antpool_sanitized_flavours("${ANTPOOL_GCC}" "${ANTPOOL_GXX}")
endif()
if(have_clang)
    antpool_sanitized_flavours("${ANTPOOL_CLANG}" "${ANTPOOL_CLANGXX}")
endif()
