# The archive and the Debian packages, as cpack makes them: unpacked or installed, used, removed.

set(packages_dir "${CMAKE_CURRENT_BINARY_DIR}/packages")
set(has_deb_tools OFF)
if(ANTPOOL_DPKG AND ANTPOOL_FILE)
    set(has_deb_tools ON)
endif()
add_test(NAME consumers/packages COMMAND "${CMAKE_COMMAND}"
    "-DSOURCE=${PROJECT_SOURCE_DIR}" "-DWORK_DIR=${packages_dir}" "-DWITH_DEB=${has_deb_tools}"
    -P "${check_dir}/packages.cmake")
set_tests_properties(consumers/packages PROPERTIES
    LABELS "consumers" TIMEOUT 1800 FIXTURES_SETUP packages)

# The archive has the same files as any installation, so one promise about these is enough.
add_test(NAME consumers/tar.gz COMMAND "${CMAKE_COMMAND}"
    -DPROMISE=find_package "-DPREFIX=${packages_dir}/unpacked" "-DVERSION=${PROJECT_VERSION}"
    -DLIBDIR=lib "-DCOMPILER=${CMAKE_C_COMPILER}" "-DGENERATOR=${CMAKE_GENERATOR}"
    "-DREADELF=${CMAKE_READELF}" "-DSOURCE_DIR=${CMAKE_CURRENT_SOURCE_DIR}/consumers"
    "-DWORK_DIR=${CMAKE_CURRENT_BINARY_DIR}/consumers/tar.gz"
    -P "${check_dir}/package.cmake")
set_tests_properties(consumers/tar.gz PROPERTIES
    LABELS "consumers" TIMEOUT 1800 FIXTURES_REQUIRED packages)

# Installed by apt on this very machine, so alone: nothing else should find what is there for a while.
execute_process(COMMAND id -u OUTPUT_VARIABLE user OUTPUT_STRIP_TRAILING_WHITESPACE)
set(is_root OFF)
if(user EQUAL 0)
    set(is_root ON)
endif()
antpool_needs(have_deb "consumers/deb" ANTPOOL_DPKG dpkg-shlibdeps "apt install dpkg-dev"
    ANTPOOL_FILE file "apt install file"
    ANTPOOL_PKG_CONFIG pkg-config "apt install pkg-config" is_root "to be root" "sudo")
if(have_deb)
    add_test(NAME consumers/deb COMMAND "${check_dir}/deb.sh"
        "${packages_dir}/deb" "${PROJECT_VERSION}" "${CMAKE_CURRENT_SOURCE_DIR}/consumers"
        "${CMAKE_CURRENT_BINARY_DIR}/consumers/deb")
    set_tests_properties(consumers/deb PROPERTIES
        LABELS "consumers" TIMEOUT 1800 RUN_SERIAL ON FIXTURES_REQUIRED packages)
endif()
