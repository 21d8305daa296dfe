//! Conversion of a document to typed settings, by one table that is also the schema.
//!
//! A settings struct is written once with [`settings!`]: names, types, defaults and docs. Parsing, the warning about an
//! unknown key and the JSON schema that `--config-schema` prints all come from that one list, so they cannot disagree.
//! Parsing never stops at the first error: all of them are collected in the [`Report`], each with its place.

use super::document::{Key, Node, Place, Value};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// A problem in a configuration, with its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fault {
    pub(crate) place: Place,
    pub(crate) key: String,
    pub(crate) text: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}: {}", self.place, self.key, self.text)
    }
}

/// End of a warning about an invalid value.
pub(crate) const USING_DEFAULT: &str = "; using the default";
/// End of a warning about a repeated key.
pub(crate) const USING_FIRST: &str = "; using the first value";

/// All problems found while parsing.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Problems where the setting is ignored or its default is used.
    pub(crate) warnings: Vec<Fault>,
    /// Invalid values without a sensible replacement.
    pub(crate) errors: Vec<Fault>,
}

impl Report {
    pub(crate) fn warn(&mut self, place: &Place, key: &str, text: impl Into<String>) {
        self.warnings.push(Fault { place: place.clone(), key: key.to_owned(), text: text.into() });
    }

    pub(crate) fn fail(&mut self, place: &Place, key: &str, text: impl Into<String>) {
        self.errors.push(Fault { place: place.clone(), key: key.to_owned(), text: text.into() });
    }

    fn wrong_type(&mut self, node: &Node, key: &str, wanted: &str) {
        let found = match &node.value {
            Value::Scalar { text, .. } => format!("'{text}'"),
            _ => node.kind().to_owned(),
        };
        self.warn(&node.place, key, format!("expected {wanted}, found {found}{USING_DEFAULT}"));
    }

    /// Reports an unknown key, with its replacement if Falco removed it, or else a similar name.
    pub(crate) fn unknown(&mut self, key: &Key, path: &str, known: &[&str]) {
        if let Some(sentence) = crate::config::removed::key(path) {
            return self.warn(&key.place, path, sentence);
        }
        let near = known
            .iter()
            .map(|known| (strsim::damerau_levenshtein(known, &key.name), *known))
            .min()
            .filter(|(distance, known)| *distance <= 2.max(known.len() / 4));
        let hint = near.map_or_else(String::new, |(_, near)| format!("; did you mean '{near}'?"));
        self.warn(&key.place, path, format!("unknown setting{hint}"));
    }
}

/// A value in a configuration file.
pub(crate) trait Setting: Sized {
    /// Returns the JSON schema of the value. Structs add themselves to `definitions`.
    fn schema(definitions: &mut Map<String, Json>) -> Json;

    /// Parses the node. `None`, with an entry in the report, keeps the default.
    fn read(node: &Node, path: &str, report: &mut Report) -> Option<Self>;
}

/// Returns the path of a key below another.
pub(crate) fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Returns the entries of a mapping, each key once: the first of equal keys applies.
pub(crate) fn entries<'n>(node: &'n Node, path: &str, report: &mut Report) -> Option<Vec<(&'n Key, &'n Node)>> {
    let list = match &node.value {
        Value::Map(list) => list,
        Value::Null => return Some(Vec::new()),
        _ => {
            report.wrong_type(node, path, "a mapping");
            return None;
        }
    };
    let mut seen: Vec<(&Key, &Node)> = Vec::with_capacity(list.len());
    for (key, node) in list {
        if seen.iter().any(|(first, _)| first.name == key.name) {
            report.warn(&key.place, &below(path, &key.name), format!("is set twice{USING_FIRST}"));
        } else {
            seen.push((key, node));
        }
    }
    Some(seen)
}

impl Setting for bool {
    fn schema(_: &mut Map<String, Json>) -> Json {
        json!({"type": "boolean"})
    }

    fn read(node: &Node, path: &str, report: &mut Report) -> Option<Self> {
        let read = match &node.value {
            Value::Scalar { text, .. } => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "y" => Some(true),
                "false" | "no" | "off" | "n" => Some(false),
                _ => None,
            },
            _ => None,
        };
        if read.is_none() {
            report.wrong_type(node, path, "true or false");
        }
        read
    }
}

