//! One thread.
//!
//! A process is a thread whose tid is its pid, its *leader*. What the threads of a process share (file descriptors,
//! working directory, environment) belongs to the leader; see [`State`](super::State).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Attachment, FdTable, Origin, Place, Text, container};
use crate::config::ContainerPattern;
use crate::text::strings;

/// Bits of [`Thread::flags`]: those of the clone call as the schema's `clone_flags` numbers them, and marks of the
/// state that captures also have.
pub mod thread_flags {
    /// The thread shares file descriptors with its leader.
    pub const CLONE_FILES: u32 = 1 << 0;
    /// The thread shares the working directory with its leader.
    pub const CLONE_FS: u32 = 1 << 1;
    /// The child's parent is the caller's parent.
    pub const CLONE_PARENT: u32 = 1 << 8;
    /// The child is a thread of the caller's process.
    pub const CLONE_THREAD: u32 = 1 << 13;
    /// The child starts a pid namespace.
    pub const CLONE_NEWPID: u32 = 1 << 6;
    /// The thread has exited.
    pub const CLOSED: u32 = 1 << 18;
    /// The thread is known to be alive.
    pub const ACTIVE: u32 = 1 << 19;
    /// The thread's arguments came from clone, not from exec.
    pub const NAME_CHANGED: u32 = 1 << 17;
    /// The thread is the leader of its process even if its tid says otherwise.
    pub const IS_MAIN_THREAD: u32 = 1 << 30;
    /// The thread lives in a pid namespace other than the host's.
    pub const CHILD_IN_PIDNS: u32 = 1 << 29;
}

/// The number of bytes that are kept of arguments, and of an environment.
const KEPT_BYTES: usize = 4096;

/// One thread. Numbers are -1 if unknown.
#[derive(Debug)]
#[non_exhaustive]
pub struct Thread {
    /// The thread, in the host's pid namespace.
    pub tid: i64,
    /// Its process, in the host's pid namespace.
    pub pid: i64,
    /// The parent thread, in the host's pid namespace; 0 if that is gone.
    pub ptid: i64,
    /// The thread that takes over its children when it exits, once that is known.
    pub reaper_tid: i64,
    /// The session.
    pub sid: i64,
    /// The process group, in the host's pid namespace.
    pub pgid: i64,
    /// The process group, in its pid namespace.
    pub vpgid: i64,
    /// The thread, in its pid namespace.
    pub vtid: i64,
    /// Its process, in its pid namespace.
    pub vpid: i64,
    /// The name that the kernel shows.
    pub comm: Text,
    /// The first argument.
    pub exe: Text,
    /// The path of the executable, resolved.
    pub exepath: Text,
    /// The arguments after the first, NUL-separated; see [`args`](Self::args).
    pub args: Text,
    /// The value of `comm` when the arguments were set: the command line begins with it.
    pub cmdline_comm: Text,
    /// The name that the thread has set itself since, if any; see [`current_comm`](Self::current_comm).
    pub renamed: Option<Box<Text>>,
    /// The environment, NUL-separated. That of a process is with its leader: see [`State::env`](super::State::env).
    pub env: Text,
    /// The cgroups as in the capture; see [`cgroups`](Self::cgroups).
    pub cgroups: Text,
    /// The working directory, ended by a slash. That of a process is with its leader: see
    /// [`State::cwd`](super::State::cwd).
    pub cwd: Text,
    /// The root directory; empty if not known.
    pub root: Text,
    /// The short id of the container that it lives in; empty on the host.
    pub container_id: Text,
    /// The user in whose slice its cgroup is; 0 for the host. See [`container::owner`].
    pub container_owner: u32,
    /// The short id of the container that its cgroup claims to be, while nothing proves it; then it moves to
    /// `container_id`.
    pub container_claim: Text,
    /// Whether it came from the host into the container after its last exec: a runtime, before it executes the program of
    /// the container.
    pub entered_container: bool,
    /// Flags; see [`thread_flags`].
    pub flags: u32,
    /// The limit of open file descriptors.
    pub fdlimit: i64,
    /// Effective user; `u32::MAX` if unknown.
    pub uid: u32,
    /// Effective group; `u32::MAX` if unknown.
    pub gid: u32,
    /// The user who logged in; `u32::MAX` if unset.
    pub loginuid: u32,
    /// The terminal; 0 for none.
    pub tty: u32,
    /// Permitted capabilities.
    pub cap_permitted: u64,
    /// Effective capabilities.
    pub cap_effective: u64,
    /// Inheritable capabilities.
    pub cap_inheritable: u64,
    /// Whether its user may write the executable.
    pub exe_writable: bool,
    /// Whether the executable lies in the upper layer of an overlay.
    pub exe_upper_layer: bool,
    /// Whether the executable lies in the lower layer of an overlay.
    pub exe_lower_layer: bool,
    /// Whether the executable is a memfd.
    pub exe_from_memfd: bool,
    /// Device number of the executable; 0 if unknown.
    pub exe_dev: u32,
    /// The other facts of the kernel about the path of the executable.
    pub exe_place: Place,
    /// Inode of the executable.
    pub exe_ino: u64,
    /// The change time of that inode, in nanoseconds since 1970.
    pub exe_ino_ctime: u64,
    /// The modification time of the executable, in nanoseconds since 1970.
    pub exe_ino_mtime: u64,
    /// Nanoseconds from the change of the executable's inode to the start of the process, as of its last exec.
    pub exe_ino_ctime_duration_clone_ts: u64,
    /// Nanoseconds from the start of the pid namespace to the change of the executable's inode, if it came later.
    pub exe_ino_ctime_duration_pidns_start: u64,
    /// The start of the first process of its pid namespace, in nanoseconds since 1970; 0 if unknown.
    pub pidns_init_start_ts: u64,
    /// Virtual memory in kilobytes.
    pub vmsize_kb: u32,
    /// Resident memory in kilobytes.
    pub vmrss_kb: u32,
    /// Swapped memory in kilobytes.
    pub vmswap_kb: u32,
    /// Major page faults.
    pub pfmajor: u64,
    /// Minor page faults.
    pub pfminor: u64,
    /// The time of its clone, in nanoseconds since 1970; 0 if unknown.
    pub clone_ts: u64,
    /// The time of its last exec; 0 for never.
    pub last_exec_ts: u64,
    /// The time of its last event, including the one being shown; 0 for none.
    pub last_event_ts: u64,
    /// The time of its last look-up, for the removal of idle entries.
    pub last_access_ts: u64,
    /// The nanoseconds that it ran, according to switches of the scheduler.
    pub exec_time: u64,
    /// User and system processor time, as of the last report.
    pub cpu_time: (u64, u64),
    /// The number of the file descriptor that its last event was about; -1 if none.
    pub last_fd: i64,
    /// A number that changes whenever the facts above that an exec, a new name, new credentials or a new directory
    /// change may have changed. Counters, times and the last event are excepted. It is never reused.
    pub stamp: u64,
    /// A number that changes whenever the stamp of the thread or of one of its ancestors does, or the chain of
    /// ancestors itself.
    pub lineage: u64,
    /// The creators and the session of the process.
    pub(crate) origin: Option<Arc<Origin>>,
    pub(crate) children: Vec<i64>,
    /// Its index among its parent's children.
    pub(crate) place: u32,
    pub(crate) grouped: bool,
    pub(crate) fds: Arc<FdTable>,
    /// Whether the table is still that of its parent, listed in reverse.
    pub(crate) fds_forked: bool,
    pub(crate) last_enter: u16,
    pub(crate) enter: Vec<u8>,
    /// Data of an extension about the thread.
    pub(crate) attachment: Attachment,
    memo: [AtomicU64; 2],
}

