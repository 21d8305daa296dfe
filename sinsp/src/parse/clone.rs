//! clone, fork, vfork, clone3: the start of a thread or process.
//!
//! The call returns twice, in the caller and in the child, and either side can come first or be lost. The caller's side
//! knows more of the child (its own state), but reports the child's tid in the caller's pid namespace, where it cannot
//! be used if that is not the host's.

use scap::EventCode;
use scap::schema::param::clone_20_x as p;

use super::ctx::Ctx;
use crate::state::{Text, Thread, thread_flags as flag};

/// The age from which an entry does not belong to the child of this call: the exit of a former thread was lost.
const STALE: u64 = 2_000_000_000;

const VFORK: u32 = 1 << 27;
const INVERTED: u32 = 1 << 16;

pub(super) fn clone(ctx: &mut Ctx<'_, '_>) {
    match ctx.res() {
        ..0 => {}
        0 => child(ctx),
        tid => caller(ctx, tid),
    }
}

/// Handles the caller's side.
fn caller(ctx: &mut Ctx<'_, '_>, child_tid: i64) {
    let tid = ctx.tid;
    if ctx.thread().is_none() && !ctx.state.add_placeholder(tid) {
        ctx.lost = true;
        return;
    }
    let Some(thread) = ctx.thread() else { return };
    let known = !thread.is_placeholder();
    if !known {
        adopt(ctx, tid);
    }
    let flags = ctx.u32(p::flags).unwrap_or(0);
    let inner = flag::CHILD_IN_PIDNS | flag::CLONE_NEWPID | flag::CLONE_PARENT;
    let in_pidns = ctx.thread().is_some_and(|thread| thread.vtid != tid);
    // The child's side of a vfork always comes, and can come after the child's exit.
    if flags & flag::CLONE_PARENT != 0 && !in_pidns {
        created_a_sibling(ctx, child_tid);
    }
    let vfork = flags & VFORK != 0 || ctx.event.code() == EventCode::VFORK_20_X;
    if flags & inner != 0 || in_pidns || vfork || ctx.recent.contains(child_tid, tid, ctx.event.ts()) {
        return;
    }
    if let Some(old) = ctx.state.thread(child_tid) {
        if old.flags & INVERTED != 0 {
            return;
        }
        ctx.state.remove_thread(child_tid);
    }
    let Some(caller) = ctx.state.thread(tid) else { return };
    let mut new = Box::new(Thread::new(child_tid));
    new.flags = flags;
    if flags & flag::CLONE_THREAD == 0 {
        if known {
            (new.fds, new.fds_forked) = ctx.state.inherited_fds(caller);
            new.cwd = Text::new(ctx.state.cwd(caller));
            new.env = caller.env.clone();
        }
        new.pid = child_tid;
        new.ptid = tid;
    } else {
        new.pid = caller.pid;
        new.ptid = caller.ptid;
        new.flags |= flag::CLONE_FILES;
        new.last_exec_ts = caller.last_exec_ts;
    }
    new.vtid = child_tid;
    new.vpid = new.pid;
    if known {
        inherit(&mut new, caller);
    }
    describe(ctx, &mut new);
    // Falco sets the arguments before the name here, so that the command line follows later changes of the name.
    new.cmdline_comm = Text::EMPTY;
    new.pidns_init_start_ts = boot_time(ctx);
    settle(ctx, &mut new, known);
    if !known {
        let (exe, comm, args) = (new.exe.clone(), new.comm.clone(), new.args.clone());
        if let Some(caller) = ctx.thread_mut() {
            caller.exe = exe;
            caller.cmdline_comm = comm.clone();
            caller.comm = comm;
            caller.args = args;
        }
    }
    ctx.state.add_thread(new);
    ctx.state.descend(child_tid, tid);
    ctx.learn_users(child_tid);
}

