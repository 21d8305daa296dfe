//! Users and groups, per container.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::{State, Text};

/// A user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
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
pub struct UserGroup {
    pub gid: u32,
    pub name: Text,
}

/// The users and groups of one container, or of the host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Users {
    pub(crate) users: HashMap<u32, User, FxBuildHasher>,
    pub(crate) groups: HashMap<u32, UserGroup, FxBuildHasher>,
    /// The time of the last query for them, plus one; 0 for never.
    asked: u64,
}

impl State {
    /// Returns a user of the container, or of the host if `container_id` is empty.
    pub fn user(&self, container_id: &[u8], uid: u32) -> Option<&User> {
        self.users_of(container_id)?.users.get(&uid)
    }

    /// Returns a group of users of the container, or of the host if `container_id` is empty.
    pub fn group(&self, container_id: &[u8], gid: u32) -> Option<&UserGroup> {
        self.users_of(container_id)?.groups.get(&gid)
    }

    /// Returns all users of containers, with the id of the container.
    pub fn container_users(&self) -> impl Iterator<Item = (&Text, &User)> {
        self.users.iter().flat_map(|(id, users)| users.users.values().map(move |user| (id, user)))
    }

    /// Returns all groups of users of containers, with the id of the container.
    pub fn container_groups(&self) -> impl Iterator<Item = (&Text, &UserGroup)> {
        self.users.iter().flat_map(|(id, users)| users.groups.values().map(move |group| (id, group)))
    }

    fn users_of(&self, container_id: &[u8]) -> Option<&Users> {
        if container_id.is_empty() { Some(&self.host_users) } else { self.users.get(container_id) }
    }

    /// Returns the users of the container; `None` if those of too many containers are kept already.
    fn users_mut(&mut self, container_id: &[u8]) -> Option<&mut Users> {
        self.users_stamp = self.new_stamp();
        if container_id.is_empty() {
            return Some(&mut self.host_users);
        }
        if self.users.len() >= self.limits.user_tables && !self.users.contains_key(container_id) {
            self.metrics.drops_full_user_tables += 1;
            return None;
        }
        Some(self.users.entry(Text::new(container_id)).or_default())
    }

    pub(crate) fn put_user(&mut self, container_id: &[u8], user: User) {
        let limit = self.limits.users_per_table;
        let Some(users) = self.users_mut(container_id).map(|users| &mut users.users) else { return };
        if users.len() >= limit && !users.contains_key(&user.uid) {
            self.metrics.drops_full_user_tables += 1;
            return;
        }
        users.insert(user.uid, user);
    }

    pub(crate) fn put_group(&mut self, container_id: &[u8], group: UserGroup) {
        let limit = self.limits.users_per_table;
        let Some(groups) = self.users_mut(container_id).map(|users| &mut users.groups) else { return };
        if groups.len() >= limit && !groups.contains_key(&group.gid) {
            self.metrics.drops_full_user_tables += 1;
            return;
        }
        groups.insert(group.gid, group);
    }

    pub(crate) fn remove_user(&mut self, container_id: &[u8], uid: u32) {
        if self.users_of(container_id).is_some()
            && let Some(users) = self.users_mut(container_id)
        {
            users.users.remove(&uid);
        }
    }

    pub(crate) fn remove_group(&mut self, container_id: &[u8], gid: u32) {
        if self.users_of(container_id).is_some()
            && let Some(users) = self.users_mut(container_id)
        {
            users.groups.remove(&gid);
        }
    }

    /// Returns whether the host was not queried for the users of the container for `pause`, and records a query now.
    pub(crate) fn may_ask_for_users(&mut self, container_id: &[u8], ts: u64, pause: u64) -> bool {
        let stamp = self.users_stamp;
        let Some(users) = self.users_mut(container_id) else { return false };
        let may = users.asked == 0 || ts >= users.asked.saturating_add(pause);
        if may {
            users.asked = ts.max(1);
        }
        self.users_stamp = stamp;
        may
    }
}
