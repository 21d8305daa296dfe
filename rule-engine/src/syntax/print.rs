//! Tree to text.
//!
//! Two texts: the canonical one, which Falco prints too (a constant in a transformer loses its quotes, an empty constant
//! is nothing), and the exact one, which reads back as the same tree.

use std::fmt;

use super::ast::{Check, Expr, Field, Operand, Right, Transformer};
use super::escape::{escape, quote, quote_exactly};
use crate::text::from_bytes;

/// Returns the canonical text, as bytes: constants need not be UTF-8.
pub fn canonical(expr: &Expr) -> Vec<u8> {
    let mut printer = Printer { out: Vec::new(), exact: false };
    printer.expr(expr);
    printer.out
}

/// Returns a text that [`parse_bytes`](super::parse_bytes) reads as the same tree.
pub fn exact(expr: &Expr) -> Vec<u8> {
    let mut printer = Printer { out: Vec::new(), exact: true };
    printer.expr(expr);
    printer.out
}

/// Returns the canonical text of a field or a transformer.
pub fn operand(operand: &Operand) -> Vec<u8> {
    let mut printer = Printer { out: Vec::new(), exact: false };
    printer.operand(operand);
    printer.out
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&canonical(self)))
    }
}

struct Printer {
    out: Vec<u8>,
    exact: bool,
}

impl Printer {
    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::And(parts, _) => self.joined(parts, " and "),
            Expr::Or(parts, _) => self.joined(parts, " or "),
            Expr::Not(inner, _) => {
                self.text("not ");
                // `not not x` would read as `x`.
                let wrap = self.exact && matches!(inner.plain(), Expr::Not(..));
                if wrap {
                    self.text("(");
                }
                self.expr(inner);
                if wrap {
                    self.text(")");
                }
            }
            Expr::Macro(name, _) => self.text(name),
            Expr::Defined(definition) => self.expr(definition.tree()),
            Expr::Exists(left, _) => {
                self.operand(left);
                self.text(" exists");
            }
            Expr::Check(check, _) => self.check(check),
        }
    }

    fn joined(&mut self, parts: &[Expr], word: &str) {
        self.text("(");
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                self.text(word);
            }
            self.expr(part);
        }
        self.text(")");
    }

    fn check(&mut self, check: &Check) {
        self.operand(&check.left);
        self.text(" ");
        self.text(check.op.text());
        self.text(" ");
        if let Some(modifier) = check.modifier {
            self.text(modifier.text());
            self.text(" ");
        }
        match &check.right {
            Right::Value(value) => self.value(value, check.op.takes_number()),
            Right::List(values) => {
                self.text("(");
                for (at, value) in values.iter().enumerate() {
                    if at > 0 {
                        self.text(", ");
                    }
                    self.value(value, false);
                }
                self.text(")");
            }
            Right::Name(name) => self.text(name),
            Right::Operand(operand) => self.operand(operand),
        }
    }

    /// Writes a constant behind an operator or in a list. Numbers are unquoted, as the grammar requires.
    fn value(&mut self, value: &[u8], number: bool) {
        if self.exact && !number {
            quote_exactly(value, &mut self.out);
        } else {
            escape(value, &mut self.out);
        }
    }

    fn operand(&mut self, operand: &Operand) {
        match operand {
            Operand::Field(field, _) => self.field(field),
            Operand::Transformer(transformer, _) => self.transformer(transformer),
            Operand::Value(value, _) => self.value(value, false),
            Operand::List(items, _) => {
                self.text("(");
                self.operands(items);
                self.text(")");
            }
        }
    }

    fn operands(&mut self, items: &[Operand]) {
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.text(",");
            }
            self.operand(item);
        }
    }

    fn field(&mut self, field: &Field) {
        self.text(&field.name);
        self.arg(field.arg.as_deref());
    }

    fn transformer(&mut self, transformer: &Transformer) {
        self.text(&transformer.name);
        self.text("(");
        self.operands(&transformer.args);
        self.text(")");
        self.arg(transformer.arg.as_deref());
    }

    fn arg(&mut self, arg: Option<&[u8]>) {
        let Some(arg) = arg else { return };
        self.text("[");
        if self.exact {
            quote_exactly(arg, &mut self.out);
        } else if arg.is_empty() {
            quote(arg, &mut self.out);
        } else {
            escape(arg, &mut self.out);
        }
        self.text("]");
    }
}

/// Returns the canonical text with stand-ins for bytes that are not UTF-8, so that it can be kept as `str`.
pub fn canonical_text(expr: &Expr) -> String {
    from_bytes(&canonical(expr)).into_owned()
}
