# The reference: complete, and without a warning from those who read it.

find_program(ANTPOOL_MANDOC mandoc)
mark_as_advanced(ANTPOOL_MANDOC)

# A page for every function, with all that it says in the header.
add_test(NAME docs/man-complete COMMAND "${CMAKE_COMMAND}"
    -DPROMISE=man-complete "-DMAN_DIR=${PROJECT_BINARY_DIR}/docs/man/man3"
    "-DHEADER=${PROJECT_SOURCE_DIR}/include/antpool.h" -P "${check_dir}/docs.cmake")
antpool_needs(have_mandoc "docs/man-lint" ANTPOOL_MANDOC mandoc "apt install mandoc")
if(have_mandoc)
    add_test(NAME docs/man-lint COMMAND "${CMAKE_COMMAND}"
        -DPROMISE=man-lint "-DMAN_DIR=${PROJECT_BINARY_DIR}/docs/man/man3"
        "-DMANDOC=${ANTPOOL_MANDOC}" -P "${check_dir}/docs.cmake")
endif()
antpool_needs(have_doxygen "docs/reference" ANTPOOL_DOXYGEN doxygen "apt install doxygen")
if(have_doxygen)
    add_test(NAME docs/reference COMMAND "${CMAKE_COMMAND}"
        -DPROMISE=reference "-DBUILD_DIR=${PROJECT_BINARY_DIR}"
        "-DHEADER=${PROJECT_SOURCE_DIR}/include/antpool.h"
        "-DEXAMPLES=${PROJECT_SOURCE_DIR}/examples-c" -P "${check_dir}/docs.cmake")
endif()
get_property(tests DIRECTORY PROPERTY TESTS)
list(FILTER tests INCLUDE REGEX "^docs/")
set_tests_properties(${tests} PROPERTIES LABELS "docs" TIMEOUT 1800)
