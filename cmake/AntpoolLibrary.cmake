# The targets to link to: antpool::antpool (shared) and antpool::antpool_static.
#
# The crate types are named here and not left to Cargo.toml, because with an rlib among them cargo
# silently leaves out link-time optimisation. A pool is of use only when it is fast, so that the
# library is the release one whatever the build type of the program around it.

set(antpool_lib_dir "${PROJECT_BINARY_DIR}/lib")
antpool_cargo_library(antpool_cargo
    DIRECTORY "${antpool_lib_dir}" PROFILE release KINDS cdylib staticlib)

add_library(antpool::antpool SHARED IMPORTED GLOBAL)
set_target_properties(antpool::antpool PROPERTIES
    IMPORTED_LOCATION "${antpool_lib_dir}/${antpool_shared_file}"
    IMPORTED_SONAME "${antpool_soname}")

add_library(antpool::antpool_static STATIC IMPORTED GLOBAL)
set_target_properties(antpool::antpool_static PROPERTIES
    IMPORTED_LOCATION "${antpool_lib_dir}/libantpool.a")
target_link_libraries(antpool::antpool_static INTERFACE pthread dl m)

foreach(library IN ITEMS antpool::antpool antpool::antpool_static)
    target_include_directories(${library} INTERFACE "${PROJECT_SOURCE_DIR}/include")
    add_dependencies(${library} antpool_cargo)
endforeach()

# Where FetchContent is to answer find_package(), it leaves versions and components to these files.
if(NOT PROJECT_IS_TOP_LEVEL AND CMAKE_FIND_PACKAGE_REDIRECTS_DIR)
    include(CMakePackageConfigHelpers)
    write_basic_package_version_file(
        "${CMAKE_FIND_PACKAGE_REDIRECTS_DIR}/antpool-config-version.cmake"
        COMPATIBILITY SameMinorVersion)
    configure_file("${PROJECT_SOURCE_DIR}/cmake/antpoolComponents.cmake"
        "${CMAKE_FIND_PACKAGE_REDIRECTS_DIR}/antpool-extra.cmake" COPYONLY)
endif()
