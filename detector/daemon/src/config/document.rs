//! A YAML document as a tree in which every node has its place.
//!
//! Settings come from several files and from the command line, are merged, and are only then converted to types. A
//! warning must still name the file, line and column to change, so each node carries its place. Scalars stay text until
//! a setting requires a type: `"yes"` is a boolean for one setting, a word for another.
//!
//! The YAML is read as that of rules is, by the decisions of Falco's reader: a file that Falco accepts is accepted, and
//! means the same.

use rule_engine::source::yaml::{self, Documents, Scalar, Style};
use rule_engine::text::{Mark, Text, to_bytes};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Maximum number of nodes. Aliases can expand a small file to a huge tree.
const MAX_NODES: usize = 200_000;
/// Maximum nesting depth. Settings are nested only a few levels deep; free-form plugin settings may be deeper.
const MAX_DEPTH: usize = 64;

/// Position of a node in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: Arc<str>,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Place {
    /// Creates a place outside any file, such as the command line.
    pub(crate) fn named(name: &str) -> Self {
        Self { file: name.into(), line: 0, column: 0 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            return out.write_str(&self.file);
        }
        write!(out, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A key of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) place: Place,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Scalar { text: String, plain: bool },
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) place: Place,
}

impl Node {
    pub(crate) fn empty_map(place: Place) -> Self {
        Self { value: Value::Map(Vec::new()), place }
    }

    pub(crate) fn scalar(text: impl Into<String>, place: Place) -> Self {
        Self { value: Value::Scalar { text: text.into(), plain: true }, place }
    }

    /// Returns the entry of a mapping with this key.
    pub(crate) fn entry(&self, name: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node),
            _ => None,
        }
    }

    /// Returns the node under `name`, created as null if absent. A node that is not a mapping becomes one.
    pub(crate) fn entry_mut(&mut self, name: &str, place: &Place) -> &mut Self {
        if !matches!(self.value, Value::Map(_)) {
            self.value = Value::Map(Vec::new());
        }
        let Value::Map(entries) = &mut self.value else { unreachable!("made a mapping above") };
        let index = entries.iter().position(|(key, _)| key.name == name).unwrap_or_else(|| {
            let key = Key { name: name.to_owned(), place: place.clone() };
            entries.push((key, Self { value: Value::Null, place: place.clone() }));
            entries.len() - 1
        });
        &mut entries[index].1
    }

    /// Returns the kind of the node, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Scalar { .. } => "a plain value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// Returns the tree as JSON. Plain scalars that read as numbers or booleans become such, quoted ones stay text.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Scalar { text, plain: false } => Json::String(text.clone()),
            Value::Scalar { text, plain: true } => match text.as_str() {
                "true" | "false" => Json::Bool(text == "true"),
                _ => match (text.parse::<i64>(), text.parse::<f64>()) {
                    (Ok(number), _) => number.into(),
                    (_, Ok(number)) => {
                        serde_json::Number::from_f64(number).map_or_else(|| Json::String(text.clone()), Json::Number)
                    }
                    _ => Json::String(text.clone()),
                },
            },
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(entries) => entries.iter().map(|(key, node)| (key.name.clone(), node.to_json())).collect(),
        }
    }

    /// Calls `change` on the text of every scalar below.
    pub(crate) fn each_scalar(&mut self, change: &mut impl FnMut(&mut String)) {
        match &mut self.value {
            Value::Null => {}
            Value::Scalar { text, .. } => change(text),
            Value::List(items) => items.iter_mut().for_each(|item| item.each_scalar(change)),
            Value::Map(entries) => entries.iter_mut().for_each(|(_, node)| node.each_scalar(change)),
        }
    }
}

/// Reason why a file could not be read as a document.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ParseError {
    #[error("{0}: cannot read: {1}")]
    Read(String, std::io::Error),
    #[error("{place}: {text}")]
    Syntax { place: Place, text: String },
}

/// Parses the first document of a file.
pub(crate) fn read(path: &Path) -> Result<Node, ParseError> {
    let name = path.display().to_string();
    let text = std::fs::read(path).map_err(|error| ParseError::Read(name.clone(), error))?;
    let text = String::from_utf8(text)
        .map_err(|_| ParseError::Syntax { place: Place::named(&name), text: "not UTF-8 text".into() })?;
    parse(&name, &text)
}

