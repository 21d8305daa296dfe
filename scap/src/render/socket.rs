//! Addresses, ends of sockets and tuples as text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::number;
use crate::event::{SockAddr, SockTuple};

/// Appends an address as C libraries print it: the longest run of zeros as `::`, and the last two words as IPv4 when
/// the address embeds one (`::ffff:1.2.3.4`, `::1.2.3.4`).
pub fn address(ip: &IpAddr, out: &mut Vec<u8>) {
    match ip {
        IpAddr::V4(v4) => number::write(format_args!("{v4}"), out),
        IpAddr::V6(v6) => match compatible_v4(v6) {
            Some(v4) => number::write(format_args!("::{v4}"), out),
            None => number::write(format_args!("{v6}"), out),
        },
    }
}

/// Returns the IPv4 address in one of the form `::1.2.3.4`, whose seventh word is not zero.
fn compatible_v4(ip: &Ipv6Addr) -> Option<Ipv4Addr> {
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))),
        _ => None,
    }
}

/// Appends `address:port`, without brackets for IPv6.
pub fn endpoint(end: &SocketAddr, out: &mut Vec<u8>) {
    address(&end.ip(), out);
    out.push(b':');
    number::unsigned(end.port().into(), out);
}

/// Appends one end of a socket: `address:port`, or a path.
pub fn sock_addr(addr: &SockAddr<'_>, out: &mut Vec<u8>) {
    match addr {
        SockAddr::Unix(path) => out.extend_from_slice(path),
        SockAddr::Inet(end) => endpoint(end, out),
        SockAddr::Other(family) => number::write(format_args!("family {family}"), out),
    }
}

/// Appends both ends of a socket: `a:p->b:q`, as IPv4 where both ends embed it; `pointer->pointer path` for unix.
pub fn sock_tuple(tuple: &SockTuple<'_>, out: &mut Vec<u8>) {
    match tuple.unmapped() {
        SockTuple::Unix { source, destination, path } => {
            number::write(format_args!("{source:x}->{destination:x} "), out);
            out.extend_from_slice(path);
        }
        SockTuple::Inet { source, destination } => {
            endpoint(&source, out);
            out.extend_from_slice(b"->");
            endpoint(&destination, out);
        }
        SockTuple::Other(family) => number::write(format_args!("family {family}"), out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_c_libraries_print_them() {
        for text in ["::", "::1", "::2.1.0.0", "::ffff:1.2.3.4", "2001:db8::1:0:0:1", "fe80::1", "1:0:2:3:4:5:6:7"] {
            let mut out = Vec::new();
            address(&text.parse().expect("address"), &mut out);
            assert_eq!(String::from_utf8_lossy(&out), text);
        }
    }
}
