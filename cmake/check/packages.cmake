# Makes the packages the way README.md says: the archive, unpacked into WORK_DIR/unpacked, and where
# there is DPKG the packages for Debian, in WORK_DIR/deb.

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
if(DPKG)
    make_packages(deb DEB -UCMAKE_INSTALL_LIBDIR)
endif()
