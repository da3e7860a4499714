# The library is built from its sources by any compiler and with any flags that a user has, or it is
# said why not.

# antpool_build_test(<promise> <name> <-Dvariable=value>...)
function(antpool_build_test promise name)
    set(test "build/${name}")
    add_test(NAME "${test}" COMMAND "${CMAKE_COMMAND}" "-DPROMISE=${promise}"
        "-DSOURCE=${PROJECT_SOURCE_DIR}" "-DWORK_DIR=${CMAKE_CURRENT_BINARY_DIR}/build/${name}"
        "-DCARGO=${ANTPOOL_CARGO}" "-DSONAME=${antpool_soname}" ${ARGN} -P "${check_dir}/build.cmake")
    set_tests_properties("${test}" PROPERTIES LABELS "build" TIMEOUT 1800)
endfunction()

antpool_build_test(panic-abort panic-abort)
antpool_build_test(old-rust old-rust)
antpool_build_test(left-out left-out)

# Each compiler, and clang with its own C++ library too.
set(cxx_commands)
set(links)
if(have_gcc)
    list(APPEND cxx_commands "${ANTPOOL_GXX}")
    list(APPEND links "${ANTPOOL_GCC} consumer.c" "${ANTPOOL_GXX} throws.cpp")
endif()
if(have_clang)
    list(APPEND cxx_commands "${ANTPOOL_CLANGXX}")
    list(APPEND links "${ANTPOOL_CLANGXX} throws.cpp")
endif()
if(have_libcxx)
    list(APPEND cxx_commands "${ANTPOOL_CLANGXX} -stdlib=libc++")
    list(APPEND links "${ANTPOOL_CLANGXX} -stdlib=libc++ throws.cpp")
endif()
foreach(command IN LISTS cxx_commands)
    string(REGEX REPLACE "^.*/([^ ]+)( -stdlib=)?" "\\1-" name "${command}")
    string(REGEX REPLACE "-$" "" name "${name}")
    antpool_build_test(shim "shim-${name}" "-DCOMPILER=${command}" "-DNM=${CMAKE_NM}")
endforeach()

# What the shim has to stand: a distribution's flags, those of a careful project, and those of a build
# that measures itself. The programs are built without them.
set(hardened "-O2 -g -flto=auto -ffat-lto-objects -Werror=format-security -fstack-protector-strong"
    "-fstack-clash-protection -fcf-protection -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3"
    "-D_GLIBCXX_ASSERTIONS -fasynchronous-unwind-tables -fno-omit-frame-pointer")
set(careful "-std=c++98 -fno-exceptions -fno-rtti -fno-asynchronous-unwind-tables -flto"
    "-Wall -Wextra -Weffc++ -Wold-style-cast -Werror -pedantic-errors -fvisibility=default")
set(measured "-O0 --coverage -fsanitize=address,undefined -fPIE")
list(JOIN hardened " " hardened)
list(JOIN careful " " careful)
list(JOIN measured " " measured)
set(environments)
foreach(flags IN ITEMS hardened careful measured)
    if(have_gcc)
        list(APPEND environments
            "CC=${ANTPOOL_GCC} CXX=${ANTPOOL_GXX} 'CFLAGS=${${flags}}' 'CXXFLAGS=${${flags}}'")
    endif()
    if(have_clang)
        string(REPLACE "-flto=auto -ffat-lto-objects" "-flto=thin" clang_flags "${${flags}}")
        list(APPEND environments "CC=${ANTPOOL_CLANG} CXX=${ANTPOOL_CLANGXX} 'CXXFLAGS=${clang_flags}'")
    endif()
endforeach()
if(have_libcxx)
    list(APPEND environments
        "CC=${ANTPOOL_CLANG} CXX=${ANTPOOL_CLANGXX} CXXFLAGS=-stdlib=libc++")
endif()
list(JOIN environments "|" environments)
list(JOIN links "|" links)
if(links)
    antpool_build_test(flags flags "-DENVIRONMENTS=${environments}" "-DLINKS=${links}")
endif()
