//! Compiles the C++ exception shim and names the shared object.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=src/capture.cpp");
    println!("cargo::rerun-if-changed=build.rs");
    // The shim must not make the library need the C++ runtime: see its first comment.
    cc::Build::new()
        .cpp(true)
        .cpp_link_stdlib(None)
        .file("src/capture.cpp")
        .std("c++17")
        .flag("-fexceptions")
        .flag("-fvisibility=hidden")
        .compile("antpool_capture");

    // While the major version is 0 every minor version may break the ABI.
    let version =
        |part: &str| env::var(format!("CARGO_PKG_VERSION_{part}")).expect("cargo sets the version");
    let abi = match version("MAJOR").as_str() {
        "0" => format!("0.{}", version("MINOR")),
        major => major.to_owned(),
    };
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libantpool.so.{abi}");
    // Workers may run when the library is closed: it stays mapped.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
