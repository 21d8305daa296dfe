//! Settings that can be written in more than one form.

use super::choices::Strategy;
use super::document::{Node, Value};
use super::setting::{Report, Setting, below, entries};
use serde_json::{Map, Value as Json, json};
use std::path::PathBuf;

/// One entry of `config_files`: a path, or a path with a strategy.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ConfigFile {
    pub(crate) path: PathBuf,
    pub(crate) strategy: Strategy,
}

impl Setting for ConfigFile {
    fn schema(definitions: &mut Map<String, Json>) -> Json {
        let strategy = Strategy::schema(definitions);
        json!({"oneOf": [{"type": "string"}, {
            "type": "object",
            "required": ["path"],
            "properties": {"path": {"type": "string"}, "strategy": strategy},
        }]})
    }

    fn read(node: &Node, path: &str, report: &mut Report) -> Option<Self> {
        let mut read = Self { path: PathBuf::new(), strategy: Strategy::Append };
        if !matches!(node.value, Value::Map(_)) {
            read.path = Setting::read(node, path, report)?;
            return Some(read);
        }
        for (key, value) in entries(node, path, report)? {
            let path = below(path, &key.name);
            match key.name.as_str() {
                "path" => read.path = Setting::read(value, &path, report)?,
                "strategy" => read.strategy = Setting::read(value, &path, report)?,
                _ => report.unknown(key, &path, &["path", "strategy"]),
            }
        }
        if read.path.as_os_str().is_empty() {
            report.warn(&node.place, path, "the entry has no path");
            return None;
        }
        Some(read)
    }
}

/// One entry of `extra_fields`: a field, or a name with a template.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ExtraField {
    /// The field's own value, under its own name.
    Raw(String),
    /// The text of a template, under a name.
    Formatted { name: String, format: String },
}

impl Setting for ExtraField {
    fn schema(_: &mut Map<String, Json>) -> Json {
        json!({"anyOf": [{"type": "object", "additionalProperties": {"type": "string"}}, {"type": "string"}]})
    }

    fn read(node: &Node, path: &str, report: &mut Report) -> Option<Self> {
        if !matches!(node.value, Value::Map(_)) {
            return String::read(node, path, report).map(Self::Raw);
        }
        match entries(node, path, report)?.as_slice() {
            [(key, value)] => {
                let format = String::read(value, &below(path, &key.name), report)?;
                Some(Self::Formatted { name: key.name.clone(), format })
            }
            _ => {
                report.fail(&node.place, path, "must be a field, or one name with its format");
                None
            }
        }
    }
}

/// The settings of a plugin: text, or a mapping that is passed on as JSON.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct InitConfig(pub(crate) String);

impl Setting for InitConfig {
    fn schema(_: &mut Map<String, Json>) -> Json {
        json!({"anyOf": [{"type": "object"}, {"type": "string"}, {"type": "null"}]})
    }

    fn read(node: &Node, path: &str, report: &mut Report) -> Option<Self> {
        Some(Self(match &node.value {
            Value::Map(_) => node.to_json().to_string(),
            _ => String::read(node, path, report)?,
        }))
    }
}
