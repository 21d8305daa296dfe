//! Variables of the environment.

use bumpalo::Bump;

use super::ancestors;
use crate::Event;
use crate::fields::value::{self, Value};
use crate::fields::{Arg, FieldRef};
use crate::state::Thread;

/// The maximum number of ancestors searched for a variable.
const LEVELS: usize = 20;

/// Returns one variable, or all.
pub(super) fn env<'e>(e: &'e Event<'e>, field: &'e FieldRef, arena: &'e Bump) -> Option<Value<'e>> {
    let thread = e.thread()?;
    Some(match &field.arg {
        Arg::Name(name) => variable(e, thread, name).into(),
        _ => whole(e, thread, arena).into(),
    })
}

/// Returns the value for conditions: one variable of the nearest ancestor that has it, or the environments of all
/// ancestors.
pub(super) fn aenv<'e>(e: &'e Event<'e>, field: &'e FieldRef, arena: &'e Bump) -> Option<Value<'e>> {
    match &field.arg {
        Arg::None => ancestors::value(e, field, arena, |thread, arena| whole(e, thread, arena).into()),
        _ => aenv_text(e, field, arena).map(Value::Bytes),
    }
}

/// Returns the text for outputs: as [`aenv`], but without an argument the environment of the process itself.
pub(super) fn aenv_text<'e>(e: &'e Event<'e>, field: &'e FieldRef, arena: &'e Bump) -> Option<&'e [u8]> {
    let thread = e.thread()?;
    let ancestors = || e.state().leader(thread).into_iter().flat_map(|leader| e.state().ancestors(leader));
    match &field.arg {
        Arg::Name(name) => {
            let found =
                ancestors().take(LEVELS).map(|thread| variable(e, thread, name)).find(|found| !found.is_empty());
            Some(found.unwrap_or_default())
        }
        Arg::Index(index) if *index > 0 => {
            let steps = usize::try_from(*index - 1).ok()?;
            Some(whole(e, ancestors().nth(steps)?, arena))
        }
        _ => Some(whole(e, thread, arena)),
    }
}

fn whole<'e>(e: &'e Event<'e>, thread: &'e Thread, arena: &'e Bump) -> &'e [u8] {
    value::join(e.state().env(thread), b' ', arena)
}

/// Returns the value of a variable, without spaces around it; empty if it is not set. The name is searched in the whole
/// environment, which is faster than going from entry to entry.
fn variable<'e>(e: &'e Event<'e>, thread: &'e Thread, name: &[u8]) -> &'e [u8] {
    let env = &*e.state().leader(thread).unwrap_or(thread).env;
    let mut rest = env;
    while let Some(at) = memchr::memmem::find(rest, name) {
        let start = env.len() - rest.len() + at;
        let starts_entry = start.checked_sub(1).is_none_or(|before| env.get(before) == Some(&0));
        rest = rest.get(at + 1..).unwrap_or_default();
        if starts_entry && let Some([b'=', value @ ..]) = env.get(start + name.len()..) {
            let value = value.split(|byte| *byte == 0).next().unwrap_or(value);
            if !value.is_empty() {
                return trim(value);
            }
        }
    }
    b""
}

fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] | [rest @ .., b' '] = value {
        value = rest;
    }
    value
}
