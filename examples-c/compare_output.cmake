# Runs PROGRAM, keeps its stdout in OUTPUT and compares it with the file EXPECTED, byte for byte.
# The comment at the top of SOURCE, which says what the program prints, has to say the same.
cmake_minimum_required(VERSION 3.25)

execute_process(COMMAND ${PROGRAM}
    OUTPUT_FILE ${OUTPUT} ERROR_VARIABLE errors RESULT_VARIABLE result TIMEOUT 60)
if(NOT result STREQUAL "0")
    message(FATAL_ERROR "${PROGRAM} ended with ${result}:\n${errors}")
endif()
if(NOT errors STREQUAL "")
    message(FATAL_ERROR "${PROGRAM} wrote to stderr:\n${errors}")
endif()

file(READ ${EXPECTED} expected)
execute_process(COMMAND ${CMAKE_COMMAND} -E compare_files ${OUTPUT} ${EXPECTED}
    RESULT_VARIABLE different ERROR_QUIET)
if(different)
    file(READ ${OUTPUT} printed)
    message(FATAL_ERROR "prints something else than expected.\n"
        "Expected:\n${expected}\nPrinted:\n${printed}")
endif()

file(READ ${SOURCE} source)
string(REGEX REPLACE "([^\n]*)\n" " *     \\1\n" comment "${expected}")
string(FIND "${source}" " * Prints:\n${comment} */" position)
if(position EQUAL -1)
    message(FATAL_ERROR
        "The comment of ${SOURCE} does not say what the program prints:\n${comment}")
endif()
