//! Network interfaces and their addresses, from the routing tables under `/proc`.
//!
//! The files of process 1 show the host's interfaces even when the reader lives in another network namespace; for the
//! local `/proc` the reader's namespace is the one that counts.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::read::{Tree, decimal, lines, radix, words};
use crate::host::{Interface, InterfaceAddress};

const MEGABIT: u64 = 1_000_000;

pub(super) fn read(tree: &mut Tree) -> Vec<Interface> {
    let net = if tree.is_own() || !tree.path("proc/1/net/route").exists() { "proc/net" } else { "proc/1/net" };
    let trie = tree.list(&format!("{net}/fib_trie")).unwrap_or_default();
    let routes = tree.list(&format!("{net}/route")).unwrap_or_default();
    let routes: Vec<Route<'_>> = lines(&routes).filter_map(route).collect();
    let mut interfaces: Vec<Interface> = local_addresses(&trie).iter().map(|&address| v4(address, &routes)).collect();
    let v6_list = tree.optional_list(&format!("{net}/if_inet6")).unwrap_or_default();
    interfaces.extend(lines(&v6_list).filter_map(v6));
    for interface in &mut interfaces {
        interface.link_speed = link_speed(tree, &interface.name);
    }
    interfaces
}

/// Returns the host's addresses: leaves of the trie that a line `/32 host LOCAL` follows.
fn local_addresses(trie: &[u8]) -> BTreeSet<Ipv4Addr> {
    let mut addresses = BTreeSet::new();
    let mut leaf = None;
    for line in lines(trie) {
        let mut words = words(line);
        match words.next() {
            Some(b"|--") => leaf = words.next().and_then(decimal::<Ipv4Addr>),
            Some(b"/32") if words.any(|word| word == b"LOCAL") => addresses.extend(leaf),
            _ => {}
        }
    }
    addresses
}

/// A network that an interface is part of.
struct Route<'a> {
    name: &'a [u8],
    destination: u32,
    mask: u32,
}

/// Parses `Iface Destination Gateway Flags RefCnt Use Metric Mask …`, addresses in hexadecimal as the processor holds
/// them.
fn route(line: &[u8]) -> Option<Route<'_>> {
    let mut words = words(line);
    let name = words.next()?;
    let mut hex = |skip| words.nth(skip).and_then(|word| radix(word, 16)).and_then(|word| u32::try_from(word).ok());
    let destination = u32::from_be_bytes(hex(0)?.to_ne_bytes());
    let gateway = hex(0)?;
    let mask = u32::from_be_bytes(hex(4)?.to_ne_bytes());
    (gateway == 0 && mask != 0).then_some(Route { name, destination, mask })
}

/// Returns the interface of an address: that of the narrowest network that contains it.
fn v4(address: Ipv4Addr, routes: &[Route<'_>]) -> Interface {
    let loopback = Route { name: b"lo", destination: 0x7f00_0000, mask: 0xff00_0000 };
    let bits = u32::from(address);
    let of = routes
        .iter()
        .chain(address.is_loopback().then_some(&loopback))
        .filter(|route| bits & route.mask == route.destination)
        .max_by_key(|route| route.mask);
    let mask = of.map_or(u32::MAX, |route| route.mask);
    let broadcast = if address.is_loopback() || mask == u32::MAX { 0 } else { bits | !mask };
    Interface {
        name: of.map_or_else(Vec::new, |route| route.name.to_vec()),
        address: InterfaceAddress::V4 { address, netmask: mask.into(), broadcast: broadcast.into() },
        link_speed: 0,
    }
}

/// Parses `address index prefix scope flags name`, all but the name in hexadecimal.
fn v6(line: &[u8]) -> Option<Interface> {
    let mut words = words(line);
    let address = u128::from_str_radix(std::str::from_utf8(words.next()?).ok()?, 16).ok()?;
    let prefix = words.nth(1).and_then(|word| radix(word, 16))?;
    let name = words.nth(2)?;
    let netmask = match u32::try_from(prefix).ok()? {
        0 => 0,
        prefix => u128::MAX.checked_shl(128_u32.checked_sub(prefix)?)?,
    };
    Some(Interface {
        name: name.to_vec(),
        address: InterfaceAddress::V6 {
            address: Ipv6Addr::from(address),
            netmask: Ipv6Addr::from(netmask),
            broadcast: Ipv6Addr::UNSPECIFIED,
        },
        link_speed: 0,
    })
}

/// Returns the link speed in bits per second, if the device reports it.
fn link_speed(tree: &mut Tree, name: &[u8]) -> u64 {
    let Some(name) = std::str::from_utf8(name).ok().filter(|name| !name.is_empty() && !name.contains('/')) else {
        return 0;
    };
    // Reading the speed of a device without one fails; that is not an error of the host.
    let speed = std::fs::read(tree.path(&format!("sys/class/net/{name}/speed"))).unwrap_or_default();
    decimal::<u64>(speed.trim_ascii()).unwrap_or(0).saturating_mul(MEGABIT)
}
