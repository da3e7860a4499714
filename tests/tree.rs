//! What the documents say about the source tree is true of it.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("its entries too").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The source files with their path below src/ and the lines that are code.
fn sources() -> Vec<(String, Vec<String>)> {
    let src = root().join("src");
    let files = rust_files(&src);
    assert!(files.len() > 20, "the sources have moved");
    files
        .into_iter()
        .map(|path| {
            let name = path
                .strip_prefix(&src)
                .expect("below src")
                .display()
                .to_string();
            let code = fs::read_to_string(&path).expect("it can be read");
            let lines = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            (name, lines.map(str::to_owned).collect())
        })
        .collect()
}

fn names(lines: &[String], what: &str) -> bool {
    lines.iter().any(|line| line.contains(what))
}

#[test]
fn the_readme_shows_the_first_example() {
    let shown = format!("```c\n{}```\n", text("examples-c/01_hello.c"));
    assert!(
        text("README.md").contains(&shown),
        "README.md and examples-c/01_hello.c differ"
    );
}

#[test]
fn the_readme_shows_what_the_last_full_benchmark_run_has_found() {
    let shown = text("benches/results/summary.md");
    assert!(shown.contains("antpool"));
    assert!(
        text("README.md").contains(&shown),
        "README.md and benches/results/summary.md differ"
    );
}

#[test]
fn nothing_in_the_core_names_the_c_layer() {
    for (file, lines) in sources() {
        if !file.starts_with("ffi/") {
            assert!(!names(&lines, "crate::ffi"), "{file} names the C layer");
        }
    }
}

#[test]
fn admission_knows_neither_threads_nor_the_pool() {
    for (file, lines) in sources() {
        if file.starts_with("admission/") {
            for other in [
                "crate::engine",
                "crate::pool",
                "crate::queue",
                "crate::task",
                "libc::",
            ] {
                assert!(!names(&lines, other), "{file} names {other}");
            }
        }
    }
}

#[test]
fn only_sync_chooses_what_threads_synchronise_with() {
    // What a model has no part in: which process this is, and the handles of the C layer.
    let apart = ["fork.rs", "ffi/handle.rs"];
    for (file, lines) in sources() {
        let chooses = file.starts_with("sync/") || apart.contains(&file.as_str());
        for means in [
            "std::sync::atomic",
            "std::sync::Mutex",
            "parking_lot",
            "SYS_futex",
        ] {
            assert!(chooses || !names(&lines, means), "{file} names {means}");
        }
    }
}

#[test]
fn unsafe_code_is_where_a_reason_is_given() {
    for (file, lines) in sources() {
        let code: String = lines.concat().split_whitespace().collect();
        let allowed = code.contains("allow(unsafe_code,reason=") || file.starts_with("ffi/");
        assert!(
            allowed || !names(&lines, "unsafe {"),
            "{file} has unsafe code without a reason"
        );
    }
}

#[test]
fn every_tag_in_a_comment_is_explained_in_a_readme() {
    let readmes = ["admission", "queue", "engine/thread", "engine/fiber"]
        .map(|folder| text(format!("src/{folder}/README.md")))
        .concat();
    let mut tags = 0;
    for (file, _) in sources() {
        let code = text(Path::new("src").join(&file));
        for tag in code
            .split('[')
            .skip(1)
            .filter_map(|rest| rest.split(']').next())
        {
            let (letter, number) = tag.split_at(tag.len().min(1));
            if ["A", "F", "O", "Q", "T", "W"].contains(&letter) && number.parse::<u8>().is_ok() {
                let stated = readmes.contains(&format!("**{tag} "));
                let listed = readmes.contains(&format!("| {tag} |"));
                assert!(stated || listed, "{file}: no README explains [{tag}]");
                tags += 1;
            }
        }
    }
    assert!(tags > 30, "the tags have gone: {tags}");
}

#[test]
fn cargo_c_and_cmake_install_every_header() {
    let cargo = text("Cargo.toml");
    let cmake = text("cmake/AntpoolInstall.cmake");
    let headers = fs::read_dir(root().join("include")).expect("the folder can be read");
    for header in headers {
        let name = header.expect("its entries too").file_name();
        let path = format!("include/{}", name.to_string_lossy());
        assert!(
            cargo.contains(&format!("from = \"{path}\"")),
            "cargo-c: {path}"
        );
        assert!(cmake.contains(&format!("/{path}\"")), "CMake: {path}");
    }
}