macro_rules! integers {
    ($($type:ty),*) => { $(
        impl Setting for $type {
            fn schema(_: &mut Map<String, Json>) -> Json {
                json!({"type": "integer"})
            }

            fn read(node: &Node, path: &str, report: &mut Report) -> Option<Self> {
                let read = match &node.value {
                    Value::Scalar { text, .. } => {
                        let hex = text.strip_prefix("0x").map(|digits| Self::from_str_radix(digits, 16).ok());
                        hex.unwrap_or_else(|| text.parse().ok())
                    }
                    _ => None,
                };
                if read.is_none() {
                    report.wrong_type(node, path, &format!("a whole number from {} to {}", Self::MIN, Self::MAX));
                }
                read
            }
        }
    )* };
}
integers!(u8, u16, u32, u64);

impl Setting for f64 {
    fn schema(_: &mut Map<String, Json>) -> Json {
        json!({"type": "number"})
    }

    fn read(node: &Node, path: &str, report: &mut Report) -> Option<Self> {
        let read = match &node.value {
            Value::Scalar { text, .. } => text.parse().ok().filter(|number: &Self| number.is_finite()),
            _ => None,
        };
        if read.is_none() {
            report.wrong_type(node, path, "a number");
        }
        read
    }
}

impl Setting for String {
    fn schema(_: &mut Map<String, Json>) -> Json {
        json!({"type": "string"})
    }

    fn read(node: &Node, path: &str, report: &mut Report) -> Option<Self> {
        match &node.value {
            Value::Scalar { text, .. } => Some(text.clone()),
            Value::Null => Some(Self::new()),
            _ => {
                report.wrong_type(node, path, "text");
                None
            }
        }
    }
}

impl Setting for PathBuf {
    fn schema(definitions: &mut Map<String, Json>) -> Json {
        String::schema(definitions)
    }

    fn read(node: &Node, path: &str, report: &mut Report) -> Option<Self> {
        String::read(node, path, report).map(Into::into)
    }
}

impl<T: Setting> Setting for Option<T> {
    fn schema(definitions: &mut Map<String, Json>) -> Json {
        T::schema(definitions)
    }

    fn read(node: &Node, path: &str, report: &mut Report) -> Option<Self> {
        T::read(node, path, report).map(Some)
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn schema(definitions: &mut Map<String, Json>) -> Json {
        json!({"type": "array", "items": T::schema(definitions)})
    }

    /// A single value is accepted as a list of one.
    fn read(node: &Node, path: &str, report: &mut Report) -> Option<Self> {
        Some(match &node.value {
            Value::Null => Self::new(),
            Value::List(items) => {
                let item = |(index, item)| T::read(item, &format!("{path}[{index}]"), report);
                items.iter().enumerate().filter_map(item).collect()
            }
            _ => T::read(node, path, report).into_iter().collect(),
        })
    }
}

impl Setting for BTreeMap<String, String> {
    fn schema(_: &mut Map<String, Json>) -> Json {
        json!({"type": "object"})
    }

