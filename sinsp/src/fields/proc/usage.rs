//! The resources of a process: file descriptors, threads, processor time, cgroups.

use bumpalo::Bump;
use scap::schema::EventCode;

use crate::Event;
use crate::fields::value::Text;
use crate::fields::{Arg, FieldRef, Value};
use crate::state::{FdTable, Thread};

/// Returns the number of open file descriptors of the thread's process; 0 if its leader is not known.
pub(super) fn open_fds(e: &Event<'_>, thread: &Thread) -> u64 {
    let leader = e.state().leader(thread);
    leader.and_then(|leader| e.state().fds(leader)).map_or(0, FdTable::len) as u64
}

/// Returns the limit of open file descriptors; 0 if its leader is not known.
pub(super) fn fd_limit(e: &Event<'_>, thread: &Thread) -> i64 {
    e.state().leader(thread).map_or(0, |leader| leader.fdlimit)
}

/// Returns the open file descriptors in percent of the limit, at most 100; 0 if there is no limit.
pub(super) fn fd_share(e: &Event<'_>, thread: &Thread) -> f64 {
    let (open, limit) = (open_fds(e, thread), fd_limit(e, thread));
    match u64::try_from(limit) {
        Ok(0) | Err(_) => 0.0,
        Ok(limit) if open <= limit => (open as f64 * 100.0) / limit as f64,
        Ok(_) => 100.0,
    }
}

/// Returns the number of living threads of the process without its leader.
pub(super) fn other_threads(e: &Event<'_>, thread: &Thread) -> u64 {
    let alive = e.state().thread_count(thread);
    let leader_alive = e.state().leader(thread).is_some_and(|leader| !leader.is_dead());
    alive.saturating_sub(u64::from(leader_alive))
}

/// Returns the share of processor time since the previous report; 0 on the first.
pub(super) fn cpu<'e>(e: &Event<'_>, user: bool, system: bool) -> Option<Value<'e>> {
    if e.code() != EventCode::PROCINFO_E {
        return None;
    }
    let sum = |(in_program, in_kernel): (u64, u64)| {
        let in_program = if user { in_program } else { 0 };
        in_program.wrapping_add(if system { in_kernel } else { 0 })
    };
    let (now, before) = (sum(e.thread()?.cpu_time), sum(e.facts().cpu_before));
    let used = if before == 0 { 0.0 } else { now.wrapping_sub(before) as f64 };
    Some(Value::F64(used.min(100.0)))
}

/// Returns all cgroups.
pub(super) fn cgroups<'e>(e: &'e Event<'e>, _: &'e FieldRef, arena: &'e Bump) -> Option<Value<'e>> {
    let mut text = Text::new_in(arena);
    for (subsystem, path) in e.thread()?.cgroups() {
        if !text.is_empty() {
            text.push(b' ');
        }
        text.extend_from_slice_copy(subsystem);
        text.push(b'=');
        text.extend_from_slice_copy(path);
    }
    (!text.is_empty()).then(|| Value::Bytes(text.into_bump_slice()))
}

/// Returns the cgroup of one subsystem.
pub(super) fn cgroup<'e>(e: &'e Event<'e>, field: &'e FieldRef, _: &'e Bump) -> Option<Value<'e>> {
    let Arg::Name(name) = &field.arg else { return None };
    e.thread()?.cgroups().find(|(subsystem, _)| *subsystem == &**name).map(|(_, path)| path.into())
}
