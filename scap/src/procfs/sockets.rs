//! Sockets by inode, from the tables of a network namespace: `/proc/PID/net/{tcp,udp,…}`.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::read::{Tree, decimal, lines, radix, words};
use crate::host::FdKind;

/// The number of netlink sockets among the types of file descriptors.
const NETLINK: u8 = 15;

/// Tables of IP sockets and their protocol numbers.
const INET: &[(&str, u8)] =
    &[("tcp", 2), ("udp", 3), ("raw", 5), ("icmp", 4), ("tcp6", 2), ("udp6", 3), ("raw6", 5), ("icmp6", 4)];

/// The sockets of one network namespace.
pub(super) type Sockets = HashMap<u64, FdKind>;

/// Reads the tables in `net`, such as `proc/7/net`. A host without IPv6 lacks some of them.
pub(super) fn read(tree: &mut Tree, net: &str) -> Sockets {
    let mut sockets = Sockets::new();
    for (table, l4) in INET {
        if let Some(file) = tree.optional_list(&format!("{net}/{table}")) {
            sockets.extend(lines(&file).filter_map(|line| inet(line, *l4)));
        }
    }
    if let Some(file) = tree.optional_list(&format!("{net}/unix")) {
        sockets.extend(lines(&file).filter_map(unix));
    }
    if let Some(file) = tree.optional_list(&format!("{net}/netlink")) {
        sockets.extend(lines(&file).filter_map(netlink));
    }
    sockets
}

/// Parses `sl: local remote state queues timers retransmits uid timeout inode …`.
fn inet(line: &[u8], l4: u8) -> Option<(u64, FdKind)> {
    let mut words = words(line);
    words.next().filter(|slot| slot.ends_with(b":"))?;
    let (own, peer) = (end(words.next()?)?, end(words.next()?)?);
    let inode = decimal(words.nth(6)?)?;
    Some((inode, FdKind::inet(own, peer, l4)?))
}

/// Parses `address:port` in hexadecimal: the address as 32-bit words as the processor holds them, the port as a number.
fn end(word: &[u8]) -> Option<(IpAddr, u16)> {
    let at = word.iter().position(|&byte| byte == b':')?;
    let (address, port) = word.split_at_checked(at)?;
    let port = u16::try_from(radix(port.get(1..)?, 16)?).ok()?;
    let mut octets = [0; 16];
    for (word, place) in address.chunks(8).zip(octets.chunks_exact_mut(4)) {
        place.copy_from_slice(&u32::try_from(radix(word, 16)?).ok()?.to_ne_bytes());
    }
    match address.len() {
        8 => Some((IpAddr::V4(Ipv4Addr::from(*octets.first_chunk::<4>()?)), port)),
        32 => Some((IpAddr::V6(Ipv6Addr::from(octets)), port)),
        _ => None,
    }
}

/// Parses `pointer: references protocol flags type state inode path`; the path may be missing and may contain spaces.
fn unix(line: &[u8]) -> Option<(u64, FdKind)> {
    let source = radix(words(line).next()?.strip_suffix(b":")?, 16)?;
    let inode = decimal(words(line).nth(6)?)?;
    // The path begins one space after the inode.
    let mut rest = line;
    for _ in 0..7 {
        rest = rest.trim_ascii_start();
        let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
        rest = rest.get(end..)?;
    }
    let name = rest.get(1..).unwrap_or_default().to_vec();
    Some((inode, FdKind::Unix { source, destination: 0, name }))
}

/// Parses `pointer family pid groups rmem wmem dump locks drops inode`.
fn netlink(line: &[u8]) -> Option<(u64, FdKind)> {
    let inode = decimal(words(line).nth(9)?)?;
    Some((inode, FdKind::Named { ty: NETLINK, name: Vec::new() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_the_tables() {
        let row =
            b"   0: 0100007F:1F90 0200007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 12345 1 0";
        let kind =
            FdKind::Ipv4 { sip: [127, 0, 0, 1].into(), dip: [127, 0, 0, 2].into(), sport: 8080, dport: 50000, l4: 2 };
        assert_eq!(inet(row, 2), Some((12345, kind)));
        let row =
            b"  17: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 77 1";
        assert_eq!(inet(row, 2), Some((77, FdKind::Ipv6Server { ip: Ipv6Addr::LOCALHOST, port: 22, l4: 2 })));
        let unix_row = b"00000000deadbeef: 00000002 00000000 00010000 0001 01 4711 /run/my socket";
        let kind = FdKind::Unix { source: 0xdead_beef, destination: 0, name: b"/run/my socket".to_vec() };
        assert_eq!(unix(unix_row), Some((4711, kind)));
        let unnamed = FdKind::Unix { source: 1, destination: 0, name: Vec::new() };
        assert_eq!(unix(b"0001: 02 0 0 1 3 12"), Some((12, unnamed)));
        assert_eq!(
            netlink(b"0000000000000000 0 1 00000001 0 0 0 2 0 99"),
            Some((99, FdKind::Named { ty: NETLINK, name: Vec::new() }))
        );
    }

    #[test]
    fn headers_and_nonsense_are_not_sockets() {
        for row in [
            &b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"[..],
            b"",
            b"0: 01:1 02:2",
            b"0: 0100007Z:1F90 0200007F:C350 01 0:0 00:0 0 1000 0 12345",
        ] {
            assert_eq!(inet(row, 2), None);
        }
        assert_eq!(unix(b"Num       RefCount Protocol Flags    Type St Inode Path"), None);
        assert_eq!(netlink(b"sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode"), None);
    }
}
