//! Users and groups, per container.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::containers::{HOST, Key, Wanted};
use super::{State, Text, Thread};

/// A user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
#[non_exhaustive]
pub struct User {
    pub uid: u32,
    pub gid: u32,
    pub name: Text,
    pub home: Text,
    pub shell: Text,
}

/// A group of users.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
#[non_exhaustive]
pub struct UserGroup {
    pub gid: u32,
    pub name: Text,
}

/// The users and groups of one container, or of the host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Users {
    pub(crate) users: HashMap<u32, User, FxBuildHasher>,
    pub(crate) groups: HashMap<u32, UserGroup, FxBuildHasher>,
    /// The time from which the host may be queried for them again.
    next: u64,
    /// The number of queries that failed in a row.
    failures: u32,
}

/// The pauses after a query, in nanoseconds: one that read the users, as a missing one may be added to them; and the
/// first one and the longest one after a query that failed.
const READ: u64 = 200_000_000;
const FAILED: u64 = 10_000_000;
const FAILED_MAX: u64 = 1_000_000_000;

impl State {
    /// Returns a user of a container of the host, or of the host if `container_id` is empty.
    pub fn user(&self, container_id: &[u8], uid: u32) -> Option<&User> {
        self.users_of(container_id, HOST)?.users.get(&uid)
    }

    /// Returns a group of users of a container of the host, or of the host if `container_id` is empty.
    pub fn group(&self, container_id: &[u8], gid: u32) -> Option<&UserGroup> {
        self.users_of(container_id, HOST)?.groups.get(&gid)
    }

    /// Returns a user of the thread's container, or of the host if it is in none.
    #[inline]
    pub fn user_of(&self, thread: &Thread, uid: u32) -> Option<&User> {
        self.users_of(&thread.container_id, thread.container_owner)?.users.get(&uid)
    }

    /// Returns a group of users of the thread's container, or of the host if it is in none.
    #[inline]
    pub fn group_of(&self, thread: &Thread, gid: u32) -> Option<&UserGroup> {
        self.users_of(&thread.container_id, thread.container_owner)?.groups.get(&gid)
    }

    /// Returns all users of containers, with the id of the container.
    pub fn container_users(&self) -> impl Iterator<Item = (&Text, &User)> {
        self.users.iter().flat_map(|(key, users)| users.users.values().map(move |user| (&key.id, user)))
    }

    /// Returns all groups of users of containers, with the id of the container.
    pub fn container_groups(&self) -> impl Iterator<Item = (&Text, &UserGroup)> {
        self.users.iter().flat_map(|(key, users)| users.groups.values().map(move |group| (&key.id, group)))
    }

    fn users_of(&self, id: &[u8], owner: u32) -> Option<&Users> {
        if id.is_empty() {
            return Some(&self.host_users);
        }
        // A capture does not have the owner.
        self.users.get(&Wanted { id, owner }).or_else(|| match owner {
            HOST => None,
            _ => self.users.get(&Wanted { id, owner: HOST }),
        })
    }

    /// Returns the users of the container; `None` if those of too many containers are kept already.
    fn users_mut(&mut self, id: &[u8], owner: u32) -> Option<&mut Users> {
        if id.is_empty() {
            return Some(&mut self.host_users);
        }
        if self.users.len() >= self.limits.user_tables && !self.users.contains_key(&Wanted { id, owner }) {
            self.metrics.drops_full_user_tables += 1;
            return None;
        }
        Some(self.users.entry(Key { id: Text::new(id), owner }).or_default())
    }

    pub(crate) fn put_user(&mut self, id: &[u8], owner: u32, user: User) {
        let limit = self.limits.users_per_table;
        let Some(users) = self.users_mut(id, owner).map(|users| &mut users.users) else { return };
        // Values that depend on users are computed again after a change only.
        if users.get(&user.uid) == Some(&user) {
            return;
        }
        if users.len() >= limit && !users.contains_key(&user.uid) {
            self.metrics.drops_full_user_tables += 1;
            return;
        }
        users.insert(user.uid, user);
        self.users_stamp = self.new_stamp();
    }

    pub(crate) fn put_group(&mut self, id: &[u8], owner: u32, group: UserGroup) {
        let limit = self.limits.users_per_table;
        let Some(groups) = self.users_mut(id, owner).map(|users| &mut users.groups) else { return };
        if groups.get(&group.gid) == Some(&group) {
            return;
        }
        if groups.len() >= limit && !groups.contains_key(&group.gid) {
            self.metrics.drops_full_user_tables += 1;
            return;
        }
        groups.insert(group.gid, group);
        self.users_stamp = self.new_stamp();
    }

    pub(crate) fn remove_user(&mut self, id: &[u8], uid: u32) {
        if self.user(id, uid).is_some()
            && let Some(users) = self.users_mut(id, HOST)
        {
            users.users.remove(&uid);
            self.users_stamp = self.new_stamp();
        }
    }

    pub(crate) fn remove_group(&mut self, id: &[u8], gid: u32) {
        if self.group(id, gid).is_some()
            && let Some(users) = self.users_mut(id, HOST)
        {
            users.groups.remove(&gid);
            self.users_stamp = self.new_stamp();
        }
    }

    /// Removes the users of a container of the host.
    pub(super) fn remove_users(&mut self, id: &[u8]) {
        self.users.remove(&Wanted { id, owner: HOST });
    }

    /// Returns whether the host may be queried for the users of the thread's container now. `retry` says that what made
    /// the last query fail may be over.
    pub(crate) fn may_query_users(&mut self, id: &[u8], owner: u32, ts: u64, retry: bool) -> bool {
        let Some(users) = self.users_mut(id, owner) else { return false };
        ts >= users.next || (retry && users.failures > 0)
    }

    /// Notes the outcome of a query for the users of a container.
    pub(crate) fn queried_users(&mut self, id: &[u8], owner: u32, ts: u64, found: bool) {
        let Some(users) = self.users_mut(id, owner) else { return };
        users.failures = if found { 0 } else { users.failures.saturating_add(1) };
        let pause = if found { READ } else { FAILED.saturating_mul(1 << users.failures.min(10)).min(FAILED_MAX) };
        users.next = ts.saturating_add(pause);
    }
}
