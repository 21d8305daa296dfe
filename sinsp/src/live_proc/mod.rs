//! The queries of the inspector to the running host.
//!
//! Events can be lost, and some facts are in no event: a thread that started before the first event or whose start was
//! dropped, a file descriptor that was passed in a message, the whole of a long environment, the users of a container.
//! On a live source the inspector queries a [`Proc`] for them; [`ProcFs`] reads `/proc`.

mod fs;

use scap::host;

pub use fs::{ProcFs, ProcLimits};

/// Provider of facts about the host, for live sources.
pub trait Proc: Send {
    /// Returns a thread with its file descriptors; `None` if it is gone, or if the query costs too much at the moment.
    fn thread(&mut self, tid: i64) -> Option<host::Thread>;

    /// Returns one file descriptor of a process.
    fn fd(&mut self, pid: i64, num: i64) -> Option<host::FdKind>;

    /// Returns whether a thread is alive.
    fn is_alive(&mut self, tid: i64) -> bool;

    /// Returns the whole environment of a process, which events contain only in part.
    fn environ(&mut self, pid: i64) -> Option<Vec<u8>>;

    /// Returns the start of a thread in nanoseconds since 1970, if known: another thread may have its number by now.
    fn start_ts(&mut self, tid: i64) -> Option<u64> {
        let _ = tid;
        None
    }

    /// Returns whether a process has a mount namespace and a root directory other than the host's; `None` if that cannot be
    /// determined.
    fn is_contained(&mut self, pid: i64) -> Option<bool> {
        let _ = pid;
        None
    }

    /// Returns the users and groups of the container that a process lives in, by their numbers on the host; `None` if it
    /// has ended, or its root directory is still the host's.
    fn users(&mut self, pid: i64) -> Option<(Vec<host::User>, Vec<host::Group>)> {
        let _ = pid;
        None
    }

    /// Returns the current network interfaces.
    fn interfaces(&mut self) -> Option<Vec<host::Interface>> {
        None
    }

    /// Returns the number and cost of the queries so far.
    fn stats(&self) -> ProcStats {
        ProcStats::default()
    }
}

/// The number and cost of the queries to a [`Proc`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcStats {
    /// Threads that were found.
    pub threads_found: u64,
    /// Threads that were not found: gone, kernel threads, or unreadable.
    pub threads_missed: u64,
    /// Single file descriptors that were found.
    pub fds_found: u64,
    /// Single file descriptors that were not found.
    pub fds_missed: u64,
    /// Environments that were read.
    pub environs: u64,
    /// Containers whose users were read.
    pub user_files: u64,
    /// Queries that were refused because the time budget was used up.
    pub refused: u64,
    /// Threads whose file descriptors were not all read, because it took too long.
    pub cut_short: u64,
    /// The time of all queries, in nanoseconds.
    pub time_ns: u64,
}
