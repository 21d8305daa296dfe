//! The state of the host as `/proc` shows it: the start of a live capture.
//!
//! ```no_run
//! use peregrine_scap::procfs::{self, Config};
//!
//! let snapshot = procfs::scan("/", &Config::default())?;
//! println!("{} threads, {:?}", snapshot.host.threads.len(), snapshot.report);
//! # Ok::<(), peregrine_scap::Error>(())
//! ```
//!
//! `root` is the directory that contains the host's `/proc` and `/etc`: `/`, or the directory where a container has the
//! host mounted (Falco's `HOST_ROOT`). The result has the same shape as the first blocks of a capture ([`HostState`]).
//!
//! Processes come and go while they are read, and without privileges many files cannot be read. Neither is an error:
//! what cannot be read is absent, and [`Report`] counts it by cause. Only a `/proc` that cannot be listed at all fails.
//! Threads share what belongs to their process, so a thread costs three small files, a process about a dozen and one
//! link for each file descriptor; [`Config::budget`] bounds the time whatever the number. Where BPF iterators can run,
//! they report most of that in a seventh of the time: a [`SnapshotBuilder`] takes what they report.

mod cgroup;
mod fds;
mod interfaces;
mod lookup;
mod machine;
mod read;
mod snapshot;
mod sockets;
mod task;
mod users;

pub use lookup::Lookup;
pub use snapshot::{FileSeen, Link, SnapshotBuilder, TaskSeen};

use std::path::Path;
use std::time::{Duration, Instant};

use crate::host::Thread;
use crate::{HostState, Result};
use fds::Fds;
use read::Tree;
use task::Tasks;

/// The parts of the host's state that are read, and their limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Whether to read threads other than the first of each process.
    pub threads: bool,
    /// The file descriptors to read.
    pub fds: FdScan,
    /// The maximum number of file descriptors read per process.
    pub max_fds: usize,
    /// Whether to read users and groups, from `etc/passwd` and `etc/group`.
    pub users: bool,
    /// The maximum number of bytes kept of a process's arguments.
    pub max_args: usize,
    /// The maximum number of bytes kept of a process's environment.
    pub max_env: usize,
    /// The time after which no further process or file descriptor is read; see [`Report::incomplete`].
    pub budget: Option<Duration>,
}

/// The file descriptors that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FdScan {
    /// All of them.
    All,
    /// Sockets only.
    Sockets,
    /// None.
    None,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            threads: true,
            fds: FdScan::All,
            max_fds: usize::MAX,
            users: true,
            max_args: 4096,
            max_env: 4096,
            budget: None,
        }
    }
}

/// The state of the host, and a report of what could be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The state of the host.
    pub host: HostState,
    /// The report of what could be read.
    pub report: Report,
}

/// The counts of a scan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Processes read.
    pub processes: u64,
    /// Threads read, including the first of each process.
    pub threads: u64,
    /// File descriptors read.
    pub fds: u64,
    /// Kernel threads and zombies, which have neither arguments nor an executable; they are left out.
    pub without_program: u64,
    /// Files that vanished with their process while it was read.
    pub vanished: u64,
    /// Files that cannot be read without more privileges.
    pub denied: u64,
    /// Files that could not be read or parsed for any other reason.
    pub failed: u64,
    /// The text of the first of these failures.
    pub first_failure: Option<String>,
    /// Processes whose file descriptors were not all read before the budget ran out.
    pub cut_short: u64,
    /// Whether the budget ran out before everything was read.
    pub incomplete: bool,
}

/// Reads the state of the host under `root`.
///
/// # Errors
/// If `proc` under `root` cannot be listed.
pub fn scan(root: impl AsRef<Path>, config: &Config) -> Result<Snapshot> {
    let deadline = config.budget.map(|budget| Instant::now() + budget);
    let mut tree = Tree::new(root.as_ref());
    let pids = tree.pids()?;
    let machine = machine::read(&mut tree);
    let mut host = HostState { interfaces: interfaces::read(&mut tree), ..HostState::default() };
    if config.users {
        host.users = users::users(&mut tree);
        host.groups = users::groups(&mut tree);
    }
    let mut tasks = Tasks::new(&mut tree, config, machine.boot_time);
    let mut fds = Fds::new(config);
    for pid in pids {
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            tree.report.incomplete = true;
            break;
        }
        let Some(leader) = tasks.process(&mut tree, pid) else { continue };
        let holder = tasks.alive(&mut tree, pid).unwrap_or(pid);
        let descriptors = fds.read(&mut tree, holder, deadline);
        let leader_at = host.threads.len();
        host.threads.push(leader);
        if config.threads {
            for tid in tree.tids(pid) {
                let Some(leader) = host.threads.get(leader_at) else { break };
                if let Some(thread) = tasks.thread(&mut tree, leader, tid) {
                    host.threads.push(thread);
                }
            }
        }
        // Only now: the threads are made from the first one, and none has file descriptors.
        if let Some(leader) = host.threads.get_mut(leader_at) {
            leader.fds = descriptors;
        }
        tree.report.processes += 1;
    }
    tasks.finish(&mut host.threads);
    tree.report.threads = host.threads.len() as u64;
    tree.report.fds = host.threads.iter().map(|thread| thread.fds.len() as u64).sum();
    host.machine = Some(machine);
    Ok(Snapshot { host, report: tree.report })
}

/// Reads one thread, with the file descriptors of its table if it is the first of its process; `None` if it is gone, is
/// a kernel thread, or may not be read. Keep a [`Lookup`] for more than one look-up.
pub fn thread(root: impl AsRef<Path>, tid: i64, config: &Config) -> Option<Thread> {
    Lookup::new(root, config).thread(tid)
}

#[cfg(test)]
mod tests;
