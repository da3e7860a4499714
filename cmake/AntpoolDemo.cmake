# The target `demo` runs the library's main job before your eyes; ctest runs it too.

set(demo "${CMAKE_COMMAND}"
    "-DHELLO=$<TARGET_FILE:example_01_hello>" "-DCHECKSUM=$<TARGET_FILE:example_checksum>"
    "-DSOURCE=${PROJECT_SOURCE_DIR}" -P "${PROJECT_SOURCE_DIR}/cmake/demo.cmake")
add_custom_target(demo
    COMMAND ${demo}
    DEPENDS example_01_hello example_checksum
    USES_TERMINAL
    VERBATIM)
# What the first program prints is the last that is to be seen, without "Built target" below it.
set_property(GLOBAL PROPERTY TARGET_MESSAGES OFF)
if(ANTPOOL_BUILD_TESTS)
    add_test(NAME examples/demo COMMAND ${demo})
    set_tests_properties(examples/demo PROPERTIES LABELS "examples" TIMEOUT 1800
        PASS_REGULAR_EXPRESSION
        "gives the same [1-9][0-9]? lines.*sum 499500\npool of ten: sum 499500, running workers 10\n$")
endif()
