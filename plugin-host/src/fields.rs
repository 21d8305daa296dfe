//! The fields that a plugin extracts, which it lists as JSON.

use rule_engine::event::Kind;
use rule_engine::event::json::Argument;
use serde::{Deserialize, Deserializer};

/// A field that a plugin extracts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Field {
    /// Its name, such as `ct.user`.
    pub name: String,
    /// The type of its value, or of its elements.
    pub kind: Kind,
    /// Whether it is a list.
    pub list: bool,
    /// Its argument between brackets.
    pub argument: Argument,
    /// Its name for people, such as `User Name`; empty if it has none.
    pub display: String,
    /// Its description.
    pub doc: String,
    /// Whether the plugin suggests it for the output of every alert.
    pub suggested: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    name: String,
    r#type: String,
    #[serde(default, deserialize_with = "or_default")]
    is_list: bool,
    #[serde(default, deserialize_with = "or_default")]
    arg: Option<Arg>,
    #[serde(default, deserialize_with = "or_default")]
    display: String,
    #[serde(default, deserialize_with = "or_default")]
    desc: String,
    #[serde(default, deserialize_with = "or_default")]
    add_output: bool,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Arg {
    #[serde(default, deserialize_with = "or_default")]
    is_required: bool,
    #[serde(default, deserialize_with = "or_default")]
    is_index: bool,
    #[serde(default, deserialize_with = "or_default")]
    is_key: bool,
}

/// Reads a value that may be null, which is as good as absent: SDKs write that for what a field does not have.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// The types of fields: the name, the type here, and the number of the plugin interface.
pub(crate) const TYPES: [(&str, Kind, u32); 7] = [
    ("uint64", Kind::UInt64, 8),
    ("string", Kind::CharBuf, 9),
    ("reltime", Kind::RelTime, 20),
    ("abstime", Kind::AbsTime, 21),
    ("bool", Kind::Bool, 25),
    ("ipaddr", Kind::IpAddr, 40),
    ("ipnet", Kind::IpNet, 41),
];

/// Parses the list of the fields of a plugin.
///
/// # Errors
/// If a field is invalid.
pub(crate) fn parse(json: &str) -> Result<Vec<Field>, String> {
    let rows: Vec<Row> = serde_json::from_str(json).map_err(|error| format!("no list of fields: {error}"))?;
    let mut fields: Vec<Field> = Vec::with_capacity(rows.len());
    for row in rows {
        let name = row.name;
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || "[]()=!<>,\"'".contains(c)) {
            return Err(format!("the field `{name}`, which is not a name that conditions can contain"));
        }
        let kind = TYPES.iter().find(|(known, ..)| *known == row.r#type);
        let &(_, kind, _) = kind.ok_or_else(|| format!("the field `{name}` with the unknown type `{}`", row.r#type))?;
        let argument = match row.arg.unwrap_or_default() {
            Arg { is_index: true, is_key: true, .. } => {
                return Err(format!("the field `{name}`, whose argument is both an index and a key"));
            }
            Arg { is_required: true, is_index: false, is_key: false } => {
                return Err(format!("the field `{name}`, whose required argument is neither an index nor a key"));
            }
            Arg { is_required, is_index: true, .. } => {
                if is_required {
                    Argument::RequiredIndex
                } else {
                    Argument::Index
                }
            }
            Arg { is_required, is_key: true, .. } => {
                if is_required {
                    Argument::Key
                } else {
                    Argument::OptionalKey
                }
            }
            _ => Argument::None,
        };
        if fields.iter().any(|known| known.name == name) {
            return Err(format!("the field `{name}` twice"));
        }
        let (list, display, doc, suggested) = (row.is_list, row.display, row.desc, row.add_output);
        fields.push(Field { name, kind, list, argument, display, doc, suggested });
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::{Argument, Kind, parse};

    #[test]
    fn fields_are_read_with_their_arguments() {
        let fields = parse(
            r#"[{"name": "a.count", "type": "uint64", "desc": "How many.", "display": "Count", "addOutput": true},
                {"name": "a.part", "type": "string", "isList": true, "arg": {"isRequired": true, "isKey": true}},
                {"name": "a.nth", "type": "ipnet", "arg": {"isIndex": true}, "properties": ["x"]},
                {"name": "a.ip", "type": "ipaddr", "arg": {"isRequired": true, "isIndex": true}},
                {"name": "a.any", "type": "bool", "arg": {"isKey": true, "isIndex": null}, "display": null,
                 "desc": null, "isList": null, "addOutput": null}]"#,
        )
        .unwrap();
        let seen: Vec<_> =
            fields.iter().map(|field| (field.name.as_str(), field.kind, field.list, field.argument)).collect();
        assert_eq!(
            seen,
            [
                ("a.count", Kind::UInt64, false, Argument::None),
                ("a.part", Kind::CharBuf, true, Argument::Key),
                ("a.nth", Kind::IpNet, false, Argument::Index),
                ("a.ip", Kind::IpAddr, false, Argument::RequiredIndex),
                ("a.any", Kind::Bool, false, Argument::OptionalKey),
            ]
        );
        assert!(fields[0].suggested && !fields[1].suggested);
        assert_eq!((fields[0].display.as_str(), fields[0].doc.as_str()), ("Count", "How many."));
    }

    #[test]
    fn invalid_lists_say_which_field() {
        for (json, expected) in [
            ("{}", "no list of fields"),
            ("[{", "no list of fields"),
            (r#"[{"type": "string"}]"#, "missing field `name`"),
            (r#"[{"name": "", "type": "string"}]"#, "not a name"),
            (r#"[{"name": "a b", "type": "string"}]"#, "`a b`, which is not a name"),
            (r#"[{"name": "a", "type": "float"}]"#, "`a` with the unknown type `float`"),
            (r#"[{"name": "a", "type": "string", "arg": {"isRequired": true}}]"#, "neither an index nor a key"),
            (
                r#"[{"name": "a", "type": "string", "arg": {"isIndex": true, "isKey": true}}]"#,
                "both an index and a key",
            ),
            (r#"[{"name": "a", "type": "string"}, {"name": "a", "type": "bool"}]"#, "`a` twice"),
        ] {
            let error = parse(json).unwrap_err();
            assert!(error.contains(expected), "{json}: {error}");
        }
    }
}
