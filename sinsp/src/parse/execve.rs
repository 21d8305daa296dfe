//! execve, execveat: a process replaces its program.

use scap::EventCode;
use scap::schema::param::{execve_19_x as p, execveat_e};

use super::ctx::Ctx;
use super::open::{Dir, directory};
use crate::state::{Fd, PathState, Place, Text, path, thread_flags as flag};

const EXE_WRITABLE: u32 = 1;
const EXE_UPPER_LAYER: u32 = 2;
const EXE_FROM_MEMFD: u32 = 4;
const EXE_LOWER_LAYER: u32 = 8;
const AT_EMPTY_PATH: u32 = 1;

/// The maximum size of an environment in an event.
const MAX_ENV: usize = 4096;

/// Flags that survive an exec: ends of a shell pipe, leader, child seen first, a working directory that is shared.
const LASTING: u32 = 1 << 21 | 1 << 22 | flag::IS_MAIN_THREAD | 1 << 16 | flag::CLONE_FS;

pub(super) fn execve(ctx: &mut Ctx<'_, '_>) {
    if ctx.res() < 0 {
        return;
    }
    revive(ctx);
    let exepath = exepath(ctx);
    let event = *ctx.event;
    let exe = ctx.text(p::exe);
    let args = ctx.state.bounded_args(event.raw(p::args).unwrap_or_default());
    let comm = ctx.raw(p::comm).map_or(exe, |_| ctx.text(p::comm));
    let (pid, ptid) = (ctx.i64(p::pid), ctx.i64(p::ptid));
    let tid = ctx.tid;
    let Some(thread) = ctx.thread_mut() else { return };
    thread.exe.set(exe);
    thread.last_exec_ts = event.ts();
    thread.comm.set(comm);
    thread.renamed = None;
    thread.args.set(args);
    thread.cmdline_comm = thread.comm.clone();
    if let Some(pid) = pid.filter(|pid| *pid != thread.pid && !thread.grouped) {
        thread.pid = pid;
    }
    if thread.is_placeholder() {
        thread.ptid = ptid.unwrap_or(-1);
        if thread.flags & flag::CHILD_IN_PIDNS == 0 {
            thread.vtid = thread.tid;
            thread.vpid = thread.pid;
        }
        ctx.state.connect(tid);
    }
    facts(ctx, exepath);
    ctx.state.retain_fds(tid, |_, fd: &Fd| !fd.is_close_on_exec());
    if let Some(thread) = ctx.thread_mut() {
        thread.flags = flag::ACTIVE | flag::NAME_CHANGED | thread.flags & LASTING;
    }
    end_other_threads(ctx);
    ctx.state.touch(tid);
    ctx.settle(tid);
    if let Some(thread) = ctx.thread_mut() {
        thread.entered_container = false;
    }
    ctx.learn_users_after_exec(tid);
}

/// Replaces a dead leader: another thread of its process called exec and became the leader.
fn revive(ctx: &mut Ctx<'_, '_>) {
    let Some(thread) = ctx.thread_mut() else { return };
    if !thread.is_dead() {
        return;
    }
    thread.flags &= !flag::CLOSED;
    if thread.grouped {
        let pid = thread.pid;
        if let Some(group) = ctx.state.threads.groups.get_mut(&pid) {
            group.alive += 1;
        }
    }
}

/// Removes all other threads of the process, which an exec ends.
fn end_other_threads(ctx: &mut Ctx<'_, '_>) {
    let Some(thread) = ctx.thread() else { return };
    let Some(group) = ctx.state.threads.groups.get(&thread.pid).filter(|group| group.alive > 1) else { return };
    for tid in group.threads.clone() {
        let other = tid != ctx.tid && ctx.state.thread(tid).is_some_and(|thread| !thread.is_leader());
        if other {
            ctx.state.remove_thread(tid);
        }
    }
}

