//! Variables of the environment.

use bumpalo::Bump;

use super::ancestors;
use crate::Event;
use crate::fields::value::{self, Value};
use crate::fields::{Arg, FieldRef};
use crate::state::Thread;

/// How far up a variable is looked for.
const LEVELS: usize = 20;

/// One variable, or all.
pub(super) fn env<'e>(e: &'e Event<'e>, field: &'e FieldRef, arena: &'e Bump) -> Option<Value<'e>> {
    let thread = e.thread()?;
    Some(match &field.arg {
        Arg::Name(name) => variable(e, thread, name).into(),
        _ => whole(e, thread, arena).into(),
    })
}

/// For conditions: one variable of the nearest ancestor that has it, or the environments of all ancestors.
pub(super) fn aenv<'e>(e: &'e Event<'e>, field: &'e FieldRef, arena: &'e Bump) -> Option<Value<'e>> {
    match &field.arg {
        Arg::None => ancestors::value(e, field, arena, |thread, arena| whole(e, thread, arena).into()),
        _ => aenv_text(e, field, arena).map(Value::Bytes),
    }
}

/// For outputs: as [`aenv`], but without an argument the environment of the process itself.
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

/// The value of a variable, without blanks around it; empty where it is not set.
fn variable<'e>(e: &'e Event<'e>, thread: &'e Thread, name: &[u8]) -> &'e [u8] {
    let mut values = e.state().env(thread).filter_map(|entry| entry.strip_prefix(name)?.strip_prefix(b"="));
    values.find(|value| !value.is_empty()).map_or(b"", trim)
}

fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] | [rest @ .., b' '] = value {
        value = rest;
    }
    value
}
