# An overlay port, built from the directory of antpool's sources that ANTPOOL_SOURCE names; in a
# registry, vcpkg_from_github() takes its place. It needs cargo.
set(SOURCE_PATH "$ENV{ANTPOOL_SOURCE}")
if(NOT EXISTS "${SOURCE_PATH}/Cargo.toml")
    message(FATAL_ERROR "Set ANTPOOL_SOURCE to the directory of antpool's sources")
endif()

# The library is the release one whatever the configuration.
set(VCPKG_BUILD_TYPE release)
vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS -DANTPOOL_BUILD_TESTS=OFF -DANTPOOL_BUILD_EXAMPLES=OFF)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/antpool)
vcpkg_fixup_pkgconfig()

if(VCPKG_LIBRARY_LINKAGE STREQUAL "static")
    file(GLOB other "${CURRENT_PACKAGES_DIR}/lib/libantpool.so*")
else()
    set(other "${CURRENT_PACKAGES_DIR}/lib/libantpool.a")
endif()
file(REMOVE ${other})
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
