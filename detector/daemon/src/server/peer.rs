//! The peer of a connection: the user, if it is a process of this host, or else the address.
//!
//! All processes of a host have the same address on the loopback, so that limits by address would let one user take the
//! places of all. The kernel knows which user has made a socket: `sock_diag` (netlink) finds the other end of a
//! connection by its addresses, at the same cost whatever the number of sockets. Only an established connection has a
//! user for sure: one that is being closed seems to be root's.

use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use tokio::net::TcpStream;

/// A client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Peer {
    /// A user of this host.
    User(u32),
    /// Another host, or a process that has closed its connection already. Addresses of version 6 count by their first
    /// 64 bits, since a host has as many as it likes of the others.
    Address(IpAddr),
}

impl Peer {
    fn address(address: IpAddr) -> Self {
        Self::Address(match address {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            IpAddr::V4(_) => address,
        })
    }

    /// Returns whether it is a process of root on this host.
    pub(crate) fn is_root(self) -> bool {
        self == Self::User(0)
    }

    /// Returns whether it is a process of root, or of the user that runs this program.
    pub(crate) fn is_own(self) -> bool {
        self.is_root() || self == Self::User(rustix::process::geteuid().as_raw())
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => write!(f, "user {user}"),
            Self::Address(address) => write!(f, "{address}"),
        }
    }
}

/// The question to the kernel, `SOCK_DIAG_BY_FAMILY` (`linux/sock_diag.h`, `linux/inet_diag.h`).
const BY_FAMILY: u16 = 20;
const REQUEST: u16 = 1;
const TCP: u8 = 6;
const ESTABLISHED: u8 = 1;
const HEADER: usize = 16;
/// The header, `struct inet_diag_req_v2`.
const QUESTION: usize = HEADER + 56;
/// The header, `struct inet_diag_msg`: family, state, timer, retransmissions; the socket's ports and addresses; then
/// expiry, two queues, the user and the inode, four bytes each.
const ANSWER: usize = HEADER + 72;
const PORTS: usize = HEADER + 4;
const USER: usize = HEADER + 64;
const INODE: usize = HEADER + 68;

/// Looks up the users of connections.
#[derive(Debug)]
pub(super) struct Lookup(Option<OwnedFd>);

impl Lookup {
    /// Opens a socket to the kernel. Without one, clients are known by address.
    pub(super) fn new() -> Self {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket =
            rustix::net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(netlink::SOCK_DIAG));
        Self(socket.ok())
    }

    /// Returns the client of a connection.
    pub(super) fn peer(&self, stream: &TcpStream, address: SocketAddr) -> Peer {
        let user = stream.local_addr().ok().and_then(|local| self.user(address, local));
        user.map_or_else(|| Peer::address(address.ip().to_canonical()), Peer::User)
    }

    /// Returns the user of the socket of this host that has `from` as its own address and `to` as the other one.
    fn user(&self, from: SocketAddr, to: SocketAddr) -> Option<u32> {
        let socket = self.0.as_ref()?;
        rustix::net::send(socket, &question(from, to), SendFlags::empty()).ok()?;
        let mut answer = [0; 512];
        let (length, _) = rustix::net::recv(socket, &mut answer, RecvFlags::DONTWAIT).ok()?;
        let answer = answer.get(..length)?;
        // An answer that is too short is an error: there is no such socket.
        let number = |at: usize| Some(u32::from_ne_bytes(answer.get(at..at + 4)?.try_into().ok()?));
        let ports = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
        let sound = answer.len() >= ANSWER
            && answer[4..6] == BY_FAMILY.to_ne_bytes()
            && answer[HEADER + 1] == ESTABLISHED
            && answer[PORTS..PORTS + 4] == ports[..]
            && number(INODE)? != 0;
        if sound { number(USER) } else { None }
    }
}

fn question(from: SocketAddr, to: SocketAddr) -> [u8; QUESTION] {
    let (from_ip, to_ip) = (from.ip().to_canonical(), to.ip().to_canonical());
    let mut out = [0; QUESTION];
    let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &(QUESTION as u32).to_ne_bytes());
    put(4, &BY_FAMILY.to_ne_bytes());
    put(6, &REQUEST.to_ne_bytes());
    let family = if from_ip.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    put(HEADER, &[family.as_raw() as u8, TCP]);
    // Every state.
    put(HEADER + 4, &u32::MAX.to_ne_bytes());
    put(HEADER + 8, &from.port().to_be_bytes());
    put(HEADER + 10, &to.port().to_be_bytes());
    for (at, ip) in [(HEADER + 12, from_ip), (HEADER + 28, to_ip)] {
        match ip {
            IpAddr::V4(ip) => put(at, &ip.octets()),
            IpAddr::V6(ip) => put(at, &ip.octets()),
        }
    }
    // No interface, and no cookie.
    put(HEADER + 48, &[0xff; 8]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn processes_of_this_host_are_known_by_user() {
        let own = rustix::process::geteuid().as_raw();
        let lookup = Lookup::new();
        for address in ["127.0.0.1:0", "[::1]:0"] {
            // A host may have no IPv6.
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let to = listener.local_addr().unwrap();
            let client = std::net::TcpStream::connect(to).unwrap();
            let from = client.local_addr().unwrap();
            let (_server, _) = listener.accept().unwrap();
            assert_eq!(lookup.user(from, to), Some(own), "{address}");
            // There is no connection from another port, but there is a listener.
            assert_eq!(lookup.user(SocketAddr::new(to.ip(), to.port()), from), Some(own));
            assert_eq!(lookup.user(SocketAddr::new(from.ip(), 1), to), None);
            assert_eq!(lookup.user(to, SocketAddr::new(to.ip(), 1)), None);
            drop(client);
            assert_eq!(lookup.user(from, to), None, "{address}: closed");
        }
    }

    #[test]
    fn hosts_are_known_by_address() {
        let peer = |text: &str| Peer::address(text.parse().unwrap()).to_string();
        assert_eq!(peer("192.0.2.7"), "192.0.2.7");
        assert_eq!(peer("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert!(Peer::User(0).is_root() && !Peer::User(1).is_root());
        assert!(!Peer::Address("127.0.0.1".parse().unwrap()).is_own());
    }
}
