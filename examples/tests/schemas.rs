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

/// Compares the schema of rules files, with references resolved and descriptions removed.
#[test]
fn the_schema_of_rules_files_is_that_of_falco() {
    let Some((ours, theirs)) = schemas("--rule-schema", "rule_schema.json") else { return };
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
        "outputs_spool.",
        "webserver.ui_",
        "noise_control.",
        "webserver.ui_enabled",
        "webserver.ui_token",
        "rules_bundle.",
        "syscall_event_drops.state_uncertain_seconds",
        "correlations.",
    ];
    let (mut ours, theirs) = (list(&ours), list(&theirs));
    ours.retain(|leaf| !own.iter().any(|own| leaf.starts_with(own)));
    assert_eq!(ours, theirs);
}
