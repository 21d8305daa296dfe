//! The most frequent mistakes in rule files, and the hints for them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::TestSchema;
use peregrine_rule_engine::diag::{Code, Diagnostic};
use peregrine_rule_engine::load::{Loaded, Loader, Sources};

fn load(file: &str) -> Loaded {
    Loader::new(Sources::new().with(TestSchema::default())).load([("rules.yaml", file.as_bytes())])
}

fn only_error(loaded: &Loaded) -> &Diagnostic {
    let errors: Vec<_> = loaded.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors[0]
}

const FIRST: &str =
    "- rule: Opened\n  desc: a rule\n  condition: evt.type = open\n  output: \"%proc.name\"\n  priority: INFO\n";

#[test]
fn a_duplicate_name_gets_a_hint_about_override() {
    for (keys, expect) in [
        (
            "  exceptions:\n    - {name: tools, fields: [proc.name], comps: [=], values: [[tool]]}\n",
            "override: {exceptions: append}",
        ),
        ("  priority: WARNING\n", "override: {priority: replace}"),
        ("  condition: and proc.name = x\n", "override: {condition: append}"),
    ] {
        let file = format!("{FIRST}- rule: Opened\n{keys}");
        let loaded = load(&file);
        let error = only_error(&loaded);
        assert!(error.message.starts_with("Item has no mapping for key"), "{}", error.message);
        let hint = error.hint.as_deref().unwrap_or_default();
        assert!(hint.contains("`Opened` already exists") && hint.contains(expect), "{hint}");
        let (_, place) = error.notes.first().unwrap();
        assert!(place.is_some_and(|spot| spot.start < FIRST.len()), "{:?}", error.notes);
    }
    // There is nothing to change.
    let loaded = load("- rule: Opened\n  priority: WARNING\n");
    assert!(only_error(&loaded).hint.as_deref().is_none_or(|hint| !hint.contains("override")));
}

#[test]
fn a_merge_key_is_reported_with_its_place() {
    let first = FIRST.replacen("- rule", "- &first\n  rule", 1);
    let file = format!("{first}- <<: *first\n  rule: Second\n");
    let loaded = load(&file);
    let error = only_error(&loaded);
    let spot = error.spot.unwrap();
    assert_eq!(&file[spot.start..spot.end], "<<");
    assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("`<<` merges nothing")), "{:?}", error.hint);
}

#[test]
fn an_error_of_size_is_not_called_ok() {
    let mut file = String::from("- macro: m0\n  condition: proc.name = a and proc.name = b\n");
    for number in 1..40 {
        file += &format!("- macro: m{number}\n  condition: m{0} and m{0}\n", number - 1);
    }
    file += &format!("{}\n", FIRST.replace("evt.type = open", "evt.type = open and m39"));
    let loaded = load(&file);
    assert!(loaded.diagnostics.iter().any(|diagnostic| diagnostic.code == Code::TooLarge), "{:?}", loaded.diagnostics);
    let text = loaded.falco_text().0;
    assert!(text.starts_with("rules.yaml: Invalid"), "{text}");
    assert_eq!(loaded.falco_json()[0]["errors"].as_array().map(Vec::len), Some(1));
}