/// Parses the first document of a text; messages use `name` for it. An empty text is an empty mapping.
pub(crate) fn parse(name: &str, text: &str) -> Result<Node, ParseError> {
    let decoded = Text::new(text.as_bytes());
    let mut builder = Builder { file: name.into(), text: decoded.as_str(), nodes: 0 };
    let documents = Documents::read(&decoded).map_err(|error| ParseError::Syntax {
        place: builder.place(error.mark),
        text: error.hint.map_or(error.message.clone(), |hint| format!("{} ({hint})", error.message)),
    })?;
    match documents.roots().next().filter(|root| !root.is_null()) {
        Some(root) => builder.node(root, 0),
        None => Ok(Node::empty_map(Place { line: 1, column: 1, ..Place::named(name) })),
    }
}

/// Returns the value of a scalar, with the characters that the reader of rules keeps for bytes that are not UTF-8.
fn owned(scalar: &Scalar<'_>) -> String {
    String::from_utf8_lossy(&to_bytes(&scalar.text)).into_owned()
}

/// Makes nodes that own their text; an alias becomes a copy of what it refers to.
struct Builder<'t> {
    file: Arc<str>,
    text: &'t str,
    nodes: usize,
}

impl Builder<'_> {
    /// Returns a place with line and column from 1, the latter in characters.
    fn place(&self, mark: Mark) -> Place {
        let before = mark.offset.checked_sub(mark.column).and_then(|start| self.text.get(start..mark.offset));
        let column = before.map_or(mark.column, |before| before.chars().count());
        Place { file: Arc::clone(&self.file), line: mark.line + 1, column: column + 1 }
    }

    fn node(&mut self, node: yaml::Node<'_>, depth: usize) -> Result<Node, ParseError> {
        let place = self.place(node.mark());
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let text = format!("the document has more than {MAX_NODES} nodes");
            return Err(ParseError::Syntax { place, text });
        }
        if depth > MAX_DEPTH {
            return Err(ParseError::Syntax { place, text: format!("nested more than {MAX_DEPTH} levels deep") });
        }
        let value = if node.is_map() {
            let entries = node.entries().map(|(key, node)| Ok((self.key(key)?, self.node(node, depth + 1)?)));
            Value::Map(entries.collect::<Result<_, ParseError>>()?)
        } else if node.is_sequence() {
            Value::List(node.elements().map(|item| self.node(item, depth + 1)).collect::<Result<_, _>>()?)
        } else {
            let scalar = node.scalar();
            scalar.map_or(Value::Null, |scalar| Value::Scalar {
                text: owned(scalar),
                plain: scalar.style == Style::Plain,
            })
        };
        Ok(Node { value, place })
    }

    fn key(&self, node: yaml::Node<'_>) -> Result<Key, ParseError> {
        let place = self.place(node.mark());
        if node.is_map() || node.is_sequence() {
            let kind = if node.is_map() { "a mapping" } else { "a list" };
            return Err(ParseError::Syntax { place, text: format!("a key must be plain text, found {kind}") });
        }
        Ok(Key { name: node.scalar().map(owned).unwrap_or_default(), place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_knows_its_place() {
        let root = parse("a.yaml", "json_output: true\nengine:\n  kind: replay\nrules: [a, {b: c}]\n").unwrap();
        let kind = root.entry("engine").and_then(|engine| engine.entry("kind")).unwrap();
        assert_eq!(kind.place.to_string(), "a.yaml:3:9");
        assert_eq!(
            root.to_json().to_string(),
            r#"{"json_output":true,"engine":{"kind":"replay"},"rules":["a",{"b":"c"}]}"#
        );
    }

    #[test]
    fn errors_name_line_and_column() {
        for (text, place) in [
            ("a: [1, 2\nb: 3", "a.yaml:2"),
            ("{a: b}: c", "a.yaml:1:1"),
            ("a: *b", "a.yaml:1:4"),
            ("ö: *b", "a.yaml:1:4"),
        ] {
            let error = parse("a.yaml", text).unwrap_err().to_string();
            assert!(error.starts_with(place), "{text}: {error}");
        }
    }

    #[test]
    fn aliases_cannot_blow_up() {
        let nested = |levels: usize| {
            let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
            for level in 1..levels {
                let below = format!("*a{}, ", level - 1).repeat(10);
                text.push_str(&format!("a{level}: &a{level} [{}]\n", below.trim_end_matches(", ")));
            }
            text
        };
        let error = |text: &str| parse("bomb", text).unwrap_err().to_string();
        assert_eq!(error(&nested(9)), "bomb:10:1: aliases make the document too large");
        let some = nested(5);
        assert!(parse("some", &some).is_ok());
        let more = error(&format!("{some}more: [*a4, *a4]\n"));
        assert!(more.contains("more than 200000 nodes"), "{more}");
        assert!(parse("deep", &"[".repeat(100_000)).is_err());
    }
}
