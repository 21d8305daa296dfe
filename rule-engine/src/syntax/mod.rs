//! Condition text to tree and back.
//!
//! ```text
//! text --condition.pest (generated, machine)--> tokens --build--> ast --print--> text
//! ```
//!
//! Reading stops at the first error; verdict, message and position of it are Falco's.

pub mod ast;
mod build;
mod error;
mod escape;
mod generated;
mod machine;
mod parse;
pub mod print;

pub use error::{EscapeError, SyntaxError, SyntaxErrorKind};
pub use parse::{DEPTH, parse, parse_bytes, parse_operand, parse_within};
