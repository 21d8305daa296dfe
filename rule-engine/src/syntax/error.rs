//! Errors of conditions: kinds, Falco's words for each, and what may help.

use std::fmt::{self, Display, Write as _};

use super::ast::Position;
use super::generated::Rule;
use crate::diag::{did_you_mean, nearest};
use crate::operator::{Modifier, Operator, TRANSFORMERS};
use crate::text::to_bytes;

/// Error of a text that is not a condition, with its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} (line {}, column {})", position.line, position.column)]
pub struct SyntaxError {
    /// Description of the error.
    pub kind: SyntaxErrorKind,
    /// Position at which the reader stopped.
    pub position: Position,
}

/// Kind of error in the text of a condition. Printed in Falco's words.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyntaxErrorKind {
    /// The text is empty.
    Empty,
    /// It nests deeper than the limit, counted in levels of the grammar.
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// An escape in a quoted constant is invalid.
    Escape(EscapeError),
    /// After a condition there is something that does not belong to it.
    End {
        /// The token before it.
        last: String,
    },
    /// `or` touches what follows.
    AfterOr,
    /// `and` touches what follows.
    AfterAnd,
    /// A parenthesis is not closed.
    Close,
    /// A check is missing.
    Check,
    /// The argument between brackets is missing.
    Argument,
    /// A bracket is not closed.
    Bracket,
    /// The parenthesis of a transformer is not closed.
    TransformerClose,
    /// The argument of a transformer is missing.
    TransformerArgument,
    /// A list in a transformer is not closed.
    TransformerListClose,
    /// An item of a list in a transformer is missing.
    TransformerItem,
    /// The field in `val(…)` is missing.
    Val,
    /// The operator is missing or unknown.
    Operator,
    /// The number is missing.
    Number,
    /// The constant is missing.
    Text,
    /// The list is missing.
    List,
    /// An item of a list is missing.
    ListItem,
    /// There is no field or transformer at the beginning of the text.
    Operand {
        /// The token before it.
        last: String,
    },
}

/// Reason why an escape in a quoted constant is invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EscapeError {
    /// The other quote is escaped.
    OtherQuote(char),
    /// `\x` without two digits behind it.
    TruncatedHex,
    /// `\x` with other characters than digits behind it.
    Hex(String),
    /// An unknown character is escaped.
    Unsupported(String),
}

impl Display for EscapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherQuote('"') => f.write_str("invalid \\\" escape in '-quoted string"),
            Self::OtherQuote(_) => f.write_str("invalid \\' escape in \"-quoted string"),
            Self::TruncatedHex => f.write_str("truncated hex char escape sequence"),
            Self::Hex(digits) => write!(f, "invalid hex char escape sequence: {digits}"),
            Self::Unsupported(kind) => write!(f, "unsupported string escape sequence: \\{kind}"),
        }
    }
}

fn quoted(words: impl IntoIterator<Item = &'static str>) -> String {
    let mut out = String::new();
    for word in words {
        let comma = if out.is_empty() { "" } else { ", " };
        let _ = write!(out, "{comma}'{word}'");
    }
    out
}

impl SyntaxErrorKind {
    /// The kind that a rule of the grammar whose name begins with `e_` means. `None` for other rules.
    pub(super) fn of(rule: Rule) -> Option<Self> {
        Some(match rule {
            Rule::EUnexpected => Self::End { last: String::new() },
            Rule::EAfterOr => Self::AfterOr,
            Rule::EAfterAnd => Self::AfterAnd,
            Rule::EClose => Self::Close,
            Rule::ECheck => Self::Check,
            Rule::EArg => Self::Argument,
            Rule::EBracket => Self::Bracket,
            Rule::ETransformerClose => Self::TransformerClose,
            Rule::EArgument => Self::TransformerArgument,
            Rule::EArgListClose => Self::TransformerListClose,
            Rule::EArgListItem => Self::TransformerItem,
            Rule::EVal => Self::Val,
            Rule::EOperator => Self::Operator,
            Rule::ENumber => Self::Number,
            Rule::EString => Self::Text,
            Rule::EList => Self::List,
            Rule::EListItem => Self::ListItem,
            Rule::EOperand => Self::Operand { last: String::new() },
            _ => return None,
        })
    }

    /// The same, with the token before it.
    pub(super) fn behind(self, token: String) -> Self {
        match self {
            Self::End { .. } => Self::End { last: token },
            Self::Operand { .. } => Self::Operand { last: token },
            other => other,
        }
    }
}

