//! clone and similar calls, failed execs, limits, ptrace, prctl, capabilities.

use super::Outcome;
use crate::call::Ended;
use crate::generated::flags;
use crate::memory::MAX_PATH;
use crate::{clone, exec};
use scap::EventCode;

const UNKNOWN: u64 = u64::MAX;
/// Continue, single-step, detach, up to the next call: requests with a signal.
const WITH_SIGNAL: [u32; 4] = [7, 9, 17, 24];
/// Requests that read a word.
const PEEKS: [u32; 3] = [1, 2, 3];
const NUMBER: u8 = 0;
const SIGNAL: u8 = 1;
const PR_SET_NAME: u32 = 15;
const PR_GET_NAME: u32 = 16;
const PR_GET_CHILD_SUBREAPER: u32 = 37;

/// A successful exec has its own stop.
pub(super) fn exec(c: &mut Ended<'_>) -> Outcome {
    if c.result == 0 {
        return Outcome::None;
    }
    exec::failed(c);
    Outcome::Event
}

/// The event of the parent.
pub(super) fn clone(c: &mut Ended<'_>) {
    let flags = match c.call.event {
        EventCode::CLONE_20_X => c.arg(0),
        // The flags are the first word of the structure.
        EventCode::CLONE3_X => c.user64(0),
        _ => 0,
    };
    let thread = c.thread();
    clone::write(c.out, c.result, c.process.tid, flags, thread.as_ref());
}

/// Reads a limit; a 32-bit program's are half as wide and have their own mark for "none".
fn limits(c: &mut Ended<'_>, p: u64, words: bool) -> [u64; 2] {
    if p == 0 {
        return [0, 0];
    }
    if c.call.compat && words {
        let wide = |narrow: u32| if narrow == u32::MAX { UNKNOWN } else { narrow.into() };
        return [wide(c.memory.u32(p)), wide(c.memory.u32(p.wrapping_add(4)))];
    }
    [c.memory.u64(p), c.memory.u64(p.wrapping_add(8))]
}

pub(super) fn getrlimit(c: &mut Ended<'_>) {
    let [now, max] = if c.result == 0 { limits(c, c.arg(1), true) } else { [UNKNOWN; 2] };
    c.u64(c.ret());
    c.u64(now);
    c.u64(max);
    c.u8(flags::rlimit_resource(c.arg(0) as u32).into());
}

pub(super) fn setrlimit(c: &mut Ended<'_>) {
    let [now, max] = limits(c, c.arg(1), true);
    c.u64(c.ret());
    c.u64(now);
    c.u64(max);
    c.u8(flags::rlimit_resource(c.arg(0) as u32).into());
}

pub(super) fn prlimit(c: &mut Ended<'_>) {
    let [now, max] = limits(c, c.arg(2), false);
    let [old, old_max] = if c.result == 0 { limits(c, c.arg(3), false) } else { [UNKNOWN; 2] };
    c.u64(c.ret());
    for limit in [now, max, old, old_max] {
        c.u64(limit);
    }
    c.push_fd(0);
    c.u8(flags::rlimit_resource(c.arg(1) as u32).into());
}

pub(super) fn ptrace(c: &mut Ended<'_>) {
    let request = c.arg(0) as u32;
    let failed = c.result < 0;
    let (address, mut data) = if failed { (0, 0) } else { (c.arg(2), c.arg(3)) };
    c.u64(c.ret());
    c.out.parts(&[&[NUMBER], &address.to_le_bytes()]);
    if !failed && WITH_SIGNAL.contains(&request) {
        c.out.parts(&[&[SIGNAL], &[data as u8]]);
    } else {
        if !failed && PEEKS.contains(&request) {
            data = c.memory.u64(data);
        }
        c.out.parts(&[&[NUMBER], &data.to_le_bytes()]);
    }
    c.u16(flags::ptrace_request(request).into());
    c.push_fd(1);
}

pub(super) fn prctl(c: &mut Ended<'_>) {
    let (option, arg) = (c.arg(0) as u32, c.arg(1));
    c.u64(c.ret());
    c.u32(option.into());
    match option {
        PR_SET_NAME | PR_GET_NAME => {
            c.text_at(arg, MAX_PATH);
            c.u64(0);
        }
        PR_GET_CHILD_SUBREAPER => {
            c.empty();
            let value = c.memory.u32(arg) as i32;
            c.i64(value.into());
        }
        _ => {
            c.empty();
            c.u64(arg);
        }
    }
}

/// Capabilities: those of the process after the call.
pub(super) fn capset(c: &mut Ended<'_>) {
    let thread = c.thread();
    c.u64(c.ret());
    match thread {
        Some(thread) => {
            c.u64(thread.cap_inheritable);
            c.u64(thread.cap_permitted);
            c.u64(thread.cap_effective);
        }
        None => {
            c.out.empty().empty().empty();
        }
    }
}
