//! Modules, file systems, quotas, keys, semaphores, waiting.

use crate::call::Ended;
use crate::generated::flags;
use crate::memory::MAX_PATH;

const MAX_ARGUMENTS: usize = 4096;
const MAX_POLLED: u64 = 16;
const SEMCTL_SETVAL: u64 = 16;

pub(super) fn init_module(c: &mut Ended<'_>) {
    c.u64(c.ret());
    let len = c.arg(1).min(c.snaplen as u64);
    c.bytes_at(c.arg(0), len);
    c.u64(c.arg(1));
    c.text_at(c.arg(2), MAX_ARGUMENTS);
}

/// The value is text or bytes, by the command; a failed call has none.
pub(super) fn fsconfig(c: &mut Ended<'_>) {
    const TEXTS: [u32; 3] = [1, 3, 4];
    const BINARY: u32 = 2;
    let command = c.arg(1) as u32;
    let value = |c: &Ended<'_>, is: bool| if c.result >= 0 && is { c.arg(3) } else { 0 };
    c.u64(c.ret());
    c.push_fd(0);
    c.u32(command.into());
    c.text(2);
    let bytes = value(c, command == BINARY);
    c.bytes_at(bytes, c.arg32(4));
    let text = value(c, TEXTS.contains(&command));
    c.text_at(text, MAX_PATH);
    c.u32(c.arg(4));
}

/// `valid` says which of the values of struct if_dqblk and struct if_dqinfo are set.
pub(super) fn quotactl(c: &mut Ended<'_>) {
    const GETQUOTA: u32 = 0x80_0007;
    const SETQUOTA: u32 = 0x80_0008;
    const QUOTAON: u32 = 0x80_0002;
    const GETINFO: u32 = 0x80_0005;
    const SETINFO: u32 = 0x80_0006;
    const GETFMT: u32 = 0x80_0004;
    const XGETQUOTA: u32 = 0x5803;
    const XSETQLIM: u32 = 0x5804;
    let kernel = (c.arg(0) as u32) >> 8;
    let command = flags::quotactl_command(kernel);
    let is = |wanted: u32| command != 0 && kernel == wanted;
    let not_used = flags::quotactl_format(u32::MAX);
    let (id, address) = (c.arg32(2), c.arg(3));
    let block = is(GETQUOTA) || is(SETQUOTA);
    let (mut dqblk, mut dqinfo) = ([0; 72], [0; 24]);
    if block {
        c.memory.read(address, &mut dqblk);
    }
    if is(GETINFO) || is(SETINFO) {
        c.memory.read(address, &mut dqinfo);
    }
    let word = |bytes: &[u8], at: usize| {
        bytes.get(8 * at..).and_then(<[u8]>::first_chunk).map_or(0, |w| u64::from_ne_bytes(*w))
    };
    let valid = word(&dqblk, 8) as u32;
    let limit = |bit: u32, at: usize| if valid & bit != 0 { word(&dqblk, at) } else { 0 };
    c.u64(c.ret());
    c.text(1);
    c.text_at(if is(QUOTAON) { address } else { 0 }, MAX_PATH);
    for (bit, at) in [(1, 0), (1, 1), (2, 2), (4, 3), (4, 4), (16, 6), (32, 7)] {
        c.u64(limit(bit, at));
    }
    let info = word(&dqinfo, 2);
    let (info_flags, info_valid) = (info as u32, (info >> 32) as u32);
    c.u64(if info_valid & 1 != 0 { word(&dqinfo, 0) } else { 0 });
    c.u64(if info_valid & 2 != 0 { word(&dqinfo, 1) } else { 0 });
    c.u8(if info_valid & 4 != 0 { info_flags.into() } else { 0 });
    let format = if is(GETFMT) { flags::quotactl_format(c.memory.u32(address)) } else { not_used };
    c.u8(format.into());
    c.u16(command.into());
    c.u8(flags::quotactl_type(c.arg(0) as u32 & 0xff).into());
    c.u32(if block || is(XGETQUOTA) || is(XSETQLIM) { id } else { 0 });
    c.u8(if is(QUOTAON) { flags::quotactl_format(id as u32) } else { not_used }.into());
}

/// The use that an operation of keyctl makes of an argument.
#[derive(Clone, Copy)]
enum Use {
    Nothing,
    Number,
    Text,
}

