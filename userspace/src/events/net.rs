//! Sockets.

use super::fd;
use super::io::{push_read, push_written};
use crate::call::Ended;
use crate::convert;
use crate::generated::flags;
use crate::socket::Direction::{Inbound, Outbound};
use crate::socket::Socket;

const EINPROGRESS: i64 = -115;

/// Returns the socket of an argument, if the call succeeded.
pub(super) fn own(c: &mut Ended<'_>) -> Option<Socket> {
    let fd = c.fd(0) as i64;
    if c.result >= 0 { c.socket(fd) } else { None }
}

pub(super) fn bind(c: &mut Ended<'_>) {
    let address = c.address(c.arg(1), c.arg32(2));
    let socket = own(c);
    c.u64(c.ret());
    c.bound(&address, socket.as_ref());
    c.push_fd(0);
}

/// A connection in progress has both ends already; its peer is only in the address.
pub(super) fn connect(c: &mut Ended<'_>) {
    let address = c.address(c.arg(1), c.arg32(2));
    let known = c.result == 0 || c.result == EINPROGRESS;
    let fd = c.fd(0) as i64;
    let socket = if known { c.socket(fd) } else { None };
    let peer = socket.as_ref().is_some_and(Socket::is_connected);
    let dissolved = c.result == 0 && !peer && socket.as_ref().is_some_and(Socket::is_connectable);
    c.u64(c.ret());
    let given = if peer { &[][..] } else { &address };
    c.tuple(socket.as_ref().filter(|_| !dissolved), Outbound, given);
    c.push_fd(0);
    match socket {
        _ if dissolved => c.empty(),
        // Another thread may have changed the address meanwhile.
        Some(socket) if peer && !c.process.is_single => c.peer(&socket),
        _ => c.sockaddr(&address),
    }
}

pub(super) fn accept(c: &mut Ended<'_>, flagged: bool) {
    let new = if c.result >= 0 { c.socket(c.result) } else { None };
    c.u64(c.ret());
    c.tuple(new.as_ref(), Inbound, &[]);
    // The queue belongs to the listening socket.
    let (len, max) = own(c).and_then(|socket| socket.queue()).unwrap_or_default();
    let percent = if len > 0 && max > 0 { u64::from(len) * 100 / u64::from(max) } else { 0 };
    c.u8(percent);
    c.u32(len.into());
    c.u32(max.into());
    if flagged {
        c.u32(flags::nonblock_cloexec(c.arg(3) as u32).into());
    }
}

pub(super) fn socketpair(c: &mut Ended<'_>) {
    let (one, other) = if c.result == 0 { fd::ends(c, c.arg(3)) } else { (-1, -1) };
    c.u64(c.ret());
    c.i64(one);
    c.i64(other);
    // The kernel's addresses of the sockets are unknown.
    c.u64(0);
    c.u64(0);
    c.u32(convert::socket_family(c.arg(0) as u32).into());
    c.u32(c.arg(1));
    c.u32(c.arg(2));
}

/// `addressed` is whether the call has an address of the target.
pub(super) fn sent(c: &mut Ended<'_>, addressed: bool) {
    let address = if addressed { c.address(c.arg(4), c.arg32(5)) } else { Vec::new() };
    let socket = own(c);
    c.u64(c.ret());
    push_written(c);
    c.push_fd(0);
    c.u32(c.arg(2));
    c.tuple(socket.as_ref(), Outbound, &address);
}

pub(super) fn recvfrom(c: &mut Ended<'_>) {
    let address = if c.result >= 0 { c.received(c.arg(4), c.arg(5)) } else { Vec::new() };
    let socket = own(c);
    c.u64(c.ret());
    push_read(c);
    c.tuple(socket.as_ref(), Inbound, &address);
    c.push_fd(0);
    c.u32(c.arg(2));
}

pub(super) fn recv(c: &mut Ended<'_>) {
    let socket = own(c);
    c.u64(c.ret());
    push_read(c);
    c.push_fd(0);
    c.u32(c.arg(2));
    c.tuple(socket.as_ref(), Inbound, &[]);
}
