//! Counts the places that know one row of each kind that CONTRIBUTING lists: what must be touched to add another.

use std::fs;
use std::path::{Path, PathBuf};

/// The folders whose sources are searched.
const FOLDERS: [&str; 8] =
    ["text/src", "scap/src", "sinsp/src", "bpf/src", "rule-engine/src", "bindings-c/src", "peregrine/src", "detector"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Adds the sources below `dir` whose code, without tests and comments, contains one of `words`.
fn search(dir: &Path, words: &[&str], found: &mut Vec<String>) {
    for entry in fs::read_dir(dir).expect("a folder of the tree") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            search(&path, words, found);
        } else if path.extension().is_some_and(|ext| ext == "rs" || ext == "pest") {
            let text = fs::read_to_string(&path).expect("text");
            let code = text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
            let mut code = code.filter(|line| !line.trim_start().starts_with("//"));
            if code.any(|line| words.iter().any(|word| line.contains(word))) {
                found.push(path.strip_prefix(root()).expect("below the root").display().to_string());
            }
        }
    }
}

/// Returns the sources that know one of `words`, without those of tests.
fn places(words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    FOLDERS.iter().for_each(|folder| search(&root().join(folder), words, &mut found));
    found.retain(|place| !place.contains("/tests") && !place.ends_with("tests.rs"));
    found.sort();
    found
}

#[test]
fn a_call_that_opens_files_is_rows_of_the_schema() {
    let mut found = places(&["OPENAT2"]);
    // The names of flags that it alone has.
    found.retain(|place| !place.starts_with("scap/src/schema/flags/"));
    // Its events, its number, and how captures of older drivers are upgraded.
    assert_eq!(found, ["scap/src/schema/events/file.rs", "scap/src/schema/syscalls.rs", "scap/src/schema/upgrade.rs"]);
}

#[test]
fn a_field_is_a_row_with_its_getter() {
    assert_eq!(places(&["proc.loginshellid"]), ["sinsp/src/fields/proc/mod.rs"]);
    assert_eq!(places(&["proc.stdin.type"]), ["sinsp/src/fields/proc/mod.rs"]);
}

#[test]
fn an_operator_is_a_row_and_a_word_of_the_grammar() {
    // Both are answered by their rows; a matcher of its own would only make them faster, an answer of the kernel makes more
    // conditions deniable, a test of a plan leaves more events out, and a predicate of SQL is answered sooner.
    let more = [
        "rule-engine/src/vm/matcher.rs",
        "rule-engine/src/deny/fields.rs",
        "rule-engine/src/plan/bound.rs",
        "detector/sql/src/pushdown.rs",
    ];
    for words in [["\"endswith\"", "EndsWith"], ["\"icontains\"", "IContains"]] {
        let mut found = places(&words);
        found.retain(|place| !more.contains(&place.as_str()));
        assert_eq!(found, ["rule-engine/src/operator/mod.rs", "rule-engine/src/syntax/condition.pest"], "{words:?}");
    }
}

#[test]
fn an_output_is_a_file_and_a_row_and_its_sink() {
    assert_eq!(
        places(&["elastic", "Elastic"]),
        [
            "detector/daemon/src/config/outputs/elasticsearch.rs",
            "detector/daemon/src/config/outputs/mod.rs",
            "detector/sinks/src/elastic.rs",
            "detector/sinks/src/lib.rs",
        ]
    );
}

/// The places that CONTRIBUTING names.
#[test]
fn the_table_of_places_names_files_of_the_tree() {
    let page = fs::read_to_string(root().join("CONTRIBUTING.md")).expect("CONTRIBUTING");
    let table = page.split("## Where things go").nth(1).expect("the table");
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| a")).collect();
    assert!(rows.len() >= 9, "{rows:?}");
    for row in rows {
        let mut named = row.split('`').skip(1).step_by(2).filter(|word| word.contains('/')).peekable();
        assert!(named.peek().is_some() || row.contains("Cargo.toml") || row.contains("xtask"), "{row}");
        named.for_each(|path| assert!(root().join(path).exists(), "{path}: {row}"));
    }
}
