//! Memory, page faults, limits.

use scap::Event;
use scap::schema::param::{mmap_x, prlimit_x, procinfo_e, schedswitch_6_e, setrlimit_x};

use super::ctx::Ctx;
use crate::event::Facts;
use crate::state::{State, Thread};

const RLIMIT_NOFILE: u8 = 7;

/// brk, mmap, munmap: the memory of the thread.
pub(super) fn memory(thread: &mut Thread, event: &Event<'_>) {
    let number =
        |index| event.raw(index).and_then(|raw| raw.first_chunk()).map(|bytes: &[u8; 4]| u32::from_le_bytes(*bytes));
    let (size, rss, swap) = (number(mmap_x::vm_size), number(mmap_x::vm_rss), number(mmap_x::vm_swap));
    thread.vmsize_kb = size.unwrap_or(thread.vmsize_kb);
    if let Some(swap) = swap {
        thread.vmrss_kb = rss.unwrap_or(0);
        thread.vmswap_kb = swap;
    }
}

/// A switch of the scheduler: page faults of the thread, memory of its process.
pub(super) fn switch(ctx: &mut Ctx<'_, '_>) {
    ran(ctx);
    let Some(swap) = ctx.u32(schedswitch_6_e::vm_swap) else { return };
    let (major, minor) = (ctx.u64(schedswitch_6_e::pgft_maj), ctx.u64(schedswitch_6_e::pgft_min));
    let (size, rss) = (ctx.u32(schedswitch_6_e::vm_size), ctx.u32(schedswitch_6_e::vm_rss));
    let Some(thread) = ctx.thread_mut() else { return };
    thread.pfmajor = major.unwrap_or(0);
    thread.pfminor = minor.unwrap_or(0);
    if let Some(leader) = leader(ctx, ctx.tid) {
        leader.vmsize_kb = size.unwrap_or(0);
        leader.vmrss_kb = rss.unwrap_or(0);
        leader.vmswap_kb = swap;
    }
}

/// Adds the time since the previous switch of the processor. Not on replay: there Falco does not know the processors
/// (see [`State::hostname`]).
fn ran(ctx: &mut Ctx<'_, '_>) {
    if !ctx.state.is_live() {
        return;
    }
    let (cpu, ts) = (usize::from(ctx.event.cpu()), ctx.event.ts());
    if cpu >= ctx.state.switches.len() {
        ctx.state.switches.resize(cpu + 1, 0);
    }
    let before = std::mem::replace(&mut ctx.state.switches[cpu], ts);
    ctx.facts.exec_time = if before == 0 { 0 } else { ts.wrapping_sub(before) };
    let time = ctx.facts.exec_time;
    if let Some(thread) = ctx.thread_mut() {
        thread.exec_time = thread.exec_time.wrapping_add(time);
    }
}

/// Applies a report of processor time.
pub(super) fn processor(state: &mut State, event: &Event<'_>, facts: &mut Facts) {
    let time = |index| event.raw(index).and_then(|raw| raw.first_chunk()).map_or(0, |bytes| u64::from_le_bytes(*bytes));
    if let Some(thread) = state.threads.get_mut(event.tid()) {
        let times = (time(procinfo_e::cpu_usr), time(procinfo_e::cpu_sys));
        facts.cpu_before = std::mem::replace(&mut thread.cpu_time, times);
    }
}

/// getrlimit, setrlimit.
pub(super) fn rlimit(ctx: &mut Ctx<'_, '_>) {
    if ctx.res() >= 0 && ctx.u8(setrlimit_x::resource) == Some(RLIMIT_NOFILE) {
        set_limit(ctx, ctx.tid, ctx.i64(setrlimit_x::cur));
    }
}

/// prlimit, possibly of another process.
pub(super) fn prlimit(ctx: &mut Ctx<'_, '_>) {
    if ctx.res() != 0 || ctx.u8(prlimit_x::resource) != Some(RLIMIT_NOFILE) {
        return;
    }
    let tid = match ctx.i64(prlimit_x::pid) {
        None => return,
        Some(0) => ctx.tid,
        Some(tid) => tid,
    };
    if ctx.state.thread(tid).is_some_and(|thread| !thread.is_placeholder()) {
        set_limit(ctx, tid, ctx.i64(prlimit_x::newcur));
    }
}

fn set_limit(ctx: &mut Ctx<'_, '_>, tid: i64, limit: Option<i64>) {
    if let Some(limit) = limit.filter(|limit| *limit != -1)
        && let Some(leader) = leader(ctx, tid)
    {
        leader.fdlimit = limit;
    }
}

fn leader<'a>(ctx: &'a mut Ctx<'_, '_>, tid: i64) -> Option<&'a mut crate::state::Thread> {
    let leader = ctx.state.leader(ctx.state.thread(tid)?)?.tid;
    ctx.state.threads.get_mut(leader)
}
