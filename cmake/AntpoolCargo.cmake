# Finds cargo, and says how a library is built with it.

# That of the PATH comes first, then rustup's, then the system's.
set(cargo_home "$ENV{CARGO_HOME}")
if(NOT cargo_home)
    set(cargo_home "$ENV{HOME}/.cargo")
endif()
foreach(program IN ITEMS cargo rustc)
    string(TOUPPER "ANTPOOL_${program}" variable)
    find_program(${variable} ${program} PATHS ENV PATH NO_DEFAULT_PATH)
    find_program(${variable} ${program} HINTS "${cargo_home}/bin")
endforeach()
mark_as_advanced(ANTPOOL_CARGO ANTPOOL_RUSTC)
if(NOT ANTPOOL_CARGO OR NOT ANTPOOL_RUSTC)
    message(FATAL_ERROR "antpool is written in Rust, and cargo was not found; see https://rustup.rs")
endif()

execute_process(COMMAND "${ANTPOOL_RUSTC}" -vV
    OUTPUT_VARIABLE rustc_version COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCH "host: ([^\n]+)" host_line "${rustc_version}")
set(cargo_host "${CMAKE_MATCH_1}")
string(REGEX MATCH "release: ([0-9.]+)" release_line "${rustc_version}")
set(rustc_release "${CMAKE_MATCH_1}")
file(STRINGS "${PROJECT_SOURCE_DIR}/Cargo.toml" oldest_line REGEX "^rust-version = " LIMIT_COUNT 1)
string(REGEX MATCH "[0-9.]+" oldest_rust "${oldest_line}")
if(rustc_release VERSION_LESS oldest_rust)
    message(FATAL_ERROR "antpool needs Rust ${oldest_rust} or later, and ${ANTPOOL_RUSTC} is "
        "${rustc_release}; see https://rustup.rs")
endif()

# The platform is the one that CARGO_BUILD_TARGET names, as it is for cargo itself, or else what CMake
# builds for. A program for another platform is linked by the C compiler that was given for it.
if(DEFINED ENV{CARGO_BUILD_TARGET})
    set(cargo_target "$ENV{CARGO_BUILD_TARGET}")
elseif(CMAKE_CROSSCOMPILING)
    set(cargo_target "${CMAKE_SYSTEM_PROCESSOR}-unknown-linux-gnu")
else()
    set(cargo_target "${cargo_host}")
endif()
set(ANTPOOL_CARGO_TARGET "${cargo_target}" CACHE STRING "The platform that cargo builds for")
set(cargo_linker)
if(NOT ANTPOOL_CARGO_TARGET STREQUAL cargo_host)
    string(TOUPPER "CARGO_TARGET_${ANTPOOL_CARGO_TARGET}_LINKER" linker_variable)
    string(REPLACE "-" "_" linker_variable "${linker_variable}")
    if(NOT DEFINED ENV{${linker_variable}})
        set(cargo_linker "${linker_variable}=${CMAKE_C_COMPILER}")
    endif()
endif()

