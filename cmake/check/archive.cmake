# One PROMISE about the static library, linked by LINK, a C++ compiler with its linker: plugin or beside.

function(run)
    execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

separate_arguments(LINK UNIX_COMMAND "${LINK}")
set(rest -lpthread -ldl -lm)
file(MAKE_DIRECTORY "${WORK_DIR}")

if(PROMISE STREQUAL "plugin")
    # A shared object that has it inside exports what is its own and antpool_*, and can be made to
    # export its own alone.
    foreach(hidden IN ITEMS "" "-Wl,--exclude-libs,libantpool.a")
        run(${LINK} -shared -fPIC -x c "${SOURCES}/plugin.c" -x none "-I${INCLUDE_DIR}" "${ARCHIVE}"
            ${hidden} ${rest} -o "${WORK_DIR}/plugin.so")
        execute_process(COMMAND "${NM}" -D --defined-only --format=just-symbols "${WORK_DIR}/plugin.so"
            OUTPUT_VARIABLE exported COMMAND_ERROR_IS_FATAL ANY)
        string(REGEX MATCHALL "[^\n]+" exported "${exported}")
        list(FIND exported plugin_workers own)
        if(own EQUAL -1)
            message(FATAL_ERROR "The plugin has lost its function: ${exported}")
        endif()
        list(REMOVE_AT exported ${own})
        if(NOT hidden)
            list(FILTER exported EXCLUDE REGEX "^antpool_")
        endif()
        if(exported)
            message(FATAL_ERROR "The plugin exports also: ${exported}")
        endif()
        # Its host may close it while it has workers.
        run(${LINK} -x c "${SOURCES}/host.c" -x none -ldl -o "${WORK_DIR}/host")
        run("${WORK_DIR}/host" "${WORK_DIR}/plugin.so")
    endforeach()

elseif(PROMISE STREQUAL "beside")
    # It stands beside another static library that was written in Rust, whichever is linked first.
    set(other "${WORK_DIR}/libother.a")
    run("${RUSTC}" --edition 2024 --crate-type staticlib -C lto=fat -C opt-level=1
        "${SOURCES}/other.rs" -o "${other}")
    foreach(order IN ITEMS "ARCHIVE;other" "other;ARCHIVE")
        list(GET order 0 first)
        list(GET order 1 second)
        run(${LINK} "${SOURCES}/beside.cpp" "-I${INCLUDE_DIR}" "${${first}}" "${${second}}" ${rest}
            -o "${WORK_DIR}/beside")
        run("${WORK_DIR}/beside")
    endforeach()

else()
    message(FATAL_ERROR "PROMISE is plugin or beside, and not: ${PROMISE}")
endif()
