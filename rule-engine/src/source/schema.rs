//! The schema of rule files: keys and types, with the messages of Falco's validator; and the same as a JSON
//! schema.
//!
//! It never rejects a file; it only reports. Scalars have every type that they can be parsed as, so that a number is a
//! string too; a null is a string, but not a list, map or boolean. Everything is valid as a string.

use std::fmt::{Display, Write as _};

use serde_json::{Map as Object, Value as Json, json};

use super::correlation::TYPES;
use super::yaml::{Documents, Node};
use crate::response::Action;

/// The valid values of a place.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// Anything.
    Any,
    /// A string or a number.
    Element,
    /// A scalar.
    Text,
    /// `true` or `false`.
    Truth,
    /// A whole decimal number.
    Number,
    /// One of some words.
    Word(&'static [&'static str]),
    /// A sequence.
    Sequence(&'static Self),
    /// A map.
    Map(&'static Map),
    /// A map from names to values of one shape.
    Named(&'static Self),
    /// A scalar of the first shape, or the second.
    Either(&'static Self, &'static Self),
    /// A sequence of values of the shape, or one.
    OneOrMany(&'static Self),
    /// An item: a correlation if it has that key, else an item that Falco has too.
    Item,
}

/// A map and its keys, in alphabetical order.
#[derive(Debug)]
struct Map {
    /// Name in the JSON schema.
    name: &'static str,
    keys: &'static [(&'static str, Shape)],
    required: &'static [&'static str],
    least: usize,
}

