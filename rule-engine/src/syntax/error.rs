//! What is told where the reader cannot go on.

use std::fmt::Write as _;

use super::ast::Position;

/// Why a text is no condition, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (line {}, column {})", position.line, position.column)]
pub struct SyntaxError {
    /// In Falco's words.
    pub message: String,
    /// Where the reader stopped.
    pub position: Position,
}

/// The operators, in the order of messages.
pub const OPERATORS: [&str; 20] = [
    "exists",
    "<=",
    "<",
    ">=",
    ">",
    "==",
    "=",
    "!=",
    "glob",
    "iglob",
    "contains",
    "icontains",
    "bcontains",
    "startswith",
    "bstartswith",
    "endswith",
    "regex",
    "intersects",
    "in",
    "pmatch",
];

/// The operators that take a list.
pub const LIST_OPERATORS: [&str; 3] = ["intersects", "in", "pmatch"];

/// The operators that may be followed by a [modifier](MODIFIERS).
pub const MODIFIABLE_OPERATORS: [&str; 12] = [
    "==",
    "=",
    "!=",
    "glob",
    "iglob",
    "contains",
    "icontains",
    "bcontains",
    "startswith",
    "bstartswith",
    "endswith",
    "regex",
];

/// The words that let an operator on one value take a list.
pub const MODIFIERS: [&str; 3] = ["oneof", "anyof", "allof"];

/// The transformers, in the order of messages; `val` stands only on the right.
pub const TRANSFORMERS: [&str; 9] = ["val", "tolower", "toupper", "b64", "basename", "len", "join", "concat", "getopt"];

fn quoted(words: &[&str]) -> String {
    let mut out = String::new();
    for word in words {
        let comma = if out.is_empty() { "" } else { ", " };
        let _ = write!(out, "{comma}'{word}'");
    }
    out
}

/// What is missing where the reader stopped.
#[derive(Debug, Clone, Copy)]
pub(super) enum Expected {
    End,
    AfterOr,
    AfterAnd,
    Close,
    Check,
    Argument,
    Bracket,
    TransformerClose,
    TransformerArgument,
    TransformerListClose,
    TransformerItem,
    Val,
    Operator,
    Number,
    Text,
    List,
    ListItem,
    Operand,
}

impl Expected {
    /// In words; `last` is the token before it.
    pub(super) fn message(self, last: &str) -> String {
        let fixed = match self {
            Self::End => return format!("unexpected token after '{last}', expecting 'or', 'and'"),
            Self::Operator => return format!("expected a valid check operator: one of {}", quoted(&OPERATORS)),
            Self::Number | Self::Text | Self::List => {
                let what = match self {
                    Self::Number => "a number value or",
                    Self::Text => "a string value or",
                    _ => "a list, an identifier, or",
                };
                return format!("expected {what} a field with a valid transformer: {}", quoted(&TRANSFORMERS));
            }
            Self::Operand => return format!("unexpected token after '{last}"),
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
        fixed.to_owned()
    }
}