fn keyctl_use(operation: u32) -> [Use; 4] {
    use Use::{Nothing as O, Number as N, Text as T};
    match operation {
        1 => [T, O, O, O],
        3 | 7 | 14 | 16 | 21 => [N, O, O, O],
        0 | 5 | 8 | 9 | 15 | 22 | 31 => [N, N, O, O],
        2 | 4 | 6 | 11 | 13 | 17 | 32 => [N, N, N, O],
        29 => [N, T, T, O],
        24 => [N, N, T, O],
        10 => [N, T, T, N],
        12 | 19 | 20 | 23 | 30 => [N, N, N, N],
        25..=28 => [N, T, N, N],
        _ => [O; 4],
    }
}

pub(super) fn keyctl(c: &mut Ended<'_>) {
    let operation = c.arg(0) as u32;
    c.u64(c.ret());
    c.u32(operation.into());
    for (index, how) in (1..).zip(keyctl_use(operation)) {
        let value = c.arg(index);
        match how {
            Use::Text => match c.memory.text(value, MAX_PATH) {
                Some(text) => c.out.parts(&[&[1], text, &[0]]),
                None => c.out.parts(&[&[1]]),
            },
            Use::Number => c.out.parts(&[&[0], &value.to_le_bytes()]),
            Use::Nothing => c.out.parts(&[&[0], &[0; 8]]),
        };
    }
}

/// The first two operations, if the call succeeded.
pub(super) fn semop(c: &mut Ended<'_>) {
    let count = c.arg(2);
    let mut bytes = [0; 12];
    let read = if c.result == 0 { count.min(2) as usize * 6 } else { 0 };
    if let Some(to) = bytes.get_mut(..read).filter(|to| !to.is_empty()) {
        c.memory.read(c.arg(1), to);
    }
    c.u64(c.ret());
    c.u32(count);
    for operation in bytes.as_chunks::<6>().0 {
        let [a, b, d, e, f, g] = *operation;
        c.u16(u16::from_ne_bytes([a, b]).into());
        c.u16(u16::from_ne_bytes([d, e]).into());
        c.u16(flags::semop_flags(u16::from_ne_bytes([f, g]).into()).into());
    }
    c.u32(c.arg(0));
}

pub(super) fn semctl(c: &mut Ended<'_>) {
    let command = c.arg(2) & 0xff;
    c.u64(c.ret());
    c.u32(c.arg(0));
    c.u32(c.arg(1));
    c.u16(flags::semctl_command(command as u32).into());
    c.u32(if command == SEMCTL_SETVAL { c.arg(3) } else { 0 });
}

/// Writes the polled file descriptors with their results.
fn push_polled(c: &mut Ended<'_>) {
    let (address, count) = (c.arg(0), c.arg32(1).min(MAX_POLLED));
    let table = c.memory.bytes(address, 8 * count);
    let mut list = vec![0; 2];
    let mut n = 0u16;
    for row in table.as_chunks::<8>().0 {
        let [a, b, d, e, _, _, h, i] = *row;
        list.extend_from_slice(&i64::from(i32::from_ne_bytes([a, b, d, e])).to_le_bytes());
        list.extend_from_slice(&(flags::poll_flags(u16::from_ne_bytes([h, i]).into()) as u16).to_le_bytes());
        n += 1;
    }
    let [low, high] = n.to_le_bytes();
    c.out.parts(&[&[low, high], list.get(2..).unwrap_or_default()]);
}

/// Returns nanoseconds of a timespec; a 32-bit program's has two words, unless the call is one of the newer ones.
fn timespec(c: &mut Ended<'_>, p: u64) -> u64 {
    if p == 0 {
        return 0;
    }
    let (seconds, ns) = if c.call.compat {
        (c.memory.u32(p).into(), c.memory.u32(p.wrapping_add(4)).into())
    } else {
        (c.memory.u64(p), c.memory.u64(p.wrapping_add(8)))
    };
    seconds.wrapping_mul(1_000_000_000).wrapping_add(ns)
}

pub(super) fn poll(c: &mut Ended<'_>) {
    c.u64(c.ret());
    push_polled(c);
    c.push_fd(2);
}

pub(super) fn ppoll(c: &mut Ended<'_>) {
    c.u64(c.ret());
    push_polled(c);
    let timeout = timespec(c, c.arg(2));
    c.u64(timeout);
    let set = c.user32(3);
    c.u32(set);
}

pub(super) fn nanosleep(c: &mut Ended<'_>) {
    c.u64(c.ret());
    let time = timespec(c, c.arg(0));
    c.u64(time);
}
