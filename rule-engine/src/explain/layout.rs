//! Conditions and their results as lines of text.

use super::{Kind, Why, cut};
use crate::syntax::ast::Expr;
use crate::syntax::print::canonical_text;
use crate::text::shown;

/// The width up to which a condition stays on one line.
const WIDTH: usize = 96;

/// Formats a condition, broken where it is long: each part of an `and` or `or` on a separate line.
pub fn condition_lines(tree: &Expr) -> Vec<String> {
    let mut lines = Vec::new();
    match tree.plain() {
        Expr::And(parts, _) => joined(parts, "and ", 0, &mut lines),
        Expr::Or(parts, _) => joined(parts, "or ", 0, &mut lines),
        other => broken(other, "", 0, &mut lines),
    }
    lines
}

fn joined(parts: &[Expr], word: &str, depth: usize, lines: &mut Vec<String>) {
    for (place, part) in parts.iter().enumerate() {
        broken(part, if place == 0 { "" } else { word }, depth, lines);
    }
}

fn broken(tree: &Expr, before: &str, depth: usize, lines: &mut Vec<String>) {
    let pad = "  ".repeat(depth);
    let text = shown(&canonical_text(tree)).into_owned();
    let (parts, word) = match tree.plain() {
        Expr::And(parts, _) => (parts.as_slice(), "and "),
        Expr::Or(parts, _) => (parts.as_slice(), "or "),
        Expr::Not(inner, _) if matches!(inner.plain(), Expr::And(..) | Expr::Or(..) | Expr::Not(..)) => {
            return broken(inner, &format!("{before}not "), depth, lines);
        }
        _ => return lines.push(format!("{pad}{before}{text}")),
    };
    if text.chars().count() + pad.len() + before.len() <= WIDTH {
        return lines.push(format!("{pad}{before}{text}"));
    }
    lines.push(format!("{pad}{before}("));
    joined(parts, word, depth + 1, lines);
    lines.push(format!("{pad})"));
}

/// Formats the results of all parts, one per line: the result, the part, and its value.
pub fn tree_lines(why: &Why) -> Vec<String> {
    let mut lines = Vec::new();
    tree(why, 0, &mut lines);
    lines
}

fn tree(why: &Why, depth: usize, lines: &mut Vec<String>) {
    let answer = if why.holds { "true " } else { "false" };
    let pad = "  ".repeat(depth);
    let word = match why.kind {
        Kind::And => "and",
        Kind::Or => "or",
        Kind::Not => "not",
        Kind::Check => {
            let value = why.value.as_deref().map_or_else(|| "no value".to_owned(), |value| format!("is {value}"));
            return lines.push(format!("{answer}  {pad}{}   [{value}]", cut(&why.text)));
        }
    };
    lines.push(format!("{answer}  {pad}{word}"));
    why.parts.iter().for_each(|part| tree(part, depth + 1, lines));
}
