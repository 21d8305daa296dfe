//! The token of a check that a compile error is about, for people: the reference points at the whole check.

use crate::syntax::ast::{Check, Expr, Operand, Position, Right};
use crate::syntax::print;

/// The offset in `text` of what `message` is about, in the check at `position`.
pub(super) fn token(tree: &Expr, position: Position, message: &str, text: &str) -> usize {
    let Some(check) = find(tree, position) else { return position.index };
    let field = print::operand(&check.left).len();
    let about_field = ["nonexistent field", "filter syntax error", "does not support field arguments", "transformer"];
    if message.contains(&format!("'{}' operator", check.op.text()))
        || message.contains(&format!("'{}'", check.op.text()))
    {
        let behind = (position.index + field.min(left_name(&check.left))).min(text.len());
        return text.get(behind..).and_then(|rest| rest.find(check.op.text())).map_or(position.index, |at| behind + at);
    }
    if about_field.iter().any(|words| message.contains(words)) {
        let right_is_wrong = match &check.right {
            Right::Operand(Operand::Transformer(transformer, _)) => transformer.args.iter().any(|arg| match arg {
                Operand::Field(field, _) => message.ends_with(&field.name),
                _ => false,
            }),
            _ => false,
        };
        return if right_is_wrong { check.right_at.index } else { position.index };
    }
    let value = match &check.right {
        Right::Value(value) => Some(value.as_slice()),
        Right::List(values) => {
            values.iter().map(Vec::as_slice).filter(|value| mentions(message, value)).max_by_key(|v| v.len())
        }
        Right::Name(_) | Right::Operand(_) => None,
    };
    let Some(value) = value else { return check.right_at.index };
    let shown = String::from_utf8_lossy(value);
    let from = check.right_at.index.min(text.len());
    let found = text.get(from..).and_then(|rest| rest.find(&*shown));
    found.map_or(check.right_at.index, |at| from + at)
}

fn mentions(message: &str, value: &[u8]) -> bool {
    !value.is_empty() && message.contains(&*String::from_utf8_lossy(value))
}

/// How long the name is that a left side begins with.
fn left_name(operand: &Operand) -> usize {
    match operand {
        Operand::Field(field, _) => field.name.len(),
        Operand::Transformer(transformer, _) => transformer.name.len(),
        Operand::Value(..) | Operand::List(..) => 0,
    }
}

fn find(tree: &Expr, position: Position) -> Option<&Check> {
    match tree {
        Expr::And(parts, _) | Expr::Or(parts, _) => parts.iter().find_map(|part| find(part, position)),
        Expr::Not(inner, _) => find(inner, position),
        Expr::Defined(definition) => find(definition.tree(), position),
        Expr::Check(check, at) if *at == position => Some(check),
        _ => None,
    }
}
