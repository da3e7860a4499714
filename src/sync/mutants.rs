//! The models can fail: each deliberate mistake in the sources is one that the models of its name find,
//! and each invariant of the READMEs has at least one.
//!
//! A mistake has the name of its invariant, alone or with a word of its own: `A5`, `A5.bound`.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The files below `folder` that end like that.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("they can be listed").path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found
}

fn texts(ending: &str) -> Vec<String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let read = |path| fs::read_to_string(path).expect("it can be read");
    files(&src, ending).into_iter().map(read).collect()
}

fn is_name(name: &str) -> bool {
    matches!(name.as_bytes(), [b'A' | b'C' | b'D' | b'F' | b'G' | b'H' | b'K' | b'L' | b'M' | b'N' | b'P' | b'Q' | b'S' | b'V' | b'W', number @ ..]
        if !number.is_empty() && number.iter().all(u8::is_ascii_digit))
}

/// The names of the invariants, from the paragraphs that state them.
fn invariants() -> BTreeSet<String> {
    let texts = texts("README.md").into_iter().chain(texts("hazard.rs"));
    let lines = texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
    let stated = lines.filter_map(|line| {
        let line = line.trim_start_matches("//! ");
        let name = line.strip_prefix("**")?.split(' ').next()?;
        is_name(name).then(|| name.to_owned())
    });
    stated.collect()
}

/// The names of the mistakes, from the code.
fn mistakes() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for text in texts(".rs") {
        let mut parts = text.split("mutant(\"");
        parts.next();
        names.extend(parts.filter_map(|part| Some(part.split_once('"')?.0.to_owned())));
    }
    names.retain(|name| is_name(name.split('.').next().unwrap_or_default()));
    names
}

#[test]
fn each_invariant_has_a_mistake_that_its_models_find() {
    let (invariants, mistakes) = (invariants(), mistakes());
    assert!(invariants.len() >= 25, "{invariants:?}");
    for name in &invariants {
        assert!(mistakes.contains(name), "{name} has no mistake");
    }
    let tests = std::env::current_exe().expect("this program has a name");
    for name in mistakes {
        let invariant = name.split('.').next().unwrap_or_default();
        assert!(invariants.contains(invariant), "no invariant {invariant}");
        let model = match invariant {
            "S1" | "S2" => "::s1_s2_".to_owned(),
            "W1" | "W3" => "::w1_w3_".to_owned(),
            other => format!("::{}_", other.to_lowercase()),
        };
        let mut models = Command::new(&tests);
        models.arg(&model).env("ANTPOOL_MUTANT", &name);
        models.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut running = models.spawn().expect("the models can be run");
        let mut said = String::new();
        for line in BufReader::new(running.stdout.take().expect("it is piped")).lines() {
            said += &line.expect("the models print text");
            said.push('\n');
            // One is enough: the others may take minutes.
            if said.ends_with("... FAILED\n") {
                let _ = running.kill();
            }
        }
        let status = running.wait().expect("it was started");
        assert!(
            said.contains("... FAILED\n") || !status.success(),
            "no model {model} notices the mistake {name}: {said}"
        );
        assert!(
            !said.contains("running 0 tests"),
            "there is no model {model}"
        );
    }
}
