//! Calls that create file descriptors and report more than their arguments.

use std::os::unix::fs::MetadataExt as _;

use crate::call::Ended;
use crate::generated::flags;

const IORING_ENTER_EXT_ARG: u32 = 8;

/// Returns the two file descriptors that a call wrote.
pub(super) fn ends(c: &mut Ended<'_>, address: u64) -> (i64, i64) {
    let mut bytes = [0; 8];
    if !c.memory.read(address, &mut bytes) {
        return (-1, -1);
    }
    let [a, b, d, e, f, g, h, i] = bytes;
    (i32::from_ne_bytes([a, b, d, e]).into(), i32::from_ne_bytes([f, g, h, i]).into())
}

pub(super) fn pipe(c: &mut Ended<'_>, flagged: bool) {
    let (read, write) = ends(c, c.arg(0));
    c.u64(c.ret());
    c.i64(read);
    c.i64(write);
    let path = format!("/proc/{}/fd/{read}", c.process.tid);
    let ino = if c.result == 0 { std::fs::metadata(path).map_or(0, |meta| meta.ino()) } else { 0 };
    c.u64(ino);
    if flagged {
        c.u32(flags::pipe2_flags(c.arg(1) as u32).into());
    }
}

pub(super) fn io_uring_setup(c: &mut Ended<'_>) {
    // sq_entries, cq_entries, flags, sq_thread_cpu, sq_thread_idle, features.
    let mut bytes = [0; 24];
    c.memory.read(c.arg(1), &mut bytes);
    let mut words = bytes.as_chunks().0.iter().map(|word| u32::from_ne_bytes(*word));
    let mut word = || words.next().unwrap_or_default();
    let (sq, cq, flags, cpu, idle, features) = (word(), word(), word(), word(), word(), word());
    c.u64(c.ret());
    c.u32(c.arg(0));
    c.u32(sq.into());
    c.u32(cq.into());
    c.u32(flags::io_uring_setup_flags(flags).into());
    c.u32(cpu.into());
    c.u32(idle.into());
    c.u32(flags::io_uring_features(features).into());
}

pub(super) fn io_uring_enter(c: &mut Ended<'_>) {
    let flags = c.arg(3) as u32;
    c.u64(c.ret());
    c.push_fd(0);
    c.u32(c.arg(1));
    c.u32(c.arg(2));
    c.u32(flags::io_uring_enter_flags(flags).into());
    // With EXT_ARG the pointer is to a structure that begins with a pointer to the set.
    let set = if flags & IORING_ENTER_EXT_ARG != 0 { c.user64(4) } else { c.arg(4) };
    let set = c.memory.u32(set);
    c.u32(set.into());
}
