//! Messages: one event for each.

use super::io::{kept, pieces, push_pieces};
use super::net::own;
use crate::call::Ended;
use crate::socket::Direction::{Inbound, Outbound};
use crate::socket::{Address, Socket};

const SOCKADDR_MAX: u64 = 128;
const MAX_MESSAGES: i64 = 1024;
/// The size of an entry of the calls with several messages, and the place of its length.
const NATIVE: (u64, u64) = (64, 56);
const COMPAT: (u64, u64) = (32, 28);

/// A message header of either width.
#[derive(Debug, Default)]
struct Header {
    name: Address,
    pieces: u64,
    count: u64,
    control: u64,
    control_len: u64,
}

/// Reads the header at `p`; an address that is too long counts as the longest.
fn header(c: &mut Ended<'_>, p: u64) -> Option<Header> {
    let (mut native, mut compat) = ([0; 56], [0; 28]);
    let word =
        |bytes: &[u8], at: usize| bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |w| u64::from_ne_bytes(*w));
    let half = |bytes: &[u8], at: usize| {
        bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |w| u32::from_ne_bytes(*w).into())
    };
    let (name, name_len, mut header) = if c.call.compat {
        if !c.memory.read(p, &mut compat) {
            return None;
        }
        let at = |index: usize| half(&compat, 4 * index);
        let header = Header { pieces: at(2), count: at(3), control: at(4), control_len: at(5), ..Header::default() };
        (at(0), at(1), header)
    } else {
        if !c.memory.read(p, &mut native) {
            return None;
        }
        let at = |index: usize| word(&native, 8 * index);
        let header = Header { pieces: at(2), count: at(3), control: at(4), control_len: at(5), ..Header::default() };
        (at(0), half(&native, 8), header)
    };
    header.name = c.address(name, name_len.min(SOCKADDR_MAX));
    Some(header)
}

pub(super) fn sendmsg(c: &mut Ended<'_>) {
    let m = header(c, c.arg(1)).unwrap_or_default();
    let socket = own(c);
    let len = if c.result > 0 { kept(c, c.ret()) } else { c.snaplen as u64 };
    c.u64(c.ret());
    let sum = pieces(c, m.pieces, m.count, len);
    push_pieces(c);
    c.push_fd(0);
    c.u32(sum);
    c.tuple(socket.as_ref(), Outbound, &m.name);
}

pub(super) fn recvmsg(c: &mut Ended<'_>) {
    c.u64(c.ret());
    if c.result < 0 {
        c.u32(0);
        c.out.empty().empty().empty();
        c.push_fd(0);
        return;
    }
    let m = header(c, c.arg(1)).unwrap_or_default();
    let socket = own(c);
    c.u32(c.ret());
    let len = kept(c, c.ret());
    pieces(c, m.pieces, m.count, len);
    push_pieces(c);
    c.tuple(socket.as_ref(), Inbound, &m.name);
    c.bytes_at(m.control, m.control_len);
    c.push_fd(0);
}

/// Calls `one` for each message of a call that succeeded: with its header and its length.
fn each(
    c: &mut Ended<'_>,
    next: &mut dyn FnMut(&mut Ended<'_>),
    one: fn(&mut Ended<'_>, &Header, u32, Option<&Socket>),
) {
    let socket = own(c);
    let (size, len_at) = if c.call.compat { COMPAT } else { NATIVE };
    let mut written = false;
    for index in 0..c.result.min(MAX_MESSAGES) as u64 {
        let p = c.arg(1).wrapping_add(index * size);
        let Some(m) = header(c, p) else { break };
        let len = c.memory.u32(p.wrapping_add(len_at));
        if written {
            next(c);
        }
        one(c, &m, len, socket.as_ref());
        written = true;
    }
}

pub(super) fn sendmmsg(c: &mut Ended<'_>, next: &mut dyn FnMut(&mut Ended<'_>)) {
    if c.result > 0 {
        return each(c, next, |c, m, len, socket| {
            c.u64(len.into());
            c.push_fd(0);
            let keep = kept(c, len.into());
            let sum = pieces(c, m.pieces, m.count, keep);
            c.u32(sum);
            push_pieces(c);
            c.tuple(socket, Outbound, &m.name);
        });
    }
    c.u64(c.ret());
    c.push_fd(0);
    c.u32(0);
    c.out.empty().empty();
}

pub(super) fn recvmmsg(c: &mut Ended<'_>, next: &mut dyn FnMut(&mut Ended<'_>)) {
    if c.result > 0 {
        return each(c, next, |c, m, len, socket| {
            c.u64(len.into());
            c.push_fd(0);
            c.u32(len.into());
            let keep = kept(c, len.into());
            pieces(c, m.pieces, m.count, keep);
            push_pieces(c);
            c.tuple(socket, Inbound, &m.name);
            c.bytes_at(m.control, m.control_len);
        });
    }
    c.u64(c.ret());
    c.push_fd(0);
    c.u32(0);
    c.out.empty().empty().empty();
}
