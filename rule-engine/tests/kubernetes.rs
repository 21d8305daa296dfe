//! Kubernetes audit records: the rules of testdata/k8s, and Falco's published ones if they are available.

use std::path::PathBuf;
use std::sync::Arc;

use peregrine_rule_engine::engine::{Config, SourceRules};
use peregrine_rule_engine::event::json::{JsonDocument, JsonSchema};
use peregrine_rule_engine::load::{Loader, Sources};
use peregrine_rule_engine::output::Format;
use peregrine_rule_engine::ruleset::{self, Matching};
use serde_json::Value;

fn testdata() -> PathBuf {
    testkit::testdata("k8s")
}

fn load(name: &str, text: &[u8]) -> Arc<SourceRules<JsonSchema>> {
    let mut loader = Loader::new(Sources::new().with(JsonSchema::k8s_audit()));
    let loaded = loader.load([(name, text)]);
    assert!(loaded.is_successful(), "{:?}", loaded.diagnostics);
    let evaluation = ruleset::Config::default().matching(Matching::All);
    let config = Config::default().evaluation(evaluation);
    let rules = loader.into_sources().build(loaded.into_rules(), &config).expect("times");
    rules.source("k8s_audit").expect("audit records")
}

/// Returns for each record the names of the rules that match it.
fn run(rules: &Arc<SourceRules<JsonSchema>>) -> Vec<(String, Vec<String>)> {
    let mut runner = rules.runner();
    let records = std::fs::read_to_string(testdata().join("audit.jsonl")).expect("records");
    let mut out = Vec::new();
    for (number, line) in records.lines().enumerate() {
        let event =
            JsonDocument::parse(line.as_bytes()).expect(line).at(number as u64 + 1, 1_700_000_000_000_000_000, 0);
        let mut names = Vec::new();
        runner.process(&event, |alert| {
            let mut text = Vec::new();
            alert.write_json(&Format::new("cluster"), &mut text);
            let json: Value = serde_json::from_slice(&text).expect("JSON");
            assert_eq!(json["rule"], alert.rule());
            names.push(alert.rule().to_owned());
        });
        let id = serde_json::from_str::<Value>(line).expect(line)["auditID"].as_str().unwrap_or("none").to_owned();
        out.push((id, names));
    }
    out
}

#[test]
fn every_kind_of_field() {
    let rules = load("fields.yaml", &std::fs::read(testdata().join("fields.yaml")).expect("rules"));
    let expect = std::fs::read_to_string(testdata().join("expect.txt")).expect("what is expected");
    let mut got = String::new();
    for (id, names) in run(&rules) {
        got.push_str(&format!("{id}: {}\n", names.join(", ")));
    }
    assert_eq!(got, expect);
}

#[test]
fn published_rules_match() {
    let Some(shared) = testkit::shared() else { return };
    let text = std::fs::read(shared.join("data/rules/k8s_audit_rules.yaml")).expect("the rules");
    let rules = load("k8s_audit_rules.yaml", &text);
    assert_eq!(rules.rules().rules().len(), 48);
    let found = run(&rules);
    let of = |id: &str| -> Vec<&str> {
        let (_, names) = found.iter().find(|(of, _)| of == id).expect(id);
        names.iter().map(String::as_str).collect()
    };
    assert!(of("privileged-pod").contains(&"Create Privileged Pod"), "{:?}", of("privileged-pod"));
    assert!(of("exec").contains(&"Attach/Exec Pod"), "{:?}", of("exec"));
    assert!(of("role-binding").contains(&"Attach to cluster-admin Role"), "{:?}", of("role-binding"));
    assert!(of("configmap").contains(&"Create/Modify Configmap With Private Credentials"), "{:?}", of("configmap"));
    assert!(of("anonymous").contains(&"Anonymous Request Allowed"), "{:?}", of("anonymous"));
    assert!(of("node-port").contains(&"Create NodePort Service"), "{:?}", of("node-port"));
}