/// Corrects the creator of a child that was given the caller's parent: only this side knows the caller.
fn created_a_sibling(ctx: &mut Ctx<'_, '_>, child_tid: i64) {
    let ts = ctx.event.ts();
    let is_new = |child: &&Thread| child.flags & flag::CLONE_PARENT != 0 && ts.wrapping_sub(child.clone_ts) < STALE;
    if ctx.state.thread(child_tid).filter(is_new).is_some() {
        ctx.state.descend(child_tid, ctx.tid);
    }
}

/// Handles the child's side.
fn child(ctx: &mut Ctx<'_, '_>) {
    let (tid, ts) = (ctx.tid, ctx.event.ts());
    let (pid, ptid) = (ctx.i64(p::pid), ctx.i64(p::ptid));
    if let Some(thread) = ctx.thread_mut() {
        if thread.clone_ts != 0 {
            if ts.wrapping_sub(thread.clone_ts) < STALE {
                return;
            }
            ctx.state.remove_thread(tid);
        } else if Some(thread.pid) == pid && Some(thread.ptid) == ptid && thread.last_event_ts == 0 {
            // The state at the beginning of a capture has no start times. If it contains this very process, it was
            // taken between the caller's side and this one, and knows what was inherited better than the parent does by
            // now.
            thread.clone_ts = ts;
            return;
        }
    }
    let mut new = Box::new(Thread::new(tid));
    new.pid = pid.unwrap_or(-1);
    new.ptid = ptid.unwrap_or(-1);
    (new.vtid, new.vpid) = match ctx.i64(p::vpid) {
        Some(vpid) => (ctx.i64(p::vtid).unwrap_or(tid), vpid),
        None => (tid, -1),
    };
    new.flags = ctx.u32(p::flags).unwrap_or(0) | INVERTED;
    let leader = new.flags & flag::CLONE_THREAD == 0;
    if !leader {
        new.flags |= flag::CLONE_FILES;
    }
    // A process inherits from its parent; a thread from the leader of its process, which need not be the caller.
    let model = if leader { new.ptid } else { new.pid };
    if ctx.state.thread(model).is_none() && !ctx.state.add_placeholder(model) {
        ctx.lost = true;
        return;
    }
    let known = ctx.state.thread(model).is_some_and(|model| !model.is_placeholder());
    if !known
        && !leader
        && let Some(model) = ctx.state.threads.get_mut(model)
    {
        model.pid = new.pid;
        model.ptid = new.ptid;
        model.vpid = new.vpid;
        model.vtid = new.vpid;
        let model = model.tid;
        ctx.state.connect(model);
    }
    if known && let Some(model) = ctx.state.thread(model) {
        inherit(&mut new, model);
        if leader {
            (new.fds, new.fds_forked) = ctx.state.inherited_fds(model);
            new.cwd = Text::new(ctx.state.cwd(model));
            new.env = model.env.clone();
        } else {
            new.last_exec_ts = model.last_exec_ts;
        }
    }
    describe(ctx, &mut new);
    if !known
        && !leader
        && let Some(model) = ctx.state.threads.get_mut(model)
    {
        model.exe = new.exe.clone();
        model.comm = new.comm.clone();
        model.cmdline_comm = new.comm.clone();
        model.args = new.args.clone();
    }
    let in_pidns = new.flags & (flag::CHILD_IN_PIDNS | flag::CLONE_NEWPID) != 0 || new.tid != new.vtid;
    if !in_pidns {
        new.pidns_init_start_ts = boot_time(ctx);
    } else if let Some(start) = ctx.u64(p::pidns_init_start_ts) {
        new.pidns_init_start_ts = start.wrapping_add(boot_time(ctx));
    }
    settle(ctx, &mut new, known);
    ctx.lost = !ctx.state.add_thread(new);
    ctx.state.descend(tid, model);
    ctx.learn_users(tid);
}

