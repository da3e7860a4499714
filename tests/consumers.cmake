# The package from outside: installed, moved away, and used from there by a project that knows
# nothing of the source tree; or the source tree as a part of somebody else's project.

# ---- One installation for all --------------------------------------------------------------------

set(consumers_prefix "${CMAKE_CURRENT_BINARY_DIR}/consumers/prefix")
add_test(NAME consumers/install COMMAND "${CMAKE_COMMAND}"
    "-DBUILD_DIR=${PROJECT_BINARY_DIR}" "-DCONFIG=$<CONFIG>" "-DPREFIX=${consumers_prefix}"
    -P "${check_dir}/prefix.cmake")
set_tests_properties(consumers/install PROPERTIES
    LABELS "consumers" TIMEOUT 1800 FIXTURES_SETUP consumers_prefix RESOURCE_LOCK install)

# ---- The package ---------------------------------------------------------------------------------

antpool_needs(have_pkg_config "consumers/pkg-config"
    ANTPOOL_PKG_CONFIG pkg-config "apt install pkg-config")
set(promises find_package requests no-language destdir)
if(have_pkg_config)
    list(APPEND promises pkg-config)
endif()
foreach(promise IN LISTS promises)
    set(test "consumers/${promise}")
    add_test(NAME "${test}" COMMAND "${CMAKE_COMMAND}"
        "-DPROMISE=${promise}" "-DPREFIX=${consumers_prefix}" "-DVERSION=${PROJECT_VERSION}"
        "-DBUILD_DIR=${PROJECT_BINARY_DIR}" "-DCONFIG=$<CONFIG>" "-DLIBDIR=${CMAKE_INSTALL_LIBDIR}"
        "-DCOMPILER=${CMAKE_C_COMPILER}" "-DGENERATOR=${CMAKE_GENERATOR}"
        "-DPKG_CONFIG=${ANTPOOL_PKG_CONFIG}" "-DREADELF=${CMAKE_READELF}"
        "-DSOURCE_DIR=${CMAKE_CURRENT_SOURCE_DIR}/consumers"
        "-DWORK_DIR=${CMAKE_CURRENT_BINARY_DIR}/consumers/${promise}"
        -P "${check_dir}/package.cmake")
    set_tests_properties("${test}" PROPERTIES
        LABELS "consumers" TIMEOUT 1800 FIXTURES_REQUIRED consumers_prefix)
endforeach()
# Each installation writes the list of installed files in the build directory.
set_tests_properties(consumers/destdir PROPERTIES RESOURCE_LOCK install)
if(have_pkg_config)
    set_tests_properties(consumers/pkg-config PROPERTIES RESOURCE_LOCK install)
endif()

# ---- The sources ---------------------------------------------------------------------------------

antpool_needs(have_make "consumers/…-make" ANTPOOL_MAKE make "apt install make")
antpool_needs(have_ninja "consumers/…-ninja" ANTPOOL_NINJA ninja "apt install ninja-build")

# antpool_subproject_test(<short name> <generator>)
function(antpool_subproject_test short generator)
    foreach(how IN ITEMS add_subdirectory FetchContent)
        set(test "consumers/${how}-${short}")
        add_test(NAME "${test}" COMMAND "${CMAKE_COMMAND}"
            "-DHOW=${how}" "-DGENERATOR=${generator}" "-DSOURCE=${PROJECT_SOURCE_DIR}"
            "-DSTATEMENT=${PROJECT_SOURCE_DIR}/src/ffi/status.rs"
            "-DWORK_DIR=${CMAKE_CURRENT_BINARY_DIR}/consumers/${how}-${short}"
            -P "${check_dir}/subproject.cmake")
        set_tests_properties("${test}" PROPERTIES LABELS "consumers" TIMEOUT 1800)
    endforeach()
endfunction()
if(have_make)
    antpool_subproject_test(make "Unix Makefiles")
endif()
if(have_ninja)
    antpool_subproject_test(ninja "Ninja")
    antpool_subproject_test(ninja-multi "Ninja Multi-Config")
endif()
