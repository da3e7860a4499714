# Headers, both libraries, a pkg-config file and a CMake package. All of it may be moved together
# to another place afterwards: nothing installed names the prefix.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# The packages for Debian, and who has the licence: the name of the first is that of the library.
string(REPLACE ".so." "" runtime_package "${antpool_soname}")
set(dev_package libantpool-dev)

# What an installation makes of directories, uninstall may take away again.
set(made_directories "${PROJECT_BINARY_DIR}/install_directories.txt")
if(PROJECT_IS_TOP_LEVEL)
    install(CODE "
        set(record [[${made_directories}]])
        set(directories
            ${CMAKE_INSTALL_INCLUDEDIR} ${CMAKE_INSTALL_MANDIR}/man3
            ${CMAKE_INSTALL_LIBDIR}/cmake/antpool ${CMAKE_INSTALL_LIBDIR}/pkgconfig
            ${CMAKE_INSTALL_DATAROOTDIR}/doc/${runtime_package}
            ${CMAKE_INSTALL_DATAROOTDIR}/doc/${dev_package})
        include([[${PROJECT_SOURCE_DIR}/cmake/record_directories.cmake]])" ALL_COMPONENTS)
endif()

install(FILES
    "${PROJECT_SOURCE_DIR}/include/antpool.h"
    "${PROJECT_SOURCE_DIR}/include/antpool.hpp"
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT dev)
install(FILES "${antpool_lib_dir}/${antpool_shared_file}" "${antpool_lib_dir}/${antpool_soname}"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT runtime)
install(FILES "${antpool_lib_dir}/libantpool.so" "${antpool_lib_dir}/libantpool.a"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT dev)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/antpool")
configure_package_config_file(
    "${PROJECT_SOURCE_DIR}/cmake/antpoolConfig.cmake.in"
    "${PROJECT_BINARY_DIR}/package/antpoolConfig.cmake"
    INSTALL_DESTINATION "${package_dir}"
    PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(
    "${PROJECT_BINARY_DIR}/package/antpoolConfigVersion.cmake"
    COMPATIBILITY SameMinorVersion)
install(FILES
    "${PROJECT_BINARY_DIR}/package/antpoolConfig.cmake"
    "${PROJECT_BINARY_DIR}/package/antpoolConfigVersion.cmake"
    "${PROJECT_SOURCE_DIR}/cmake/antpoolComponents.cmake"
    DESTINATION "${package_dir}" COMPONENT dev)

# pkg-config finds the prefix from where the file lies, unless libdir was given as a place of its
# own, or all goes to /usr: from there nothing is moved, and -I/usr/include has to look like it for
# pkg-config to leave it out.
set(pkgconfig_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
    set(pc_prefix "${CMAKE_INSTALL_PREFIX}")
    set(pc_libdir "${CMAKE_INSTALL_LIBDIR}")
else()
    file(RELATIVE_PATH up "/prefix/${pkgconfig_dir}" "/prefix")
    string(REGEX REPLACE "/$" "" up "${up}")
    set(pc_prefix "\${pcfiledir}/${up}")
    set(pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
    set(pc_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
else()
    set(pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
configure_file(
    "${PROJECT_SOURCE_DIR}/cmake/antpool.pc.in" "${PROJECT_BINARY_DIR}/package/antpool.pc" @ONLY)
set(pc_prefix /usr)
configure_file(
    "${PROJECT_SOURCE_DIR}/cmake/antpool.pc.in" "${PROJECT_BINARY_DIR}/package/usr/antpool.pc" @ONLY)
# Where all goes to is known when it is installed.
install(CODE "
    set(pc_dir)
    if(CMAKE_INSTALL_PREFIX STREQUAL \"/usr\")
        set(pc_dir /usr)
    endif()" COMPONENT dev)
install(FILES "${PROJECT_BINARY_DIR}/package\${pc_dir}/antpool.pc"
    DESTINATION "${pkgconfig_dir}" COMPONENT dev)

if(PROJECT_IS_TOP_LEVEL)
    include(AntpoolDocs)
    add_custom_target(uninstall
        COMMAND "${CMAKE_COMMAND}" "-DMANIFEST=${PROJECT_BINARY_DIR}/install_manifest.txt"
            "-DDIRECTORIES=${made_directories}" -P "${PROJECT_SOURCE_DIR}/cmake/uninstall.cmake"
        COMMENT "Removing what was installed last"
        VERBATIM)
    include(AntpoolPackage)
endif()
