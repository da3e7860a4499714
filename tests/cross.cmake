# The library for another processor, built the way a user cross-compiles, and the programs of tests/c
# run against it by an emulator: the flavour aarch64.

set(cross_toolchain "${PROJECT_SOURCE_DIR}/cmake/toolchains/aarch64-linux-gnu.cmake")
find_program(ANTPOOL_AARCH64_GXX aarch64-linux-gnu-g++)
find_program(ANTPOOL_AARCH64_QEMU qemu-aarch64)
mark_as_advanced(ANTPOOL_AARCH64_GXX ANTPOOL_AARCH64_QEMU)
file(GLOB aarch64_rust "${sysroot}/lib/rustlib/aarch64-unknown-linux-gnu")
antpool_needs(have_aarch64 "aarch64"
    ANTPOOL_AARCH64_GXX aarch64-linux-gnu-g++ "apt install g++-aarch64-linux-gnu"
    ANTPOOL_AARCH64_QEMU qemu-aarch64 "apt install qemu-user"
    aarch64_rust "Rust for it" "rustup target add aarch64-unknown-linux-gnu")
if(have_aarch64)
    set(cross_dir "${CMAKE_CURRENT_BINARY_DIR}/aarch64")
    ExternalProject_Add(antpool_aarch64
        SOURCE_DIR "${PROJECT_SOURCE_DIR}"
        BINARY_DIR "${cross_dir}"
        PREFIX "${cross_dir}-steps"
        BUILD_ALWAYS ON
        INSTALL_COMMAND ""
        CMAKE_ARGS
            "-DCMAKE_TOOLCHAIN_FILE=${cross_toolchain}"
            -DCMAKE_BUILD_TYPE=Release
            -DANTPOOL_BUILD_TESTS=OFF)
    antpool_flavour(aarch64 aarch64-linux-gnu-gcc aarch64-linux-gnu-g++
        LIBRARY "${cross_dir}/lib/libantpool.so" BUILT_BY antpool_aarch64
        SETTINGS "-DCMAKE_TOOLCHAIN_FILE=${cross_toolchain}" -DANTPOOL_FLAVOUR=emulated)
endif()
