//! The models can fail: each invariant of the READMEs has a deliberate mistake of its name, and
//! with it switched on the models of that name do fail.

use std::process::Command;

const ADMISSION: &str = include_str!("../admission/README.md");
const QUEUE: &str = include_str!("../queue/README.md");
const THREADS: &str = include_str!("../engine/thread/README.md");
const FIBERS: &str = include_str!("../engine/fiber/README.md");

/// The names of the invariants, from the paragraphs that state them.
fn invariants() -> Vec<String> {
    let lines = ADMISSION
        .lines()
        .chain(QUEUE.lines())
        .chain(THREADS.lines())
        .chain(FIBERS.lines());
    let names = lines
        .filter_map(|line| line.strip_prefix("**"))
        .filter_map(|line| line.split(' ').next());
    names
        .filter(|name| matches!(name.as_bytes(), [b'A' | b'F' | b'Q' | b'W', number @ ..] if number.iter().all(u8::is_ascii_digit)))
        .map(str::to_owned)
        .collect()
}

#[test]
fn each_invariant_has_a_mistake_that_its_models_find() {
    let names = invariants();
    assert_eq!(names.len(), 23, "{names:?}");
    let tests = std::env::current_exe().expect("this program has a name");
    for name in names {
        let model = match name.as_str() {
            "W1" | "W3" => "::w1_w3_".to_owned(),
            other => format!("::{}_", other.to_lowercase()),
        };
        let mut models = Command::new(&tests);
        models.arg(&model).env("ANTPOOL_MUTANT", &name);
        let output = models.output().expect("the models can be run");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            !output.status.success(),
            "no model {model} notices the mistake {name}: {said}"
        );
        assert!(
            !said.contains("running 0 tests"),
            "there is no model {model}"
        );
    }
}
