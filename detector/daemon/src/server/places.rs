//! Places of connections and streams: a number for all clients, and fewer for each, so that none takes those of others.

use super::peer::Peer;
use crate::log;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Interval between reports of refused clients.
const REPORT: Duration = Duration::from_secs(60);

/// Numbers of places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Of all clients.
    pub(crate) all: usize,
    /// Of those, only for root.
    pub(crate) reserved: usize,
    /// Of one client, other than root.
    pub(crate) peer: usize,
}

impl Limits {
    /// Returns the limits of connections of a listener, where the process may open this number of files: at most an
    /// eighth of them, so that outputs, reloads and lookups never lack one.
    pub(crate) fn connections(open_files: u64) -> Self {
        let all = usize::try_from(open_files / 8).unwrap_or(usize::MAX).clamp(8, 256);
        Self { all, reserved: all / 16, peer: all / 8 }
    }
}

/// The places, and who has them.
#[derive(Debug)]
pub(crate) struct Places {
    server: &'static str,
    what: &'static str,
    limits: Limits,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    peers: HashMap<Peer, usize>,
    refused: u64,
    reported: Option<Instant>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    peer: Peer,
}

impl Places {
    /// Creates places; `server` and `what` name them in the log.
    pub(crate) fn new(server: &'static str, what: &'static str, limits: Limits) -> Self {
        Self { server, what, limits, taken: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for a client; `None` if there is none for it. That is counted, and logged once a minute.
    pub(crate) fn take(self: &Arc<Self>, peer: Peer) -> Option<Place> {
        let mut taken = self.lock();
        let own = taken.peers.get(&peer).copied().unwrap_or(0);
        let free = if peer.is_root() {
            taken.all < self.limits.all
        } else {
            taken.all + self.limits.reserved < self.limits.all && own < self.limits.peer
        };
        if free {
            taken.all += 1;
            taken.peers.insert(peer, own + 1);
            return Some(Place { places: Arc::clone(self), peer });
        }
        taken.refused += 1;
        if taken.reported.is_none_or(|at| at.elapsed() >= REPORT) {
            taken.reported = Some(Instant::now());
            let (refused, all) = (taken.refused, taken.all);
            drop(taken);
            log::warning(format!(
                "{}: too many {}: {own} of {peer}, {all} in all; refused {refused} so far",
                self.server, self.what
            ));
        }
        None
    }

    /// Returns how many places are taken.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        self.lock().all
    }

    /// Returns the name of the server.
    pub(crate) fn server(&self) -> &'static str {
        self.server
    }

    /// Returns how many clients were refused so far.
    pub(crate) fn refused(&self) -> u64 {
        self.lock().refused
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all -= 1;
        if let Some(own) = taken.peers.get_mut(&self.peer) {
            *own -= 1;
            if *own == 0 {
                taken.peers.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_does_not_take_the_places_of_others() {
        let limits = Limits { all: 8, reserved: 2, peer: 3 };
        let places = Arc::new(Places::new("test", "connections", limits));
        let take = |user: u32, count: usize| -> Vec<Place> {
            (0..count).filter_map(|_| places.take(Peer::User(user))).collect()
        };
        let first = take(1000, 5);
        assert_eq!((first.len(), places.refused()), (3, 2));
        let second = take(1001, 5);
        assert_eq!(second.len(), 3);
        // All but the reserve is taken, which is for root.
        assert_eq!((take(1002, 1).len(), take(0, 5).len()), (0, 2));
        drop(first);
        let root = take(0, 9);
        assert_eq!((root.len(), take(1002, 1).len()), (5, 0));
        drop((second, root));
        assert!(places.taken() == 0 && places.lock().peers.is_empty());
    }

    #[test]
    fn few_files_are_few_connections() {
        assert_eq!(Limits::connections(1 << 20), Limits { all: 256, reserved: 16, peer: 32 });
        assert_eq!(Limits::connections(1024).all, 128);
        assert_eq!(Limits::connections(0).all, 8);
    }
}
