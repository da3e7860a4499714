# One PROMISE about the installed package, of which PREFIX holds a copy: find_package, requests,
# no-language, pkg-config, or destdir.

function(run)
    execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# `build` asks for the package as REQUEST.
function(configure build request result output)
    execute_process(
        COMMAND "${CMAKE_COMMAND}" -S "${SOURCE_DIR}/installed" -B "${build}" -G "${GENERATOR}"
            "-DCMAKE_C_COMPILER=${COMPILER}" "-DCMAKE_PREFIX_PATH=${prefix}" "-DREQUEST=${request}"
        COMMAND_ECHO STDOUT
        RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE text)
    set(${result} "${status}" PARENT_SCOPE)
    set(${output} "${text}" PARENT_SCOPE)
endfunction()

function(expect_no_rpath file)
    execute_process(COMMAND "${READELF}" --dynamic "${file}"
        OUTPUT_VARIABLE dynamic COMMAND_ERROR_IS_FATAL ANY)
    if(dynamic MATCHES "\\((RPATH|RUNPATH)\\)")
        message(FATAL_ERROR "${file} says where to look for libraries:\n${dynamic}")
    endif()
endfunction()

# Moved once more, to a place with a space in its name.
file(REMOVE_RECURSE "${WORK_DIR}")
file(MAKE_DIRECTORY "${WORK_DIR}")
set(prefix "${WORK_DIR}/moved here")
if(NOT PROMISE STREQUAL "destdir")
    file(COPY "${PREFIX}/" DESTINATION "${prefix}")
endif()

if(PROMISE STREQUAL "find_package")
    # Programs in C and C++, with the shared and the static library, and the first one installed.
    configure("${WORK_DIR}/build" ${VERSION} status text)
    if(status)
        message(FATAL_ERROR "${text}")
    endif()
    run("${CMAKE_COMMAND}" --build "${WORK_DIR}/build")
    foreach(program IN ITEMS shared static cpp)
        run("${WORK_DIR}/build/${program}")
    endforeach()
    run("${CMAKE_COMMAND}" --install "${WORK_DIR}/build" --prefix "${WORK_DIR}/installed")
    expect_no_rpath("${WORK_DIR}/installed/bin/shared")
    expect_no_rpath("${prefix}/${LIBDIR}/libantpool.so")
    set(ENV{LD_LIBRARY_PATH} "${prefix}/${LIBDIR}")
    run("${WORK_DIR}/installed/bin/shared")

elseif(PROMISE STREQUAL "requests")
    # What is not there is refused, and nothing else is.
    string(REGEX MATCH "^[0-9]+\\.[0-9]+" minor "${VERSION}")
    foreach(request IN ITEMS "${minor}" "${VERSION}" "${VERSION};EXACT" "${minor}...${minor}.9"
        "COMPONENTS;shared" "COMPONENTS;static" "COMPONENTS;shared;static"
        "OPTIONAL_COMPONENTS;nonsense")
        configure("${WORK_DIR}/build" "${request}" status text)
        if(status)
            message(FATAL_ERROR "Refused: ${request}\n${text}")
        endif()
        file(REMOVE_RECURSE "${WORK_DIR}/build")
    endforeach()
    foreach(request IN ITEMS "${minor}.999" "9.0" "0.0.1" "${minor}.999;EXACT"
        "COMPONENTS;shared;nonsense")
        configure("${WORK_DIR}/build" "${request}" status text)
        if(NOT status)
            message(FATAL_ERROR "Not refused: ${request}")
        endif()
        if(request MATCHES "nonsense")
            set(reason "nonsense")
        else()
            set(reason "version: ${VERSION}")
        endif()
        if(NOT text MATCHES "${reason}")
            message(FATAL_ERROR "Refused, but not for its ${reason}: ${request}\n${text}")
        endif()
        file(REMOVE_RECURSE "${WORK_DIR}/build")
    endforeach()
    # A package of which one part has been taken away says so.
    file(REMOVE "${prefix}/${LIBDIR}/libantpool.a")
    configure("${WORK_DIR}/build" "COMPONENTS;static" status text)
    if(NOT status OR NOT text MATCHES "static")
        message(FATAL_ERROR "The static library is not missed:\n${text}")
    endif()

