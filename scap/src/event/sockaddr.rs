//! Socket addresses and socket tuples, as parameters carry them.
//!
//! A byte of address family, then addresses in network order and ports in host order, or a path that a NUL ends
//! (docs/savefile.md). The values borrow; nothing is allocated.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// `AF_UNIX` as drivers number it.
pub const AF_UNIX: u8 = 1;
/// `AF_INET` as drivers number it.
pub const AF_INET: u8 = 2;
/// `AF_INET6` as drivers number it.
pub const AF_INET6: u8 = 10;

/// The address of one end of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SockAddr<'a> {
    /// A path of a unix socket, up to its first NUL.
    Unix(&'a [u8]),
    /// An IPv4 or IPv6 address and a port.
    Inet(SocketAddr),
    /// A family without a decoder, by its number.
    Other(u8),
}

impl<'a> SockAddr<'a> {
    /// Decodes a parameter of type `SOCKADDR`; `None` if it is empty or too short for its family.
    pub fn parse(raw: &'a [u8]) -> Option<Self> {
        let (&family, rest) = raw.split_first()?;
        match family {
            AF_UNIX => Some(Self::Unix(terminated(rest)?)),
            AF_INET => Some(Self::Inet(take_v4(rest)?.0)),
            AF_INET6 => Some(Self::Inet(take_v6(rest)?.0)),
            other => Some(Self::Other(other)),
        }
    }
}

/// Both ends of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SockTuple<'a> {
    /// A pair of unix sockets: the kernel's pointers to both, and the path.
    Unix {
        /// The socket of the process itself.
        source: u64,
        /// The socket at the other end.
        destination: u64,
        /// The path, up to its first NUL.
        path: &'a [u8],
    },
    /// A pair of IPv4 or IPv6 ends, always both of one family.
    Inet {
        /// The end that opened the connection or sent the message.
        source: SocketAddr,
        /// The end that accepted the connection or received the message.
        destination: SocketAddr,
    },
    /// A family without a decoder, by its number.
    Other(u8),
}

impl<'a> SockTuple<'a> {
    /// Decodes a parameter of type `SOCKTUPLE`; `None` if it is empty or too short for its family.
    pub fn parse(raw: &'a [u8]) -> Option<Self> {
        let (&family, rest) = raw.split_first()?;
        match family {
            AF_UNIX => {
                let (source, rest) = rest.split_first_chunk()?;
                let (destination, rest) = rest.split_first_chunk()?;
                Some(Self::Unix {
                    source: u64::from_le_bytes(*source),
                    destination: u64::from_le_bytes(*destination),
                    path: terminated(rest)?,
                })
            }
            AF_INET => {
                let (source, rest) = take_v4(rest)?;
                Some(Self::Inet { source, destination: take_v4(rest)?.0 })
            }
            AF_INET6 => {
                let (source, rest) = take_v6(rest)?;
                Some(Self::Inet { source, destination: take_v6(rest)?.0 })
            }
            other => Some(Self::Other(other)),
        }
    }

    /// Returns the same tuple, as IPv4 if both ends are IPv4 addresses written as IPv6 ones.
    #[must_use]
    pub fn unmapped(self) -> Self {
        if let Self::Inet { source: SocketAddr::V6(source), destination: SocketAddr::V6(destination) } = self
            && let (Some(from), Some(to)) = (embedded_v4(source.ip()), embedded_v4(destination.ip()))
        {
            return Self::Inet {
                source: SocketAddr::new(IpAddr::V4(from), source.port()),
                destination: SocketAddr::new(IpAddr::V4(to), destination.port()),
            };
        }
        self
    }
}

/// Returns the IPv4 address inside an IPv4-mapped IPv6 address. The all-zero address counts as IPv4: a socket that
/// listens on every address has it.
pub fn embedded_v4(address: &Ipv6Addr) -> Option<Ipv4Addr> {
    if address.is_unspecified() { Some(Ipv4Addr::UNSPECIFIED) } else { address.to_ipv4_mapped() }
}

fn take_v4(raw: &[u8]) -> Option<(SocketAddr, &[u8])> {
    let (ip, rest) = raw.split_first_chunk::<4>()?;
    let (port, rest) = rest.split_first_chunk()?;
    Some((SocketAddr::new(IpAddr::from(*ip), u16::from_le_bytes(*port)), rest))
}

fn take_v6(raw: &[u8]) -> Option<(SocketAddr, &[u8])> {
    let (ip, rest) = raw.split_first_chunk::<16>()?;
    let (port, rest) = rest.split_first_chunk()?;
    Some((SocketAddr::new(IpAddr::from(*ip), u16::from_le_bytes(*port)), rest))
}

/// Returns the text up to its first NUL; `None` if the last byte is not one.
fn terminated(raw: &[u8]) -> Option<&[u8]> {
    let (&last, _) = raw.split_last()?;
    if last != 0 {
        return None;
    }
    raw.split(|&byte| byte == 0).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_decode() {
        assert_eq!(
            SockAddr::parse(&[2, 127, 0, 0, 1, 0x90, 0x1f]),
            Some(SockAddr::Inet(([127, 0, 0, 1], 8080).into()))
        );
        assert_eq!(SockAddr::parse(b"\x01/run/x\0"), Some(SockAddr::Unix(b"/run/x")));
        assert_eq!(SockAddr::parse(b"\x01\0abstract\0"), Some(SockAddr::Unix(b"")));
        assert_eq!(SockAddr::parse(&[16, 1, 2]), Some(SockAddr::Other(16)));
    }

    #[test]
    fn short_values_are_refused() {
        for raw in [&[][..], &[2, 1, 2, 3, 4, 5], &[10; 18], b"\x01", b"\x01/run/x"] {
            assert_eq!(SockAddr::parse(raw), None, "{raw:?}");
        }
        for raw in [&[][..], &[2; 12], &[10; 36], &[1; 17], &[1; 18]] {
            assert_eq!(SockTuple::parse(raw), None, "{raw:?}");
        }
    }

    #[test]
    fn a_tuple_is_unmapped_only_when_both_ends_are() {
        let end = |ip: &str, port| SocketAddr::new(ip.parse().expect("address"), port);
        let both = SockTuple::Inet { source: end("::ffff:1.2.3.4", 5), destination: end("::", 7) };
        assert_eq!(both.unmapped(), SockTuple::Inet { source: end("1.2.3.4", 5), destination: end("0.0.0.0", 7) });
        let one = SockTuple::Inet { source: end("::ffff:1.2.3.4", 5), destination: end("::1", 7) };
        assert_eq!(one.unmapped(), one);
    }
}
