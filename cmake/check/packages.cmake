# Makes the packages the way docs/packaging.md says: the archive, unpacked into WORK_DIR/unpacked, and
# WITH_DEB the packages for Debian, in WORK_DIR/deb.

function(run)
    execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# Both presets share one build, of which only the places of the files differ.
function(make_packages preset generator)
    run("${CMAKE_COMMAND}" --preset ${preset} -S "${SOURCE}" -B "${WORK_DIR}/build" ${ARGN})
    run("${CMAKE_COMMAND}" --build "${WORK_DIR}/build")
    run("${CMAKE_CPACK_COMMAND}" -G ${generator}
        --config "${WORK_DIR}/build/CPackConfig.cmake" -B "${WORK_DIR}/${preset}")
endfunction()

set(ENV{CARGO_PROFILE_RELEASE_LTO} off) # What is made here has to work, not to be fast.
set(ENV{CARGO_PROFILE_RELEASE_OPT_LEVEL} 0)
file(REMOVE_RECURSE "${WORK_DIR}")
make_packages(tarball TGZ)
file(GLOB archive "${WORK_DIR}/tarball/antpool-*.tar.gz")
file(ARCHIVE_EXTRACT INPUT "${archive}" DESTINATION "${WORK_DIR}/tarball")
string(REGEX REPLACE "\\.tar\\.gz$" "" unpacked "${archive}")
file(RENAME "${unpacked}" "${WORK_DIR}/unpacked")
if(WITH_DEB)
    make_packages(deb DEB -UCMAKE_INSTALL_LIBDIR)
endif()

# Without what it takes, packages for Debian are refused, and it is named.
execute_process(
    COMMAND "${CMAKE_CPACK_COMMAND}" -G DEB --config "${WORK_DIR}/build/CPackConfig.cmake"
        -B "${WORK_DIR}/refused"
        -D "CMAKE_FIND_ROOT_PATH=${WORK_DIR}/nowhere" -D CMAKE_FIND_ROOT_PATH_MODE_PROGRAM=ONLY
    RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE text)
file(GLOB packages "${WORK_DIR}/refused/*.deb")
if(status EQUAL 0 OR packages OR NOT text MATCHES "dpkg-shlibdeps, which is in the package[ \n]+dpkg-dev")
    message(FATAL_ERROR "Not refused: ${packages}\n${text}")
endif()
