//! The schemas that the detector prints are compatible with Falco's, if these are available.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{peregrine, shared};
use serde_json::Value as Json;

/// Returns the schema that the detector prints and Falco's.
fn schemas(option: &str, name: &str) -> Option<(Json, Json)> {
    let text = std::fs::read_to_string(shared()?.join("spec").join(name)).expect("Falco's schema");
    let ran = peregrine([option]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    Some((serde_json::from_str(&ran.out).expect("JSON"), serde_json::from_str(&text).expect("JSON")))
}

/// Compares the schema of rules files, with references resolved and descriptions removed. Peregrine has correlations and
/// building blocks besides.
#[test]
fn the_schema_of_rules_files_is_that_of_falco() {
    let Some((mut ours, theirs)) = schemas("--rule-schema", "rule_schema.json") else { return };
    let [item, correlation] = ours["items"]["anyOf"].as_array().expect("two kinds of items").as_slice() else {
        panic!("{:#}", ours["items"]);
    };
    assert_eq!(correlation["$ref"], "#/definitions/Correlation");
    ours["items"] = item.clone();
    for definition in ["FalcoRule", "Override"] {
        let properties = ours["definitions"][definition]["properties"].as_object_mut().expect("properties");
        for own in ["building_block", "response"] {
            assert!(properties.remove(own).is_some(), "{definition} {own}");
        }
    }
    fn plain(root: &Json, at: &Json) -> Json {
        match at {
            Json::Object(entries) => {
                if let Some(name) = entries.get("$ref").and_then(Json::as_str) {
                    return plain(root, &root["definitions"][name.trim_start_matches("#/definitions/")]);
                }
                let mut entries: Vec<_> = entries
                    .iter()
                    .filter(|(key, value)| {
                        let nothing = *key == "required" && value.as_array().is_some_and(Vec::is_empty);
                        !nothing && !["title", "definitions", "$schema"].contains(&key.as_str())
                    })
                    .map(|(key, value)| (key.clone(), plain(root, value)))
                    .collect();
                entries.sort_by(|a, b| a.0.cmp(&b.0));
                Json::Object(entries.into_iter().collect())
            }
            Json::Array(items) => items.iter().map(|item| plain(root, item)).collect(),
            other => other.clone(),
        }
    }
    assert_eq!(plain(&ours, &ours), plain(&theirs, &theirs));
}

/// The validator of rules files knows correlations: those of the default rules, and every key that they may have.
#[test]
fn correlations_pass_the_validation_of_their_schema() {
    let all = "
- correlation: c
  desc: d
  type: temporal_ordered
  rules:
    - {as: one, condition: evt.type = open, group-by: [proc.pid], source: syscall}
    - {as: two, condition: evt.type = close, missing: true, group-by: who}
  until: {condition: evt.type = procexit}
  group-by: [who]
  aliases: {who: {one: proc.pid, two: proc.pid, until: proc.pid}}
  maxspan: 10s
  output: done
  priority: NOTICE
  source: syscall
  tags: [a]
  enabled: true
  exceptions: [{name: e, fields: proc.name, comps: in, values: [a]}]
- correlation: c
  override: {tags: append, enabled: replace}
  tags: [b]
  enabled: false
";
    let folder = tempfile::tempdir().expect("a directory");
    let path = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("a file");
        folder.path().join(name).display().to_string()
    };
    let default = common::root().join("detector/daemon/rules/peregrine_rules.yaml").display().to_string();
    let verdict = |file: String| {
        let ran = peregrine(["-V", &file, "-o", "json_output=true"]);
        let result: Json = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}{}", ran.out, ran.err));
        result["falco_load_results"][0]["schema_warnings"].clone()
    };
    assert_eq!(verdict(default), serde_json::json!([]));
    assert_eq!(verdict(path("all.yaml", all)), serde_json::json!([]));
    // What it does not know is named.
    let wrong = verdict(path("wrong.yaml", &all.replace("missing: true", "missing: 7")));
    assert!(wrong[0].as_str().is_some_and(|text| text.contains("<root>[0][rules][1][missing]")), "{wrong}");
}

/// Compares the keys and types of the configuration schema.
#[test]
fn the_schema_of_the_configuration_is_that_of_falco() {
    let Some((ours, theirs)) = schemas("--config-schema", "config_schema.json") else { return };
    fn leaves(root: &Json, at: &Json, path: String, out: &mut Vec<String>) {
        if let Some(name) = at["$ref"].as_str() {
            return leaves(root, &root["definitions"][name.trim_start_matches("#/definitions/")], path, out);
        }
        if let Some(properties) = at["properties"].as_object() {
            for (name, below) in properties {
                leaves(root, below, if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, out);
            }
        } else if at["items"].is_object() && (at["items"]["$ref"].is_string() || at["items"]["properties"].is_object())
        {
            leaves(root, &at["items"], path + "[]", out);
        } else {
            out.push(format!("{path}: {}", at["type"].as_str().unwrap_or("any")));
        }
    }
    let list = |root: &Json| {
        let mut out = Vec::new();
        leaves(root, root, String::new(), &mut out);
        out.sort();
        out
    };
    // Settings that Falco does not have.
    let own = [
        "syslog_output.address",
        "syslog_output.format",
        "syslog_output.spool",
        "file_output.spool",
        "program_output.spool",
        "http_output.headers",
        "http_output.batch",
        "http_output.timeout",
        "http_output.spool",
        "elasticsearch_output.",
        "kafka_output.",
        "parquet_output.",
        "grpc.",
        "grpc_output.",
        "outputs_spool.",
        "webserver.ui_",
        "noise_control.",
        "webserver.ui_enabled",
        "webserver.ui_token",
        "rules_bundle.",
        "engine.modern_ebpf.plan",
        "engine.userspace.",
        "syscall_event_drops.state_uncertain_seconds",
        "correlations.",
        "protection.",
        "response.",
        "responses",
        "capture.max_daily_size_mb",
    ];
    let (mut ours, theirs) = (list(&ours), list(&theirs));
    ours.retain(|leaf| !own.iter().any(|own| leaf.starts_with(own)));
    assert_eq!(ours, theirs);
}
