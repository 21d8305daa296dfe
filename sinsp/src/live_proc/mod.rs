//! What the inspector may ask of the running machine.
//!
//! Events can be lost, and some facts no event tells: a thread whose start was before the first event or was dropped,
//! what a descriptor is that came with a message, the whole of a long environment, the users of a container. On a live
//! source the inspector asks a [`Proc`] for them; [`ProcFs`] answers from `/proc`.

mod fs;

use scap::host;

pub use fs::{ProcFs, ProcLimits};

/// Answers about the machine, for live sources.
pub trait Proc: Send {
    /// A thread with its descriptors; `None` if it is gone, or asking costs too much just now.
    fn thread(&mut self, tid: i64) -> Option<host::Thread>;

    /// One descriptor of a process.
    fn fd(&mut self, pid: i64, num: i64) -> Option<host::FdKind>;

    /// Whether a thread is alive.
    fn is_alive(&mut self, tid: i64) -> bool;

    /// The whole environment of a process, which events carry only in part.
    fn environ(&mut self, pid: i64) -> Option<Vec<u8>>;

    /// When a thread started, nanoseconds since 1970, where that can be told: another thread may have its number by now.
    fn start_ts(&mut self, tid: i64) -> Option<u64> {
        let _ = tid;
        None
    }

    /// The users and groups that a process in a container sees.
    fn users(&mut self, pid: i64) -> Option<(Vec<host::User>, Vec<host::Group>)> {
        let _ = pid;
        None
    }

    /// The network interfaces as they are now.
    fn interfaces(&mut self) -> Option<Vec<host::Interface>> {
        None
    }

    /// What was asked so far, and what it cost.
    fn stats(&self) -> ProcStats {
        ProcStats::default()
    }
}

/// What was asked of a [`Proc`], and what it cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcStats {
    /// Threads that were found.
    pub threads_found: u64,
    /// Threads that were not: gone, kernel threads, or not to be read.
    pub threads_missed: u64,
    /// Descriptors that were found one by one.
    pub fds_found: u64,
    /// Descriptors that were not.
    pub fds_missed: u64,
    /// Environments that were read.
    pub environs: u64,
    /// Containers whose users were read.
    pub user_files: u64,
    /// Questions that were not answered, because the time for them was used up.
    pub refused: u64,
    /// Threads of which not all descriptors were read, because it took too long.
    pub cut_short: u64,
    /// The time that all answers took, in nanoseconds.
    pub time_ns: u64,
}
