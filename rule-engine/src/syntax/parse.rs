//! Text to tree: runs the grammar, then builds the tree from what it found.
//!
//! The grammar accepts every text (condition.pest), so building is where the first error shows. It is also where depth
//! is counted: like Falco's, the limit counts levels of the grammar, about five for a parenthesis.

use super::ast::{Expr, Operand, Position};
use super::build::{self, Builder};
use super::error::{SyntaxError, SyntaxErrorKind};
use super::generated::{FILTER, OPERAND};
use super::machine::read;
use crate::text::from_bytes;

/// The depth that Falco allows in rules.
pub const DEPTH: usize = 1000;

/// Number of open parentheses that any stack can hold; deeper texts are read on a separate thread.
const SHALLOW: usize = 8;

/// The stack of one open parenthesis, generously.
const STACK_PER_LEVEL: usize = 64 * 1024;

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
/// The first error, in Falco's words and at Falco's position.
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
        return Err(SyntaxError { kind: SyntaxErrorKind::Empty, position: Position::START });
    }
    run(FILTER, text, depth, Builder::filter)
}

/// Reads a field or a transformer at the beginning of a text, and how many bytes of the text it takes.
///
/// # Errors
/// As [`parse`].
pub fn parse_operand(text: &str) -> Result<(Operand, usize), SyntaxError> {
    run(OPERAND, text, DEPTH, Builder::operand_alone)
}

fn run<'t, T: Send>(
    rule: u16,
    text: &'t str,
    depth: usize,
    build: fn(&mut Builder<'t>) -> build::Result<T>,
) -> Result<T, SyntaxError> {
    // Nothing behind the cut can be reached: the depth is exceeded before.
    let (end, open) = nesting(text, depth);
    let text = &text[..end];
    let attempt = || {
        // The grammar is total: it never fails.
        let found = read(rule, text)?;
        Some(build(&mut Builder::new(text, found, depth)).map_err(|error| *error))
    };
    if open <= SHALLOW
        && let Some(result) = attempt()
    {
        return result;
    }
    let deep = std::thread::scope(|scope| {
        let stack = STACK_PER_LEVEL.saturating_mul(open + 16);
        let worker = std::thread::Builder::new().stack_size(stack).spawn_scoped(scope, attempt).ok()?;
        worker.join().ok().flatten()
    });
    deep.unwrap_or_else(|| {
        Err(SyntaxError { kind: SyntaxErrorKind::TooDeep { limit: depth }, position: Position::START })
    })
}

/// Length of the text that can be reached, and the maximum of open parentheses in it: each costs at least one level,
/// so the reader stops before the one after `depth`.
fn nesting(text: &str, depth: usize) -> (usize, usize) {
    let bytes = text.as_bytes();
    if memchr::memchr_iter(b'(', bytes).take(SHALLOW + 1).count() <= SHALLOW.min(depth) {
        return (text.len(), 0);
    }
    let mut open = 0usize;
    let mut most = 0;
    let mut at = 0;
    // Behind a bracket, a closing parenthesis may be part of an argument.
    let mut argument = false;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'(' => {
                open += 1;
                most = most.max(open);
                if open > depth {
                    return (at, most);
                }
            }
            b')' if !argument => open = open.saturating_sub(1),
            b'"' | b'\'' => {
                argument = false;
                let mut end = at + 1;
                while bytes.get(end).is_some_and(|b| b != byte || bytes[end - 1] == b'\\' && end - 1 > at) {
                    end += 1;
                }
                if end < bytes.len() {
                    at = end;
                }
            }
            b'[' => argument = true,
            b']' | b' ' | b'\t' | b'\n' | b'\r' => argument = false,
            _ => {}
        }
        at += 1;
    }
    (text.len(), most)
}
