# The archive and the Debian packages, as cpack makes them: unpacked or installed, used, removed.

set(packages_dir "${CMAKE_CURRENT_BINARY_DIR}/packages")
add_test(NAME consumers/packages COMMAND "${CMAKE_COMMAND}"
    "-DSOURCE=${PROJECT_SOURCE_DIR}" "-DWORK_DIR=${packages_dir}" "-DDPKG=${ANTPOOL_DPKG}"
    -P "${check_dir}/packages.cmake")
set_tests_properties(consumers/packages PROPERTIES
    LABELS "consumers" TIMEOUT 600 FIXTURES_SETUP packages)

# The archive has the same files as any installation, so one promise about these is enough.
add_test(NAME consumers/tar.gz COMMAND "${CMAKE_COMMAND}"
    -DPROMISE=find_package "-DPREFIX=${packages_dir}/unpacked" "-DVERSION=${PROJECT_VERSION}"
    -DLIBDIR=lib "-DCOMPILER=${CMAKE_C_COMPILER}" "-DGENERATOR=${CMAKE_GENERATOR}"
    "-DREADELF=${CMAKE_READELF}" "-DSOURCE_DIR=${CMAKE_CURRENT_SOURCE_DIR}/consumers"
    "-DWORK_DIR=${CMAKE_CURRENT_BINARY_DIR}/consumers/tar.gz"
    -P "${check_dir}/package.cmake")
set_tests_properties(consumers/tar.gz PROPERTIES
    LABELS "consumers" TIMEOUT 300 FIXTURES_REQUIRED packages)

# Installed by apt on this very machine, so alone: nothing else should find what is there for a while.
execute_process(COMMAND id -u OUTPUT_VARIABLE user OUTPUT_STRIP_TRAILING_WHITESPACE)
antpool_needs(have_deb "consumers/deb" "this needs Debian's dpkg-dev, pkg-config, and root"
    ANTPOOL_DPKG AND ANTPOOL_PKG_CONFIG AND user EQUAL 0)
if(have_deb)
    add_test(NAME consumers/deb COMMAND "${check_dir}/deb.sh"
        "${packages_dir}/deb" "${PROJECT_VERSION}" "${CMAKE_CURRENT_SOURCE_DIR}/consumers"
        "${CMAKE_CURRENT_BINARY_DIR}/consumers/deb")
    set_tests_properties(consumers/deb PROPERTIES
        LABELS "consumers" TIMEOUT 600 RUN_SERIAL ON FIXTURES_REQUIRED packages)
endif()
