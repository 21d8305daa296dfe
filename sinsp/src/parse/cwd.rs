//! chdir, fchdir, getcwd, chroot: the directories where relative paths start.

use scap::EventCode;
use scap::schema::param::{chdir_x, chroot_x};

use super::ctx::Ctx;
use crate::state::{PathState, State, Text, Thread, path, thread_flags};

/// chdir, and getcwd, which reports the working directory.
pub(super) fn chdir(ctx: &mut Ctx<'_, '_>) {
    if ctx.res() >= 0 {
        let to = ctx.text(chdir_x::path);
        change(ctx, to);
    }
}

pub(super) fn fchdir(ctx: &mut Ctx<'_, '_>) {
    if ctx.res() < 0 {
        return;
    }
    match ctx.fd().map(|fd| fd.name.clone()) {
        Some(name) => change(ctx, &name),
        None if ctx.event.kernel_file().is_some() => change(ctx, b"."),
        None => {}
    }
}

/// Changes the working directory. It belongs to the process, so the leader has it. A relative path starts at the
/// calling thread's own entry, which for threads other than the leader is empty.
fn change(ctx: &mut Ctx<'_, '_>, to: &[u8]) {
    let Some(thread) = ctx.thread() else { return };
    let Some(leader) = ctx.state.leader(thread) else { return };
    let mut joined = Vec::new();
    path::join_dir(&thread.cwd, to, &mut joined);
    // A path that others may have changed during the call, or a directory that is unknown, comes from the kernel.
    let kernel = ctx.event.kernel_file().filter(|file| !file.given_holds && file.state == PathState::Whole);
    let leader = leader.tid;
    if let Some(file) = kernel.filter(|file| !file.path.is_empty()) {
        let given = std::mem::take(&mut joined);
        path::join_dir(b"", file.path, &mut joined);
        if given != joined && ctx.event.code() == EventCode::CHDIR_X {
            ctx.correct(&[(chdir_x::path, [file.path, b"\0"])]);
        }
    }
    for tid in sharing(ctx.state, leader) {
        let Some(leader) = ctx.state.threads.get_mut(tid).filter(|leader| *leader.cwd != *joined) else { continue };
        leader.cwd = Text::new(&joined);
        ctx.state.touch(tid);
    }
}

/// The maximum number of processes that are looked at for one working directory.
const MAX_SHARING: usize = 64;

/// Returns the processes that share a working directory, by their leaders: those that were cloned with `CLONE_FS`, from
/// the parent down.
fn sharing(state: &State, leader: i64) -> Vec<i64> {
    let shares = |tid: i64| {
        let of = |thread: &Thread| thread.is_leader() && thread.flags & thread_flags::CLONE_FS != 0;
        state.thread(tid).is_some_and(of)
    };
    let mut top = leader;
    for _ in 0..MAX_SHARING {
        let parent = state.thread(top).and_then(|thread| state.leader(state.thread(thread.ptid)?));
        match parent.filter(|_| shares(top)) {
            Some(parent) => top = parent.tid,
            None => break,
        }
    }
    let mut found = vec![top];
    let mut next = 0;
    while let Some(thread) = found.get(next).and_then(|tid| state.thread(*tid)) {
        let room = MAX_SHARING.saturating_sub(found.len());
        found.extend(thread.children().iter().copied().filter(|child| shares(*child)).take(room));
        next += 1;
    }
    found
}

pub(super) fn chroot(ctx: &mut Ctx<'_, '_>) {
    if ctx.res() != 0 {
        return;
    }
    let to = ctx.text(chroot_x::path);
    let Some(thread) = ctx.thread() else { return };
    let mut joined = Vec::new();
    path::join(ctx.state.cwd(thread), to, &mut joined);
    if let Some(thread) = ctx.thread_mut() {
        thread.root = Text::new(&joined);
    }
}
