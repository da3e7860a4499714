# Runs the examples CHECKSUM, over some files of this project in SOURCE, and HELLO. What the pool's
# workers found is compared with what checksum finds one file after the other.

set(files include examples-c/checksum)

# Runs a program in the source tree and shows its output, which it leaves in <output>.
function(show output program)
    cmake_path(GET program FILENAME name)
    list(JOIN ARGN " " arguments)
    string(STRIP "${name} ${arguments}" command)
    execute_process(COMMAND "${CMAKE_COMMAND}" -E echo "\n$ ${command}")
    execute_process(COMMAND "${program}" ${ARGN}
        WORKING_DIRECTORY "${SOURCE}"
        OUTPUT_VARIABLE text ECHO_OUTPUT_VARIABLE
        COMMAND_ERROR_IS_FATAL ANY)
    set(${output} "${text}" PARENT_SCOPE)
endfunction()

show(pooled "${CHECKSUM}" ${files})
execute_process(COMMAND "${CHECKSUM}" -j 0 ${files}
    WORKING_DIRECTORY "${SOURCE}"
    OUTPUT_VARIABLE sequential
    COMMAND_ERROR_IS_FATAL ANY)
if(pooled STREQUAL "" OR NOT pooled STREQUAL sequential)
    message(FATAL_ERROR "checksum found other sums without the pool:\n${sequential}")
endif()
string(REGEX MATCHALL "\n" lines "${pooled}")
list(LENGTH lines count)
string(CONCAT comparison "\n${count} files hashed by a pool; "
    "one after the other (checksum -j 0) gives the same ${count} lines.")
execute_process(COMMAND "${CMAKE_COMMAND}" -E echo "${comparison}")

show(greeting "${HELLO}")