elseif(PROMISE STREQUAL "no-language")
    # A project that compiles nothing finds the package too.
    run("${CMAKE_COMMAND}" -S "${SOURCE_DIR}/no-language" -B "${WORK_DIR}/build"
        "-DCMAKE_PREFIX_PATH=${prefix}" "-DVERSION=${VERSION}" -Werror=dev)

elseif(PROMISE STREQUAL "pkg-config")
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
        run("${COMPILER}" "${SOURCE_DIR}/consumer.c" ${flags} ${rpath} -o "${WORK_DIR}/${kind}")
        run("${WORK_DIR}/${kind}")
    endforeach()
    # What goes to /usr is where compilers look anyway, and is not said.
    set(ENV{DESTDIR} "${WORK_DIR}/system")
    run("${CMAKE_COMMAND}" --install "${BUILD_DIR}" --config "${CONFIG}" --prefix /usr)
    set(ENV{PKG_CONFIG_PATH} "${WORK_DIR}/system/usr/${LIBDIR}/pkgconfig")
    execute_process(COMMAND "${PKG_CONFIG}" --cflags --libs antpool
        OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
    string(STRIP "${flags}" flags)
    if(NOT flags STREQUAL "-lantpool")
        message(FATAL_ERROR "In /usr the flags are: ${flags}")
    endif()

elseif(PROMISE STREQUAL "destdir")
    # Everything goes below DESTDIR, the same files as without; uninstall takes all of them away, and
    # the directories that were made for them.
    set(ENV{DESTDIR} "${WORK_DIR}/stage")
    run("${CMAKE_COMMAND}" --install "${BUILD_DIR}" --config "${CONFIG}" --prefix /opt/antpool)
    file(GLOB_RECURSE staged RELATIVE "${WORK_DIR}/stage/opt/antpool" "${WORK_DIR}/stage/*")
    file(GLOB_RECURSE direct RELATIVE "${PREFIX}" "${PREFIX}/*")
    if(staged STREQUAL "" OR NOT staged STREQUAL direct)
        message(FATAL_ERROR "With DESTDIR: ${staged}\nwithout: ${direct}")
    endif()
    file(WRITE "${WORK_DIR}/stage/opt/antpool/${LIBDIR}/of-somebody-else" "")
    run("${CMAKE_COMMAND}" --build "${BUILD_DIR}" --config "${CONFIG}" --target uninstall)
    file(GLOB_RECURSE left LIST_DIRECTORIES true RELATIVE "${WORK_DIR}/stage/opt/antpool"
        "${WORK_DIR}/stage/opt/antpool/*")
    if(NOT left STREQUAL "${LIBDIR};${LIBDIR}/of-somebody-else")
        message(FATAL_ERROR "After uninstall: ${left}")
    endif()
    # What was there before stays, empty as it was.
    file(REMOVE_RECURSE "${WORK_DIR}/stage")
    file(MAKE_DIRECTORY "${WORK_DIR}/stage/opt/antpool/include")
    run("${CMAKE_COMMAND}" --install "${BUILD_DIR}" --config "${CONFIG}" --prefix /opt/antpool)
    run("${CMAKE_COMMAND}" --build "${BUILD_DIR}" --config "${CONFIG}" --target uninstall)
    file(GLOB_RECURSE left LIST_DIRECTORIES true RELATIVE "${WORK_DIR}/stage" "${WORK_DIR}/stage/*")
    if(NOT left STREQUAL "opt;opt/antpool;opt/antpool/include")
        message(FATAL_ERROR "After uninstall: ${left}")
    endif()

else()
    message(FATAL_ERROR "There is no promise of that name: ${PROMISE}")
endif()
