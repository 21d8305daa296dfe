//! Rule files, good and broken, and the output of Falco's validator for each: JSON, text and description
//! (`testdata/README.md`).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(feature = "sinsp")]

use peregrine_rule_engine::event::sinsp::SinspSchema;
use peregrine_rule_engine::load::{Loader, Sources, describe};
use serde_json::{Value, json};
use sinsp::fields::Fields;

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

/// Returns the bytes of a rule file: text, or a list of bytes where it is not UTF-8.
fn bytes(file: &Value) -> Vec<u8> {
    match file {
        Value::String(text) => text.clone().into_bytes(),
        other => other.as_array().unwrap().iter().map(|byte| byte.as_u64().unwrap() as u8).collect(),
    }
}

/// Returns the differences of one case.
fn compare(case: &Value) -> Option<&'static str> {
    let names = case["load"].as_array()?.iter().filter_map(Value::as_str);
    let files: Vec<(&str, Vec<u8>)> = names.map(|name| (name, bytes(&case["files"][name]))).collect();
    let mut loader = loader();
    let loaded = loader.load(files.iter().map(|(name, bytes)| (*name, bytes.as_slice())));
    if loaded.is_successful() != (case["exit"] == 0) {
        return Some("success");
    }
    if json!({ "falco_load_results": loaded.falco_json() }) != case["json"] {
        return Some("JSON");
    }
    let text = loaded.falco_text().0 + "\n";
    if text != case["text"].as_str()? {
        return Some("text");
    }
    let description = &case["describe"];
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
    let (mut seen, mut wrong) = (0, Vec::new());
    for case in testkit::json_lines("falco/rulecases.jsonl.gz") {
        seen += 1;
        if let Some(what) = compare(&case) {
            wrong.push(format!("{}: {what}", case["case"]));
        }
    }
    assert_eq!(seen, 505);
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
