//! Users and groups, from the host's files.

use super::read::{Tree, decimal, lines, words};
use crate::host::{Group, User};

pub(super) fn users(tree: &mut Tree) -> Vec<User> {
    let file = tree.list("etc/passwd").unwrap_or_default();
    users_in(&file)
}

/// Returns the users in a file in the format of `/etc/passwd`.
pub(super) fn users_in(file: &[u8]) -> Vec<User> {
    lines(file).filter_map(user).collect()
}

pub(super) fn groups(tree: &mut Tree) -> Vec<Group> {
    let file = tree.list("etc/group").unwrap_or_default();
    groups_in(&file)
}

/// Returns the groups in a file in the format of `/etc/group`.
pub(super) fn groups_in(file: &[u8]) -> Vec<Group> {
    lines(file).filter_map(group).collect()
}

/// Parses `name:password:uid:gid:comment:home:shell`.
fn user(line: &[u8]) -> Option<User> {
    let mut fields = line.split(|&byte| byte == b':');
    let name = fields.next().filter(|name| is_name(name))?;
    let uid = decimal(fields.nth(1)?)?;
    let gid = decimal(fields.next()?)?;
    let home = fields.nth(1).unwrap_or_default();
    let shell = fields.next().unwrap_or_default();
    Some(User { uid, gid, name: name.to_vec(), home: home.to_vec(), shell: shell.to_vec() })
}

/// Parses `name:password:gid:members`.
fn group(line: &[u8]) -> Option<Group> {
    let mut fields = line.split(|&byte| byte == b':');
    let name = fields.next().filter(|name| is_name(name))?;
    Some(Group { gid: decimal(fields.nth(1)?)?, name: name.to_vec() })
}

/// The numbers of a user namespace, in the format of `/proc/PID/uid_map`: first number inside, first number outside, and
/// how many there are, on each line.
#[derive(Debug)]
pub(super) struct IdMap(Vec<(u32, u32, u32)>);

impl IdMap {
    /// Parses a map; one that is empty maps each number to itself.
    pub(super) fn parse(file: &[u8]) -> Self {
        let row = |line: &[u8]| {
            let mut numbers = words(line).map(decimal);
            Some((numbers.next()??, numbers.next()??, numbers.next()??))
        };
        let rows: Vec<_> = lines(file).filter_map(row).collect();
        Self(if rows.is_empty() { vec![(0, 0, u32::MAX)] } else { rows })
    }

    /// Returns the number on the host of one in the namespace; `None` if it has none.
    pub(super) fn outside(&self, id: u32) -> Option<u32> {
        self.0.iter().find_map(|(inside, outside, len)| {
            let at = id.checked_sub(*inside).filter(|at| at < len)?;
            outside.checked_add(at)
        })
    }
}

/// Returns whether this is neither a comment nor a line for other sources of names, such as `+::::::`.
fn is_name(name: &[u8]) -> bool {
    name.first().is_some_and(|first| !matches!(first, b'#' | b'+' | b'-'))
}
