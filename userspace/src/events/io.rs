//! Reading and writing, and buffers in pieces.

use crate::call::Ended;
use crate::generated::flags;

const MAX_PIECES: u64 = 32;

/// Returns the sum of the sizes of pieces; the first `limit` bytes of them are appended in the memory reader.
pub(super) fn pieces(c: &mut Ended<'_>, vector: u64, count: u64, limit: u64) -> u64 {
    let width = if c.call.compat { 4 } else { 8 };
    let (mut sum, mut at) = (0u64, 0u64);
    c.memory.clear();
    let mut table = Vec::with_capacity(MAX_PIECES as usize);
    for i in 0..count.min(MAX_PIECES) {
        let base = c.word(vector.wrapping_add(2 * i * width));
        let len = c.word(vector.wrapping_add((2 * i + 1) * width));
        table.push((base, len));
    }
    for (base, len) in table {
        sum = sum.wrapping_add(len);
        at += c.memory.append(base, len.min(limit.saturating_sub(at))) as u64;
    }
    sum
}

/// Writes the pieces that were appended.
pub(super) fn push_pieces(c: &mut Ended<'_>) {
    c.out.raw(c.memory.appended());
}

/// Returns how much of a result is kept.
pub(super) fn kept(c: &Ended<'_>, of: u64) -> u64 {
    of.min(c.snaplen as u64)
}

/// Writes the data of a read.
pub(super) fn push_read(c: &mut Ended<'_>) {
    let len = kept(c, u64::try_from(c.result).unwrap_or(0));
    c.bytes_at(c.arg(1), len);
}

/// Writes the data of a write, also of a failed one.
pub(super) fn push_written(c: &mut Ended<'_>) {
    let there = if c.result > 0 { c.result as u64 } else { c.arg(2) };
    let len = kept(c, there);
    c.bytes_at(c.arg(1), len);
}

pub(super) fn read(c: &mut Ended<'_>) {
    c.u64(c.ret());
    push_read(c);
    c.push_fd(0);
    c.u32(c.arg(2));
}

pub(super) fn write(c: &mut Ended<'_>) {
    c.u64(c.ret());
    push_written(c);
    c.push_fd(0);
    c.u32(c.arg(2));
}

/// A 32-bit call has the position in two words.
fn position(c: &Ended<'_>) -> u64 {
    if c.call.compat { c.arg(3) | c.arg(4) << 32 } else { c.arg(3) }
}

pub(super) fn pread(c: &mut Ended<'_>) {
    read(c);
    c.u64(position(c));
}

pub(super) fn pwrite(c: &mut Ended<'_>) {
    write(c);
    c.u64(position(c));
}

pub(super) fn readv(c: &mut Ended<'_>, at: bool) {
    c.u64(c.ret());
    if c.result > 0 {
        c.u32(c.ret());
        let len = kept(c, c.ret());
        pieces(c, c.arg(1), c.arg(2), len);
        push_pieces(c);
    } else {
        c.u32(0);
        c.empty();
    }
    c.push_fd(0);
    if at {
        c.u64(position(c));
    }
}

pub(super) fn writev(c: &mut Ended<'_>, at: bool) {
    c.u64(c.ret());
    let len = if c.result > 0 { kept(c, c.ret()) } else { c.snaplen as u64 };
    let sum = pieces(c, c.arg(1), c.arg(2), len);
    push_pieces(c);
    c.push_fd(0);
    c.u32(sum);
    if at {
        c.u64(position(c));
    }
}

pub(super) fn process_vm(c: &mut Ended<'_>) {
    c.u64(c.ret());
    c.push_fd(0);
    let count = if c.result > 0 { c.arg(2) } else { 0 };
    let len = kept(c, c.ret());
    pieces(c, c.arg(1), count, len);
    push_pieces(c);
}

/// The offset of a 32-bit program is in two words.
pub(super) fn llseek(c: &mut Ended<'_>) {
    c.u64(c.ret());
    c.push_fd(0);
    c.u64(c.arg(1) << 32 | c.arg32(2));
    c.u8(flags::lseek_whence(c.arg(4) as u32).into());
}
