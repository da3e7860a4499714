# Runs the examples HELLO and CHECKSUM, the second over the files of this project in SOURCE, and
# compares what the pool's workers found with what checksum finds one file after the other.

file(GLOB tree RELATIVE "${SOURCE}" "${SOURCE}/*")
list(FILTER tree EXCLUDE REGEX "^(\\.|build|target)") # Not what building leaves behind.

# Runs a program in the source tree and shows its output, which it leaves in <output>.
function(show output program)
    cmake_path(GET program FILENAME name)
    list(JOIN ARGN " " arguments)
    message("\n$ ${name} ${arguments}")
    execute_process(COMMAND "${program}" ${ARGN}
        WORKING_DIRECTORY "${SOURCE}"
        OUTPUT_VARIABLE text ECHO_OUTPUT_VARIABLE
        COMMAND_ERROR_IS_FATAL ANY)
    set(${output} "${text}" PARENT_SCOPE)
endfunction()

show(greeting "${HELLO}")
show(pooled "${CHECKSUM}" ${tree})

execute_process(COMMAND "${CHECKSUM}" -j 0 ${tree}
    WORKING_DIRECTORY "${SOURCE}"
    OUTPUT_VARIABLE sequential
    COMMAND_ERROR_IS_FATAL ANY)
if(pooled STREQUAL "" OR NOT pooled STREQUAL sequential)
    message(FATAL_ERROR "checksum found other sums without the pool:\n${sequential}")
endif()
string(REGEX MATCHALL "\n" lines "${pooled}")
list(LENGTH lines count)
message("\n${count} files hashed by a pool; "
    "one after the other (checksum -j 0) gives the same ${count} lines.\n")
