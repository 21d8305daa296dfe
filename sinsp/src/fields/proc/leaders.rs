//! Leaders of sessions and process groups, and the login shell.

use super::ancestors;
use crate::Event;
use crate::fields::Value;
use crate::state::{Text, Thread};

/// Returns the leader of the thread's session.
pub(super) fn session<'e>(e: &'e Event<'e>) -> Option<&'e Thread> {
    e.state().session_leader(e.thread()?)
}

/// Returns the leader of the thread's process group, by the numbers of its pid namespace.
pub(super) fn vgroup<'e>(e: &'e Event<'e>) -> Option<&'e Thread> {
    e.state().virtual_group_leader(e.thread()?)
}

/// Returns the leader of the thread's process group, by the numbers of the host.
pub(super) fn group<'e>(e: &'e Event<'e>) -> Option<&'e Thread> {
    e.state().group_leader(e.thread()?)
}

/// Returns a text of a leader; empty if there is no leader.
pub(super) fn of<'e>(
    e: &'e Event<'e>,
    leader: fn(&'e Event<'e>) -> Option<&'e Thread>,
    text: fn(&'e Thread) -> &'e Text,
) -> Option<Value<'e>> {
    e.thread()?;
    Some(leader(e).map_or(&b""[..], |leader| text(leader)).into())
}

/// Returns the oldest process whose name ends in `sh`, from the process itself upwards.
pub(super) fn login_shell(e: &Event<'_>) -> Option<i64> {
    let leader = e.state().leader(e.thread()?)?;
    let line = std::iter::once(leader).chain(ancestors::all(e)?);
    line.filter(|thread| thread.comm.ends_with(b"sh")).last().map(|thread| thread.pid)
}