const PRIORITIES: Shape =
    Shape::Word(&["EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "INFORMATIONAL", "DEBUG"]);
const OPERATION: Shape = Shape::Word(&["append", "replace"]);

static ALTERNATIVE: Map = Map {
    name: "Alternative",
    keys: &[("name", Shape::Text), ("version", Shape::Text)],
    required: &["name", "version"],
    least: 0,
};

static PLUGIN: Map = Map {
    name: "RequiredPluginVersion",
    keys: &[
        ("alternatives", Shape::Sequence(&Shape::Map(&ALTERNATIVE))),
        ("name", Shape::Text),
        ("version", Shape::Text),
    ],
    required: &["name", "version"],
    least: 0,
};

static EXCEPTION: Map = Map {
    name: "Exception",
    keys: &[("comps", Shape::Any), ("fields", Shape::Any), ("name", Shape::Text), ("values", Shape::Any)],
    required: &["name"],
    least: 0,
};

static OVERRIDE: Map = Map {
    name: "Override",
    keys: &[
        ("building_block", OPERATION),
        ("capture", OPERATION),
        ("capture_duration", OPERATION),
        ("condition", OPERATION),
        ("desc", OPERATION),
        ("enabled", OPERATION),
        ("exceptions", OPERATION),
        ("items", OPERATION),
        ("output", OPERATION),
        ("priority", OPERATION),
        ("response", OPERATION),
        ("skip-if-unknown-filter", OPERATION),
        ("tags", OPERATION),
        ("warn_evttypes", OPERATION),
    ],
    required: &[],
    least: 1,
};

static RESPONSE: Map = Map {
    name: "Response",
    keys: &[
        ("action", ACTIONS),
        ("after_alerts", Shape::Number),
        ("program", Shape::Text),
        ("proposes", Shape::Word(&["kill", "stop", "continue", "freeze", "thaw"])),
        ("target", Shape::Word(&["process", "tree", "container"])),
        ("within_seconds", Shape::Number),
    ],
    required: &["action"],
    least: 1,
};

const ACTIONS: Shape = Shape::Word(&Action::NAMES);
/// The name of an action, or a response with more keys, or several of both.
const RESPONSES: Shape = Shape::OneOrMany(&Shape::Either(&ACTIONS, &Shape::Map(&RESPONSE)));

static ITEM: Map = Map {
    name: "FalcoRule",
    keys: &[
        ("append", Shape::Truth),
        ("building_block", Shape::Truth),
        ("capture", Shape::Truth),
        ("capture_duration", Shape::Number),
        ("condition", Shape::Text),
        ("desc", Shape::Text),
        ("enabled", Shape::Truth),
        ("exceptions", Shape::Sequence(&Shape::Map(&EXCEPTION))),
        ("items", Shape::Sequence(&Shape::Element)),
        ("list", Shape::Text),
        ("macro", Shape::Text),
        ("output", Shape::Text),
        ("override", Shape::Map(&OVERRIDE)),
        ("priority", PRIORITIES),
        ("required_engine_version", Shape::Text),
        ("required_plugin_versions", Shape::Sequence(&Shape::Map(&PLUGIN))),
        ("response", RESPONSES),
        ("rule", Shape::Text),
        ("skip-if-unknown-filter", Shape::Truth),
        ("source", Shape::Text),
        ("tags", Shape::Sequence(&Shape::Text)),
        ("warn_evttypes", Shape::Truth),
    ],
    required: &[],
    least: 0,
};

const REPLACE: Shape = Shape::Word(&["replace"]);
const TEXTS: Shape = Shape::Either(&Shape::Text, &Shape::Sequence(&Shape::Text));

static STEP: Map = Map {
    name: "Step",
    keys: &[
        ("as", Shape::Text),
        ("condition", Shape::Text),
        ("group-by", TEXTS),
        ("missing", Shape::Truth),
        ("rule", Shape::Text),
        ("source", Shape::Text),
    ],
    required: &[],
    least: 1,
};

static COMPARISONS: Map = Map {
    name: "Comparisons",
    keys: &[
        ("eq", Shape::Number),
        ("field", Shape::Text),
        ("gt", Shape::Number),
        ("gte", Shape::Number),
        ("lt", Shape::Number),
        ("lte", Shape::Number),
    ],
    required: &[],
    least: 1,
};

static CORRELATION_OVERRIDE: Map = Map {
    name: "CorrelationOverride",
    keys: &[
        ("aliases", OPERATION),
        ("building_block", REPLACE),
        ("condition", REPLACE),
        ("desc", OPERATION),
        ("enabled", REPLACE),
        ("exceptions", OPERATION),
        ("field", REPLACE),
        ("group-by", OPERATION),
        ("maxspan", REPLACE),
        ("output", OPERATION),
        ("priority", REPLACE),
        ("response", OPERATION),
        ("rules", OPERATION),
        ("source", REPLACE),
        ("tags", OPERATION),
        ("timespan", REPLACE),
        ("type", REPLACE),
        ("until", REPLACE),
    ],
    required: &[],
    least: 1,
};

static CORRELATION: Map = Map {
    name: "Correlation",
    keys: &[
        ("aliases", Shape::Named(&Shape::Named(&Shape::Text))),
        ("building_block", Shape::Truth),
        ("condition", Shape::Map(&COMPARISONS)),
        ("correlation", Shape::Text),
        ("desc", Shape::Text),
        ("enabled", Shape::Truth),
        ("exceptions", Shape::Sequence(&Shape::Map(&EXCEPTION))),
        ("field", Shape::Text),
        ("group-by", TEXTS),
        ("maxspan", Shape::Text),
        ("output", Shape::Text),
        ("override", Shape::Map(&CORRELATION_OVERRIDE)),
        ("priority", PRIORITIES),
        ("response", RESPONSES),
        ("rules", Shape::Sequence(&Shape::Either(&Shape::Text, &Shape::Map(&STEP)))),
        ("source", Shape::Text),
        ("tags", Shape::Sequence(&Shape::Text)),
        ("timespan", Shape::Text),
        ("type", Shape::Word(&TYPES)),
        ("until", Shape::Either(&Shape::Text, &Shape::Map(&STEP))),
    ],
    required: &["correlation"],
    least: 0,
};

const FILE: Shape = Shape::Sequence(&Shape::Item);

/// The number of keys of the largest map.
const MOST_KEYS: usize = 22;

/// The limit of messages: aliases can multiply errors.
const MOST: usize = 10_000;

/// Returns the messages of the schema for a file: `None` if it contains no document.
///
/// # Errors
/// The message of Falco for a map with a key that is not a scalar.
pub fn validate(documents: &Documents<'_>) -> Result<Option<Vec<String>>, String> {
    let mut messages = Vec::new();
    let mut verdict = None;
    for root in documents.roots() {
        let mut path = String::from("<root>");
        let fine = walk(root, FILE, &mut path, &mut messages)?;
        if fine {
            messages.push("ok".to_owned());
        }
        // The first document decides; messages about the others are printed only if it is not valid.
        verdict = verdict.or(Some(fine));
    }
    Ok(verdict.map(|fine| if fine { Vec::new() } else { messages }))
}

fn walk(node: Node<'_>, shape: Shape, path: &mut String, out: &mut Vec<String>) -> Result<bool, String> {
    const TYPE: &str = "Value type not permitted by 'type' constraint.";
    if out.len() > MOST {
        return Ok(false);
    }
    let text = node.scalar().map(|scalar| &*scalar.text);
    let fine = match shape {
        // The validator treats everything that can be printed as a string as one, and prints everything.
        Shape::Any | Shape::Element | Shape::Text => true,
        Shape::Truth => matches!(text, Some("true" | "false")),
        Shape::Number => text.is_some_and(|text| {
            let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
            !digits.is_empty() && digits.len() < 20 && digits.bytes().all(|b| b.is_ascii_digit())
        }),
        Shape::Word(words) => {
            if text.is_some_and(|text| words.contains(&text)) {
                return Ok(true);
            }
            out.push(format!("failed for {path}: Failed to match against any enum values."));
            return Ok(false);
        }
        Shape::Sequence(inner) if node.is_sequence() => {
            let mut fine = true;
            for (at, element) in node.elements().enumerate() {
                if !deeper(element, *inner, path, at, out)? {
                    out.push(format!("failed for {path}: Failed to validate item #{at} in array."));
                    fine = false;
                }
            }
            return Ok(fine);
        }
        Shape::Map(map) if node.is_map() => return walk_map(node, map, path, out),
        Shape::Named(inner) if node.is_map() => {
            let mut fine = true;
            for (key, value) in node.entries() {
                fine &= deeper(value, *inner, path, key.text().unwrap_or_default(), out)?;
            }
            return Ok(fine);
        }
        Shape::Either(scalar, _) if text.is_some() => return walk(node, *scalar, path, out),
        Shape::OneOrMany(inner) if node.is_sequence() => return walk(node, Shape::Sequence(inner), path, out),
        Shape::OneOrMany(inner) => return walk(node, *inner, path, out),
        Shape::Either(_, other) => return walk(node, *other, path, out),
        Shape::Item => {
            let map = if node.is_map() && node.at("correlation").is_some() { &CORRELATION } else { &ITEM };
            return walk(node, Shape::Map(map), path, out);
        }
        Shape::Sequence(_) | Shape::Map(_) | Shape::Named(_) => false,
    };
    if !fine {
        out.push(format!("failed for {path}: {TYPE}"));
    }
    Ok(fine)
}

fn deeper(
    node: Node<'_>,
    shape: Shape,
    path: &mut String,
    step: impl Display,
    out: &mut Vec<String>,
) -> Result<bool, String> {
    // Most messages about a scalar need no path.
    if matches!(shape, Shape::Any | Shape::Element | Shape::Text) {
        return Ok(true);
    }
    let length = path.len();
    let _ = write!(path, "[{step}]");
    let fine = walk(node, shape, path, out);
    path.truncate(length);
    fine
}

fn walk_map(node: Node<'_>, map: &Map, path: &mut String, out: &mut Vec<String>) -> Result<bool, String> {
    for (key, _) in node.entries() {
        if key.text().is_none() {
            let mark = key.mark();
            return Err(format!(
                "yaml-cpp: error at line {}, column {}: bad conversion",
                mark.line + 1,
                mark.column + 1
            ));
        }
    }
    let mut fine = true;
    if node.entries().count() < map.least {
        out.push(format!("failed for {path}: Object should have no fewer than {} properties.", map.least));
        fine = false;
    }
    // Returns the first value of each key, in the order of the schema.
    let mut values = [None; MOST_KEYS];
    for (key, value) in node.entries() {
        let text = key.text().unwrap_or_default();
        if let Ok(at) = map.keys.binary_search_by(|(known, _)| (*known).cmp(text)) {
            values[at].get_or_insert(value);
        }
    }
    let known = values.iter().flatten().count();
    for ((key, shape), value) in map.keys.iter().zip(values) {
        let Some(value) = value else { continue };
        if !deeper(value, *shape, path, key, out)? {
            let message = format!("Failed to validate against schema associated with property name '{key}'.");
            out.push(format!("failed for {path}: {message}"));
            fine = false;
        }
    }
    if known < node.entries().count() {
        let names = || node.entries().filter_map(|(key, _)| key.text());
        let unknown = names().find(|name| !map.keys.iter().any(|(key, _)| key == name)).unwrap_or_default();
        out.push(format!(
            "failed for {path}: Object contains a property that could not be validated using 'properties' or \
             'additionalProperties' constraints: '{unknown}'."
        ));
        fine = false;
    }
    for key in map.required {
        if node.at(key).is_none() {
            out.push(format!("failed for {path}: Missing required property '{key}'."));
            fine = false;
        }
    }
    Ok(fine)
}

/// Returns the JSON schema of rule files (draft 6), for editors and other tools.
///
/// The loader decides what a rule file may contain, and reports errors with their places; the schema expresses the same
/// as far as JSON schemas can.
pub fn json() -> Json {
    let mut definitions = Object::new();
    let mut schema = described(FILE, &mut definitions);
    schema["$schema"] = json!("http://json-schema.org/draft-06/schema#");
    schema["definitions"] = definitions.into();
    schema
}

fn described(shape: Shape, definitions: &mut Object<String, Json>) -> Json {
    match shape {
        Shape::Any => json!({}),
        Shape::Element => json!({"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        Shape::Text => json!({"type": "string"}),
        Shape::Truth => json!({"type": "boolean"}),
        Shape::Number => json!({"type": "integer"}),
        Shape::Word(words) => json!({"type": "string", "enum": words}),
        Shape::Sequence(inner) => json!({"type": "array", "items": described(*inner, definitions)}),
        Shape::Named(inner) => json!({"type": "object", "additionalProperties": described(*inner, definitions)}),
        Shape::Either(one, other) => {
            json!({"anyOf": [described(*one, definitions), described(*other, definitions)]})
        }
        Shape::OneOrMany(inner) => {
            let many = described(Shape::Sequence(inner), definitions);
            json!({"anyOf": [described(*inner, definitions), many]})
        }
        Shape::Item => {
            let items = [&ITEM, &CORRELATION].map(|map| described(Shape::Map(map), definitions));
            json!({"anyOf": items})
        }
        Shape::Map(map) => {
            if !definitions.contains_key(map.name) {
                let properties: Object<String, Json> =
                    map.keys.iter().map(|(key, shape)| ((*key).to_owned(), described(*shape, definitions))).collect();
                let mut object = json!({"type": "object", "additionalProperties": false, "properties": properties});
                if !map.required.is_empty() {
                    object["required"] = json!(map.required);
                }
                if map.least > 0 {
                    object["minProperties"] = json!(map.least);
                }
                definitions.insert(map.name.to_owned(), object);
            }
            json!({"$ref": format!("#/definitions/{}", map.name)})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::read_correlation::{KEYS, MAY_APPEND, MAY_REPLACE, MEMBER_KEYS};
    use super::super::read_response::KEYS as RESPONSE_KEYS;
    use super::*;

    #[test]
    fn keys_can_be_found_by_halving() {
        for map in [
            &ALTERNATIVE,
            &PLUGIN,
            &EXCEPTION,
            &OVERRIDE,
            &ITEM,
            &STEP,
            &RESPONSE,
            &COMPARISONS,
            &CORRELATION_OVERRIDE,
            &CORRELATION,
        ] {
            assert!(map.keys.is_sorted_by_key(|(key, _)| *key));
            assert!(map.keys.len() <= MOST_KEYS);
        }
    }

    #[test]
    fn correlations_have_the_keys_that_the_loader_reads() {
        let sorted = |keys: &[&'static str]| {
            let mut keys = keys.to_vec();
            keys.sort_unstable();
            keys
        };
        let of = |map: &'static Map| map.keys.iter().map(|(key, _)| *key).collect::<Vec<_>>();
        assert_eq!(of(&CORRELATION), sorted(&KEYS));
        assert_eq!(of(&RESPONSE), sorted(&RESPONSE_KEYS));
        assert_eq!(of(&STEP), sorted(&MEMBER_KEYS));
        assert_eq!(of(&CORRELATION_OVERRIDE), sorted(&MAY_REPLACE));
        let appendable = CORRELATION_OVERRIDE.keys.iter().filter(|(_, shape)| matches!(shape, Shape::Word([_, _])));
        assert_eq!(appendable.map(|(key, _)| *key).collect::<Vec<_>>(), sorted(&MAY_APPEND));
    }
}
