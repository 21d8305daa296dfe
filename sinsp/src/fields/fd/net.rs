//! The two ends of a connection.
//!
//! Client and server are known once the role of the process's own end is; until then those fields have no value.

use std::net::IpAddr;

use bumpalo::Bump;

use super::fd;
use crate::Event;
use crate::fields::FieldRef;
use crate::fields::value::{Text, Value, push_unsigned};
use crate::state::{ConnectStatus, Fd, FdKind, L4Proto, Role};

type End = (IpAddr, u16);

/// The printed text of a network, of which no text is stored.
pub(super) const NETWORK: &[u8] = b"<IPNET>";

/// Returns the client's end.
#[inline]
pub(super) fn client(e: &Event<'_>) -> Option<End> {
    with_role(fd(e)?)?.source()
}

/// Returns the server's end; a listening socket has only that.
#[inline]
pub(super) fn server(e: &Event<'_>) -> Option<End> {
    with_role(fd(e)?)?.destination()
}

#[inline]
fn with_role(fd: &Fd) -> Option<&Fd> {
    (fd.role != Role::None).then_some(fd)
}

/// Returns the server's port, which a listening socket has without a role.
pub(super) fn server_port<'e>(e: &Event<'_>) -> Option<Value<'e>> {
    let fd = fd(e)?;
    let listens = matches!(fd.kind, FdKind::Ipv4Server { .. } | FdKind::Ipv6Server(_));
    if !listens {
        with_role(fd)?;
    }
    Some(fd.destination()?.1.into())
}

/// Returns the host's end of a connection: the client's if its address is local, else the server's.
pub(super) fn local(e: &Event<'_>) -> Option<End> {
    let (source, destination, is_local) = ends(e)?;
    Some(if is_local { source } else { destination })
}

/// Returns the remote end.
pub(super) fn remote(e: &Event<'_>) -> Option<End> {
    let (source, destination, is_local) = ends(e)?;
    Some(if is_local { destination } else { source })
}

fn ends(e: &Event<'_>) -> Option<(End, End, bool)> {
    let fd = with_role(fd(e)?)?;
    let source = fd.source()?;
    Some((source, fd.destination()?, is_local(e, source.0)))
}

/// Returns whether an address is one of the host's, as the thread sees it.
fn is_local(e: &Event<'_>, ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => e.state().interfaces().is_local_v4(ip),
        IpAddr::V6(ip) => e.state().interfaces().is_local_v6(ip),
    }
}

/// Returns whether the server's end is here.
pub(super) fn is_server<'e>(e: &'e Event<'e>, _: &'e FieldRef, _: &'e Bump) -> Option<Value<'e>> {
    let fd = fd(e)?;
    Some(Value::Bool(match &fd.kind {
        FdKind::Ipv4Server { .. } | FdKind::Ipv6Server(_) => true,
        FdKind::Ipv4(tuple) => is_local(e, tuple.destination.into()),
        FdKind::Ipv6(tuple) => is_local(e, tuple.destination.into()),
        _ => false,
    }))
}

/// Returns whether the connection is established.
pub(super) fn is_connected<'e>(e: &'e Event<'e>, _: &'e FieldRef, _: &'e Bump) -> Option<Value<'e>> {
    Some(Value::Bool(fd(e)?.status == ConnectStatus::Connected))
}

/// Returns the addresses of both ends; `None` if the file descriptor is not a connection.
pub(super) fn any_ip<'e>(e: &'e Event<'e>, _: &'e FieldRef, arena: &'e Bump) -> Option<Value<'e>> {
    both(e, arena, |(ip, _)| ip.into())
}

/// Returns the ports of both ends; `None` if the file descriptor is not a connection.
pub(super) fn any_port<'e>(e: &'e Event<'e>, _: &'e FieldRef, arena: &'e Bump) -> Option<Value<'e>> {
    both(e, arena, |(_, port)| port.into())
}

fn both<'e>(e: &'e Event<'e>, arena: &'e Bump, of: impl Fn(End) -> Value<'e>) -> Option<Value<'e>> {
    let fd = fd(e)?;
    let (source, destination) = (fd.source().map(&of), fd.destination().map(&of));
    Some(Value::List(match (source, destination) {
        (Some(source), Some(destination)) => arena.alloc([source, destination]),
        (None, Some(one)) | (Some(one), None) => arena.alloc([one]),
        (None, None) => &[],
    }))
}

/// Returns the address that a condition compares by name: a list of one, empty if the file descriptor is not a
/// connection.
pub(super) fn named<'e>(e: &'e Event<'e>, end: Option<End>, arena: &'e Bump) -> Option<Value<'e>> {
    let fd = fd(e)?;
    Some(Value::List(match end {
        Some((ip, _)) if fd.source().is_some() => arena.alloc([Value::Ip(ip)]),
        _ => &[],
    }))
}

/// Returns the protocol by name.
pub(super) fn l4_name(fd: &Fd) -> &'static str {
    match fd.l4() {
        L4Proto::Tcp => "tcp",
        L4Proto::Udp => "udp",
        L4Proto::Icmp => "icmp",
        L4Proto::Raw => "raw",
        L4Proto::Unknown | L4Proto::NotApplicable => "<NA>",
    }
}

/// Returns the family of a socket.
pub(super) fn family(fd: &Fd) -> Option<&'static str> {
    match fd.kind {
        FdKind::Unix(_) => Some("unix"),
        ref kind if kind.is_socket() => Some("ip"),
        _ => None,
    }
}

/// Returns the client's port as text; empty for a file descriptor that has a role but is not a connection.
pub(super) fn client_proto<'e>(e: &'e Event<'e>, _: &'e FieldRef, arena: &'e Bump) -> Option<Value<'e>> {
    Some(match with_role(fd(e)?)?.source() {
        Some((_, port)) => port_text(port, arena),
        None => "".into(),
    })
}

/// Returns the server's port as text; empty for a listening socket.
pub(super) fn server_proto<'e>(e: &'e Event<'e>, _: &'e FieldRef, arena: &'e Bump) -> Option<Value<'e>> {
    let fd = fd(e)?;
    match fd.kind {
        FdKind::Ipv4(_) | FdKind::Ipv6(_) => Some(port_text(with_role(fd)?.destination()?.1, arena)),
        FdKind::Ipv4Server { .. } | FdKind::Ipv6Server(_) => Some("".into()),
        _ => None,
    }
}

/// Returns a port in digits.
pub(super) fn port_text<'e>(port: u16, arena: &'e Bump) -> Value<'e> {
    let mut text = Text::new_in(arena);
    push_unsigned(&mut text, port.into());
    Value::Bytes(text.into_bump_slice())
}
