//! read, write, send, receive: learns the peer from the data that passes through a file descriptor.

use scap::EventCode;
use scap::event::SockTuple;
use scap::schema::ParamRole;
use scap::schema::param::send_x;

use super::ctx::Ctx;
use super::passed;
use super::socket::{self, set_status};
use crate::state::{ConnectStatus, Fd, FdKind, FdTable, Ipv6End, L4Proto, Role};

/// Handles reads and writes on any file descriptor.
pub(super) fn pass(ctx: &mut Ctx<'_, '_>) {
    passed(ctx);
}

/// Handles recv and similar calls on a socket.
pub(super) fn receive(ctx: &mut Ctx<'_, '_>) {
    // An old recvmmsg has no parameters.
    if ctx.raw(0).is_some() && passed(ctx) {
        learn(ctx, true);
        if (ctx.proc.is_some() || ctx.event.beyond(0).is_some())
            && ctx.fd().is_some_and(|fd| matches!(fd.kind, FdKind::Unix(_)))
        {
            take_passed(ctx);
        }
    }
}

/// Handles send and similar calls on a socket.
pub(super) fn send(ctx: &mut Ctx<'_, '_>) {
    // An old sendmmsg has no parameters.
    if ctx.raw(0).is_none() {
        return;
    }
    if ctx.fd.is_none() && ctx.event.code() != EventCode::SENDMMSG_X {
        guess_socket(ctx);
    }
    if passed(ctx) {
        learn(ctx, false);
    }
}

/// Updates the status of a connection: it works, or is broken. Returns whether data passed through.
#[inline]
fn passed(ctx: &mut Ctx<'_, '_>) -> bool {
    let Some(fd) = ctx.fd() else { return false };
    let (connection, status) = (fd.is_connection(), fd.status);
    let ok = ctx.res() >= 0;
    if connection && status != ConnectStatus::Connected && ok {
        set_status(ctx, ConnectStatus::Connected);
    } else if connection && !ok && ctx.track_status {
        set_status(ctx, ConnectStatus::Failed);
    }
    ok
}

/// Takes the ends of a socket from the event, if they are not known or can change: not for TCP over IPv4.
fn learn(ctx: &mut Ctx<'_, '_>, incoming: bool) {
    let Some(fd) = ctx.fd() else { return };
    let tcp = matches!(&fd.kind, FdKind::Ipv4(tuple) if tuple.l4 == L4Proto::Tcp);
    if tcp && !fd.name.is_empty() {
        return;
    }
    let Some(tuple) = ctx.raw_with(ParamRole::Tuple).and_then(SockTuple::parse) else { return };
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

/// Adds file descriptors that came with a message. The event has only their numbers: the rest is queried from the host.
fn take_passed(ctx: &mut Ctx<'_, '_>) {
    let Some(control) = ctx.raw_with(ParamRole::Control) else { return };
    let pid = ctx.thread().map_or(-1, |thread| thread.pid);
    let said = ctx.event.beyond(0).unwrap_or_default();
    for num in passed_fds(control) {
        let named = passed::named(said).find(|(named, _)| *named == num).and_then(|(_, entry)| entry.fd());
        let fd = named.or_else(|| {
            let kind = ctx.proc.as_mut().and_then(|proc| proc.fd(pid, num))?;
            Some(ctx.state.fd_of(&kind))
        });
        if let Some(fd) = fd {
            let last = ctx.thread().map_or(-1, |thread| thread.last_fd);
            ctx.state.add_fd(ctx.tid, num, fd);
            if let Some(thread) = ctx.thread_mut() {
                thread.last_fd = last;
            }
        }
    }
}

/// Returns the numbers in control messages of type `SCM_RIGHTS`: length u64, level i32, type i32, then the numbers,
/// padded.
fn passed_fds(mut control: &[u8]) -> Vec<i64> {
    const HEADER: usize = 16;
    const SCM_RIGHTS: i32 = 1;
    const MOST: usize = 253;
    let mut nums = Vec::new();
    while let Some(header) = control.first_chunk::<HEADER>() {
        let [l0, l1, l2, l3, l4, l5, l6, l7, _, _, _, _, t0, t1, t2, t3] = *header;
        let len = u64::from_le_bytes([l0, l1, l2, l3, l4, l5, l6, l7]);
        let ty = i32::from_le_bytes([t0, t1, t2, t3]);
        let Ok(len) = usize::try_from(len) else { break };
        let Some(data) = control.get(HEADER..len) else { break };
        if ty == SCM_RIGHTS {
            if data.len() % 4 != 0 || data.len() / 4 > MOST {
                break;
            }
            nums.extend(data.chunks_exact(4).map(|n| i64::from(i32::from_le_bytes([n[0], n[1], n[2], n[3]]))));
        }
        control = control.get(len.next_multiple_of(8)..).unwrap_or_default();
    }
    nums
}

/// Adds a guess for data sent through an unknown file descriptor: most likely a UDP socket.
fn guess_socket(ctx: &mut Ctx<'_, '_>) {
    if ctx.res() < 0 {
        return;
    }
    let (Some(num), Some(tuple)) = (ctx.i64(send_x::fd), ctx.raw(send_x::tuple)) else { return };
    if num >= 0 && matches!(tuple[0], 2 | 10) {
        ctx.add_fd(num, socket::new(tuple[0].into(), 2, 17, 0));
    }
}

/// Returns the likely role of our end: the server if the port that is sent to is ours, else the client.
fn guess_role(ctx: &Ctx<'_, '_>, incoming: bool) -> Role {
    let Some(fd) = ctx.fd() else { return Role::None };
    let Some(table) = ctx.thread().and_then(|thread| ctx.state.fds(thread)) else { return Role::None };
    let (from, to) = match &fd.kind {
        FdKind::Ipv4(t) => (t.source_port, t.destination_port),
        // Falco reads ports where IPv4 has them, which are bytes of the address here.
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
    /// Returns whether the socket has these ends already, in either direction.
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
            // Falco goes on to call this a server, with an address that it reads out of the tuple: the source's
            // address, and the first bytes of the destination's for port and protocol.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn message(ty: i32, data: &[u8]) -> Vec<u8> {
        let mut message = (16 + data.len() as u64).to_le_bytes().to_vec();
        message.extend_from_slice(&1i32.to_le_bytes());
        message.extend_from_slice(&ty.to_le_bytes());
        message.extend_from_slice(data);
        message.resize(message.len().next_multiple_of(8), 0);
        message
    }

    #[test]
    fn passed_file_descriptors_are_found() {
        let mut control = message(2, &[0; 12]);
        control.extend(message(1, &[5, 0, 0, 0, 6, 0, 0, 0, 7, 0, 0, 0]));
        control.extend(message(1, &[9, 0, 0, 0]));
        assert_eq!(passed_fds(&control), [5, 6, 7, 9]);
    }

    #[test]
    fn invalid_control_data_is_harmless() {
        assert!(passed_fds(&message(1, &[1, 2, 3])).is_empty());
        assert!(passed_fds(&[255; 64]).is_empty());
        assert!(passed_fds(&[0; 64]).is_empty());
        let mut cut = message(1, &[5, 0, 0, 0]);
        cut.truncate(18);
        assert!(passed_fds(&cut).is_empty());
        let mut many = message(1, &vec![0; 254 * 4]);
        assert!(passed_fds(&many).is_empty());
        many[0] = 8;
        assert!(passed_fds(&many).is_empty());
    }
}
