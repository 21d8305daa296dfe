//! Standard input, output and error: a shell whose input is a socket is suspicious.

use crate::Event;
use crate::fields::Value;
use crate::state::Fd;

/// Returns the type of the file descriptor.
pub(super) fn kind<'e>(e: &'e Event<'e>, num: i64) -> Option<Value<'e>> {
    Some(of(e, num)?.kind.type_name().unwrap_or("<NA>").into())
}

/// Returns the name of the file descriptor.
pub(super) fn name<'e>(e: &'e Event<'e>, num: i64) -> Option<Value<'e>> {
    Some((&*of(e, num)?.name).into())
}

fn of<'e>(e: &'e Event<'e>, num: i64) -> Option<&'e Fd> {
    e.state().fd(e.thread()?, num)
}
