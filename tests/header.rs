//! include/antpool.h is what cbindgen makes of src/ffi, in the order of cmake/docs/groups.txt, and says the version
//! of the crate.

use std::collections::BTreeMap;
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
    let header = String::from_utf8(header).expect("the header is UTF-8");
    let groups = std::fs::read_to_string(root.join("cmake/docs/groups.txt"));
    in_order_of_use(&header, &groups.expect("groups.txt can be read"))
}

/// What groups.txt says: each group's title and what belongs to it.
fn groups(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut groups = Vec::<(&str, Vec<&str>)>::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some((_, title)) = line.split_once(": ") {
            groups.push((title, Vec::new()));
        } else if !line.trim_start().starts_with('=') {
            let group = groups.last_mut().expect("a title comes first");
            group.1.extend(line.split_whitespace());
        }
    }
    groups
}

/// The name that a declaration declares.
fn name(declaration: &str) -> &str {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = declaration.split(|c: char| !is_part(c));
    let mut names = words.filter(|word| word.to_ascii_lowercase().starts_with("antpool_"));
    if declaration.starts_with("ANTPOOL_API") {
        // The last one before the parameters.
        let (before, _) = declaration.split_once('(').expect("it has parameters");
        let start = before.rfind(|c| !is_part(c)).map_or(0, |at| at + 1);
        return &before[start..];
    }
    names.next().expect("it declares something of ours")
}

/// How the last line of a declaration looks, by its first.
fn ends(first: &str, line: &str) -> bool {
    if first.starts_with("#if") {
        line.is_empty()
    } else if first.starts_with('#') {
        !line.ends_with('\\')
    } else if first.ends_with('{') {
        line.starts_with('}')
    } else {
        line.ends_with(';')
    }
}

/// cbindgen puts types before functions, and both in the order of the modules. C programmers look for a task: so
/// what is declared is put into the order of groups.txt, with a banner for each group. What stands before all
/// declarations stays there.
fn in_order_of_use(header: &str, groups_txt: &str) -> String {
    let (mut before, mut after) = (String::new(), String::new());
    let mut items = BTreeMap::<String, String>::new();
    let mut lines = header.lines();
    while let Some(line) = lines.next() {
        if !line.starts_with("/**") {
            let part = if items.is_empty() {
                &mut before
            } else {
                &mut after
            };
            *part += &format!("{line}\n");
            continue;
        }
        let mut comment = format!("{line}\n");
        let mut last = line;
        while !last.ends_with("*/") {
            last = lines.next().expect("a comment ends");
            comment += &format!("{last}\n");
        }
        let first = lines.next().expect("a declaration follows");
        let (mut declaration, mut last) = (format!("{first}\n"), first);
        while !ends(first, last) {
            last = lines.next().expect("a declaration ends");
            declaration += &format!("{last}\n");
        }
        let item = comment + &declaration;
        if first.starts_with("#if") {
            before += &item;
        } else {
            items.insert(name(&declaration).to_owned(), item);
        }
    }
    let mut body = String::new();
    for (title, members) in groups(groups_txt) {
        let rule = "-".repeat(92 - title.len());
        let (first, rest) = title.split_at(1);
        body += &format!("\n/* ---- {}{rest} {rule} */\n", first.to_uppercase());
        for member in members {
            if let Some(item) = items.remove(member) {
                body += &format!("\n{item}");
            } else {
                let there = before.contains(member);
                assert!(there, "groups.txt: {member} is not in the header");
            }
        }
    }
    assert!(
        items.is_empty(),
        "groups.txt has no group for: {:?}",
        items.keys()
    );
    let (opening, closing) = after
        .split_once("#ifdef __cplusplus\n}")
        .expect("what is declared stands in extern \"C\"");
    format!(
        "{}\n\n{}\n{}{body}\n#ifdef __cplusplus\n}}{closing}",
        before.trim_end(),
        opening.trim(),
        declared_early(&body),
    )
}

