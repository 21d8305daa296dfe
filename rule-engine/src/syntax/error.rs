//! What the grammar says where it cannot go on.

use std::fmt::Write as _;

use super::ast::Position;
use super::parse::Rule;

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

/// The message of a rule of the grammar whose name begins with `e_`; `last` is the token before it. `None` for other
/// rules.
pub(super) fn message(rule: Rule, last: &str) -> Option<String> {
    Some(match rule {
        Rule::e_unexpected => format!("unexpected token after '{last}', expecting 'or', 'and'"),
        Rule::e_after_or => "expected blank or '(' after 'or'".to_owned(),
        Rule::e_after_and => "expected blank or '(' after 'and'".to_owned(),
        Rule::e_close => "expected a ')' token".to_owned(),
        Rule::e_check => "expected a '(' token, a field check, or an identifier".to_owned(),
        Rule::e_arg => "expected a valid field argument: a quoted string or a bare string".to_owned(),
        Rule::e_bracket => "expected a ']' token".to_owned(),
        Rule::e_transformer_close => "expected a ')' token closing the transformer".to_owned(),
        Rule::e_argument => "expected field transformer argument: field, transformer, quoted string, number, or \
                             transformer list"
            .to_owned(),
        Rule::e_arg_list_close => "expected ')'".to_owned(),
        Rule::e_arg_list_item => {
            "expected transformer list argument: field, transformer, quoted string, or number".to_owned()
        }
        Rule::e_val => "expected a field within 'val' transformer".to_owned(),
        Rule::e_operator => format!("expected a valid check operator: one of {}", quoted(&OPERATORS)),
        Rule::e_number => {
            format!("expected a number value or a field with a valid transformer: {}", quoted(&TRANSFORMERS))
        }
        Rule::e_string => {
            format!("expected a string value or a field with a valid transformer: {}", quoted(&TRANSFORMERS))
        }
        Rule::e_list => {
            format!("expected a list, an identifier, or a field with a valid transformer: {}", quoted(&TRANSFORMERS))
        }
        Rule::e_list_value => "expected a list or an identifier".to_owned(),
        Rule::e_list_item => "expected a string value".to_owned(),
        Rule::e_operand => format!("unexpected token after '{last}"),
        _ => return None,
    })
}
