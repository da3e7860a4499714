# antpool.h with one COMPILER in one STANDARD, strict warnings being errors: alone, twice, and from
# two files of one program. Each program is linked and run.

set(warnings -Wall -Wextra -Wpedantic -Wundef -Wshadow -Wconversion -Wcast-qual -Werror)
set(language c++)
if(NOT STANDARD MATCHES "\\+\\+")
    set(language c)
    list(APPEND warnings -Wstrict-prototypes -Wmissing-prototypes)
endif()

# The sources are valid in both languages.
function(compile_and_run program)
    list(TRANSFORM ARGN PREPEND "${SOURCES}/" OUTPUT_VARIABLE sources)
    execute_process(
        COMMAND "${COMPILER}" -x ${language} -std=${STANDARD} ${warnings} "-I${INCLUDE_DIR}"
            ${sources} -x none "${LIBRARY_DIR}/libantpool.so" "-Wl,-rpath,${LIBRARY_DIR}"
            -o "${OUTPUT_DIR}/${program}"
        COMMAND_ERROR_IS_FATAL ANY)
    execute_process(COMMAND "${OUTPUT_DIR}/${program}" COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(MAKE_DIRECTORY "${OUTPUT_DIR}")
compile_and_run(alone alone.c)
compile_and_run(twice twice.c)
compile_and_run(two_files first.c second.c)
