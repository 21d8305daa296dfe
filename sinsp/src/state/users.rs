//! Users and groups, per container.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::Text;

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
}
