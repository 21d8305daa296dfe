//! The JSON schema of rules files, for editors: `--rule-schema`.
//!
//! The loader decides what a rules file may contain, and reports errors with their places; the schema expresses the
//! same as far as JSON schemas can.

use serde_json::{Map, Value as Json, json};

const PRIORITIES: [&str; 9] =
    ["EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "INFORMATIONAL", "DEBUG"];

/// Keys of an item that `override` can name.
const OVERRIDABLE: [&str; 12] = [
    "capture",
    "capture_duration",
    "condition",
    "desc",
    "enabled",
    "exceptions",
    "items",
    "output",
    "priority",
    "skip-if-unknown-filter",
    "tags",
    "warn_evttypes",
];

/// Returns the schema.
pub(crate) fn json() -> Json {
    let object = |properties: Json, required: &[&str]| {
        let mut object = json!({"type": "object", "additionalProperties": false, "properties": properties});
        if !required.is_empty() {
            object["required"] = json!(required);
        }
        object
    };
    let reference = |name: &str| json!({"$ref": format!("#/definitions/{name}")});
    let list = |items: Json| json!({"type": "array", "items": items});
    let (text, truth) = (json!({"type": "string"}), json!({"type": "boolean"}));
    let overrides: Map<_, _> = OVERRIDABLE
        .iter()
        .map(|key| ((*key).to_owned(), json!({"type": "string", "enum": ["append", "replace"]})))
        .collect();
    let item = json!({
        "append": truth,
        "capture": truth,
        "capture_duration": {"type": "integer"},
        "condition": text,
        "desc": text,
        "enabled": truth,
        "exceptions": list(reference("Exception")),
        "items": list(json!({"anyOf": [{"type": "integer"}, {"type": "string"}]})),
        "list": text,
        "macro": text,
        "output": text,
        "override": reference("Override"),
        "priority": {"type": "string", "enum": PRIORITIES},
        "required_engine_version": text,
        "required_plugin_versions": list(reference("RequiredPluginVersion")),
        "rule": text,
        "skip-if-unknown-filter": truth,
        "source": text,
        "tags": list(text.clone()),
        "warn_evttypes": truth,
    });
    let mut overrides = object(overrides.into(), &[]);
    overrides["minProperties"] = json!(1);
    json!({
        "$schema": "http://json-schema.org/draft-06/schema#",
        "type": "array",
        "items": reference("FalcoRule"),
        "definitions": {
            "Alternative": object(json!({"name": text, "version": text}), &["name", "version"]),
            "Exception": object(json!({"comps": {}, "fields": {}, "name": text, "values": {}}), &["name"]),
            "FalcoRule": object(item, &[]),
            "Override": overrides,
            "RequiredPluginVersion": object(
                json!({"alternatives": list(reference("Alternative")), "name": text, "version": text}),
                &["name", "version"],
            ),
        },
    })
}
