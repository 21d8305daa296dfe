//! read, write, send, receive: what passes through a descriptor says who is at the other end.

use scap::EventCode;
use scap::event::SockTuple;
use scap::schema::param::{recv_x, recvfrom_x, recvmmsg_x, recvmsg_x, send_x};

use super::ctx::Ctx;
use super::socket::{self, set_status};
use crate::state::{ConnectStatus, Fd, FdKind, FdTable, Ipv6End, L4Proto, Role};

/// read and its kin, on whatever descriptor.
pub(super) fn read(ctx: &mut Ctx<'_, '_>) {
    passed(ctx);
}

/// write and its kin, on whatever descriptor.
pub(super) fn write(ctx: &mut Ctx<'_, '_>) {
    passed(ctx);
}

/// recv and its kin, on a socket.
pub(super) fn receive(ctx: &mut Ctx<'_, '_>) {
    let index = match ctx.event.code() {
        EventCode::RECVFROM_X => recvfrom_x::tuple,
        EventCode::RECVMSG_X => recvmsg_x::tuple,
        EventCode::RECV_X => recv_x::tuple,
        _ => recvmmsg_x::tuple,
    };
    // An old recvmmsg has no parameters.
    if ctx.raw(0).is_some() && passed(ctx) {
        learn(ctx, index, true);
    }
}

/// send and its kin, on a socket.
pub(super) fn send(ctx: &mut Ctx<'_, '_>) {
    // An old sendmmsg has no parameters.
    if ctx.raw(0).is_none() {
        return;
    }
    if ctx.fd.is_none() && ctx.event.code() != EventCode::SENDMMSG_X {
        guess_socket(ctx);
    }
    if passed(ctx) {
        learn(ctx, send_x::tuple, false);
    }
}

/// Data went through: a connection works, or is broken. Says whether it went through.
#[inline]
fn passed(ctx: &mut Ctx<'_, '_>) -> bool {
    let Some(fd) = ctx.fd() else { return false };
    let (connection, status) = (matches!(fd.kind, FdKind::Ipv4(_) | FdKind::Ipv6(_)), fd.status);
    let ok = ctx.res() >= 0;
    if connection && status != ConnectStatus::Connected && ok {
        set_status(ctx, ConnectStatus::Connected);
    } else if connection && !ok && ctx.track_status {
        set_status(ctx, ConnectStatus::Failed);
    }
    ok
}

/// Takes the ends of a socket from the event, where they are not known or can change: not for TCP over IPv4.
fn learn(ctx: &mut Ctx<'_, '_>, index: usize, incoming: bool) {
    let Some(fd) = ctx.fd() else { return };
    let tcp = matches!(&fd.kind, FdKind::Ipv4(tuple) if tuple.l4 == L4Proto::Tcp);
    if tcp && !fd.name.is_empty() {
        return;
    }
    let Some(tuple) = ctx.raw(index).and_then(SockTuple::parse) else { return };
    if fd.says(&tuple) {
        return;
    }
    let Some(num) = ctx.fd else { return };
    let Some(fd) = ctx.state.fd_mut(ctx.tid, num) else { return };
    let mut name = Vec::new();
    match tuple.unmapped() {
        SockTuple::Unix { source, destination, .. } => {
            fd.kind = FdKind::Unix(Box::new(crate::state::UnixTuple { source, destination }));
        }
        SockTuple::Inet { source, destination } => {
            fd.learn_ends(source, destination);
        }
        SockTuple::Other(_) => {}
    }
    if !matches!(fd.kind, FdKind::Ipv4(_) | FdKind::Ipv6(_)) {
        scap::render::sock_tuple(&tuple, &mut name);
        let changed = fd.name.set(&name);
        ctx.facts.fd_name_changed |= changed;
        return;
    }
    let mut complete = fd.clone();
    ctx.state.interfaces().complete(&mut complete);
    let Some(fd) = ctx.state.fd_mut(ctx.tid, num) else { return };
    fd.kind = complete.kind;
    if fd.role == Role::None {
        let role = guess_role(ctx, incoming);
        let Some(fd) = ctx.state.fd_mut(ctx.tid, num) else { return };
        fd.role = role;
    }
    let Some(fd) = ctx.state.fd_mut(ctx.tid, num) else { return };
    let turned = if incoming { Role::Client } else { Role::Server };
    if fd.role == turned {
        fd.swap_ends();
    }
    let changed = fd.name_connection();
    ctx.facts.fd_name_changed |= changed;
}

