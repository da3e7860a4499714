# Installs BUILD_DIR, moves the installation to another place, and builds and runs a program
# against it there, as CONSUMER (find_package or pkg-config) does it.

function(run)
    execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

set(prefix "${WORK_DIR}/moved here")
file(REMOVE_RECURSE "${WORK_DIR}")
file(MAKE_DIRECTORY "${WORK_DIR}")
run("${CMAKE_COMMAND}" --install "${BUILD_DIR}" --config "${CONFIG}" --prefix "${WORK_DIR}/first")
file(RENAME "${WORK_DIR}/first" "${prefix}")

if(CONSUMER STREQUAL "find_package")
    run("${CMAKE_COMMAND}" -S "${SOURCE_DIR}" -B "${WORK_DIR}/build" -G "${GENERATOR}"
        "-DCMAKE_C_COMPILER=${COMPILER}" "-DCMAKE_PREFIX_PATH=${prefix}" "-DVERSION=${VERSION}")
    run("${CMAKE_COMMAND}" --build "${WORK_DIR}/build")
    run("${WORK_DIR}/build/consumer")
    run("${WORK_DIR}/build/consumer_static")

elseif(CONSUMER STREQUAL "pkg-config")
    set(ENV{PKG_CONFIG_PATH} "${prefix}/${LIBDIR}/pkgconfig")
    run("${PKG_CONFIG}" --exact-version=${VERSION} antpool)
    foreach(kind IN ITEMS shared static)
        set(options)
        set(rpath "-Wl,-rpath,${prefix}/${LIBDIR}")
        if(kind STREQUAL "static")
            # The shared library is out of sight, so that the linker takes the other.
            file(GLOB shared_files "${prefix}/${LIBDIR}/libantpool.so*")
            file(REMOVE ${shared_files})
            set(options --static)
            set(rpath)
        endif()
        execute_process(COMMAND "${PKG_CONFIG}" --cflags --libs ${options} antpool
            OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
        separate_arguments(flags UNIX_COMMAND "${flags}")
        run("${COMPILER}" "${SOURCE_DIR}/consumer.c" ${flags} ${rpath}
            -o "${WORK_DIR}/consumer_${kind}")
        run("${WORK_DIR}/consumer_${kind}")
    endforeach()

else()
    message(FATAL_ERROR "CONSUMER is find_package or pkg-config, and not: ${CONSUMER}")
endif()