# Linked here, the library needs the glibc of this system, whose symbols have the newest versions.
# cargo-zigbuild links it against those of an older one instead, but with an unwinder of its own, which
# would not know the frames of the process's: libgcc_s has to come first.
set(ANTPOOL_GLIBC "" CACHE STRING "The oldest glibc that the library is to run on, such as 2.28")
set(cargo_rustc "${ANTPOOL_CARGO}" rustc)
set(cargo_platform "${ANTPOOL_CARGO_TARGET}")
if(ANTPOOL_GLIBC)
    find_program(ANTPOOL_ZIGBUILD cargo-zigbuild)
    mark_as_advanced(ANTPOOL_ZIGBUILD)
    if(NOT ANTPOOL_ZIGBUILD)
        message(FATAL_ERROR "ANTPOOL_GLIBC needs cargo-zigbuild: pip install cargo-zigbuild ziglang")
    endif()
    execute_process(COMMAND "${CMAKE_C_COMPILER}" -print-file-name=libgcc_s.so.1
        OUTPUT_VARIABLE libgcc_s OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
    file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/libgcc_s")
    file(CREATE_LINK "${libgcc_s}" "${CMAKE_CURRENT_BINARY_DIR}/libgcc_s/libgcc_s.so.1" SYMBOLIC)
    set(cargo_rustc "${ANTPOOL_ZIGBUILD}" rustc --config
        "target.${ANTPOOL_CARGO_TARGET}.rustflags=['-Lnative=${CMAKE_CURRENT_BINARY_DIR}/libgcc_s', '-ldylib:+verbatim=libgcc_s.so.1']")
    string(APPEND cargo_platform ".${ANTPOOL_GLIBC}")
endif()

# The ABI is that of a minor version while the major one is 0; build.rs writes the same name
# into the library.
set(antpool_soname libantpool.so.${PROJECT_VERSION_MAJOR})
if(PROJECT_VERSION_MAJOR EQUAL 0)
    string(APPEND antpool_soname ".${PROJECT_VERSION_MINOR}")
endif()
set(antpool_shared_file libantpool.so.${PROJECT_VERSION})

# antpool_cargo_library(<name> DIRECTORY <dir> PROFILE <profile> KINDS <crate types>
#                       [ENVIRONMENT <variable=value>...])
#
# Adds a target that builds the library and leaves it in <dir>: the shared one under its full name
# with the two usual links, the static one if it is among the kinds. The target always runs: only
# cargo knows what is out of date. What has not changed is not copied, so nothing is linked again.
function(antpool_cargo_library name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "DIRECTORY;PROFILE" "KINDS;ENVIRONMENT")
    set(cargo_dir "${CMAKE_CURRENT_BINARY_DIR}/${name}")
    set(output_dir "${cargo_dir}/${ANTPOOL_CARGO_TARGET}/${arg_PROFILE}")
    if(arg_PROFILE STREQUAL "dev")
        set(output_dir "${cargo_dir}/${ANTPOOL_CARGO_TARGET}/debug") # Cargo's one irregular name.
    endif()
    list(JOIN arg_KINDS "," crate_types)

    set(products "${antpool_shared_file}" "${antpool_soname}" libantpool.so)
    set(make_static)
    if(staticlib IN_LIST arg_KINDS)
        list(APPEND products libantpool.a)
        set(make_static COMMAND "${CMAKE_COMMAND}"
            "-DARCHIVE=${output_dir}/libantpool.a" "-DOUTPUT=${arg_DIRECTORY}/libantpool.a"
            "-DCOMPILER=${CMAKE_C_COMPILER}" "-DNM=${CMAKE_NM}" "-DOBJCOPY=${CMAKE_OBJCOPY}"
            "-DAR=${CMAKE_AR}" -P "${PROJECT_SOURCE_DIR}/cmake/archive.cmake")
    endif()
    list(TRANSFORM products PREPEND "${arg_DIRECTORY}/")

    add_custom_target(${name} ALL
        COMMAND "${CMAKE_COMMAND}" -E env "CARGO_TARGET_DIR=${cargo_dir}"
            "CC=${CMAKE_C_COMPILER}" "CXX=${CMAKE_CXX_COMPILER}" ${cargo_linker} ${arg_ENVIRONMENT}
            ${cargo_rustc} --locked --lib --crate-type "${crate_types}"
            --profile "${arg_PROFILE}" --target "${cargo_platform}"
        COMMAND "${CMAKE_COMMAND}" -E make_directory "${arg_DIRECTORY}"
        COMMAND "${CMAKE_COMMAND}" -E copy_if_different
            "${output_dir}/libantpool.so" "${arg_DIRECTORY}/${antpool_shared_file}"
        COMMAND "${CMAKE_COMMAND}" -E create_symlink
            "${antpool_shared_file}" "${arg_DIRECTORY}/${antpool_soname}"
        COMMAND "${CMAKE_COMMAND}" -E create_symlink
            "${antpool_soname}" "${arg_DIRECTORY}/libantpool.so"
        ${make_static}
        BYPRODUCTS ${products}
        WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
        COMMENT "Building the library with cargo (${name})"
        USES_TERMINAL
        VERBATIM)
endfunction()
