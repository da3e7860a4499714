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

/// The files of the tree with this extension. What a build makes is left out.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("its entries too").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let made = name.starts_with(['.', '_']) || ["build", "target"].contains(&&*name);
        if path.is_dir() && !made {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|its| its == extension) {
            found.push(path);
        }
    }
    found
}

/// The source files with their path below src/ and the lines that are code.
fn sources() -> Vec<(String, Vec<String>)> {
    let src = root().join("src");
    let files = files(&src, "rs");
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
fn the_page_on_performance_shows_what_the_last_full_benchmark_run_has_found() {
    let shown = text("benches/results/summary.md");
    assert!(shown.contains("antpool"));
    assert!(
        text("docs/performance.md").contains(&shown),
        "docs/performance.md and benches/results/summary.md differ"
    );
}

/// The documents for those who use the library, with their paths.
fn pages() -> Vec<(String, String)> {
    let docs = files(&root().join("docs"), "md").into_iter();
    let docs = docs.map(|path| {
        let path = path.strip_prefix(root()).expect("below the root");
        path.display().to_string()
    });
    let top = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
    ]
    .map(str::to_owned);
    let paths = top.into_iter().chain(docs);
    paths.map(|path| (path.clone(), text(&path))).collect()
}

#[test]
fn the_readme_is_read_in_five_minutes_and_names_every_page() {
    let readme = text("README.md");
    assert!(
        readme.lines().count() <= 250,
        "README.md has over 250 lines"
    );
    for (path, _) in pages() {
        let named = path == "README.md" || readme.contains(&format!("]({path})"));
        assert!(named, "README.md does not name {path}");
    }
}

/// The lines of a document outside of its blocks of code.
fn prose(document: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    document.lines().filter(move |line| {
        let fence = line.starts_with("```");
        inside ^= fence;
        !inside && !fence
    })
}

