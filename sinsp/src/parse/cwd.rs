//! chdir, fchdir, getcwd, chroot: the directories where relative paths start.

use scap::schema::param::{chdir_x, chroot_x};

use super::ctx::Ctx;
use crate::state::{Text, path};

/// chdir, and getcwd, which reports the working directory.
pub(super) fn chdir(ctx: &mut Ctx<'_, '_>) {
    if ctx.res() >= 0 {
        let to = ctx.text(chdir_x::path);
        change(ctx, to);
    }
}

pub(super) fn fchdir(ctx: &mut Ctx<'_, '_>) {
    if ctx.res() >= 0
        && let Some(name) = ctx.fd().map(|fd| fd.name.clone())
    {
        change(ctx, &name);
    }
}

/// Changes the working directory. It belongs to the process, so the leader has it. A relative path starts at the
/// calling thread's own entry, which for threads other than the leader is empty.
fn change(ctx: &mut Ctx<'_, '_>, to: &[u8]) {
    let Some(thread) = ctx.thread() else { return };
    let Some(leader) = ctx.state.leader(thread) else { return };
    let mut joined = Vec::new();
    path::join_dir(&thread.cwd, to, &mut joined);
    if leader.cwd == *joined {
        return;
    }
    let leader = leader.tid;
    if let Some(leader) = ctx.state.threads.get_mut(leader) {
        leader.cwd = Text::new(&joined);
    }
    ctx.state.touch(leader);
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
