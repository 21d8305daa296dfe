//! Text to tree: the entries, and the stack that reading takes.
//!
//! Depth is counted like Falco's: in levels of the grammar, about five for a parenthesis. A text that nests more than
//! any stack bears is read once more on a thread with a stack of the right size, which real rules never need.

use super::ast::{Expr, Operand};
use super::error::SyntaxError;
use super::grammar::{Reader, Stop};
use crate::text::from_bytes;

/// The depth that Falco allows in rules.
pub const DEPTH: usize = 1000;

/// How many levels any stack bears.
const SHALLOW: usize = 64;

/// The stack of one level, generously, and how many levels a parenthesis has at most.
const STACK_PER_LEVEL: usize = 8 * 1024;
const LEVELS: usize = 6;

/// Reads a condition.
///
/// ```
/// use peregrine_rule_engine::syntax::parse;
///
/// let tree = parse("proc.name = cat and not fd.name startswith /tmp")?;
/// assert_eq!(tree.to_string(), "(proc.name = cat and not fd.name startswith /tmp)");
/// assert_eq!(parse("proc.name =").unwrap_err().position.column, 12);
/// # Ok::<(), peregrine_rule_engine::syntax::SyntaxError>(())
/// ```
///
/// # Errors
/// The first fault, in Falco's words and at Falco's position.
pub fn parse(text: &str) -> Result<Expr, SyntaxError> {
    parse_within(text, DEPTH)
}

/// [`parse`] for bytes that may be no UTF-8.
///
/// # Errors
/// As [`parse`].
pub fn parse_bytes(bytes: &[u8]) -> Result<Expr, SyntaxError> {
    parse(&from_bytes(bytes))
}

/// [`parse`] with another limit of depth.
///
/// # Errors
/// As [`parse`].
pub fn parse_within(text: &str, depth: usize) -> Result<Expr, SyntaxError> {
    if text.is_empty() {
        return Err(SyntaxError {
            message: "filter input string is empty".to_owned(),
            position: super::ast::Position::START,
        });
    }
    run(text, depth, Reader::filter)
}

/// Reads a field or a transformer at the beginning of a text, and how many bytes of the text it takes.
///
/// # Errors
/// As [`parse`].
pub fn parse_operand(text: &str) -> Result<(Operand, usize), SyntaxError> {
    run(text, DEPTH, Reader::operand_alone)
}

fn run<'t, T: Send>(
    text: &'t str,
    depth: usize,
    read: fn(&mut Reader<'t>) -> Result<T, Box<Stop>>,
) -> Result<T, SyntaxError> {
    match read(&mut Reader::new(text, depth, SHALLOW)).map_err(|stop| *stop) {
        Ok(read) => return Ok(read),
        Err(Stop::Fault(fault)) => return Err(fault),
        Err(Stop::Deep) => {}
    }
    let open = text.bytes().filter(|byte| *byte == b'(').count();
    let levels = open.saturating_mul(LEVELS).saturating_add(SHALLOW).min(depth);
    let deep = std::thread::scope(|scope| {
        let stack = levels.saturating_mul(STACK_PER_LEVEL);
        let worker = move || read(&mut Reader::new(text, depth, levels + 1)).map_err(|stop| *stop);
        let worker = std::thread::Builder::new().stack_size(stack).spawn_scoped(scope, worker).ok()?;
        worker.join().ok()
    });
    match deep {
        Some(Ok(read)) => Ok(read),
        Some(Err(Stop::Fault(fault))) => Err(fault),
        Some(Err(Stop::Deep)) | None => Err(SyntaxError {
            message: format!("exceeded max depth limit of {depth}"),
            position: super::ast::Position::START,
        }),
    }
}
