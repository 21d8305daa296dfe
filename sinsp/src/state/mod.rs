//! The state of the host: threads, file descriptors, users, interfaces.
//!
//! Nothing here knows an event code: `parse` converts events to calls of this module, and [`fields`](crate::fields)
//! reads it. The invariants between events (checked by `State::check` in tests):
//!
//! * a thread that is not a placeholder is in the group of its pid, the leader first;
//! * the children of a thread are in the table, and their `ptid` is its tid;
//! * the number of threads is at most its limit, and so is that of file descriptors of one table;
//! * different threads, lineages or file descriptors never have the same stamp.

use std::sync::Arc;

mod cgroup;
mod check;
pub mod container;
pub(crate) mod container_json;
mod containers;
mod export;
mod extension;
mod fd;
mod fd_pool;
mod fd_table;
mod fds;
mod import;
mod interfaces;
mod kinds;
mod lineage;
mod metrics;
mod origin;
pub mod path;
mod place;
mod purge;
mod thread;
mod threads;
mod tree;
mod users;

pub(crate) use crate::text::cut_list;
pub use crate::text::{Text, strings};
pub use container::{ContainerInfo, ContainerMetadata, Mount};
pub use extension::{Attachment, Extension};
pub(crate) use fd::O_CLOEXEC;
pub use fd::{ConnectStatus, Fd, FdKind, Ipv4Tuple, Ipv6End, Ipv6Tuple, L4Proto, Overlay, Role, UnixTuple};
pub(crate) use fd_pool::FdFacts;
pub use fd_table::FdTable;
pub use interfaces::Interfaces;
pub use lineage::Ancestors;
pub use metrics::Metrics;
pub(crate) use origin::Origin;
pub use origin::{Creators, MAX_CREATORS, ProcessId};
pub use place::Place;
pub use scap::event::PathState;
pub use thread::{Thread, thread_flags};
pub use users::{User, UserGroup};

pub(crate) use containers::Key as ContainerKey;
pub(crate) use purge::Fate;

use crate::config::{ContainerPattern, Limits};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
pub(crate) use threads::Slot;
use threads::Threads;
use users::Users;

/// The state of the host as determined from the events so far.
#[derive(Debug, Default)]
pub struct State {
    pub(crate) threads: Threads,
    pub(crate) limits: Limits,
    pub(crate) metrics: Metrics,
    /// Additional forms of cgroup paths; `None` if containers are not determined.
    pub(crate) patterns: Option<Arc<[ContainerPattern]>>,
    machine: Option<scap::host::Machine>,
    interfaces: Interfaces,
    pool: fd_pool::FdPool,
    users: HashMap<containers::Key, Users, FxBuildHasher>,
    host_users: Users,
    containers: containers::Containers,
    stamps: u64,
    users_stamp: u64,
    leaders_stamp: u64,
    live: bool,
    /// Extension by another program, such as plugins.
    pub(crate) extension: Option<Arc<dyn Extension>>,
    /// The time of the last task switch of each processor.
    pub(crate) switches: Vec<u64>,
}

impl State {
    pub(crate) fn with_limits(limits: Limits, patterns: Option<Arc<[ContainerPattern]>>) -> Self {
        Self { limits, patterns, ..Self::default() }
    }

    /// Returns the facts about the host, if the capture has them.
    pub fn machine(&self) -> Option<&scap::host::Machine> {
        self.machine.as_ref()
    }

    /// Returns the host name; empty on replay. Falco's libraries lose the machine info of a capture when they read it,
    /// and rules that were tested on captures rely on it.
    pub fn hostname(&self) -> Option<&[u8]> {
        let machine = self.machine.as_ref()?;
        Some(if self.live { &machine.hostname } else { b"" })
    }

    /// Returns the boot time in nanoseconds since 1970; 0 on replay, as [`hostname`](Self::hostname).
    pub fn boot_time(&self) -> u64 {
        self.machine.as_ref().filter(|_| self.live).map_or(0, |machine| machine.boot_time)
    }

    /// Returns whether the events come from this host as it runs.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// Returns the network interfaces.
    pub fn interfaces(&self) -> &Interfaces {
        &self.interfaces
    }

    /// Returns the counters. The number of file descriptors is computed now, over all tables: do not call this for
    /// every event.
    pub fn metrics(&self) -> Metrics {
        let fds = self.threads.iter().map(|thread| thread.fds.len() as u64).sum();
        Metrics { threads: self.threads.len() as u64, fds, ..self.metrics }
    }

