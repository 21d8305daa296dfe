//! The token of a check that a compile error is about, for people: the reference points at the whole check.

use crate::lower::{CompileError, CompileErrorKind};
use crate::syntax::ast::{Check, Expr, Operand, Position, Right};
use crate::syntax::print;

/// Returns the offset in `text` of the words that an error is about, in the check that it points at.
pub(super) fn token(tree: &Expr, error: &CompileError, text: &str) -> usize {
    let position = error.position;
    let Some(check) = find(tree, position) else { return position.index };
    let written = match &error.kind {
        CompileErrorKind::Operator { op, .. } => {
            let field = print::operand(&check.left).len();
            let behind = (position.index + field.min(left_name(&check.left))).min(text.len());
            let found = text.get(behind..).and_then(|rest| rest.find(op.text()));
            return found.map_or(position.index, |at| behind + at);
        }
        CompileErrorKind::Field(error) => {
            // Returns the field on the right, unless the same is on the left.
            let on_the_right = match (&check.left, &check.right) {
                (Operand::Field(left, _), _) if error.field().starts_with(left.name.as_str()) => false,
                (_, Right::Operand(right)) => has_field(right, error.field()),
                _ => false,
            };
            return if on_the_right { check.right_at.index } else { position.index };
        }
        CompileErrorKind::Transformer { .. } | CompileErrorKind::UnknownTransformer => return position.index,
        CompileErrorKind::Value { value, .. } | CompileErrorKind::Number { value } => {
            String::from_utf8_lossy(value).into_owned()
        }
        CompileErrorKind::UnknownEventType { name } => name.clone(),
        _ => return check.right_at.index,
    };
    let from = check.right_at.index.min(text.len());
    let found = text.get(from..).and_then(|rest| rest.find(&written));
    found.map_or(check.right_at.index, |at| from + at)
}

fn has_field(operand: &Operand, text: &str) -> bool {
    match operand {
        Operand::Field(field, _) => text.starts_with(field.name.as_str()),
        Operand::Transformer(transformer, _) => transformer.args.iter().any(|arg| has_field(arg, text)),
        Operand::List(items, _) => items.iter().any(|item| has_field(item, text)),
        Operand::Value(..) => false,
    }
}

/// Returns the length of the name that a left side begins with.
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
