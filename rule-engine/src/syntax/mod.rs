//! Condition text to tree and back.
//!
//! ```text
//! text --cursor (tokens), grammar--> ast --print--> text
//! ```
//!
//! Reading stops at the first fault; verdict, message and position of it are Falco's.

pub mod ast;
mod cursor;
mod error;
mod escape;
mod grammar;
mod operands;
mod parse;
pub mod print;

pub use error::{LIST_OPERATORS, MODIFIABLE_OPERATORS, MODIFIERS, OPERATORS, SyntaxError, TRANSFORMERS};
pub use parse::{DEPTH, parse, parse_bytes, parse_operand, parse_within};
