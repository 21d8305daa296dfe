//! Network interfaces: the addresses of the host.

use std::net::{Ipv4Addr, Ipv6Addr};

use scap::host::{Interface, InterfaceAddress};

use super::Fd;
use super::fd::FdKind;

/// The network interfaces of the host.
#[derive(Debug, Clone, Default)]
pub struct Interfaces {
    list: Vec<Interface>,
    v4: Vec<(Ipv4Addr, Ipv4Addr)>,
    v6: Vec<Ipv6Addr>,
}

impl Interfaces {
    pub(crate) fn new(list: &[Interface]) -> Self {
        let mut new = Self { list: list.to_vec(), v4: Vec::new(), v6: Vec::new() };
        for interface in list {
            match interface.address {
                InterfaceAddress::V4 { address, netmask, .. } => new.v4.push((address, netmask)),
                InterfaceAddress::V6 { address, .. } => new.v6.push(address),
            }
        }
        new
    }

    /// Returns all of them.
    pub fn iter(&self) -> impl Iterator<Item = &Interface> {
        self.list.iter()
    }

    /// Returns whether `ip` is the address of an interface.
    pub fn is_local_v4(&self, ip: Ipv4Addr) -> bool {
        self.v4.iter().any(|(address, _)| *address == ip)
    }

    /// Returns whether `ip` lies in the network of an interface.
    pub fn is_local_v6(&self, ip: Ipv6Addr) -> bool {
        self.v6.iter().any(|address| same_subnet(ip, *address))
    }

    /// Replaces the wildcard address of a socket's end by the address of the interface that is most likely meant, so
    /// that both ends are known.
    pub(crate) fn complete(&self, fd: &mut Fd) {
        match &mut fd.kind {
            FdKind::Ipv4(t) => {
                let same_ports = t.source_port == t.destination_port;
                if t.source.is_unspecified() {
                    let guess = self.guess_v4(t.destination);
                    if guess != t.destination || !same_ports {
                        t.source = guess;
                    }
                } else if t.destination.is_unspecified() {
                    let guess = self.guess_v4(t.source);
                    if guess != t.source || !same_ports {
                        t.destination = guess;
                    }
                }
            }
            FdKind::Ipv6(t) => {
                let same_ports = t.source_port == t.destination_port;
                if t.source.is_unspecified() {
                    let guess = self.guess_v6(t.destination);
                    if guess != t.destination || !same_ports {
                        t.source = guess;
                    }
                } else if t.destination.is_unspecified() {
                    let guess = self.guess_v6(t.source);
                    if guess != t.source || !same_ports {
                        t.destination = guess;
                    }
                }
            }
            _ => {}
        }
    }

    /// Returns the local address for `peer`: `peer` itself if it is local, else one in its network, else any that is not
    /// loopback.
    fn guess_v4(&self, peer: Ipv4Addr) -> Ipv4Addr {
        let net = |ip: Ipv4Addr, mask: Ipv4Addr| u32::from(ip) & u32::from(mask);
        let all = || self.v4.iter();
        all()
            .find(|(address, _)| *address == peer)
            .or_else(|| all().find(|(address, mask)| net(*address, *mask) == net(peer, *mask)))
            .or_else(|| all().find(|(address, _)| *address != Ipv4Addr::LOCALHOST))
            .map_or(Ipv4Addr::UNSPECIFIED, |(address, _)| *address)
    }

    fn guess_v6(&self, peer: Ipv6Addr) -> Ipv6Addr {
        let all = || self.v6.iter().copied();
        all()
            .find(|address| *address == peer)
            .or_else(|| all().find(|address| same_subnet(*address, peer)))
            .or_else(|| all().find(|address| *address != Ipv6Addr::LOCALHOST))
            .unwrap_or(Ipv6Addr::UNSPECIFIED)
    }
}

/// Returns whether two addresses share their first 64 bits. (The length of the prefix is not recorded.)
fn same_subnet(a: Ipv6Addr, b: Ipv6Addr) -> bool {
    a.octets()[..8] == b.octets()[..8]
}
