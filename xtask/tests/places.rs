//! Counts the places that know a call which opens files: rows of the schema, and nothing else.

use std::fs;
use std::path::Path;

/// Returns the files of Rust below `dir` whose code, without tests, names `openat2`.
fn places(dir: &Path, root: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(dir).expect("a folder of the tree") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            places(&path, root, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            let text = fs::read_to_string(&path).expect("text");
            let code = text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
            if code.filter(|line| !line.trim_start().starts_with("//")).any(|line| line.contains("OPENAT2")) {
                found.push(path.strip_prefix(root).expect("below the root").display().to_string());
            }
        }
    }
}

#[test]
fn a_call_that_opens_files_is_rows_of_the_schema() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for folder in ["scap/src", "sinsp/src", "bpf/src", "rule-engine/src", "bindings-c/src", "detector"] {
        places(&root.join(folder), &root, &mut found);
    }
    found.retain(|place| !place.contains("/tests") && !place.ends_with("tests.rs"));
    found.sort();
    // The names of flags that it alone has.
    found.retain(|place| !place.starts_with("scap/src/schema/flags/"));
    // Its events, its number, and how captures of older drivers are upgraded.
    let rows = ["scap/src/schema/events/file.rs", "scap/src/schema/syscalls.rs", "scap/src/schema/upgrade.rs"];
    assert_eq!(found, rows);
}