impl Thread {
    /// Creates a thread of which only the tid is known.
    pub fn new(tid: i64) -> Self {
        Self {
            tid,
            pid: -1,
            ptid: -1,
            reaper_tid: -1,
            sid: -1,
            pgid: -1,
            vpgid: -1,
            vtid: -1,
            vpid: -1,
            comm: Text::EMPTY,
            exe: Text::EMPTY,
            exepath: Text::EMPTY,
            args: Text::EMPTY,
            cmdline_comm: Text::EMPTY,
            renamed: None,
            env: Text::EMPTY,
            cgroups: Text::EMPTY,
            cwd: Text::EMPTY,
            root: Text::EMPTY,
            container_id: Text::EMPTY,
            container_owner: 0,
            container_claim: Text::EMPTY,
            entered_container: false,
            flags: thread_flags::NAME_CHANGED,
            fdlimit: -1,
            uid: u32::MAX,
            gid: u32::MAX,
            loginuid: u32::MAX,
            tty: 0,
            cap_permitted: 0,
            cap_effective: 0,
            cap_inheritable: 0,
            exe_writable: false,
            exe_upper_layer: false,
            exe_lower_layer: false,
            exe_from_memfd: false,
            exe_dev: 0,
            exe_place: Place::default(),
            exe_ino: 0,
            exe_ino_ctime: 0,
            exe_ino_mtime: 0,
            exe_ino_ctime_duration_clone_ts: 0,
            exe_ino_ctime_duration_pidns_start: 0,
            pidns_init_start_ts: 0,
            vmsize_kb: 0,
            vmrss_kb: 0,
            vmswap_kb: 0,
            pfmajor: 0,
            pfminor: 0,
            clone_ts: 0,
            last_exec_ts: 0,
            last_event_ts: 0,
            last_access_ts: 0,
            exec_time: 0,
            cpu_time: (0, 0),
            last_fd: -1,
            stamp: 0,
            lineage: 0,
            origin: None,
            children: Vec::new(),
            place: 0,
            grouped: false,
            fds: Arc::default(),
            fds_forked: false,
            last_enter: u16::MAX,
            enter: Vec::new(),
            attachment: Attachment::default(),
            memo: [AtomicU64::new(0), AtomicU64::new(0)],
        }
    }