/// The headings of a document, as a link names them.
fn anchors(document: &str) -> Vec<String> {
    let headings = prose(document).filter(|line| line.starts_with('#'));
    headings
        .map(|heading| {
            let title = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = title
                .chars()
                .filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

#[test]
fn every_link_of_a_document_leads_somewhere() {
    let mut links = 0;
    for path in files(root(), "md") {
        let document = text(&path);
        for link in prose(&document).flat_map(|line| line.split("](").skip(1)) {
            let link = link.split(')').next().unwrap_or_default();
            if link.starts_with("http") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let here = path.parent().expect("a file is in a folder");
            let target = if file.is_empty() {
                path.clone()
            } else {
                here.join(file)
            };
            assert!(target.exists(), "{}: {link} is not there", path.display());
            let found = anchor.is_empty() || anchors(&text(&target)).iter().any(|a| a == anchor);
            assert!(found, "{}: {link}: no such heading", path.display());
            links += 1;
        }
    }
    assert!(links > 50, "the links have gone: {links}");
}

#[test]
fn every_name_in_a_page_is_in_the_header() {
    let headers = text("include/antpool.h") + &text("include/antpool.hpp");
    let known: std::collections::BTreeSet<&str> = words(&headers).collect();
    for (path, page) in pages() {
        if !path.contains("packaging") && path != "CONTRIBUTING.md" {
            for word in words(&page) {
                let status = word.starts_with("ANTPOOL_ERR_");
                let function = word.starts_with("antpool_") && word != "antpool_static";
                assert!(
                    known.contains(word) || !(status || function),
                    "{path}: {word}"
                );
            }
        }
    }
}

#[test]
fn the_page_of_options_has_every_option() {
    let header = text("include/antpool.h");
    let (_, rest) = header
        .split_once("typedef struct antpool_options_t {")
        .expect("the header has the options");
    let (fields, _) = rest.split_once("} antpool_options_t;").expect("they end");
    let page = text("docs/options.md");
    let named: Vec<&str> = page.lines().flat_map(quoted).collect();
    let mut options = 0;
    for line in fields.lines().filter(|line| line.ends_with(';')) {
        let name = words(line)
            .filter(|word| !word.is_empty())
            .last()
            .unwrap_or_default();
        if !["struct_size", "reserved"].contains(&name) {
            assert!(
                named.contains(&name),
                "docs/options.md does not have {name}"
            );
            options += 1;
        }
    }
    assert!(options > 15, "the options are not understood: {options}");
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
}

/// The room of a file, as ARCHITECTURE.md calls it: the first part of its path below src/.
fn room(file: &str) -> &str {
    file.split('/')
        .next()
        .map_or(file, |first| first.strip_suffix(".rs").unwrap_or(first))
}

/// The words in backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Files that play what is around what they prove.
const MODELS: [&str; 4] = ["models.rs", "model.rs", "mutants.rs", "schedules.rs"];

#[test]
fn a_room_names_only_those_that_the_map_puts_above_it() {
    let map = text("ARCHITECTURE.md");
    let (_, map) = map.split_once("\n## Rooms\n").expect("it has the rooms");
    let (map, _) = map.split_once("\n## ").expect("other sections follow");
    let rows = map.lines().filter(|line| line.starts_with("| `"));
    let rows: Vec<Vec<&str>> = rows
        .map(|row| quoted(row.split('|').nth(1).unwrap_or_default()).collect())
        .collect();
    let floor = |room: &str| rows.iter().position(|row| row.contains(&room));
    let exceptions = map.lines().filter(|line| line.starts_with("- `"));
    let exceptions: Vec<(&str, &str)> = exceptions
        .filter_map(|line| {
            let (arrow, _) = line.split_once(':')?;
            let mut ends = quoted(arrow);
            Some((ends.next()?, ends.next()?))
        })
        .collect();
    let mut needed = Vec::new();
    for (file, lines) in sources() {
        let from = room(&file);
        if file == "lib.rs" || MODELS.iter().any(|name| file.ends_with(name)) {
            continue;
        }
        let own = floor(from)
            .unwrap_or_else(|| panic!("ARCHITECTURE.md has no row for the room {from} ({file})"));
        for part in lines.iter().flat_map(|line| line.split("crate::").skip(1)) {
            let to = part
                .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .next();
            let to = to.unwrap_or_default();
            let Some(other) = floor(to) else {
                panic!("{file} names crate::{to}, which is no room of ARCHITECTURE.md");
            };
            if other > own {
                assert!(
                    exceptions.contains(&(from, to)),
                    "{file} names {to}: ARCHITECTURE.md puts {to} below {from}"
                );
                needed.push((from.to_owned(), to.to_owned()));
            }
        }
    }
    for (from, to) in exceptions {
        let used = needed
            .iter()
            .any(|arrow| (&*arrow.0, &*arrow.1) == (from, to));
        assert!(
            used,
            "ARCHITECTURE.md excuses {from} -> {to}, which nothing names"
        );
    }
    for name in rows.concat() {
        let src = root().join("src");
        let there = src.join(name).exists() || src.join(format!("{name}.rs")).exists();
        assert!(
            there,
            "ARCHITECTURE.md has a row for {name}, which is not there"
        );
    }
}

#[test]
fn no_retired_word_comes_back() {
    let map = text("ARCHITECTURE.md");
    let (_, words) = map
        .split_once("\n| say | not |\n")
        .expect("it has the retired words");
    let rows = words.lines().take_while(|line| line.starts_with('|'));
    let retired: Vec<&str> = rows
        .flat_map(|row| quoted(row.split('|').nth(2).unwrap_or_default()))
        .collect();
    assert!(retired.len() > 10, "{retired:?}");
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    for extension in [
        "rs", "md", "c", "h", "cpp", "hpp", "py", "go", "cmake", "toml", "txt",
    ] {
        for path in files(root(), extension) {
            let name = path.strip_prefix(root()).expect("below the root");
            if name == Path::new("ARCHITECTURE.md") {
                continue;
            }
            let contents = text(&path);
            for word in &retired {
                let found = contents.match_indices(word).any(|(at, _)| {
                    let before = contents[..at].chars().next_back();
                    let after = contents[at + word.len()..].chars().next();
                    !before.is_some_and(is_part) && !after.is_some_and(is_part)
                });
                assert!(!found, "{}: the word {word} is retired", name.display());
            }
        }
    }
}

#[test]
fn the_engines_do_not_name_each_other() {
    for (file, lines) in sources() {
        for (own, other) in [("thread", "fiber"), ("fiber", "thread")] {
            if file.starts_with(&format!("engine/{own}/")) {
                let named = names(&lines, &format!("engine::{other}::"));
                assert!(!named, "{file} names the other engine");
            }
        }
    }
}

/// A danger, what betrays it in the code, and the files that may have it.
const DANGERS: &[(&str, &[&str], &[&str])] = &[
    (
        "time",
        &["clock_gettime", "Instant::now", "SystemTime"],
        &["clock.rs"],
    ),
    (
        "system calls",
        &["libc::syscall("],
        &[
            "clock.rs",
            "event_fd.rs",
            "engine/fiber/overflow.rs",
            "engine/fiber/reactor.rs",
            "engine/os.rs",
            "poll.rs",
            "stderr.rs",
            "sync/asymmetric.rs",
            "sync/futex.rs",
        ],
    ),
    (
        "threads",
        &["pthread_create", "thread::spawn", "thread::Builder"],
        &["engine/fiber/switch.rs", "engine/os.rs"],
    ),
    (
        "machine code",
        &["asm!("],
        &["engine/fiber/fiber.rs", "engine/float.rs"],
    ),
    ("unwinding", &["catch_unwind("], &["capture.rs"]),
    ("spinning", &["hint::spin_loop"], &["sync/spin.rs"]),
];

#[test]
fn each_danger_is_in_its_place_only() {
    let mut places = Vec::new();
    for (file, lines) in sources() {
        // Unit tests stand at the end of a file.
        let units = lines.windows(2).position(|pair| {
            let test = pair[0].starts_with("#[cfg(test") || pair[0].starts_with("#[cfg(all(test");
            test && pair[1].ends_with('{')
        });
        let code = &lines[..units.unwrap_or(lines.len())];
        for (danger, signs, allowed) in DANGERS {
            let has = signs.iter().any(|sign| names(code, sign));
            if has && !MODELS.iter().any(|name| file.ends_with(name)) {
                let known = allowed.contains(&file.as_str());
                assert!(known, "{danger}: {file} is not among {allowed:?}");
                places.push((*danger, file.clone()));
            }
        }
    }
    for (danger, _, allowed) in DANGERS {
        for file in *allowed {
            let found = places.contains(&(*danger, (*file).to_owned()));
            assert!(found, "{danger}: {file} does not have it any more");
        }
    }
}

#[test]
fn every_section_of_what_was_not_done_is_in_the_index() {
    let index = text("docs/decisions.md");
    for path in files(&root().join("src"), "md") {
        let path = path.strip_prefix(root()).expect("below the root").display();
        if text(path.to_string()).contains("## Considered and not done") {
            let link = format!("(../{path}#considered-and-not-done)");
            assert!(index.contains(&link), "docs/decisions.md has no {link}");
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
    // What a model has no part in: which process this is, its memory, and the handles of the C layer.
    let apart = ["fork.rs", "memory.rs", "ffi/handle.rs"];
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
    let readmes = [
        "admission",
        "queue",
        "engine/thread",
        "engine/fiber",
        "tasks",
        "loops",
        "locks",
    ]
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
            if [
                "A", "D", "F", "G", "K", "L", "M", "N", "O", "P", "Q", "T", "V", "W",
            ]
            .contains(&letter)
                && number.parse::<u8>().is_ok()
            {
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
