//! close, close_range, dup, fcntl: the end of file descriptors, their duplicates, and their close-on-exec flag.

use scap::EventCode;
use scap::schema::param::{close_range_x, dup3_x, fcntl_x};

use super::ctx::Ctx;
use super::new_fd::copy;
use crate::state::O_CLOEXEC;

const F_DUPFD: u8 = 1;
const F_SETFD: u8 = 3;
const F_DUPFD_CLOEXEC: u8 = 26;
const FD_CLOEXEC: u64 = 1;
const CLOSE_RANGE_CLOEXEC: u32 = 1 << 2;

/// Marks the file descriptor as closed. It is removed before the next event, so that fields of this one can still use
/// it.
pub(super) fn close(ctx: &mut Ctx<'_, '_>) {
    if ctx.res() >= 0 {
        ctx.later.fd = ctx.fd.map(|num| (ctx.tid, num));
    } else if ctx.fd.is_none() {
        // A failed close has nothing to find: this was not a failed look-up.
        ctx.state.metrics.failed_fd_lookups = ctx.state.metrics.failed_fd_lookups.saturating_sub(1);
    }
}

pub(super) fn close_range(ctx: &mut Ctx<'_, '_>) {
    if ctx.res() < 0 {
        return;
    }
    let first = ctx.u32(close_range_x::first).unwrap_or(0);
    let last = ctx.u32(close_range_x::last).unwrap_or(0);
    let within = move |num: i64| num >= i64::from(first) && num <= i64::from(last);
    if ctx.u32(close_range_x::flags).unwrap_or(0) & CLOSE_RANGE_CLOEXEC == 0 {
        ctx.state.retain_fds(ctx.tid, |num, _| !within(num));
        return;
    }
    let Some(table) = ctx.thread().and_then(|thread| ctx.state.fds(thread)) else { return };
    let nums: Vec<i64> =
        table.iter().filter(|(num, fd)| within(*num) && fd.open_flags & O_CLOEXEC == 0).map(|(num, _)| num).collect();
    for num in nums {
        if let Some(fd) = ctx.state.fd_mut(ctx.tid, num) {
            fd.open_flags |= O_CLOEXEC;
        }
    }
}

/// dup, dup2, dup3: replaces the file descriptor that had the new number.
pub(super) fn dup(ctx: &mut Ctx<'_, '_>) {
    let num = ctx.res();
    if num < 0 {
        return;
    }
    let close_on_exec = ctx.event.code() == EventCode::DUP3_X && ctx.u32(dup3_x::flags).unwrap_or(0) & O_CLOEXEC != 0;
    duplicate(ctx, num, close_on_exec);
}

pub(super) fn fcntl(ctx: &mut Ctx<'_, '_>) {
    let num = ctx.res();
    if num < 0 {
        return;
    }
    match ctx.u8(fcntl_x::cmd) {
        Some(F_SETFD) => {
            let on = ctx.u64(fcntl_x::arg).unwrap_or(0) & FD_CLOEXEC != 0;
            if let Some(fd) = ctx.fd_mut() {
                fd.set_close_on_exec(on);
            }
        }
        Some(F_DUPFD) => duplicate(ctx, num, false),
        Some(F_DUPFD_CLOEXEC) => duplicate(ctx, num, true),
        _ => {}
    }
}

fn duplicate(ctx: &mut Ctx<'_, '_>, num: i64, close_on_exec: bool) {
    let Some(old) = ctx.fd else {
        // What had the number is gone in any case. The duplicate is not known: a source may leave out opened files.
        if ctx.thread().is_some_and(|thread| ctx.state.fd(thread, num).is_some()) {
            ctx.later.fd = Some((ctx.tid, num));
        }
        return;
    };
    let Some(fd) = ctx.thread().and_then(|thread| ctx.state.fds(thread)?.share(old)) else { return };
    copy(ctx, num, fd, close_on_exec);
}
