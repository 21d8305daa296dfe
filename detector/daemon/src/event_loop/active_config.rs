//! The active configuration and rules in a file, and what a reload would change.
//!
//! A running detector writes its settings and rules to a file beside its pid file. `--dry-run` with the same `-P` reads
//! it and prints what a reload would change, without contact to the running process and without its privileges.

use crate::config::Loaded;
use crate::rules::Rules;
use serde_json::{Map, Value as Json, json};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Settings that a running detector does not reload, with all below them.
const FIXED: &[&str] = &[
    "engine",
    "webserver",
    "plugins",
    "load_plugins",
    "metrics",
    "base_syscalls",
    "falco_libs",
    "protection",
    "response.enabled",
];
/// Settings with secrets.
const SECRET: &[&str] = &["password", "api_key", "headers", "environment"];

/// Returns the path of the file that belongs to this pid file.
pub(crate) fn path(pidfile: &Path) -> PathBuf {
    let mut name = pidfile.as_os_str().to_owned();
    name.push(".applied");
    name.into()
}

/// Returns settings and rules as JSON.
pub(crate) fn snapshot(loaded: &Loaded, rules: &mut Rules) -> Json {
    let described = rules.describe(None).unwrap_or_default();
    let all = ["rules", "correlations"].into_iter().filter_map(|kind| described[kind].as_array()).flatten();
    let rules = all.filter_map(|rule| {
        let info = &rule["info"];
        Some((info["name"].as_str()?.to_owned(), info.clone()))
    });
    let rules: Map<String, Json> = rules.collect();
    json!({"settings": leaves(&loaded.document.to_json()), "rules": rules})
}

/// Writes the file, readable only for the owner: it may contain passwords.
pub(crate) fn write(path: &Path, snapshot: &Json) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(snapshot.to_string().as_bytes())?;
    std::fs::rename(beside, path)
}

/// Returns the changes between two snapshots, one line each.
pub(crate) fn changes(before: &Json, after: &Json) -> Vec<String> {
    let empty = Map::new();
    let map = |of: &'_ Json, name: &str| of[name].as_object().cloned().unwrap_or_else(|| empty.clone());
    let mut lines = Vec::new();
    let (old, new) = (map(before, "settings"), map(after, "settings"));
    for (name, value) in &new {
        if let Some(line) = change(name, old.get(name), Some(value)) {
            lines.push(line);
        }
    }
    lines.extend(
        old.iter()
            .filter(|(name, _)| !new.contains_key(*name))
            .filter_map(|(name, value)| change(name, Some(value), None)),
    );
    let (old, new) = (map(before, "rules"), map(after, "rules"));
    for (name, rule) in &new {
        match old.get(name) {
            None => lines.push(format!("rule '{name}': added{}", asks(rule))),
            Some(known) => {
                let parts = rule.as_object().into_iter().flatten();
                let parts: Vec<_> = parts
                    .filter(|(part, value)| *part != "response" && known[part.as_str()] != **value)
                    .map(|(part, _)| part.as_str())
                    .collect();
                // Requests that may end processes are reported in full, also if they are gone.
                if known["response"] != rule["response"] {
                    let (before, now) = (text(&known["response"]), text(&rule["response"]));
                    lines.push(format!("rule '{name}': response {before} -> {now}"));
                }
                if !parts.is_empty() {
                    lines.push(format!("rule '{name}': changed {}", parts.join(", ")));
                }
            }
        }
    }
    lines.extend(old.keys().filter(|name| !new.contains_key(*name)).map(|name| format!("rule '{name}': removed")));
    lines
}

/// Returns the responses of a rule as text.
fn text(responses: &Json) -> String {
    let texts: Vec<&str> = responses.as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
}

fn asks(rule: &Json) -> String {
    if rule["response"].is_null() { String::new() } else { format!(", response {}", text(&rule["response"])) }
}

fn change(name: &str, old: Option<&Json>, new: Option<&Json>) -> Option<String> {
    if old == new {
        return None;
    }
    let secret = SECRET.iter().any(|secret| name.split('.').any(|part| part == *secret));
    let show = |value: Option<&Json>| match value {
        None => "the default".to_owned(),
        Some(_) if secret => "(secret)".to_owned(),
        Some(value) => value.to_string(),
    };
    let is_below =
        |fixed: &&str| name.strip_prefix(*fixed).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
    // What is enabled now can be disabled by a reload.
    let disables = name == "response.enabled" && new != Some(&Json::Bool(true));
    let note = if FIXED.iter().any(is_below) && !disables { " (requires a restart)" } else { "" };
    Some(format!("setting {name}: {} -> {}{note}", show(old), show(new)))
}

/// Returns every setting by its path; lists count as one.
fn leaves(document: &Json) -> Map<String, Json> {
    fn walk(at: &Json, path: &str, out: &mut Map<String, Json>) {
        match at {
            Json::Object(entries) => {
                for (name, below) in entries {
                    walk(below, &crate::config::setting::below(path, name), out);
                }
            }
            value => drop(out.insert(path.to_owned(), value.clone())),
        }
    }
    let mut out = Map::new();
    walk(document, "", &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_named_one_by_one() {
        let before = json!({
            "settings": leaves(&json!({"json_output": false, "priority": "debug",
                "engine": {"kind": "nodriver"}, "kafka_output": {"password": "old"}})),
            "rules": {"A": {"condition": "x", "enabled": true}, "B": {"condition": "x"}, "Same": {"condition": "y"},
                "K": {"condition": "x", "response": ["kill process"]}, "L": {"condition": "x"}},
        });
        let after = json!({
            "settings": leaves(&json!({"json_output": true, "rules_files": ["a"],
                "engine": {"kind": "replay"}, "response": {"enabled": true}, "kafka_output": {"password": "new"}})),
            "rules": {"A": {"condition": "z", "enabled": false}, "C": {"condition": "x"}, "Same": {"condition": "y"},
                "D": {"condition": "x", "response": ["stop tree", "run p"]}, "K": {"condition": "x"},
                "L": {"condition": "w", "response": ["deny"]}},
        });
        assert_eq!(
            changes(&before, &after),
            [
                "setting json_output: false -> true",
                "setting rules_files: the default -> [\"a\"]",
                "setting engine.kind: \"nodriver\" -> \"replay\" (requires a restart)",
                "setting response.enabled: the default -> true (requires a restart)",
                "setting kafka_output.password: (secret) -> (secret)",
                "setting priority: \"debug\" -> the default",
                "rule 'A': changed condition, enabled",
                "rule 'C': added",
                "rule 'D': added, response stop tree, run p",
                "rule 'K': response kill process -> none",
                "rule 'L': response none -> deny",
                "rule 'L': changed condition",
                "rule 'B': removed",
            ]
        );
        assert!(changes(&after, &after).is_empty());
        let back = changes(&after, &before);
        assert!(back.contains(&"setting response.enabled: true -> the default".to_owned()), "{back:?}");
    }
}
