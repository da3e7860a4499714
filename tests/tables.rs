//! The tables of tests/c/arguments.c and tests/c/contexts.c have rows for every function of the
//! header, for each of its parameters that can be wrong, and for nothing else.

use std::collections::BTreeMap;
use std::path::Path;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn without_comments(text: &str) -> String {
    let mut rest = text;
    let mut code = String::new();
    while let Some((before, comment)) = rest.split_once("/*") {
        code += before;
        rest = comment.split_once("*/").expect("comments end").1;
    }
    code + rest
}

/// Each exported function and its parameters.
fn functions() -> BTreeMap<String, String> {
    let header = without_comments(&read("include/antpool.h"));
    let declarations = header.split("\nANTPOOL_API").skip(1).filter_map(|rest| {
        let (declaration, _) = rest.split_once(';')?;
        // The name is what stands before the parameters.
        declaration.match_indices("antpool_").find_map(|(at, _)| {
            let (name, parameters) = declaration[at..].split_once('(')?;
            let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            is_name.then(|| (name.to_owned(), parameters.to_owned()))
        })
    });
    declarations.collect()
}

/// The first two words of each row: the function, and what follows it.
fn rows(path: &str) -> Vec<(String, String)> {
    let text = read(path);
    let rows = text.lines().filter_map(|line| line.strip_prefix("ROW("));
    rows.map(|row| {
        let mut words = row.split(',').map(|word| word.trim().to_owned());
        let mut word = || words.next().unwrap_or_default();
        (word(), word())
    })
    .collect()
}

/// What can be wrong with these parameters, as arguments.c calls it.
fn mistakes(parameters: &str) -> Vec<&'static str> {
    const MISTAKES: [(&str, &[&str]); 11] = [
        ("struct antpool_t *pool", &["null_handle"]),
        ("antpool_task_fn f", &["null_function"]),
        ("_fn body", &["null_function"]),
        ("size_t count, ", &["zero", "huge"]),
        ("*out_", &["null_out"]),
        ("const void *data", &["null_data", "zero", "huge"]),
        ("void *const *args", &["null_data", "zero", "huge"]),
        ("uint64_t timeout_ms", &["zero", "huge"]),
        ("int64_t capacity", &["zero", "huge"]),
        ("int fd", &["negative", "garbage"]),
        ("uint32_t events", &["no_events", "unknown_events"]),
    ];
    let found = MISTAKES
        .iter()
        .filter(|(parameter, _)| parameters.contains(parameter));
    found
        .flat_map(|(_, mistakes)| mistakes.iter().copied())
        .collect()
}

#[test]
fn the_header_is_understood() {
    let functions = functions();
    assert!(functions.len() >= 41, "{functions:#?}");
    assert!(mistakes(&functions["antpool_submit"]).contains(&"null_function"));
    assert!(mistakes(&functions["antpool_tune"]).contains(&"huge"));
    assert!(functions.contains_key("antpool_panic"));
}

#[test]
fn every_function_has_its_row_in_each_table_and_nothing_else_has() {
    let functions = functions();
    for table in ["tests/c/arguments.c", "tests/c/contexts.c"] {
        let rows = rows(table);
        for name in functions.keys() {
            assert!(
                rows.iter().any(|row| row.0 == *name),
                "{table} has no ROW({name}, ...)"
            );
        }
        for (name, _) in &rows {
            assert!(
                functions.contains_key(name),
                "{table} has a ROW({name}, ...), which is not exported"
            );
        }
    }
}

#[test]
fn every_parameter_that_can_be_wrong_is_wrong_in_some_row() {
    let rows = rows("tests/c/arguments.c");
    for (name, parameters) in functions() {
        for mistake in mistakes(&parameters) {
            let held = rows.contains(&(name.clone(), mistake.to_owned()));
            assert!(
                held,
                "tests/c/arguments.c has no ROW({name}, {mistake}, ...)"
            );
        }
    }
}

#[test]
fn every_function_is_in_the_table_that_the_header_shows() {
    let header = read("include/antpool.h");
    let (_, table) = header
        .split_once("by where it is called")
        .expect("the header has the table");
    let (table, _) = table.split_once("*/").expect("the introduction ends");
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words: Vec<_> = table.split(|c| !is_part(c)).collect();
    for name in functions().keys() {
        let short = name.trim_start_matches("antpool_");
        assert!(
            words.contains(&short),
            "the table in the header does not have {short}"
        );
    }
}
