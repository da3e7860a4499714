//! Compiles the C++ shims and names the shared object.

use std::env;
use std::path::Path;
use std::process::Command;

/// What has to be C++, since it refers to what may not be there.
const SHIMS: [&str; 2] = ["src/capture.cpp", "src/sanitizers.cpp"];

/// What the shims are compiled with whatever CXXFLAGS says: one is there to catch exceptions, rustc links
/// them, and they must need no runtime that is not the program's. All other flags reach them.
const SHIM_FLAGS: [&str; 11] = [
    "-std=c++17",
    "-fexceptions",
    "-frtti", // Else it gets type information of its own, which needs the C++ runtime.
    "-fPIC",
    "-fvisibility=hidden",
    "-fno-lto",
    "-fno-sanitize=all",
    "-fno-profile-arcs",
    "-fno-profile-generate",
    "-fno-test-coverage",
    "-w", // -Werror is for the user's own code; a test compiles the shims under every warning.
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    compile_shims();

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

/// With the compiler that `cc` finds and what it says in CXXFLAGS. `cc` puts the environment's flags
/// last, where they would win, so the command is given here.
fn compile_shims() {
    let out = env::var_os("OUT_DIR").expect("cargo sets the directory");
    let compiler = cc::Build::new().cpp(true).get_compiler().to_command();
    let mut archive = cc::Build::new();
    for shim in SHIMS {
        println!("cargo::rerun-if-changed={shim}");
        let object = Path::new(&out).join(shim.replace('/', "-") + ".o");
        let mut command = Command::new(compiler.get_program());
        command
            // gcc takes this one for the last whatever follows it.
            .args(compiler.get_args().filter(|&flag| flag != "--coverage"))
            .args(SHIM_FLAGS)
            .args(["-c", shim, "-o"])
            .arg(&object);
        let status = command
            .status()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        assert!(status.success(), "{command:?}: {status}");
        archive.object(object);
    }
    // The library must not need the C++ runtime: see the first comment of capture.cpp.
    archive
        .cpp(true)
        .cpp_link_stdlib(None)
        .compile("antpool_shim");
}