/// Copies the facts of an exec besides names and numbers. Old layouts lack some of them.
fn facts(ctx: &mut Ctx<'_, '_>, exepath: Option<Text>) {
    let memory = ctx.u32(p::vm_swap);
    let pid = ctx.i64(p::pid);
    let (maj, min) = (ctx.u64(p::pgft_maj), ctx.u64(p::pgft_min));
    let (size, rss) = (ctx.u32(p::vm_size), ctx.u32(p::vm_rss));
    let (env, cgroups) = (ctx.raw(p::env), ctx.raw(p::cgroups));
    let (fdlimit, tty, vpgid) = (ctx.i64(p::fdlimit), ctx.u32(p::tty), ctx.i64(p::vpgid));
    let (loginuid, flags) = (ctx.u32(p::loginuid), ctx.u32(p::flags));
    let caps = (ctx.u64(p::cap_inheritable), ctx.u64(p::cap_permitted), ctx.u64(p::cap_effective));
    let exe = (ctx.u64(p::exe_ino), ctx.u64(p::exe_ino_ctime), ctx.u64(p::exe_ino_mtime));
    let (uid, gid, pgid) = (ctx.u32(p::uid), ctx.u32(p::gid), ctx.i64(p::pgid));
    let kernel = ctx.event.kernel_file();
    let patterns = ctx.state.patterns.clone();
    // A full buffer means that the environment was cut.
    let cut = env.is_some_and(|env| env.len() == MAX_ENV);
    let whole = if cut { pid.and_then(|pid| ctx.proc.as_mut()?.environ(pid)) } else { None };
    let env = whole.as_deref().or(env).map(|env| ctx.state.bounded_env(env));
    let Some(thread) = ctx.thread_mut() else { return };
    thread.fdlimit = fdlimit.unwrap_or(thread.fdlimit);
    if let Some(swap) = memory {
        thread.pfmajor = maj.unwrap_or(0);
        thread.pfminor = min.unwrap_or(0);
        thread.vmsize_kb = size.unwrap_or(0);
        thread.vmrss_kb = rss.unwrap_or(0);
        thread.vmswap_kb = swap;
    }
    if let Some(env) = env {
        thread.env.set(env);
    }
    if let Some(cgroups) = cgroups {
        thread.set_cgroups(cgroups, patterns.as_deref());
    }
    thread.tty = tty.unwrap_or(thread.tty);
    if let Some(exepath) = exepath {
        thread.exepath = exepath;
    }
    // A value that the event does not have is not the one from before.
    thread.exe_dev = kernel.map_or(0, |file| file.device);
    thread.exe_place = kernel.map_or_else(Place::default, |file| Place::new(&file));
    thread.vpgid = vpgid.unwrap_or(thread.vpgid);
    thread.loginuid = loginuid.unwrap_or(thread.loginuid);
    if let Some(flags) = flags {
        thread.exe_writable = flags & EXE_WRITABLE != 0;
        thread.exe_upper_layer = flags & EXE_UPPER_LAYER != 0;
        thread.exe_from_memfd = flags & EXE_FROM_MEMFD != 0;
        thread.exe_lower_layer = flags & EXE_LOWER_LAYER != 0;
    }
    if let (Some(inheritable), Some(permitted), Some(effective)) = caps {
        thread.cap_inheritable = inheritable;
        thread.cap_permitted = permitted;
        thread.cap_effective = effective;
    }
    if let (Some(ino), Some(ctime), Some(mtime)) = exe {
        thread.exe_ino = ino;
        thread.exe_ino_ctime = ctime;
        thread.exe_ino_mtime = mtime;
        if thread.clone_ts != 0 {
            thread.exe_ino_ctime_duration_clone_ts = thread.clone_ts.wrapping_sub(ctime);
        }
        if thread.pidns_init_start_ts != 0 && ctime > thread.pidns_init_start_ts {
            thread.exe_ino_ctime_duration_pidns_start = ctime - thread.pidns_init_start_ts;
        }
    }
    thread.uid = uid.unwrap_or(thread.uid);
    thread.pgid = pgid.unwrap_or(-1);
    thread.gid = gid.unwrap_or(thread.gid);
}

/// Returns the path of the executable: the kernel's, or in old captures that of the enter event, joined with its
/// directory.
fn exepath(ctx: &mut Ctx<'_, '_>) -> Option<Text> {
    if ctx.raw(p::trusted_exepath).is_some() {
        return Some(Text::new(path::without_deleted(ctx.text(p::trusted_exepath))));
    }
    // A path that does not fit is empty, rather than that of the program before.
    if ctx.event.kernel_file().is_some_and(|file| file.state == PathState::Cut) {
        return Some(Text::new(b"<NA>"));
    }
    let mut joined = Vec::new();
    match ctx.entry()? {
        EventCode::EXECVE_19_E => {
            let thread = ctx.thread()?;
            let cwd = ctx.state.cwd(thread);
            ctx.entry_text(0, |name| path::join(cwd, name, &mut joined))?;
        }
        EventCode::EXECVEAT_E => {
            let dirfd = ctx.entry_i64(execveat_e::dirfd).unwrap_or(-1);
            let empty = ctx.entry_u32(execveat_e::flags).unwrap_or(0) & AT_EMPTY_PATH != 0;
            let name = ctx.entry_text(execveat_e::pathname, <[u8]>::to_vec);
            let dir = directory(ctx, name.as_deref().unwrap_or(b"<NA>"), dirfd);
            let of_fd = matches!(dir, Dir::Of(_));
            let dir = dir.to_vec();
            if of_fd {
                ctx.fd = Some(dirfd);
            }
            match (dir, name) {
                (Some(dir), _) if empty => path::join(b"", &dir, &mut joined),
                (Some(dir), Some(name)) => path::join(&dir, &name, &mut joined),
                _ => return Some(Text::new(b"<NA>")),
            }
        }
        _ => return None,
    }
    Some(if joined.is_empty() { Text::new(b"<NA>") } else { Text::new(path::without_deleted(&joined)) })
}