    fn read(node: &Node, path: &str, report: &mut Report) -> Option<Self> {
        let entries = entries(node, path, report)?;
        let entry =
            |(key, node): (&Key, &Node)| Some((key.name.clone(), String::read(node, &below(path, &key.name), report)?));
        Some(entries.into_iter().filter_map(entry).collect())
    }
}

/// Turns a list of settings into a struct with its defaults, parser and schema.
///
/// ```text
/// settings! {                                     struct Webserver { enabled: bool, listen_port: u32 }
///     /// The built-in web server.                impl Default for Webserver: false, 8765
///     Webserver {                          ==>    impl Setting for Webserver: read by key, warn of others
///         /// Whether it runs.                    {"type": "object", "properties": {"enabled": ..., ...}}
///         enabled: bool = false,
///         ...
/// ```
macro_rules! settings {
    ($(
        $(#[doc = $doc:literal])*
        $name:ident $(and $more:ident: $more_type:ty, behind $behind:ident)? {
            $( $(#[doc = $field_doc:literal])* $field:ident: $type:ty = $default:expr ),* $(,)?
        }
    )*) => { $(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub(crate) struct $name {
            $( $(#[doc = $field_doc])* pub(crate) $field: $type, )*
            $( /// Settings from another table.
            pub(crate) $more: $more_type, )?
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default, )* $( $more: <$more_type>::default(), )? }
            }
        }

        impl $crate::config::setting::Setting for $name {
            fn schema(definitions: &mut serde_json::Map<String, serde_json::Value>) -> serde_json::Value {
                let mut properties = serde_json::Map::new();
                $(
                    let mut schema = <$type as $crate::config::setting::Setting>::schema(definitions);
                    let doc = concat!($($field_doc),*).trim();
                    if schema.get("$ref").is_none() && let Some(schema) = schema.as_object_mut() {
                        schema.insert("description".to_owned(), doc.into());
                    }
                    properties.insert($crate::config::setting::plain(stringify!($field)).to_owned(), schema);
                )*
                $( properties = $crate::config::setting::behind(properties, stringify!($behind), |properties| {
                    <$more_type>::schema(properties, definitions);
                }); )?
                definitions.insert(stringify!($name).to_owned(), serde_json::json!({
                    "title": stringify!($name),
                    "description": concat!($($doc),*).trim(),
                    "type": "object",
                    "additionalProperties": false,
                    "properties": properties,
                }));
                serde_json::json!({"$ref": concat!("#/definitions/", stringify!($name))})
            }

            fn read(
                node: &$crate::config::document::Node,
                path: &str,
                report: &mut $crate::config::setting::Report,
            ) -> Option<Self> {
                let mut read = Self::default();
                for (key, node) in $crate::config::setting::entries(node, path, report)? {
                    let path = $crate::config::setting::below(path, &key.name);
                    $(
                        if key.name == $crate::config::setting::plain(stringify!($field)) {
                            if let Some(value) = $crate::config::setting::Setting::read(node, &path, report) {
                                read.$field = value;
                            }
                            continue;
                        }
                    )*
                    $( if read.$more.read(key, node, &path, report) {
                        continue;
                    } )?
                    let known: &[&str] = &[$( $crate::config::setting::plain(stringify!($field)) ),*];
                    $( let known = &[known, <$more_type>::KEYS].concat(); )?
                    report.unknown(key, &path, known);
                }
                Some(read)
            }
        }
    )* };
}
pub(crate) use settings;

/// Turns a list of words into an enum. An unknown word is an error, since no default can be what was meant.
macro_rules! choices {
    ($( $(#[doc = $doc:literal])* $name:ident { $( $(#[doc = $choice_doc:literal])* $choice:ident = $word:literal ),* $(,)? } )*) => { $(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name { $( $(#[doc = $choice_doc])* $choice ),* }

        impl $name {
            /// The words, as they are written in a file.
            pub(crate) const WORDS: &[&str] = &[$($word),*];

            /// Returns its word.
            #[allow(dead_code, reason = "not all words are needed again")]
            pub(crate) const fn word(self) -> &'static str {
                match self { $( Self::$choice => $word ),* }
            }
        }

        impl $crate::config::setting::Setting for $name {
            fn schema(_: &mut serde_json::Map<String, serde_json::Value>) -> serde_json::Value {
                serde_json::json!({"type": "string", "enum": Self::WORDS})
            }

            fn read(
                node: &$crate::config::document::Node,
                path: &str,
                report: &mut $crate::config::setting::Report,
            ) -> Option<Self> {
                let word = <String as $crate::config::setting::Setting>::read(node, path, report)?;
                match word.to_ascii_lowercase().as_str() {
                    $( $word => Some(Self::$choice), )*
                    _ => {
                        let hint = $crate::config::removed::word(path, &word)
                            .unwrap_or_else(|| format!("must be one of {}", Self::WORDS.join(", ")));
                        report.fail(&node.place, path, format!("'{word}': {hint}"));
                        None
                    }
                }
            }
        }
    )* };
}
pub(crate) use choices;

/// Inserts properties after an existing one, so that the schema lists settings in the order of the documentation.
pub(crate) fn behind(
    properties: Map<String, Json>,
    name: &str,
    add: impl FnOnce(&mut Map<String, Json>),
) -> Map<String, Json> {
    let (mut ordered, mut add) = (Map::new(), Some(add));
    for (key, schema) in properties {
        let found = key == name;
        ordered.insert(key, schema);
        if let Some(add) = add.take_if(|_| found) {
            add(&mut ordered);
        }
    }
    ordered
}

/// Returns the name of a field without the prefix of a raw identifier.
pub(crate) fn plain(name: &'static str) -> &'static str {
    name.strip_prefix("r#").unwrap_or(name)
}
