//! Condition text to tree and back.
//!
//! ```text
//! text --condition.pest--> pairs --build--> ast --print--> text
//! ```
//!
//! The grammar is a pest file that accepts every text and names what it missed; so verdict, message and position of an
//! error are Falco's, and yet there is no second parser beside the grammar.

pub mod ast;
mod build;
mod error;
mod escape;
mod parse;
pub mod print;
pub mod text;

pub use error::{LIST_OPERATORS, MODIFIABLE_OPERATORS, MODIFIERS, OPERATORS, SyntaxError, TRANSFORMERS};
pub use parse::{DEPTH, parse, parse_bytes, parse_operand, parse_within};
