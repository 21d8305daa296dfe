//! Calls that create a file descriptor of a kernel object: pipes, event counters, timers, memory, processes …

use std::sync::Arc;

use scap::EventCode;
use scap::schema::param::{memfd_create_x, pidfd_getfd_x, pidfd_open_x, pipe2_x};

use super::ctx::Ctx;
use crate::state::{Fd, FdFacts, FdKind, O_CLOEXEC, Text};

/// Adds both ends of a pipe.
pub(super) fn pipe(ctx: &mut Ctx<'_, '_>) {
    if ctx.res() < 0 {
        return;
    }
    let mut end = Fd::new(FdKind::Fifo);
    end.ino = ctx.u64(pipe2_x::ino).unwrap_or(0);
    if ctx.event.code() == EventCode::PIPE2_X {
        end.open_flags = ctx.u32(pipe2_x::flags).unwrap_or(0);
    }
    for index in [pipe2_x::fd1, pipe2_x::fd2] {
        if let Some(num) = ctx.i64(index) {
            ctx.add_fd(num, end.clone());
        }
    }
}

/// Adds an object that has only a kind; some take flags.
pub(super) fn object(ctx: &mut Ctx<'_, '_>) {
    use EventCode as E;
    let num = ctx.res();
    if num < 0 {
        return;
    }
    let flags16 = |ctx: &Ctx<'_, '_>| ctx.u16(1).map_or(0, u32::from);
    let (kind, flags) = match ctx.event.code() {
        E::EVENTFD_X => (FdKind::Event, 0),
        E::EVENTFD2_X => (FdKind::Event, flags16(ctx)),
        E::SIGNALFD_X => (FdKind::SignalFd, 0),
        E::SIGNALFD4_X => (FdKind::SignalFd, flags16(ctx)),
        E::TIMERFD_CREATE_X => (FdKind::TimerFd, ctx.u8(2).map_or(0, u32::from)),
        E::INOTIFY_INIT_X => (FdKind::Inotify, 0),
        E::INOTIFY_INIT1_X => (FdKind::Inotify, flags16(ctx)),
        E::BPF_2_X => (FdKind::Bpf, 0),
        E::USERFAULTFD_X => (FdKind::UserfaultFd, 0),
        E::IO_URING_SETUP_X => (FdKind::IoUring, 0),
        E::EPOLL_CREATE_X => (FdKind::EventPoll, 0),
        E::EPOLL_CREATE1_X => (FdKind::EventPoll, if ctx.u32(1).unwrap_or(0) & 1 != 0 { O_CLOEXEC } else { 0 }),
        _ => return,
    };
    ctx.add_facts(num, FdFacts { open_flags: flags, ..FdFacts::new(kind) });
}

/// Adds a memory file.
pub(super) fn memfd(ctx: &mut Ctx<'_, '_>) {
    let mut fd = Fd::new(FdKind::Memfd);
    fd.name = ctx.kept(memfd_create_x::name);
    fd.open_flags = ctx.u32(memfd_create_x::flags).unwrap_or(0);
    ctx.add_fd(ctx.res(), fd);
}

/// Adds the file descriptor of a process.
pub(super) fn pidfd_open(ctx: &mut Ctx<'_, '_>) {
    if ctx.res() < 0 {
        return;
    }
    let pid = ctx.i64(pidfd_open_x::pid).unwrap_or(-1);
    let mut fd = Fd::new(FdKind::PidFd { pid });
    fd.name = Text::from(format!("/proc/{pid}").as_str());
    fd.open_flags = ctx.u32(pidfd_open_x::flags).unwrap_or(0);
    ctx.add_fd(ctx.res(), fd);
}

/// Adds a copy of another process's file descriptor.
pub(super) fn pidfd_getfd(ctx: &mut Ctx<'_, '_>) {
    let num = ctx.res();
    let (Some(pidfd), Some(target)) = (ctx.i64(pidfd_getfd_x::pid_fd), ctx.i64(pidfd_getfd_x::target_fd)) else {
        return;
    };
    let handle = ctx.thread().and_then(|thread| ctx.state.fd(thread, pidfd)).map(|fd| &fd.kind);
    let Some(FdKind::PidFd { pid }) = handle else { return };
    let process = ctx.state.thread(*pid);
    let Some(shared) = process.and_then(|thread| ctx.state.fds(thread)?.share(target)) else { return };
    copy(ctx, num, shared, true);
}

/// Adds a copy of an entry at `num`; only its close-on-exec flag can differ.
pub(super) fn copy(ctx: &mut Ctx<'_, '_>, num: i64, mut fd: Arc<Fd>, close_on_exec: bool) {
    let mut flags = fd.open_flags & !(O_CLOEXEC | 1);
    if close_on_exec {
        flags |= O_CLOEXEC;
    }
    if flags != fd.open_flags {
        let stamp = ctx.state.new_stamp();
        let changed = Arc::make_mut(&mut fd);
        changed.open_flags = flags;
        changed.stamp = stamp;
    }
    ctx.fd = ctx.state.add_shared_fd(ctx.tid, num, fd).then_some(num);
}
