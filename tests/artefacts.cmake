# What people get: the header and the shared object.

set(check_dir "${PROJECT_SOURCE_DIR}/cmake/check")

# The header, by every compiler and in every standard that it promises.
function(antpool_header_test family compiler standards)
    foreach(standard IN LISTS standards)
        set(test "header/${family}-${standard}")
        add_test(NAME "${test}" COMMAND "${CMAKE_COMMAND}"
            "-DCOMPILER=${compiler}" "-DSTANDARD=${standard}"
            "-DSOURCES=${CMAKE_CURRENT_SOURCE_DIR}/header"
            "-DINCLUDE_DIR=${PROJECT_SOURCE_DIR}/include" "-DLIBRARY_DIR=${antpool_lib_dir}"
            "-DOUTPUT_DIR=${CMAKE_CURRENT_BINARY_DIR}/header/${family}-${standard}"
            -P "${check_dir}/header.cmake")
        set_tests_properties("${test}" PROPERTIES LABELS "header" TIMEOUT 1800)
    endforeach()
endfunction()
set(c_standards c99 c11 c17)
set(cxx_standards c++11 c++17 c++20)
if(have_gcc)
    antpool_header_test(gcc "${ANTPOOL_GCC}" "${c_standards}")
    antpool_header_test(g++ "${ANTPOOL_GXX}" "${cxx_standards}")
endif()
if(have_clang)
    antpool_header_test(clang "${ANTPOOL_CLANG}" "${c_standards}")
    antpool_header_test(clang++ "${ANTPOOL_CLANGXX}" "${cxx_standards}")
    add_test(NAME header/everything COMMAND "${CMAKE_COMMAND}"
        "-DCLANG=${ANTPOOL_CLANG}" "-DCLANGXX=${ANTPOOL_CLANGXX}" "-DSOURCE=${PROJECT_SOURCE_DIR}"
        "-DWORK_DIR=${CMAKE_CURRENT_BINARY_DIR}/header/everything" -P "${check_dir}/everything.cmake")
    set_tests_properties(header/everything PROPERTIES LABELS "header" TIMEOUT 1800)
endif()

# The shared object.
execute_process(COMMAND getconf GNU_LIBC_VERSION OUTPUT_VARIABLE system_glibc
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
string(REGEX REPLACE "^glibc " "" system_glibc "${system_glibc}")

# antpool_library_tests(<suffix> <directory> <how docs/packaging.md says that it is built>)
function(antpool_library_tests suffix directory built)
    foreach(promise IN ITEMS exports dynamic glibc size)
        set(test "library/${promise}${suffix}")
        add_test(NAME "${test}" COMMAND "${CMAKE_COMMAND}"
            "-DPROMISE=${promise}"
            "-DLIBRARY=${directory}/${antpool_shared_file}" "-DSONAME=${antpool_soname}"
            "-DHEADER=${PROJECT_SOURCE_DIR}/include/antpool.h"
            "-DDOCUMENT=${PROJECT_SOURCE_DIR}/docs/packaging.md" "-DRELEASE=${rustc_release}"
            "-DBUILT=${built}" "-DSYSTEM_GLIBC=${system_glibc}"
            "-DOUTPUT_DIR=${CMAKE_CURRENT_BINARY_DIR}/${test}"
            "-DNM=${CMAKE_NM}" "-DREADELF=${CMAKE_READELF}" "-DSTRIP=${CMAKE_STRIP}"
            -P "${check_dir}/library.cmake")
        set_tests_properties("${test}" PROPERTIES LABELS "library" TIMEOUT 1800)
    endforeach()
endfunction()
antpool_library_tests("" "${antpool_lib_dir}" "on glibc")
if(have_zigbuild)
    antpool_library_tests(-portable "${portable_dir}/lib" "ANTPOOL_GLIBC")
endif()

# antpool_archive_tests(<name> <C++ compiler> <option>...): the static library, with one linker.
function(antpool_archive_tests name)
    list(JOIN ARGN " " link)
    foreach(promise IN ITEMS plugin beside)
        set(test "library/${promise}-${name}")
        add_test(NAME "${test}" COMMAND "${CMAKE_COMMAND}"
            "-DPROMISE=${promise}" "-DLINK=${link}" "-DARCHIVE=${antpool_lib_dir}/libantpool.a"
            "-DINCLUDE_DIR=${PROJECT_SOURCE_DIR}/include"
            "-DSOURCES=${CMAKE_CURRENT_SOURCE_DIR}/consumers"
            "-DWORK_DIR=${CMAKE_CURRENT_BINARY_DIR}/${test}"
            "-DNM=${CMAKE_NM}" "-DRUSTC=${ANTPOOL_RUSTC}" -P "${check_dir}/archive.cmake")
        set_tests_properties("${test}" PROPERTIES LABELS "library" TIMEOUT 1800)
    endforeach()
endfunction()
if(have_gcc)
    antpool_archive_tests(ld "${ANTPOOL_GXX}")
endif()
if(have_lld)
    antpool_archive_tests(lld "${ANTPOOL_CLANGXX}" -fuse-ld=lld)
endif()

# What programs are compiled against is what tests/abi has on record. `cmake --build build/check
# --target abi-record` records it anew.
find_program(ANTPOOL_ABIDW abidw)
find_program(ANTPOOL_ABIDIFF abidiff)
mark_as_advanced(ANTPOOL_ABIDW ANTPOOL_ABIDIFF)
antpool_needs(have_abidiff "library/abi"
    ANTPOOL_ABIDW abidw "apt install abigail-tools"
    ANTPOOL_ABIDIFF abidiff "apt install abigail-tools")
if(have_abidiff)
    set(abi_check "${CMAKE_COMMAND}"
        "-DRECORD=${CMAKE_CURRENT_SOURCE_DIR}/abi/${antpool_soname}.abi"
        "-DHEADER=${PROJECT_SOURCE_DIR}/include/antpool.h" "-DSONAME=${antpool_soname}"
        "-DCOMPILER=${CMAKE_C_COMPILER}" "-DABIDW=${ANTPOOL_ABIDW}" "-DABIDIFF=${ANTPOOL_ABIDIFF}")
    foreach(what IN ITEMS compare notice)
        add_test(NAME "library/abi-${what}" COMMAND ${abi_check} -DWHAT=${what}
            "-DWORK_DIR=${CMAKE_CURRENT_BINARY_DIR}/abi/${what}" -P "${check_dir}/abi.cmake")
        set_tests_properties("library/abi-${what}" PROPERTIES LABELS "library" TIMEOUT 1800)
    endforeach()
    add_custom_target(abi-record
        COMMAND ${abi_check} -DWHAT=write "-DWORK_DIR=${CMAKE_CURRENT_BINARY_DIR}/abi/write"
            -P "${check_dir}/abi.cmake"
        COMMENT "Recording what programs are compiled against"
        VERBATIM)
endif()