/// Fills in a caller of which only the tid was known.
fn adopt(ctx: &mut Ctx<'_, '_>, tid: i64) {
    let (pid, ptid) = (ctx.i64(p::pid).unwrap_or(-1), ctx.i64(p::ptid).unwrap_or(-1));
    let (vtid, vpid) = (ctx.i64(p::vtid), ctx.i64(p::vpid));
    if let Some(thread) = ctx.thread_mut() {
        thread.pid = pid;
        thread.ptid = ptid;
        (thread.vtid, thread.vpid) = match vpid {
            Some(vpid) => (vtid.unwrap_or(tid), vpid),
            None => (tid, -1),
        };
    }
    ctx.state.connect(tid);
}

/// Copies the child's facts from the event.
fn describe(ctx: &mut Ctx<'_, '_>, new: &mut Thread) {
    let exe = ctx.text(p::exe);
    new.exe.set(exe);
    new.comm.set(ctx.raw(p::comm).map_or(exe, |_| ctx.text(p::comm)));
    new.renamed = None;
    let args = ctx.raw(p::args).unwrap_or_default();
    new.args.set(ctx.state.bounded_args(args));
    new.cmdline_comm = new.comm.clone();
    new.fdlimit = ctx.i64(p::fdlimit).unwrap_or(-1);
    if let Some(swap) = ctx.u32(p::vm_swap) {
        new.pfmajor = ctx.u64(p::pgft_maj).unwrap_or(0);
        new.pfminor = ctx.u64(p::pgft_min).unwrap_or(0);
        new.vmsize_kb = ctx.u32(p::vm_size).unwrap_or(0);
        new.vmrss_kb = ctx.u32(p::vm_rss).unwrap_or(0);
        new.vmswap_kb = swap;
    }
    new.uid = ctx.u32(p::uid).unwrap_or(u32::MAX);
    new.gid = ctx.u32(p::gid).unwrap_or(u32::MAX);
    new.set_cgroups(ctx.raw(p::cgroups).unwrap_or_default(), ctx.state.patterns.as_deref());
    new.clone_ts = ctx.event.ts();
}

/// Determines the container of a new thread, whose parent is known or not. Those in containers that could be anything are
/// looked at on a live host when they execute a program: before, it is the runtime that prepares the container.
fn settle(ctx: &mut Ctx<'_, '_>, new: &mut Thread, known: bool) {
    let of_parent = std::mem::take(&mut new.entered_container);
    let proven = ctx.proc.is_none() && new.is_in_pidns();
    ctx.state.settle(new, proven);
    let in_container = !new.container_id.is_empty();
    new.entered_container = in_container && known && of_parent;
}

/// Copies what the event does not contain from another thread. Its strings are taken over too: where the event has the
/// same, which is the rule, they are then shared.
fn inherit(new: &mut Thread, from: &Thread) {
    new.exe = from.exe.clone();
    new.args = from.args.clone();
    new.cgroups = from.cgroups.clone();
    new.container_id = from.container_id.clone();
    new.container_owner = from.container_owner;
    new.container_claim = from.container_claim.clone();
    // It matters where the event shows another container than the parent's.
    new.entered_container = from.entered_container || from.container_id.is_empty();
    new.exepath = from.exepath.clone();
    new.exe_writable = from.exe_writable;
    new.exe_upper_layer = from.exe_upper_layer;
    new.exe_lower_layer = from.exe_lower_layer;
    new.exe_from_memfd = from.exe_from_memfd;
    new.root = from.root.clone();
    new.sid = from.sid;
    new.vpgid = from.vpgid;
    new.pgid = from.pgid;
    new.tty = from.tty;
    new.loginuid = from.loginuid;
    new.cap_permitted = from.cap_permitted;
    new.cap_inheritable = from.cap_inheritable;
    new.cap_effective = from.cap_effective;
    new.exe_dev = from.exe_dev;
    new.exe_place = from.exe_place.clone();
    new.exe_ino = from.exe_ino;
    new.exe_ino_ctime = from.exe_ino_ctime;
    new.exe_ino_mtime = from.exe_ino_mtime;
    new.exe_ino_ctime_duration_clone_ts = from.exe_ino_ctime_duration_clone_ts;
}

fn boot_time(ctx: &Ctx<'_, '_>) -> u64 {
    ctx.state.boot_time()
}
