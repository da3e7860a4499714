# Makes the static library OUTPUT of the ARCHIVE that rustc wrote: one object, which shows its users
# antpool_* and keeps the Rust runtime in it to itself. A plugin that links it exports nothing foreign,
# and a program may hold other static libraries that were written in Rust.

if(EXISTS "${OUTPUT}" AND NOT "${ARCHIVE}" IS_NEWER_THAN "${OUTPUT}"
        AND NOT "${CMAKE_CURRENT_LIST_FILE}" IS_NEWER_THAN "${OUTPUT}")
    return()
endif()

# Members of the archive come into the object as a linker takes them: when they are asked for.
execute_process(COMMAND "${NM}" --extern-only --defined-only --format=posix "${ARCHIVE}"
    OUTPUT_VARIABLE symbols ERROR_QUIET COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "\nantpool_[a-z0-9_]+ T" exported "\n${symbols}")
list(FILTER exported EXCLUDE REGEX "antpool_shim_")
list(TRANSFORM exported REPLACE "\n([a-z0-9_]+) T" "-Wl,-u,\\1")
if(NOT exported)
    message(FATAL_ERROR "${ARCHIVE} has none of the library's functions")
endif()
execute_process(COMMAND "${COMPILER}" -r -nostdlib ${exported} "${ARCHIVE}" -o "${OUTPUT}.o"
    COMMAND_ERROR_IS_FATAL ANY)

# What is local to an object must not be in a group either, which linkers tell apart by name. The
# bitcode of several members, one after the other, is none.
execute_process(
    COMMAND "${OBJCOPY}" --wildcard "--keep-global-symbol=antpool_*" --localize-hidden
        --strip-debug --remove-section=.group --remove-section=.llvmbc --remove-section=.llvmcmd
        "${OUTPUT}.o"
    COMMAND_ERROR_IS_FATAL ANY)
file(REMOVE "${OUTPUT}")
execute_process(COMMAND "${AR}" rcsD "${OUTPUT}" "${OUTPUT}.o" COMMAND_ERROR_IS_FATAL ANY)
file(REMOVE "${OUTPUT}.o")
