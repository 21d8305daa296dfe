//! Rule files, good and broken, and what Falco's validator printed of each: JSON, text and description.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(feature = "sinsp")]

use std::path::{Path, PathBuf};

use peregrine_rule_engine::event::sinsp::SinspSchema;
use peregrine_rule_engine::load::{Loader, Sources, describe};
use serde_json::{Value, json};
use sinsp::fields::Fields;

/// Cases that rest on undefined behaviour of the reference.
const UNSCORED: [&str; 3] = ["285", "400", "401"];

fn loader() -> Loader {
    Loader::new(Sources::new().with(SinspSchema::new(Fields::new()).without_host_names()))
}

/// Lists of names come in hash order: as sets.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), sorted(value))).collect(),
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(sorted).collect();
            if items.iter().all(Value::is_string) {
                items.sort_by_key(|item| item.as_str().map(str::to_owned));
            }
            Value::Array(items)
        }
        other => other.clone(),
    }
}

/// What differs in one case.
fn compare(rules: &Path, expected: &Value) -> Option<&'static str> {
    let names: Vec<&str> =
        expected["args"].as_array()?.iter().filter_map(Value::as_str).filter(|a| *a != "-V").collect();
    let files: Vec<(&str, Vec<u8>)> =
        names.iter().map(|name| (*name, std::fs::read(rules.join(name)).unwrap())).collect();
    let mut loader = loader();
    let loaded = loader.load(files.iter().map(|(name, bytes)| (*name, bytes.as_slice())));
    if loaded.is_successful() != (expected["exit"] == 0) {
        return Some("success");
    }
    if json!({ "falco_load_results": loaded.falco_json() }) != expected["stdout_json"] {
        return Some("JSON");
    }
    let text = loaded.falco_text().0 + "\n";
    if text != expected["text"]["stdout"].as_str()? {
        return Some("text");
    }
    let description = &expected["describe"];
    if description.is_object() {
        let ours = describe(&loaded, loader.sources_mut(), None).unwrap();
        if sorted(&ours) != sorted(description) {
            return Some("description");
        }
    }
    None
}

#[test]
fn results_are_falcos() {
    let Some(shared) = testkit::shared() else { return };
    let folder = shared.join("data/rulecases");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder.join("expected")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let (mut seen, mut wrong) = (0, Vec::new());
    for path in paths {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let expected: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        // Where the reference dies there is nothing to compare.
        if UNSCORED.contains(&&name[..3]) || !expected["stdout_json"].is_object() {
            continue;
        }
        seen += 1;
        if let Some(what) = compare(&folder.join("rules"), &expected) {
            wrong.push(format!("{name}: {what}"));
        }
    }
    assert!(seen > 500, "{seen} cases");
    assert!(wrong.is_empty(), "{} of {seen} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_published_rules_load_without_a_word() {
    let Some(shared) = testkit::shared() else { return };
    let folder = shared.join("data/rules");
    let names = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];
    let files: Vec<(&str, Vec<u8>)> =
        names.iter().map(|name| (*name, std::fs::read(folder.join(name)).unwrap())).collect();
    let loaded = loader().load(files.iter().map(|(name, bytes)| (*name, bytes.as_slice())));
    assert!(loaded.diagnostics.is_empty(), "{}", loaded.render(Default::default()));
    assert!(loaded.resolved.rules.len() > 80, "{} rules", loaded.resolved.rules.len());
}
