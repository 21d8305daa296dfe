//! The responses that rules and correlations request, as written.

use crate::diag::{Code, Context, Diagnostic, Place, did_you_mean};
use crate::response::Words;

use super::item::{Asked, Written};
use super::read::{Reader, Result, fault};
use super::yaml::Node;

/// The keys of a response.
pub(super) const KEYS: [&str; 6] = ["action", "target", "program", "proposes", "after_alerts", "within_seconds"];

/// Reads `response`: the name of an action, a mapping, or a sequence of both. Empty without that key.
pub(super) fn responses(reader: Reader, item: Node<'_>, context: &Context) -> Result<Vec<Asked>> {
    let Some(node) = item.at("response") else { return Ok(Vec::new()) };
    let context = context.within(Place::ValueFor, "response", node.mark());
    if !node.is_sequence() {
        return one(reader, node, &context).map(|asked| vec![asked]);
    }
    let each = |element: Node<'_>| one(reader, element, &context.within(Place::ListItem, "", element.mark()));
    node.elements().map(each).collect()
}

fn one(reader: Reader, node: Node<'_>, context: &Context) -> Result<Asked> {
    let refuse = |text: &str, node: Node<'_>, hint: Option<String>| -> Box<Diagnostic> {
        let mut fault = fault(Code::YamlValidate, format!("Invalid response: {text}"), context, reader.spot(node));
        fault.hint = hint;
        fault
    };
    let action = match node.scalar() {
        Some(_) => reader.written(node),
        None if !node.is_map() => {
            let hint = "write the name of an action, or `{action: kill, target: tree}`".to_owned();
            return Err(refuse("it is neither a name nor a mapping", node, Some(hint)));
        }
        None => {
            for (key, _) in node.entries() {
                let text = key.text().unwrap_or_default();
                if !KEYS.contains(&text) {
                    let hint = did_you_mean(text, KEYS);
                    let hint = hint.or_else(|| Some(format!("a response has {}", KEYS.join(", "))));
                    return Err(refuse(&format!("it has no key '{text}'"), key, hint));
                }
            }
            reader.string(node, "action", context)?
        }
    };
    let text = |key: &str| -> Result<Option<Written>> {
        let value = if node.is_map() { reader.optional(node, key, context, false)? } else { None };
        Ok(value.map(|node| reader.written(node)))
    };
    let number = |key: &str| if node.is_map() { reader.number(node, key, context) } else { Ok(None) };
    let (target, program, proposes) = (text("target")?, text("program")?, text("proposes")?);
    let default = Words::default();
    let words = Words {
        action: &action.text,
        target: target.as_ref().map_or("", |written| &written.text),
        program: program.as_ref().map_or("", |written| &written.text),
        proposes: proposes.as_ref().map_or("", |written| &written.text),
        after_alerts: number("after_alerts")?.unwrap_or(default.after_alerts),
        within_seconds: number("within_seconds")?.unwrap_or(default.within_seconds),
    };
    let response = words.read().map_err(|invalid| {
        let place = if node.is_map() { node.at(invalid.key).unwrap_or(node) } else { node };
        refuse(&invalid.text, place, invalid.hint)
    })?;
    Ok(Asked { response, spot: program.map_or(action.spot, |program| program.spot), context: context.clone() })
}
