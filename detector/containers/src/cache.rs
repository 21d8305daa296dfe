//! Cache of containers, by owner and id.
//!
//! A user can make any number of cgroups that look like containers, so each user has a separate share: what one
//! does never evicts what is known of others.

use super::engine::HOST;
use sinsp::state::ContainerInfo;
use std::collections::{HashMap, VecDeque};
use std::time::Instant;

/// A container: its short id, and the user whose engine runs it, or 0 for the host.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) id: Vec<u8>,
    pub(super) owner: u32,
}

/// Maximum number of containers of the host, of each user, and of users.
const OF_HOST: usize = 8192;
const OF_USER: usize = 256;
const USERS: usize = 256;

#[derive(Debug)]
pub(super) enum Entry {
    /// It is being looked up for the first time.
    Pending,
    /// It is known, from the engine with this rank.
    Known { info: Box<ContainerInfo>, rank: usize },
    /// Unknown to all engines; not queried again before this time.
    Unknown(Instant),
}

#[derive(Debug, Default)]
pub(super) struct Cache {
    by_key: HashMap<Key, Entry>,
    /// The ids of each owner, in the order of their first lookup.
    order: HashMap<u32, VecDeque<Vec<u8>>>,
}

impl Cache {
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(super) fn find(&self, key: &Key) -> Option<&Entry> {
        self.by_key.get(key)
    }

    /// Adds or replaces an entry. Returns false if there are too many users.
    pub(super) fn put(&mut self, key: &Key, entry: Entry) -> bool {
        if let Some(known) = self.by_key.get_mut(key) {
            *known = entry;
            return true;
        }
        if self.order.len() >= USERS && key.owner != HOST && !self.order.contains_key(&key.owner) {
            return false;
        }
        let order = self.order.entry(key.owner).or_default();
        order.push_back(key.id.clone());
        self.by_key.insert(key.clone(), entry);
        if order.len() > if key.owner == HOST { OF_HOST } else { OF_USER }
            && let Some(id) = order.pop_front()
        {
            self.by_key.remove(&Key { id, owner: key.owner });
        }
        true
    }

    /// Forgets that containers are unknown, so that they are queried again.
    pub(super) fn retry_unknown(&mut self) {
        for entry in self.by_key.values_mut() {
            if let Entry::Unknown(until) = entry {
                *until = Instant::now();
            }
        }
    }

    /// Removes a container that the engine with this rank described.
    pub(super) fn remove(&mut self, key: &Key, by: usize) {
        if matches!(self.by_key.get(key), Some(Entry::Known { rank, .. }) if *rank == by) {
            self.by_key.remove(key);
            if let Some(order) = self.order.get_mut(&key.owner) {
                order.retain(|id| *id != key.id);
                if order.is_empty() {
                    self.order.remove(&key.owner);
                }
            }
        }
    }

    /// Returns the containers that the engine with this rank described.
    pub(super) fn known_by(&self, by: usize) -> Vec<Key> {
        let known = |entry: &Entry| matches!(entry, Entry::Known { rank, .. } if *rank == by);
        self.by_key.iter().filter(|(_, entry)| known(entry)).map(|(key, _)| key.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_evicts_only_their_own() {
        let mut cache = Cache::default();
        let key = |id: &str, owner| Key { id: id.into(), owner };
        assert!(cache.put(&key("root", HOST), Entry::Pending) && cache.put(&key("ann", 1), Entry::Pending));
        for number in 0..10_000 {
            assert!(cache.put(&key(&number.to_string(), 2), Entry::Pending));
        }
        assert!(cache.find(&key("root", HOST)).is_some() && cache.find(&key("ann", 1)).is_some());
        assert!(cache.find(&key("0", 2)).is_none() && cache.find(&key("9999", 2)).is_some());
        assert_eq!(cache.len(), 2 + OF_USER);
        for uid in 3..1000 {
            cache.put(&key("x", uid), Entry::Pending);
        }
        assert!(cache.order.len() <= USERS + 1 && cache.put(&key("more", HOST), Entry::Pending));
        // An engine removes only what it described.
        let known = Entry::Known { info: Box::default(), rank: 3 };
        cache.put(&key("root", HOST), known);
        cache.remove(&key("root", HOST), 4);
        assert_eq!(cache.known_by(3), [key("root", HOST)]);
        cache.remove(&key("root", HOST), 3);
        assert!(cache.find(&key("root", HOST)).is_none() && cache.known_by(3).is_empty());
    }
}