impl Display for SyntaxErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fixed = match self {
            Self::Empty => "filter input string is empty",
            Self::TooDeep { limit } => return write!(f, "exceeded max depth limit of {limit}"),
            Self::Escape(error) => return error.fmt(f),
            Self::End { last } => return write!(f, "unexpected token after '{last}', expecting 'or', 'and'"),
            Self::Operator => {
                return write!(f, "expected a valid check operator: one of {}", quoted(Operator::names()));
            }
            Self::Number | Self::Text | Self::List => {
                let what = match self {
                    Self::Number => "a number value or",
                    Self::Text => "a string value or",
                    _ => "a list, an identifier, or",
                };
                return write!(f, "expected {what} a field with a valid transformer: {}", quoted(TRANSFORMERS));
            }
            Self::Operand { last } => return write!(f, "unexpected token after '{last}"),
            Self::AfterOr => "expected blank or '(' after 'or'",
            Self::AfterAnd => "expected blank or '(' after 'and'",
            Self::Close => "expected a ')' token",
            Self::Check => "expected a '(' token, a field check, or an identifier",
            Self::Argument => "expected a valid field argument: a quoted string or a bare string",
            Self::Bracket => "expected a ']' token",
            Self::TransformerClose => "expected a ')' token closing the transformer",
            Self::TransformerArgument => {
                "expected field transformer argument: field, transformer, quoted string, number, or transformer list"
            }
            Self::TransformerListClose => "expected ')'",
            Self::TransformerItem => "expected transformer list argument: field, transformer, quoted string, or number",
            Self::Val => "expected a field within 'val' transformer",
            Self::ListItem => "expected a string value",
        };
        f.write_str(fixed)
    }
}

impl SyntaxError {
    /// Returns what may help, in the text that was read.
    ///
    /// ```
    /// use peregrine_rule_engine::syntax::parse;
    ///
    /// let text = "proc.name containz x";
    /// let error = parse(text).unwrap_err();
    /// assert_eq!(error.hint(text).as_deref(), Some("did you mean `contains`?"));
    /// ```
    pub fn hint(&self, text: &str) -> Option<String> {
        let bytes = to_bytes(text);
        let at = self.position.index.min(bytes.len());
        let behind = String::from_utf8_lossy(&bytes[at..]);
        let before = String::from_utf8_lossy(&bytes[..at]);
        let before = before.trim_end();
        let end =
            behind.find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '=')).unwrap_or(behind.len());
        let word = &behind[..end];
        let fixed = match &self.kind {
            SyntaxErrorKind::Operator if word.is_empty() => {
                "compare the field with something, or test whether it `exists`"
            }
            SyntaxErrorKind::Operator => return operator_hint(word),
            SyntaxErrorKind::End { .. } | SyntaxErrorKind::Operand { .. } => return end_hint(before, &behind, word),
            SyntaxErrorKind::Close if behind.trim().is_empty() => "a `(` is not closed",
            SyntaxErrorKind::Close => {
                "close the parenthesis, join with `and` or `or`, or put a constant with spaces in quotes"
            }
            SyntaxErrorKind::Text | SyntaxErrorKind::ListItem => match behind.chars().next() {
                Some('(') => {
                    "a list is only valid after `in`, `intersects`, `pmatch`, or after `oneof`, `anyof`, `allof`"
                }
                Some('"' | '\'') => "the quote is not closed",
                _ => "an empty constant is written as `\"\"`",
            },
            SyntaxErrorKind::Number => "`<` and `>` require a numeric value",
            SyntaxErrorKind::List => "write a list as `(a, b)`, or the name of a list",
            SyntaxErrorKind::Escape(EscapeError::Unsupported(_)) => "write a backslash as `\\\\`",
            _ => return None,
        };
        Some(fixed.to_owned())
    }
}

fn operator_hint(word: &str) -> Option<String> {
    let modifiable = Operator::from_text(word).is_some_and(Operator::is_modifiable);
    if modifiable || Modifier::from_text(word).is_some() {
        return Some(format!("add a space after `{word}`"));
    }
    did_you_mean(word, Operator::names())
}

fn end_hint(before: &str, behind: &str, word: &str) -> Option<String> {
    if behind.starts_with(')') {
        return Some("there is a `)` too many".to_owned());
    }
    if before.ends_with(')') && ["and", "or"].contains(&word) {
        let words = "a parenthesis that touches `or` or `and` is its whole right side: add a space between them";
        return Some(words.to_owned());
    }
    if let Some(quote) = behind.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        return Some(format!("put the whole constant between {quote}"));
    }
    let near = nearest(word, ["and", "or"]);
    near.map(|near| format!("did you mean `{near}`?"))
        .or_else(|| Some("put constants with spaces in quotes, and join checks with `and` or `or`".to_owned()))
}
