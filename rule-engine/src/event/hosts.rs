//! The addresses of hosts that conditions name.
//!
//! A look-up queries servers and may take long without a network, so no rule waits for it: a worker thread looks the
//! names up, one after the other, and its results are used from then on. Until then a host has no address. The worker
//! starts with the first name and ends with the schema.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};

/// A host by its name, with its addresses once they are known. Equal names are equal hosts.
#[derive(Debug, Clone)]
pub struct Host {
    name: Arc<str>,
    addresses: Arc<OnceLock<Vec<IpAddr>>>,
}

impl Host {
    /// Returns a host without addresses that is not looked up.
    pub fn unknown(name: &str) -> Self {
        Self { name: name.into(), addresses: Arc::default() }
    }

    /// Returns a host with the given addresses.
    pub fn with_addresses(name: &str, addresses: Vec<IpAddr>) -> Self {
        Self { name: name.into(), addresses: Arc::new(addresses.into()) }
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether it is known to have an address.
    pub fn has(&self, address: &IpAddr) -> bool {
        self.addresses.get().is_some_and(|addresses| addresses.contains(address))
    }
}

impl PartialEq for Host {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Host {}

impl Hash for Host {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// Hosts of conditions, each looked up once.
#[derive(Debug, Default)]
pub struct Hosts {
    known: HashMap<String, Host>,
    worker: Option<Sender<Host>>,
}

impl Hosts {
    /// Returns a host, whose addresses are looked up if it is new.
    pub fn host(&mut self, name: &str) -> Host {
        if let Some(host) = self.known.get(name) {
            return host.clone();
        }
        let host = Host::unknown(name);
        self.known.insert(name.to_owned(), host.clone());
        if self.worker.is_none() {
            let (sender, names) = channel::<Host>();
            let look_up = move || {
                for host in names {
                    let found = (&*host.name, 0).to_socket_addrs();
                    let found = found.map(|found| found.map(|address| address.ip()).collect()).unwrap_or_default();
                    let _ = host.addresses.set(found);
                }
            };
            // Without a thread hosts stay unknown, as without a network.
            let started = std::thread::Builder::new().name("hosts".to_owned()).spawn(look_up);
            self.worker = started.is_ok().then_some(sender);
        }
        if let Some(worker) = &self.worker {
            let _ = worker.send(host.clone());
        }
        host
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_host_is_looked_up_beside_the_caller() {
        let mut hosts = Hosts::default();
        let host = hosts.host("127.0.0.1");
        assert_eq!(host, hosts.host("127.0.0.1"));
        let begin = Instant::now();
        while !host.has(&Ipv4Addr::LOCALHOST.into()) {
            assert!(begin.elapsed() < Duration::from_secs(60), "the worker does not answer");
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(!host.has(&Ipv4Addr::new(192, 0, 2, 1).into()));
    }

    #[test]
    fn an_unknown_host_has_no_address() {
        assert!(!Host::unknown("here").has(&Ipv4Addr::LOCALHOST.into()));
    }
}
