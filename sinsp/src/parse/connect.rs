//! connect: a socket gets its remote end.
//!
//! The address that counts is the kernel's. If the exit only repeats what the program's memory contained when the call
//! returned, the address from the enter event is used, which other threads cannot have changed since.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use scap::EventCode;
use scap::event::{SockAddr, SockTuple, embedded_v4};
use scap::schema::param::{connect_e, connect_x};

use super::ctx::Ctx;
use super::socket::set_status;
use crate::state::{ConnectStatus, Fd, FdKind, Ipv4Tuple, Ipv6Tuple, L4Proto, Role, UnixTuple};

const EINPROGRESS: i64 = 115;

pub(super) fn connect(ctx: &mut Ctx<'_, '_>) {
    correct(ctx);
    if ctx.fd.is_none() {
        return;
    }
    let res = ctx.res();
    if ctx.track_status {
        set_status(
            ctx,
            match res {
                _ if res == -EINPROGRESS => ConnectStatus::Pending,
                ..0 => ConnectStatus::Failed,
                _ => ConnectStatus::Connected,
            },
        );
    } else {
        if res < 0 && res != -EINPROGRESS {
            return;
        }
        set_status(ctx, ConnectStatus::Connected);
    }
    let mut entry = Vec::new();
    if ctx.entry().is_some() {
        ctx.with_entry(|event| entry.extend_from_slice(event.raw(connect_e::addr).unwrap_or_default()));
    }
    let entered = SockAddr::parse(&entry);
    let mut name = Vec::new();
    let Some(raw) = ctx.raw(connect_x::tuple) else {
        match entered {
            Some(to) => complete(ctx, to),
            None if res == 0 && ctx.event.raw(connect_x::addr) == Some(b"") => dissolve(ctx),
            None => {}
        }
        return;
    };
    let Some(tuple) = SockTuple::parse(raw) else { return };
    let left = ctx.raw(connect_x::addr).and_then(SockAddr::parse);
    let trusted = trust(tuple, left, entered);
    let Some(fd) = ctx.fd_mut() else { return };
    let changed = match trusted.unmapped() {
        SockTuple::Inet { source, destination } => {
            let moved = fd.set_ends(source, destination);
            let udp_server = matches!(&fd.kind, FdKind::Ipv4(tuple) if tuple.l4 == L4Proto::Udp);
            if moved && fd.role == Role::Server && udp_server {
                fd.swap_ends();
            }
            fd.name_connection()
        }
        SockTuple::Unix { source, destination, .. } => {
            let FdKind::Unix(ends) = &mut fd.kind else { return };
            ends.source = source;
            ends.destination = destination;
            scap::render::sock_tuple(&trusted, &mut name);
            fd.name.set(&name)
        }
        SockTuple::Other(_) => return,
    };
    if fd.role == Role::None {
        fd.role = Role::Client;
    }
    ctx.facts.fd_name_changed |= changed;
}

/// Gives the parameters the address of the enter event, if that is another one.
fn correct(ctx: &mut Ctx<'_, '_>) {
    let left = ctx.event.raw(connect_x::addr).unwrap_or_default();
    let entry = ctx.with_entry(|entry| {
        let address = entry.raw(connect_e::addr).filter(|address| *address != left)?;
        (entry.code() == EventCode::CONNECT_E).then(|| address.to_vec())
    });
    let Some(entry) = entry.flatten().filter(|_| ctx.entered) else { return };
    let Some(entered) = SockAddr::parse(&entry) else { return };
    let address = (connect_x::addr, [&entry[..], b""]);
    let tuple = ctx.raw(connect_x::tuple).and_then(|raw| Some((raw, SockTuple::parse(raw)?)));
    // In both forms the address without its family is the end of the tuple.
    let ends = tuple.filter(|(_, tuple)| trust(*tuple, SockAddr::parse(left), Some(entered)) != *tuple);
    match (
        ends.and_then(|(raw, _)| raw.split_at_checked(raw.len().checked_sub(left.len().checked_sub(1)?)?)),
        entry.get(1..),
    ) {
        (Some((kept, _)), Some(end)) => ctx.correct(&[address, (connect_x::tuple, [kept, end])]),
        _ => ctx.correct(&[address]),
    }
}

/// Returns the tuple with the destination that the program passed on entry, if the exit's own is not better than the
/// memory of the program.
fn trust<'a>(tuple: SockTuple<'a>, left: Option<SockAddr<'a>>, entered: Option<SockAddr<'a>>) -> SockTuple<'a> {
    match (tuple, left, entered) {
        (SockTuple::Inet { source, destination }, Some(SockAddr::Inet(left)), Some(SockAddr::Inet(entered)))
            if left == destination && left.is_ipv4() == entered.is_ipv4() =>
        {
            SockTuple::Inet { source, destination: entered }
        }
        (SockTuple::Unix { source, destination, path }, Some(SockAddr::Unix(left)), Some(SockAddr::Unix(entered)))
            if left == path =>
        {
            SockTuple::Unix { source, destination, path: entered }
        }
        _ => tuple,
    }
}

/// Handles a connect to no address, which dissolves the connection of a datagram socket; its own end stays.
fn dissolve(ctx: &mut Ctx<'_, '_>) {
    let Some(fd) = ctx.fd_mut() else { return };
    match &mut fd.kind {
        FdKind::Ipv4(tuple) => (tuple.destination, tuple.destination_port) = (Ipv4Addr::UNSPECIFIED, 0),
        FdKind::Ipv6(tuple) => (tuple.destination, tuple.destination_port) = (Ipv6Addr::UNSPECIFIED, 0),
        FdKind::Unix(ends) => **ends = UnixTuple::default(),
        _ => return,
    }
    fd.role = Role::None;
    fd.status = ConnectStatus::None;
    let changed = fd.name.set(b"");
    ctx.facts.fd_name_changed |= changed;
}

