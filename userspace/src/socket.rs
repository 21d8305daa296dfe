//! Sockets: both ends of a connection from our copy of a socket of a process, and the form of addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::net::{SocketAddrAny, SocketAddrUnix, SocketType, getpeername, getsockname, sockopt};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use crate::process::Process;
use crate::sys;

const AF_UNSPEC: u16 = 0;
pub(crate) const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const SOCKADDR_IN_MIN: usize = 16;
const SOCKADDR_IN6_MIN: usize = 24;
const UNIX_PATH_MAX: usize = 108;

/// The end of a connection that wrote: which address comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Inbound,
    Outbound,
}

/// An address that a call was given: its bytes, without those behind its length.
pub(crate) type Address = Vec<u8>;

/// Our copy of a socket of a process.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    pub(crate) family: u16,
    ty: SocketType,
}

impl Socket {
    pub(crate) fn of(process: &mut Process<'_>, fd: i32) -> Option<Self> {
        if process.pidfd.is_none() {
            *process.pidfd = pidfd_open(Pid::from_raw(process.pid)?, PidfdFlags::empty()).ok();
        }
        let fd = pidfd_getfd(process.pidfd.as_ref()?, fd, PidfdGetfdFlags::empty()).ok()?;
        let family = sockopt::socket_domain(&fd).ok()?.as_raw();
        let ty = sockopt::socket_type(&fd).ok()?;
        Some(Self { fd, family, ty })
    }

    fn own(&self) -> Option<SocketAddrAny> {
        getsockname(&self.fd).ok()
    }

    fn peer(&self) -> Option<SocketAddrAny> {
        getpeername(&self.fd).ok().flatten()
    }

    /// Returns whether it has a peer.
    pub(crate) fn is_connected(&self) -> bool {
        self.peer().is_some()
    }

    pub(crate) fn is_connectable(&self) -> bool {
        matches!(self.family, AF_UNIX | AF_INET | AF_INET6)
    }

    /// Returns the queue of connections that wait to be accepted: length and limit.
    pub(crate) fn queue(&self) -> Option<(u32, u32)> {
        sys::listen_queue(self.fd.as_fd())
    }

    /// Appends the address that it is bound to.
    pub(crate) fn push_own(&self, out: &mut Vec<u8>) {
        out.push(self.family as u8);
        match self.own() {
            Some(address) if self.family == AF_UNIX => push_unix_name(&unix_name(address), out),
            Some(address) => push_inet(inet(address), self.family, out),
            None => out.clear(),
        }
    }

    /// Appends the address of its peer.
    pub(crate) fn push_peer(&self, out: &mut Vec<u8>) {
        out.push(self.family as u8);
        match self.peer() {
            Some(address) if self.family == AF_UNIX => push_unix_name(&unix_name(address), out),
            Some(address) => push_inet(inet(address), self.family, out),
            None => out.clear(),
        }
    }

    /// Appends both ends, the sender first. `address` is what the call gave or received.
    pub(crate) fn push_tuple(&self, direction: Direction, address: &[u8], out: &mut Vec<u8>) {
        match self.family {
            AF_UNIX => self.push_unix_tuple(direction, address, out),
            AF_INET | AF_INET6 => self.push_inet_tuple(direction, address, out),
            _ => {}
        }
    }

    /// The name is that of the server's end. The kernel's addresses of the sockets are unknown.
    fn push_unix_tuple(&self, direction: Direction, address: &[u8], out: &mut Vec<u8>) {
        out.push(AF_UNIX as u8);
        out.extend_from_slice(&[0; 16]);
        let name = match direction {
            Direction::Inbound => self.own().map(unix_name),
            // Only datagrams go where the call says.
            Direction::Outbound if address.len() > 2 && self.ty == SocketType::DGRAM => {
                address.get(2..).map(<[u8]>::to_vec)
            }
            Direction::Outbound => self.peer().map(unix_name),
        };
        push_unix_name(&name.unwrap_or_default(), out);
    }

