//! The identity of a thread: users, groups, sessions, capabilities, and the reaper of orphans.

use scap::EventCode;
use scap::schema::param::{capset_x, prctl_x, setns_x, setresuid_x, setreuid_x, setuid_x, unshare_x};

use super::ctx::Ctx;
use crate::state::{Text, Thread, thread_flags};

const CLONE_NEWNS: u32 = 1 << 5;
const CLONE_NEWUSER: u32 = 1 << 20;
const SET_NAME: u32 = 15;
/// The length to which the kernel cuts names.
const MAX_COMM: usize = 15;
const SET_CHILD_SUBREAPER: u32 = 36;
const GET_CHILD_SUBREAPER: u32 = 37;

/// The set of all capabilities.
const ALL_CAPABILITIES: u64 = (1 << 41) - 1;

/// Returns the effective id that a set*id call sets; all bits set means unchanged.
fn effective_id(ctx: &Ctx<'_, '_>) -> Option<u32> {
    if ctx.res() != 0 {
        return None;
    }
    match ctx.event.code() {
        EventCode::SETRESUID_X | EventCode::SETRESGID_X => ctx.u32(setresuid_x::euid),
        EventCode::SETREUID_X | EventCode::SETREGID_X => ctx.u32(setreuid_x::euid),
        _ => ctx.u32(setuid_x::uid),
    }
}

/// Changes the thread, and marks it as changed if anything differs.
fn change<T: PartialEq>(ctx: &mut Ctx<'_, '_>, field: impl Fn(&mut Thread) -> &mut T, value: T) {
    let Some(thread) = ctx.thread_mut() else { return };
    let field = field(thread);
    if *field != value {
        *field = value;
        ctx.state.touch(ctx.tid);
    }
}

/// setuid, setreuid, setresuid.
pub(super) fn set_user(ctx: &mut Ctx<'_, '_>) {
    if let Some(uid) = effective_id(ctx) {
        change(ctx, |thread| &mut thread.uid, uid);
        ctx.learn_users(ctx.tid);
    }
}

/// setgid, setregid, setresgid.
pub(super) fn set_group(ctx: &mut Ctx<'_, '_>) {
    if let Some(gid) = effective_id(ctx) {
        change(ctx, |thread| &mut thread.gid, gid);
        ctx.learn_users(ctx.tid);
    }
}

pub(super) fn setsid(ctx: &mut Ctx<'_, '_>) {
    let sid = ctx.res();
    if sid >= 0 {
        change(ctx, |thread| &mut thread.sid, sid);
        ctx.state.begin_session(ctx.tid);
    }
}

pub(super) fn capset(ctx: &mut Ctx<'_, '_>) {
    if ctx.res() < 0 {
        return;
    }
    let caps = (ctx.u64(capset_x::cap_inheritable), ctx.u64(capset_x::cap_permitted), ctx.u64(capset_x::cap_effective));
    if let (Some(inheritable), Some(permitted), Some(effective)) = caps {
        set_capabilities(ctx, inheritable, permitted, effective);
    }
}

/// unshare, setns: the first thread of a user namespace has all capabilities in it.
pub(super) fn namespace(ctx: &mut Ctx<'_, '_>) {
    let index = if ctx.event.code() == EventCode::SETNS_X { setns_x::nstype } else { unshare_x::flags };
    unshare_directory(ctx);
    if ctx.res() >= 0 && ctx.u32(index).unwrap_or(0) & CLONE_NEWUSER != 0 {
        set_capabilities(ctx, ALL_CAPABILITIES, ALL_CAPABILITIES, ALL_CAPABILITIES);
    }
}

/// Ends the sharing of a working directory.
fn unshare_directory(ctx: &mut Ctx<'_, '_>) {
    let unshares = ctx.event.code() == EventCode::UNSHARE_X && ctx.res() == 0;
    if unshares
        && ctx.u32(unshare_x::flags).unwrap_or(0) & (thread_flags::CLONE_FS | CLONE_NEWNS) != 0
        && let Some(thread) = ctx.thread_mut().filter(|thread| thread.is_leader())
    {
        thread.flags &= !thread_flags::CLONE_FS;
    }
}

fn set_capabilities(ctx: &mut Ctx<'_, '_>, inheritable: u64, permitted: u64, effective: u64) {
    let Some(thread) = ctx.thread_mut() else { return };
    if (thread.cap_inheritable, thread.cap_permitted, thread.cap_effective) != (inheritable, permitted, effective) {
        thread.cap_inheritable = inheritable;
        thread.cap_permitted = permitted;
        thread.cap_effective = effective;
        ctx.state.touch(ctx.tid);
    }
}

/// prctl, for a new name and the reaper of orphans.
pub(super) fn prctl(ctx: &mut Ctx<'_, '_>) {
    if ctx.u32(prctl_x::option) == Some(SET_NAME) && ctx.res() >= 0 {
        let name = ctx.text(prctl_x::arg2_str);
        let name = name.get(..MAX_COMM).unwrap_or(name);
        if let Some(thread) = ctx.thread_mut() {
            let same = thread.comm.as_bytes() == name;
            thread.renamed = (!same).then(|| Box::new(Text::new(name)));
        }
        return;
    }
    let reaper = matches!(ctx.u32(prctl_x::option), Some(SET_CHILD_SUBREAPER | GET_CHILD_SUBREAPER));
    if ctx.res() < 0 || !reaper {
        return;
    }
    let on = ctx.i64(prctl_x::arg2_int).unwrap_or(0) != 0;
    let Some(thread) = ctx.thread().filter(|thread| !thread.is_placeholder()) else { return };
    let pid = thread.pid;
    if let Some(group) = ctx.state.threads.groups.get_mut(&pid) {
        group.reaper = on;
    }
}