    /// Returns whether only its tid is known: its events were seen, its start was not.
    #[inline]
    pub fn is_placeholder(&self) -> bool {
        self.tid < 0 || self.pid < 0 || self.ptid < 0
    }

    /// Returns the current name in the kernel: `comm` is that of the last exec or clone, as in Falco.
    pub fn current_comm(&self) -> &[u8] {
        self.renamed.as_deref().unwrap_or(&self.comm)
    }

    /// Returns whether it is the leader of its process.
    #[inline]
    pub fn is_leader(&self) -> bool {
        self.tid == self.pid || self.flags & thread_flags::IS_MAIN_THREAD != 0
    }

    /// Returns whether it has exited.
    #[inline]
    pub fn is_dead(&self) -> bool {
        self.flags & thread_flags::CLOSED != 0
    }

    /// Returns whether it had no events for the given time.
    pub(crate) fn is_idle(&self, now: u64, idle_ns: u64) -> bool {
        now.saturating_sub(self.last_access_ts) > idle_ns
    }

    /// Returns whether it lives in a pid namespace other than the host's.
    #[inline]
    pub fn is_in_pidns(&self) -> bool {
        self.flags & thread_flags::CHILD_IN_PIDNS != 0 || (self.tid != self.vtid && self.vtid >= 0)
    }

    /// Returns the arguments after the first.
    pub fn args(&self) -> impl Iterator<Item = &[u8]> {
        strings(&self.args)
    }

    /// Returns whether it may have been started with more arguments than are kept: they fill, with the first one, the
    /// space that the probe has for them.
    pub fn may_have_more_args(&self) -> bool {
        // Each ends with a NUL, which is not kept of the last one and of the first.
        self.exe.len() + self.args.len() + 2 >= KEPT_BYTES
    }

    /// Returns whether its environment may have more variables than are kept.
    pub fn may_have_more_env(&self) -> bool {
        self.env.len() + 1 >= KEPT_BYTES
    }

    /// Appends the command line: the name, then the arguments, joined by spaces.
    pub fn cmdline_into(&self, out: &mut Vec<u8>) {
        let comm = if self.cmdline_comm.is_empty() { &self.comm } else { &self.cmdline_comm };
        out.extend_from_slice(comm);
        for arg in self.args() {
            out.push(b' ');
            out.extend_from_slice(arg);
        }
    }

    /// Returns the cgroups as subsystem and path, the subsystems under their current names.
    pub fn cgroups(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        strings(&self.cgroups).map_while(super::cgroup::entry)
    }

    /// Sets the cgroups, unless they are cut in the middle of an entry, and the container that follows from them if
    /// containers are determined.
    pub(crate) fn set_cgroups(&mut self, cgroups: &[u8], patterns: Option<&[ContainerPattern]>) {
        // Most are those of the parent, which were parsed already.
        if *self.cgroups == *cgroups {
            return;
        }
        if strings(cgroups).all(|entry| super::cgroup::entry(entry).is_some()) && self.cgroups.set(cgroups) {
            let named = || self.cgroups().filter_map(|(_, path)| Some((container::named(path, patterns?)?, path)));
            // Another hierarchy may show what the first one only claims.
            let found = named().find(|(named, _)| named.proven).or_else(|| named().next());
            let owner = found.map_or(0, |(_, path)| container::owner(path));
            let of = |proven| {
                found.filter(|(named, _)| named.proven == proven).map_or(Text::EMPTY, |(named, _)| Text::new(named.id))
            };
            let (id, claim) = (of(true), of(false));
            (self.container_id, self.container_claim, self.container_owner) = (id, claim, owner);
        }
    }

    /// Returns the number of its child threads.
    pub fn child_count(&self) -> usize {
        self.children.len()
    }

    /// Returns its child threads.
    pub fn children(&self) -> &[i64] {
        &self.children
    }

    /// Returns a word that a rule engine may store with the thread; 0 at first. There are two, `which` is 0 or 1.
    #[inline]
    pub fn memo(&self, which: usize) -> u64 {
        self.memo[which & 1].load(Ordering::Relaxed)
    }

    /// Sets [`memo`](Self::memo).
    #[inline]
    pub fn set_memo(&self, which: usize, memo: u64) {
        self.memo[which & 1].store(memo, Ordering::Relaxed);
    }
}