    fn push_inet_tuple(&self, direction: Direction, address: &[u8], out: &mut Vec<u8>) {
        let zero = || {
            let ip =
                if self.family == AF_INET { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { Ipv6Addr::UNSPECIFIED.into() };
            (ip, 0)
        };
        let local = self.own().and_then(inet).unwrap_or_else(zero);
        let peer = self.peer().and_then(inet);
        // The call decides where a datagram goes; a stream, and a socket that receives from one peer only, has one peer.
        let fixed = peer.is_some() && (direction == Direction::Inbound || self.ty == SocketType::STREAM);
        let given = if fixed { None } else { remote(address, self.family, local.0, self.ty == SocketType::RAW) };
        let remote = given.or(peer).unwrap_or_else(zero);
        out.push(self.family as u8);
        let ends = if direction == Direction::Outbound { [local, remote] } else { [remote, local] };
        for end in ends {
            push_inet(Some(end), self.family, out);
        }
    }
}

/// Returns the peer that an address names on a socket of the family, if it names one. The kernel sends to itself what has
/// the unspecified address.
fn remote(address: &[u8], family: u16, local: IpAddr, raw: bool) -> Option<(IpAddr, u16)> {
    let (kind, port, ip) = parse(address, family == AF_INET)?;
    let own = |local: Ipv4Addr| if local.is_unspecified() { Ipv4Addr::LOCALHOST } else { local };
    if family == AF_INET {
        let IpAddr::V4(local) = local else { return None };
        let Some(IpAddr::V4(to)) = ip else { return None };
        return Some((if to.is_unspecified() { own(local) } else { to }.into(), port));
    }
    let IpAddr::V6(local) = local else { return None };
    let mapped = local.to_ipv4_mapped();
    let own = own(mapped.unwrap_or(Ipv4Addr::UNSPECIFIED));
    match (kind, ip?) {
        (AF_INET, IpAddr::V4(to)) => Some((if to.is_unspecified() { own } else { to }.to_ipv6_mapped().into(), port)),
        (AF_UNSPEC, _) if !raw => None,
        (AF_INET6 | AF_UNSPEC, IpAddr::V6(to)) => {
            let to = match to.to_ipv4_mapped() {
                Some(to) if to.is_unspecified() => own.to_ipv6_mapped(),
                Some(_) => to,
                None if to.is_unspecified() && mapped.is_some() => Ipv4Addr::LOCALHOST.to_ipv6_mapped(),
                None if to.is_unspecified() => Ipv6Addr::LOCALHOST,
                None => to,
            };
            Some((to.into(), port))
        }
        _ => None,
    }
}

/// Returns family, port and address of an internet address. One without a family is read as its length says, or as that
/// of IPv4.
fn parse(address: &[u8], is_v4: bool) -> Option<(u16, u16, Option<IpAddr>)> {
    let kind = u16::from_ne_bytes(*address.first_chunk()?);
    let port = address.get(2..).and_then(<[u8]>::first_chunk).map_or(0, |port| u16::from_be_bytes(*port));
    let v4 = || Some(IpAddr::from(*address.get(4..)?.first_chunk::<4>()?));
    let v6 = || Some(IpAddr::from(*address.get(8..)?.first_chunk::<16>()?));
    let ip = match kind {
        AF_INET if address.len() >= SOCKADDR_IN_MIN => v4(),
        AF_INET6 if address.len() >= SOCKADDR_IN6_MIN => v6(),
        AF_UNSPEC if !is_v4 && address.len() >= SOCKADDR_IN6_MIN => v6(),
        AF_UNSPEC if address.len() >= SOCKADDR_IN_MIN => v4(),
        _ => None,
    };
    Some((kind, port, ip))
}

fn inet(address: SocketAddrAny) -> Option<(IpAddr, u16)> {
    let address = SocketAddr::try_from(address).ok()?;
    Some((address.ip(), address.port()))
}

/// Returns the bytes of the name of a unix socket, as an address has them.
fn unix_name(address: SocketAddrAny) -> Vec<u8> {
    let Ok(address) = SocketAddrUnix::try_from(address) else { return Vec::new() };
    if let Some(path) = address.path_bytes() {
        return path.to_vec();
    }
    address.abstract_name().map(|name| [&[0], name].concat()).unwrap_or_default()
}

/// Appends the name of a unix socket: a path ends at a NUL, an abstract name only with the address.
fn push_unix_name(name: &[u8], out: &mut Vec<u8>) {
    let name = name.get(..UNIX_PATH_MAX).unwrap_or(name);
    match name.split_first() {
        Some((0, name)) => out.extend(name.iter().map(|byte| if *byte == 0 { b'@' } else { *byte })),
        _ => out.extend(name.split(|byte| *byte == 0).next().unwrap_or_default()),
    }
    out.push(0);
}

fn push_inet(end: Option<(IpAddr, u16)>, family: u16, out: &mut Vec<u8>) {
    match end {
        Some((IpAddr::V4(ip), port)) if family == AF_INET => {
            out.extend_from_slice(&ip.octets());
            out.extend_from_slice(&port.to_le_bytes());
        }
        Some((IpAddr::V6(ip), port)) if family == AF_INET6 => {
            out.extend_from_slice(&ip.octets());
            out.extend_from_slice(&port.to_le_bytes());
        }
        _ => out.clear(),
    }
}

/// Returns an address as events have it; nothing when its family is unknown or it is too short.
pub(crate) fn sockaddr(address: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    match parse(address, false) {
        Some((AF_UNIX, ..)) => {
            bytes.push(AF_UNIX as u8);
            push_unix_name(address.get(2..).unwrap_or_default(), &mut bytes);
        }
        Some((family @ (AF_INET | AF_INET6), port, Some(ip))) => {
            bytes.push(family as u8);
            push_inet(Some((ip, port)), family, &mut bytes);
        }
        _ => {}
    }
    bytes
}
