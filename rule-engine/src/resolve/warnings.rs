//! Warnings about a tree that need no compilation: deprecated fields, and comparisons with `<NA>`.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::Resolver;
use crate::diag::codes::DEPRECATED_FIELDS;
use crate::diag::{Code, Diagnostic};
use crate::syntax::ast::{Check, Expr, Operand, Operator, Right};

/// The findings.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Whether a field that is never `<NA>` is compared with it.
    pub(super) unsafe_na: bool,
    /// The deprecated fields, as places in [`DEPRECATED_FIELDS`].
    pub(super) deprecated: Vec<usize>,
}

pub(super) fn find(tree: &Expr) -> Found {
    let mut found = Found::default();
    walk(tree, &mut found, &mut FxHashSet::default());
    found.deprecated.sort_unstable();
    found.deprecated.dedup();
    found
}

/// Visits a tree. `seen` are the visited definitions, by address: once is enough.
fn walk(tree: &Expr, found: &mut Found, seen: &mut FxHashSet<usize>) {
    match tree {
        Expr::And(parts, _) | Expr::Or(parts, _) => parts.iter().for_each(|part| walk(part, found, seen)),
        Expr::Not(inner, _) => walk(inner, found, seen),
        Expr::Macro(..) => {}
        Expr::Defined(definition) => {
            if seen.insert(Arc::as_ptr(definition).addr()) {
                walk(definition.tree(), found, seen);
            }
        }
        Expr::Exists(left, _) => {
            operand(left, found, false);
        }
        Expr::Check(check, _) => self::check(check, found),
    }
}

fn check(check: &Check, found: &mut Found) {
    let equality = matches!(
        check.op,
        Operator::Eq | Operator::EqEq | Operator::Ne | Operator::In | Operator::Intersects | Operator::PMatch
    );
    if !operand(&check.left, found, false) || !equality || check.modifier.is_some() {
        return;
    }
    match &check.right {
        Right::Value(value) => found.unsafe_na |= value == b"<NA>",
        Right::Name(name) => found.unsafe_na |= name == "<NA>",
        Right::List(values) => found.unsafe_na |= values.iter().any(|value| value == b"<NA>"),
        Right::Operand(right) => {
            operand(right, found, true);
        }
    }
}

/// Returns whether the last field in it is one of JSON events; `right`: constants are compared too.
fn operand(operand: &Operand, found: &mut Found, right: bool) -> bool {
    match operand {
        Operand::Field(field, _) => {
            found.deprecated.extend(DEPRECATED_FIELDS.iter().position(|(name, _)| *name == field.name));
            field.name.starts_with("ka.") || field.name.starts_with("jevt.")
        }
        Operand::Transformer(transformer, _) => {
            let mut last = false;
            for arg in &transformer.args {
                if matches!(arg, Operand::Field(..) | Operand::Transformer(..)) {
                    last = self::operand(arg, found, right);
                } else {
                    self::operand(arg, found, right);
                }
            }
            last
        }
        Operand::Value(value, _) => {
            found.unsafe_na |= right && value == b"<NA>";
            false
        }
        Operand::List(..) => false,
    }
}

impl Resolver<'_> {
    /// Adds warnings about deprecated fields in an output.
    pub(super) fn deprecated_in(&mut self, text: &str, item: &crate::source::item::Rule) {
        for (name, _) in DEPRECATED_FIELDS.iter().filter(|(name, _)| text.contains(name)) {
            let message = format!("usage of deprecated field '{name}' has been detected in the rule output");
            let mut tell = Diagnostic::new(Code::DeprecatedItem, message, item.output_context());
            tell.deprecated_field = Some(name);
            self.diagnostics.push(tell.at(item.output.spot));
        }
    }

    /// Adds warnings about unused macros and lists.
    pub(super) fn unused(&mut self) {
        for (macro_, from) in self.macros.iter().zip(self.collection.macros.iter()) {
            if !macro_.used {
                let message = "Macro not referred to by any other rule/macro";
                self.diagnostics.push(Diagnostic::new(Code::UnusedMacro, message, from.context.clone()));
            }
        }
        for list in self.lists.iter().filter(|list| !list.used) {
            let message = "List not referred to by any other rule/macro";
            self.diagnostics.push(Diagnostic::new(Code::UnusedList, message, list.context.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::parse;

    #[test]
    fn na_and_deprecated_fields() {
        let of = |text: &str| find(&parse(text).unwrap());
        assert!(of("ka.verb = <NA>").unsafe_na);
        assert!(of("ka.verb in (a, <NA>)").unsafe_na);
        assert!(of("tolower(jevt.x) != <NA>").unsafe_na);
        assert!(!of("ka.verb contains <NA> or proc.name = <NA>").unsafe_na);
        assert_eq!(of("evt.latency.s > 1 and evt.dir = <").deprecated, [0, 2]);
    }
}