/// Handles an exit without an address: only the destination is known, from the enter event.
fn complete(ctx: &mut Ctx<'_, '_>, to: SockAddr<'_>) {
    let Some(fd) = ctx.fd_mut() else { return };
    match to {
        SockAddr::Inet(end) => {
            let mapped = match end.ip() {
                IpAddr::V6(ip) => embedded_v4(&ip).map_or(end.ip(), IpAddr::V4),
                ip => ip,
            };
            match mapped {
                IpAddr::V4(ip) => {
                    let tuple = fd.as_v4();
                    tuple.destination = ip;
                    tuple.destination_port = end.port();
                }
                IpAddr::V6(ip) => {
                    let tuple = fd.as_v6();
                    tuple.destination = ip;
                    tuple.destination_port = end.port();
                }
            }
        }
        SockAddr::Unix(_) | SockAddr::Other(_) => {
            let mut name = Vec::new();
            match SockTuple::parse(ctx.raw(connect_x::tuple).unwrap_or_default()) {
                Some(tuple) => scap::render::sock_tuple(&tuple, &mut name),
                None => name.extend_from_slice(b"NULL"),
            }
            let Some(fd) = ctx.fd_mut() else { return };
            let changed = fd.name.set(&name);
            ctx.facts.fd_name_changed |= changed;
        }
    }
}

impl Ipv4Tuple {
    /// Returns a tuple without ends.
    pub(super) fn unconnected(l4: L4Proto) -> Self {
        let any = Ipv4Addr::UNSPECIFIED;
        Self { source: any, destination: any, source_port: 0, destination_port: 0, l4 }
    }
}

impl Ipv6Tuple {
    /// Returns a tuple without ends.
    pub(super) fn unconnected(l4: L4Proto) -> Self {
        let any = Ipv6Addr::UNSPECIFIED;
        Self { source: any, destination: any, source_port: 0, destination_port: 0, l4 }
    }
}

impl Fd {
    /// Returns the protocol of a socket in any role.
    pub(super) fn any_l4(&self) -> L4Proto {
        match &self.kind {
            FdKind::Ipv4(tuple) => tuple.l4,
            FdKind::Ipv6(tuple) => tuple.l4,
            FdKind::Ipv4Server { l4, .. } => *l4,
            FdKind::Ipv6Server(end) => end.l4,
            _ => L4Proto::Unknown,
        }
    }

    /// Converts it to an IPv4 connection. Falco stores the protocol of a socket in different places for the two
    /// families: an IPv6 socket that turns into an IPv4 one loses it.
    pub(super) fn as_v4(&mut self) -> &mut Ipv4Tuple {
        if !matches!(self.kind, FdKind::Ipv4(_)) {
            let l4 = if self.made_v6 { L4Proto::Unknown } else { self.any_l4() };
            self.kind = FdKind::Ipv4(Ipv4Tuple::unconnected(l4));
        }
        match &mut self.kind {
            FdKind::Ipv4(tuple) => tuple,
            _ => unreachable!("set above"),
        }
    }

    /// Converts it to an IPv6 connection; see [`as_v4`](Self::as_v4).
    pub(super) fn as_v6(&mut self) -> &mut Ipv6Tuple {
        if !matches!(self.kind, FdKind::Ipv6(_)) {
            let l4 = match self.kind {
                FdKind::Ipv6Server(_) => self.any_l4(),
                _ => L4Proto::Unknown,
            };
            self.kind = FdKind::Ipv6(Box::new(Ipv6Tuple::unconnected(l4)));
        }
        match &mut self.kind {
            FdKind::Ipv6(tuple) => tuple,
            _ => unreachable!("set above"),
        }
    }

    /// Sets both ends, which are of one family. Returns `false` if they are the same as before, or the same reversed.
    pub(super) fn set_ends(&mut self, source: SocketAddr, destination: SocketAddr) -> bool {
        match (source, destination) {
            (SocketAddr::V4(source), SocketAddr::V4(destination)) => {
                let t = self.as_v4();
                let old = ((t.source, t.source_port), (t.destination, t.destination_port));
                let new = ((*source.ip(), source.port()), (*destination.ip(), destination.port()));
                if old == new || (old.1, old.0) == new {
                    return false;
                }
                ((t.source, t.source_port), (t.destination, t.destination_port)) = new;
                true
            }
            (SocketAddr::V6(source), SocketAddr::V6(destination)) => {
                let t = self.as_v6();
                let old = ((t.source, t.source_port), (t.destination, t.destination_port));
                let new = ((*source.ip(), source.port()), (*destination.ip(), destination.port()));
                if old == new || (old.1, old.0) == new {
                    return false;
                }
                ((t.source, t.source_port), (t.destination, t.destination_port)) = new;
                true
            }
            _ => false,
        }
    }

    /// Swaps source and destination.
    pub(crate) fn swap_ends(&mut self) {
        match &mut self.kind {
            FdKind::Ipv4(t) => {
                std::mem::swap(&mut t.source, &mut t.destination);
                std::mem::swap(&mut t.source_port, &mut t.destination_port);
            }
            FdKind::Ipv6(t) => {
                std::mem::swap(&mut t.source, &mut t.destination);
                std::mem::swap(&mut t.source_port, &mut t.destination_port);
            }
            _ => {}
        }
    }
}
