//! Reads and writes: number of bytes, kind of the file descriptor, and kinds of failures.

use scap::schema::{Category, Role};

use super::args::result;
use crate::Event;
use crate::fields::Value;
use crate::state::{Fd, FdKind};

/// Reads, writes and other work on a file descriptor.
pub(super) const ANY: &[Category] = &[Category::IO_READ, Category::IO_WRITE, Category::IO_OTHER];
/// Reads.
pub(super) const READ: &[Category] = &[Category::IO_READ];
/// Writes.
pub(super) const WRITE: &[Category] = &[Category::IO_WRITE];

/// Returns the number of bytes that a call of one of the categories moved, if its file descriptor is of the right kind.
pub(super) fn len<'e>(e: &Event<'_>, categories: &[Category], kind: impl Fn(&Fd) -> bool) -> Option<Value<'e>> {
    let category = e.raw().info()?.category.subject();
    if !categories.contains(&category) || !e.fd().is_some_and(kind) {
        return None;
    }
    u64::try_from(result(e)?).ok().map(Value::U64)
}

/// Returns whether it is a file.
pub(super) fn is_file(fd: &Fd) -> bool {
    fd.kind == FdKind::File
}

/// Returns whether it is an internet socket.
pub(super) fn is_net(fd: &Fd) -> bool {
    matches!(fd.kind, FdKind::Ipv4(_) | FdKind::Ipv6(_) | FdKind::Ipv4Server { .. } | FdKind::Ipv6Server(_))
}

fn is_file_open(e: &Event<'_>) -> bool {
    e.code().role() == Role::Opens
}

fn is_connect(e: &Event<'_>) -> bool {
    matches!(e.code().role(), Role::Accepts | Role::Connects)
}

fn is_file_fd(fd: &Fd) -> bool {
    matches!(fd.kind, FdKind::File | FdKind::Directory)
}

/// Returns whether a failure counts for files.
pub(super) fn is_file_failure(e: &Event<'_>) -> bool {
    e.fd().map_or_else(|| is_file_open(e), is_file_fd)
}

/// Returns whether a failure counts for sockets.
pub(super) fn is_net_failure(e: &Event<'_>) -> bool {
    e.fd().map_or_else(|| is_connect(e), |fd| fd.kind.is_socket())
}

/// Returns whether a call is about memory.
pub(super) fn is_memory(e: &Event<'_>) -> bool {
    e.raw().info().is_some_and(|info| info.category.subject() == Category::MEMORY)
}

/// Returns whether a failure counts for none of the above.
pub(super) fn is_other_failure(e: &Event<'_>) -> bool {
    match e.fd() {
        Some(fd) => !is_file_fd(fd) && !fd.kind.is_socket(),
        None => !is_file_open(e) && !is_connect(e) && !is_memory(e),
    }
}