/// Structs that are mentioned before they are declared.
fn declared_early(body: &str) -> String {
    let mut early = String::new();
    for (at, _) in body.match_indices("typedef struct ") {
        let name = body[at..].split([' ', '\n']).nth(2).expect("it has a name");
        let used = body
            .find(&format!("struct {name} "))
            .expect("here at least");
        if used < at {
            early += &format!("struct {name};\n");
        }
    }
    if early.is_empty() {
        early
    } else {
        format!("\n{early}")
    }
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

/// The first sentence of a comment, on one line.
fn first_sentence(item: &str) -> String {
    let lines = item
        .lines()
        .skip(1)
        .map(|line| line.trim_start_matches(" *").trim());
    let lines = lines.take_while(|line| !line.is_empty() && *line != "/");
    let text = lines.collect::<Vec<_>>().join(" ");
    let end = text.find(". ").map_or(text.len(), |at| at + 1);
    text[..end].to_owned()
}

/// docs/functions.md: every function of the header with its first sentence, in the order of the header.
fn index_of_functions(header: &str) -> String {
    let mut page = "# All functions\n\nIn the order of [antpool.h](../include/antpool.h), from which this page is \
                    generated, each with the first\nsentence of its comment.\n"
        .to_owned();
    for item in header.split("\n\n") {
        if let Some(title) = item.strip_prefix("/* ---- ") {
            let title = title.trim_end_matches(" */").trim_end_matches(['-', ' ']);
            page += &format!("\n## {title}\n\n| function | |\n| --- | --- |\n");
        } else if let Some((_, declaration)) = item.split_once(" */\nANTPOOL_API") {
            let name = name(&format!("ANTPOOL_API{declaration}")).to_owned();
            let sentence = first_sentence(item).replace('|', "\\|");
            assert!(
                sentence.starts_with(|c: char| c.is_ascii_uppercase()),
                "the comment of {name} begins in the middle: {sentence}"
            );
            page += &format!("| `{name}` | {sentence} |\n");
        }
    }
    page.replace("\n| function | |\n| --- | --- |\n\n##", "\n##")
}

#[test]
fn the_page_of_all_functions_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/functions.md");
    let page = index_of_functions(&generated());
    assert!(page.matches("| `antpool_").count() > 50, "{page}");
    if std::env::var_os("ANTPOOL_BLESS").is_some() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    assert!(
        std::fs::read_to_string(&path).unwrap_or_default() == page,
        "docs/functions.md is stale; run ANTPOOL_BLESS=1 cargo test --test header"
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

/// The code of a binding, without the lines that are comments.
fn code_of(files: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut code = String::new();
    for file in files {
        let path = root.join(file);
        let paths: Vec<_> = if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("it can be listed");
            let paths = entries.map(|entry| entry.expect("it can be read").path());
            let test = |path: &std::path::PathBuf| path.to_string_lossy().contains("_test.");
            paths.filter(|path| path.is_file() && !test(path)).collect()
        } else {
            vec![path]
        };
        for path in paths {
            let text = std::fs::read_to_string(&path).expect("a source is text");
            for line in text.lines() {
                let comment = ["*", "/*", "//", "#"]
                    .iter()
                    .any(|mark| line.trim_start().starts_with(mark));
                if !comment {
                    code += line.split("  #").next().unwrap_or_default();
                    code.push('\n');
                }
            }
        }
    }
    code
}

fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[test]
fn a_function_is_in_each_binding_or_is_said_to_be_left_out() {
    let header = generated();
    let declarations = header
        .split("\n\n")
        .filter_map(|item| item.split_once(" */\nANTPOOL_API"));
    let functions: Vec<String> = declarations
        .map(|(_, rest)| name(&format!("ANTPOOL_API{rest}")).to_owned())
        .collect();
    assert!(functions.len() > 80, "{functions:?}");
    let bindings = [
        ("C++", code_of(&["include/antpool.hpp"])),
        ("Go", code_of(&["bindings/go"])),
        ("Python", code_of(&["bindings/python/src/antpool"])),
    ];
    let page = include_str!("../docs/bindings.md");
    let mut left_out = Vec::new();
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let mut cells = row.split('|').skip(1).map(str::trim);
        let (names, by) = (
            cells.next().unwrap_or_default(),
            cells.next().unwrap_or_default(),
        );
        assert!(cells.next().is_some_and(|why| why.len() > 8), "why? {row}");
        for binding in by.split(", ") {
            for function in names.split(", ") {
                left_out.push((binding, function.trim_matches('`').to_owned()));
            }
        }
    }
    let mut wrong = String::new();
    for (binding, code) in &bindings {
        for function in &functions {
            let called = match *binding {
                "Python" => {
                    let (_, short) = function.split_at("antpool_".len());
                    code.contains(&format!("(\"{short}\""))
                        || code.contains(&format!("(\n            \"{short}\""))
                        || has_word(code, function)
                }
                _ => has_word(code, function),
            };
            let said = left_out
                .iter()
                .filter(|(by, name)| by == binding && name == function)
                .count();
            if usize::from(!called) != said {
                wrong +=
                    &format!("{binding} {function}: called {called}, left out in {said} rows\n");
            }
        }
    }
    for (binding, function) in &left_out {
        if !functions.contains(function) {
            wrong += &format!("{binding} {function}: no such function\n");
        }
    }
    assert!(wrong.is_empty(), "docs/bindings.md:\n{wrong}");
}
