//! socket, socketpair, bind, accept: the start of sockets and their addresses.

use std::net::{IpAddr, SocketAddr};

use scap::event::{SockAddr, SockTuple, embedded_v4};
use scap::schema::ParamRole;
use scap::schema::param::{bind_x, getsockopt_x, socket_x, socketpair_x};

use super::ctx::Ctx;
use crate::state::{
    ConnectStatus, Fd, FdKind, Ipv4Tuple, Ipv6End, Ipv6Tuple, L4Proto, O_CLOEXEC, Role, Text, UnixTuple,
};

const AF_UNIX: u32 = 1;
const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;
const AF_NETLINK: u32 = 16;
const SOCK_STREAM: u32 = 1;
const SOCK_DGRAM: u32 = 2;
const SOCK_RAW: u32 = 3;
const IPPROTO_IP: u32 = 0;
const IPPROTO_ICMP: u32 = 1;
const IPPROTO_TCP: u32 = 6;
const IPPROTO_UDP: u32 = 17;
const IPPROTO_RAW: u32 = 255;
const SOL_SOCKET: u8 = 1;
const SO_ERROR: u8 = 4;

pub(super) fn socket(ctx: &mut Ctx<'_, '_>) {
    let num = ctx.res();
    if num < 0 {
        return;
    }
    let number = |index| ctx.u32(index).unwrap_or(0);
    let fd = new(number(socket_x::domain), number(socket_x::r#type), number(socket_x::proto), number(socket_x::flags));
    ctx.add_fd(num, fd);
}

/// Returns a socket that is neither bound nor connected.
pub(super) fn new(domain: u32, ty: u32, protocol: u32, flags: u32) -> Fd {
    let raw_or = |l4| if ty == SOCK_RAW { L4Proto::Raw } else { l4 };
    let l4 = match protocol {
        IPPROTO_TCP => raw_or(L4Proto::Tcp),
        IPPROTO_UDP => raw_or(L4Proto::Udp),
        IPPROTO_ICMP => raw_or(L4Proto::Icmp),
        IPPROTO_RAW => L4Proto::Raw,
        // Bits above the type are flags.
        IPPROTO_IP => match ty & 0xff {
            SOCK_STREAM => L4Proto::Tcp,
            SOCK_DGRAM => L4Proto::Udp,
            _ => L4Proto::Unknown,
        },
        _ => L4Proto::Unknown,
    };
    let mut fd = Fd::new(match domain {
        AF_UNIX => FdKind::Unix(Box::default()),
        AF_INET => FdKind::Ipv4(Ipv4Tuple::unconnected(l4)),
        AF_INET6 => FdKind::Ipv6(Box::new(Ipv6Tuple::unconnected(l4))),
        AF_NETLINK => FdKind::Netlink,
        _ => FdKind::Unknown,
    });
    fd.made_v6 = domain == AF_INET6;
    fd.open_flags = flags;
    fd
}

/// Adds two unix sockets that are connected to each other.
pub(super) fn socketpair(ctx: &mut Ctx<'_, '_>) {
    if ctx.res() < 0 {
        return;
    }
    let (Some(one), Some(two)) = (ctx.i64(socketpair_x::fd1), ctx.i64(socketpair_x::fd2)) else { return };
    if one == two {
        ctx.fd = None;
        return;
    }
    let end = Fd::new(FdKind::Unix(Box::new(UnixTuple {
        source: ctx.u64(socketpair_x::source).unwrap_or(0),
        destination: ctx.u64(socketpair_x::peer).unwrap_or(0),
    })));
    ctx.add_fd(one, end.clone());
    ctx.state.add_fd(ctx.tid, two, end);
}

/// Binds a socket; one with a local port counts as a server.
pub(super) fn bind(ctx: &mut Ctx<'_, '_>) {
    if ctx.res() < 0 || ctx.fd.is_none() {
        return;
    }
    let Some(addr) = ctx.raw(bind_x::addr).and_then(SockAddr::parse) else { return };
    let mut name = Vec::new();
    scap::render::sock_addr(&addr, &mut name);
    let Some(fd) = ctx.fd_mut() else { return };
    if let SockAddr::Inet(end) = addr
        && end.port() > 0
    {
        let (l4, port) = (fd.any_l4(), end.port());
        fd.kind = match end.ip() {
            IpAddr::V4(ip) => FdKind::Ipv4Server { ip, port, l4 },
            IpAddr::V6(ip) => match embedded_v4(&ip) {
                Some(ip) => FdKind::Ipv4Server { ip, port, l4 },
                None => FdKind::Ipv6Server(Box::new(Ipv6End { ip, port, l4 })),
            },
        };
        fd.role = Role::Server;
    }
    let changed = fd.name.set(&name);
    ctx.facts.fd_name_changed |= changed;
}

/// Adds an accepted connection.
pub(super) fn accept(ctx: &mut Ctx<'_, '_>) {
    let num = ctx.res();
    if num < 0 {
        return;
    }
    if let Some(thread) = ctx.thread_mut() {
        thread.last_fd = num;
    }
    let Some(tuple) = ctx.raw_with(ParamRole::Tuple).and_then(SockTuple::parse) else { return };
    let mut fd = Fd::new(match tuple.unmapped() {
        SockTuple::Inet { source: SocketAddr::V4(source), destination: SocketAddr::V4(destination) } => {
            FdKind::Ipv4(Ipv4Tuple {
                source: *source.ip(),
                destination: *destination.ip(),
                source_port: source.port(),
                destination_port: destination.port(),
                l4: L4Proto::Tcp,
            })
        }
        SockTuple::Inet { source: SocketAddr::V6(source), destination: SocketAddr::V6(destination) } => {
            FdKind::Ipv6(Box::new(Ipv6Tuple {
                source: *source.ip(),
                destination: *destination.ip(),
                source_port: source.port(),
                destination_port: destination.port(),
                l4: L4Proto::Tcp,
            }))
        }
        SockTuple::Unix { source, destination, .. } => FdKind::Unix(Box::new(UnixTuple { source, destination })),
        _ => return,
    });
    let mut name = Vec::new();
    scap::render::sock_tuple(&tuple, &mut name);
    fd.name = Text::new(&name);
    if let Some(flags) = ctx.event.code().param_with(ParamRole::Flags) {
        fd.open_flags = ctx.u32(flags).unwrap_or(0) & O_CLOEXEC;
    }
    fd.role = Role::Server;
    fd.status = ConnectStatus::Connected;
    ctx.add_fd(num, fd);
}

/// Handles the query of a connection's error.
pub(super) fn getsockopt(ctx: &mut Ctx<'_, '_>) {
    if !ctx.track_status || ctx.res() < 0 || ctx.fd.is_none() {
        return;
    }
    if ctx.u8(getsockopt_x::level) != Some(SOL_SOCKET) || ctx.u8(getsockopt_x::optname) != Some(SO_ERROR) {
        return;
    }
    // A dynamic value: one byte that says the type, then an error number.
    let Some(error) = ctx.raw(getsockopt_x::val).and_then(|val| val.get(1..)?.first_chunk()) else { return };
    let failed = i64::from_le_bytes(*error) < 0;
    set_status(ctx, if failed { ConnectStatus::Failed } else { ConnectStatus::Connected });
}

/// Sets the status of the event's connection, unless it is the same.
pub(super) fn set_status(ctx: &mut Ctx<'_, '_>, status: ConnectStatus) {
    if ctx.fd().is_some_and(|fd| fd.status != status)
        && let Some(fd) = ctx.fd_mut()
    {
        fd.status = status;
    }
}
