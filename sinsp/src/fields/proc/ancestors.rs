//! The ancestors of a process: one, two, N steps up, and all of them.

use bumpalo::Bump;

use crate::Event;
use crate::fields::value::{self, Text, push_signed};
use crate::fields::{Arg, FieldRef, Value};
use crate::state::Thread;

/// Returns the parent process.
#[inline]
pub(super) fn parent<'e>(e: &'e Event<'e>) -> Option<&'e Thread> {
    e.state().ancestor(e.thread()?, 1)
}

/// Returns the ancestor that the field's index names.
#[inline]
fn at<'e>(e: &'e Event<'e>, index: i64) -> Option<&'e Thread> {
    e.state().ancestor(e.thread()?, usize::try_from(index).ok()?)
}

/// Returns all ancestors, the parent first. They are threads, not processes: a child knows which thread created it.
pub(super) fn all<'e>(e: &'e Event<'e>) -> Option<impl Iterator<Item = &'e Thread>> {
    let leader = e.state().leader(e.thread()?)?;
    Some(e.state().ancestors(leader))
}

/// Returns the value for conditions: that of the ancestor with the given index, or the list of those of all ancestors.
pub(super) fn value<'e>(
    e: &'e Event<'e>,
    field: &'e FieldRef,
    arena: &'e Bump,
    of: impl Fn(&'e Thread, &'e Bump) -> Value<'e>,
) -> Option<Value<'e>> {
    if let Arg::Index(index) = field.arg {
        return Some(of(at(e, index)?, arena));
    }
    let mut values = bumpalo::collections::Vec::with_capacity_in(8, arena);
    values.extend(all(e)?.map(|thread| of(thread, arena)));
    Some(Value::List(values.into_bump_slice()))
}

/// Returns the text for outputs: that of the ancestor with the given index, or those of all ancestors, separated by
/// spaces.
pub(super) fn text<'e>(
    e: &'e Event<'e>,
    field: &'e FieldRef,
    arena: &'e Bump,
    of: impl Fn(&'e Thread, &'e Bump) -> &'e [u8],
) -> Option<&'e [u8]> {
    if let Arg::Index(index) = field.arg {
        return Some(of(at(e, index)?, arena));
    }
    // A space precedes each but the first, where nothing was written yet.
    let mut pieces = all(e)?.map(|thread| of(thread, arena)).skip_while(|piece| piece.is_empty()).peekable();
    pieces.peek()?;
    Some(value::join(pieces, b' ', arena))
}

/// Returns the value for process ids, like [`value`].
pub(super) fn pid_value<'e>(e: &'e Event<'e>, field: &'e FieldRef, arena: &'e Bump) -> Option<Value<'e>> {
    if let Arg::Index(index) = field.arg {
        return super::id(at(e, index)?.pid);
    }
    value(e, field, arena, |thread, _| thread.pid.into())
}

/// Returns the process itself if there is no index, for outputs.
pub(super) fn pid_json<'e>(e: &'e Event<'e>, field: &'e FieldRef, _: &'e Bump) -> Option<Value<'e>> {
    let index = if let Arg::Index(index) = field.arg { index } else { 0 };
    super::id(at(e, index)?.pid)
}

/// Returns [`pid_json`] as text.
pub(super) fn pid_text<'e>(e: &'e Event<'e>, field: &'e FieldRef, arena: &'e Bump) -> Option<&'e [u8]> {
    let Value::I64(pid) = pid_json(e, field, arena)? else { return None };
    let mut text = Text::new_in(arena);
    push_signed(&mut text, pid);
    Some(text.into_bump_slice())
}
