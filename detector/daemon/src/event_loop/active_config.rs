//! What is at work, written down, and what a reload would change about it.
//!
//! A running program writes its settings and rules to a file beside its pid file. `--dry-run` with the same `-P` reads
//! it and says what a reload would change, without asking the program and without its privileges.

use crate::config::Loaded;
use crate::rules::Rules;
use serde_json::{Map, Value as Json, json};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Settings that a running program does not take over.
const FIXED: &[&str] = &["engine", "webserver", "plugins", "load_plugins", "metrics", "base_syscalls", "falco_libs"];
/// Settings that are nobody's business.
const SECRET: &[&str] = &["password", "api_key", "headers"];

/// Where the settings and rules of the program with this pid file stand.
pub(crate) fn path(pidfile: &Path) -> PathBuf {
    let mut name = pidfile.as_os_str().to_owned();
    name.push(".applied");
    name.into()
}

/// Settings and rules, as JSON.
pub(crate) fn snapshot(loaded: &Loaded, rules: &mut Rules) -> Json {
    let described = rules.describe(None).unwrap_or_default();
    let rules = described["rules"].as_array().into_iter().flatten().filter_map(|rule| {
        let info = &rule["info"];
        Some((info["name"].as_str()?.to_owned(), info.clone()))
    });
    let rules: Map<String, Json> = rules.collect();
    json!({"settings": leaves(&loaded.document.to_json()), "rules": rules})
}

/// Writes it, for nobody else to read: there may be passwords in it.
pub(crate) fn write(path: &Path, snapshot: &Json) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(snapshot.to_string().as_bytes())?;
    std::fs::rename(beside, path)
}

/// What a change from one to the other is, a line for each.
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
            None => lines.push(format!("rule '{name}': new")),
            Some(known) => {
                let parts = rule.as_object().into_iter().flatten();
                let parts: Vec<_> = parts
                    .filter(|(part, value)| known[part.as_str()] != **value)
                    .map(|(part, _)| part.as_str())
                    .collect();
                if !parts.is_empty() {
                    lines.push(format!("rule '{name}': other {}", parts.join(", ")));
                }
            }
        }
    }
    lines.extend(old.keys().filter(|name| !new.contains_key(*name)).map(|name| format!("rule '{name}': gone")));
    lines
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
    let top = name.split(['.', '[']).next().unwrap_or(name);
    let note = if FIXED.contains(&top) { " (takes a restart)" } else { "" };
    Some(format!("setting {name}: {} -> {}{note}", show(old), show(new)))
}

/// Every setting by its path; lists count as one.
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
            "rules": {"A": {"condition": "x", "enabled": true}, "B": {"condition": "x"}, "Same": {"condition": "y"}},
        });
        let after = json!({
            "settings": leaves(&json!({"json_output": true, "rules_files": ["a"],
                "engine": {"kind": "replay"}, "kafka_output": {"password": "new"}})),
            "rules": {"A": {"condition": "z", "enabled": false}, "C": {"condition": "x"}, "Same": {"condition": "y"}},
        });
        assert_eq!(
            changes(&before, &after),
            [
                "setting json_output: false -> true",
                "setting rules_files: the default -> [\"a\"]",
                "setting engine.kind: \"nodriver\" -> \"replay\" (takes a restart)",
                "setting kafka_output.password: (secret) -> (secret)",
                "setting priority: \"debug\" -> the default",
                "rule 'A': other condition, enabled",
                "rule 'C': new",
                "rule 'B': gone",
            ]
        );
        assert!(changes(&after, &after).is_empty());
    }
}
