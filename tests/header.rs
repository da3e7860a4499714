//! include/antpool.h is what cbindgen makes of src/ffi, and says the version of the crate.

use std::path::Path;

fn generated() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config =
        cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml can be read");
    let mut header = Vec::new();
    cbindgen::Builder::new()
        .with_config(config)
        .with_crate(root)
        .generate()
        .expect("the header can be generated")
        .write(&mut header);
    String::from_utf8(header).expect("the header is UTF-8")
}

#[test]
fn the_header_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/antpool.h");
    let header = generated();
    if std::env::var_os("ANTPOOL_BLESS").is_some() {
        std::fs::write(&path, &header).expect("the header can be written");
    }
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        checked_in == header,
        "include/antpool.h is stale; run ANTPOOL_BLESS=1 cargo test --test header"
    );
}

#[test]
fn the_header_says_the_version_of_the_crate() {
    let header = generated();
    for (part, value) in [
        ("MAJOR", env!("CARGO_PKG_VERSION_MAJOR")),
        ("MINOR", env!("CARGO_PKG_VERSION_MINOR")),
        ("PATCH", env!("CARGO_PKG_VERSION_PATCH")),
    ] {
        let line = format!("#define ANTPOOL_VERSION_{part} {value}\n");
        assert!(header.contains(&line), "missing: {line}");
    }
}

#[test]
fn the_header_declares_only_what_the_library_offers() {
    for line in generated().lines() {
        let declares = line.starts_with("typedef ") || line.starts_with("extern ");
        let is_ours = line.contains("antpool_") && !line.contains("antpool_shim");
        assert!(
            !declares || is_ours || line == "extern \"C\" {",
            "not for users: {line}"
        );
    }
}