/// Something was sent through a descriptor that we never saw: most likely a UDP socket.
fn guess_socket(ctx: &mut Ctx<'_, '_>) {
    if ctx.res() < 0 {
        return;
    }
    let (Some(num), Some(tuple)) = (ctx.i64(send_x::fd), ctx.raw(send_x::tuple)) else { return };
    if num >= 0 && matches!(tuple[0], 2 | 10) {
        ctx.add_fd(num, socket::new(tuple[0].into(), 2, 17, 0));
    }
}

/// Which end we are: the server if we own the port that is sent to, else the client.
fn guess_role(ctx: &Ctx<'_, '_>, incoming: bool) -> Role {
    let Some(fd) = ctx.fd() else { return Role::None };
    let Some(table) = ctx.thread().and_then(|thread| ctx.state.fds(thread)) else { return Role::None };
    let (from, to) = match &fd.kind {
        FdKind::Ipv4(t) => (t.source_port, t.destination_port),
        // Falco looks for ports where IPv4 keeps them, which are bytes of the address here.
        FdKind::Ipv6(t) => {
            let octets = t.source.octets();
            (u16::from_le_bytes([octets[8], octets[9]]), u16::from_le_bytes([octets[10], octets[11]]))
        }
        _ => return Role::None,
    };
    if !bound_to(table, to) {
        Role::Client
    } else if !connects_from(table, from) || incoming {
        Role::Server
    } else {
        Role::Client
    }
}

fn bound_to(table: &FdTable, port: u16) -> bool {
    table.iter().any(|(_, fd)| match &fd.kind {
        FdKind::Ipv4(tuple) => tuple.destination_port == port,
        FdKind::Ipv4Server { port: own, .. } => *own == port,
        _ => false,
    })
}

fn connects_from(table: &FdTable, port: u16) -> bool {
    table.iter().any(|(_, fd)| matches!(&fd.kind, FdKind::Ipv4(tuple) if tuple.source_port == port))
}

impl Fd {
    /// Whether the socket has these ends already, one way or the other.
    fn says(&self, tuple: &SockTuple<'_>) -> bool {
        let SockTuple::Inet { source, destination } = tuple.unmapped() else { return false };
        let (from, to) = ((source.ip(), source.port()), (destination.ip(), destination.port()));
        match (&self.kind, self.source(), self.destination()) {
            (FdKind::Ipv4(_) | FdKind::Ipv6(_), Some(one), Some(two)) => {
                (from, to) == (one, two) || (to, from) == (one, two)
            }
            _ => false,
        }
    }

    /// Takes over the ends of a datagram.
    fn learn_ends(&mut self, source: std::net::SocketAddr, destination: std::net::SocketAddr) {
        use std::net::SocketAddr::{V4, V6};
        if let (FdKind::Ipv6Server(_), V6(source), V6(destination)) = (&self.kind, source, destination) {
            // Falco goes on to call this a server, of an address that it reads out of the tuple: the source's address,
            // and the first bytes of the destination's for port and protocol.
            let [p0, p1, l4, ..] = destination.ip().octets();
            let (port, l4) = (u16::from_le_bytes([p0, p1]), L4Proto::from_number(l4));
            self.kind = FdKind::Ipv6Server(Box::new(Ipv6End { ip: *source.ip(), port, l4 }));
            return;
        }
        if let (FdKind::Ipv4Server { l4, .. }, V4(_)) = (&self.kind, source) {
            let l4 = *l4;
            self.as_v4().l4 = l4;
        }
        self.set_ends(source, destination);
        match &mut self.kind {
            FdKind::Ipv4(tuple) if tuple.l4 == L4Proto::Unknown => tuple.l4 = L4Proto::Udp,
            FdKind::Ipv6(tuple) if tuple.l4 == L4Proto::Unknown => tuple.l4 = L4Proto::Udp,
            _ => {}
        }
    }
}