    /// Returns the thread with the given tid, including dead ones that are still needed and placeholders.
    #[inline]
    pub fn thread(&self, tid: i64) -> Option<&Thread> {
        self.threads.get(tid)
    }

    /// Returns all threads, in no particular order.
    pub fn threads(&self) -> impl Iterator<Item = &Thread> {
        self.threads.iter()
    }

    /// Returns the leader of the thread's process: itself, or the first of its group; `None` if that was never seen.
    #[inline]
    pub fn leader<'a>(&'a self, thread: &'a Thread) -> Option<&'a Thread> {
        if thread.is_leader() {
            return Some(thread);
        }
        let first = self.threads.groups.get(&thread.pid)?.threads.first()?;
        self.threads.get(*first).filter(|first| first.is_leader())
    }

    /// Returns the file descriptors of the thread's process.
    #[inline]
    pub fn fds<'a>(&'a self, thread: &'a Thread) -> Option<&'a FdTable> {
        if thread.flags & thread_flags::CLONE_FILES == 0 {
            return Some(&thread.fds);
        }
        self.leader(thread).map(|leader| &*leader.fds)
    }

    /// Returns the thread's file descriptor with the given number.
    #[inline]
    pub fn fd<'a>(&'a self, thread: &'a Thread, num: i64) -> Option<&'a Fd> {
        self.fds(thread)?.get(num)
    }

    /// Returns the working directory of the thread's process, ended by a slash; `./` if its leader was never seen.
    pub fn cwd<'a>(&'a self, thread: &'a Thread) -> &'a [u8] {
        self.leader(thread).map_or(b"./", |leader| &leader.cwd)
    }

    /// Returns the environment of the thread's process, entry by entry.
    pub fn env<'a>(&'a self, thread: &'a Thread) -> impl Iterator<Item = &'a [u8]> {
        strings(&self.leader(thread).unwrap_or(thread).env)
    }

    /// Returns the number of threads of the thread's process that have not exited.
    pub fn thread_count(&self, thread: &Thread) -> u64 {
        if thread.is_placeholder() {
            return 0;
        }
        self.threads.groups.get(&thread.pid).map_or(0, |group| group.alive)
    }

    /// Returns the same number without the leader.
    pub fn follower_count(&self, thread: &Thread) -> u64 {
        let alive = self.leader(thread).is_some_and(|leader| !leader.is_dead());
        self.thread_count(thread).saturating_sub(u64::from(alive))
    }

    /// Returns a number that changes whenever a field that depends on the thread alone may have changed, and that
    /// different threads never share. It combines the stamps of the thread and of the users.
    #[inline]
    pub fn stamp(&self, thread: &Thread) -> u128 {
        u128::from(self.users_stamp) << 64 | u128::from(thread.stamp)
    }

    /// Returns the stamp for fields that depend on the thread and its ancestors; see [`stamp`](Self::stamp).
    #[inline]
    pub fn lineage_stamp(&self, thread: &Thread) -> u128 {
        u128::from(self.users_stamp) << 64 | u128::from(thread.lineage)
    }

    /// Returns the stamp for fields that also depend on the leaders of the session and of the process groups; see
    /// [`lineage_stamp`](Self::lineage_stamp). It changes with every leader on the host.
    #[inline]
    pub fn leaders_stamp(&self, thread: &Thread) -> u128 {
        u128::from(self.users_stamp.max(self.leaders_stamp)) << 64 | u128::from(thread.lineage)
    }

    pub(crate) fn set_interfaces(&mut self, interfaces: &[scap::host::Interface]) {
        self.interfaces = Interfaces::new(interfaces);
    }

    /// Returns arguments to be stored: those that are too long are cut, and counted.
    #[inline]
    pub(crate) fn bounded_args<'a>(&mut self, args: &'a [u8]) -> &'a [u8] {
        let kept = cut_list(args, self.limits.args_bytes);
        self.metrics.cut_args += u64::from(kept.len() < args.len());
        kept
    }

    /// Returns an environment to be stored, like [`bounded_args`](Self::bounded_args).
    #[inline]
    pub(crate) fn bounded_env<'a>(&mut self, env: &'a [u8]) -> &'a [u8] {
        let kept = cut_list(env, self.limits.env_bytes);
        self.metrics.cut_envs += u64::from(kept.len() < env.len());
        kept
    }

    #[inline]
    pub(crate) fn new_stamp(&mut self) -> u64 {
        self.stamps += 1;
        self.stamps
    }
}
