//! Sets of system calls: those that the state engine needs, those of a subject, those that matter to security.
//!
//! A live capture requests from the kernel only the calls in a set. The sets follow from the tables, so a new row is in
//! the sets that it belongs to without being listed again; only [`SyscallSet::simple`] and the two kinds of calls that
//! [`SyscallSet::repaired`] adds are choices, and listed.

use super::{Category, EVENTS, EventCode, EventFlags, SYSCALLS, SyscallCode, SyscallFlags};

const WORDS: usize = 8;

/// A set of system calls and tracepoints, by their number in the schema.
///
/// ```
/// use peregrine_scap::schema::{SyscallCode, SyscallSet};
///
/// let wanted: SyscallSet = [SyscallCode::CONNECT].into_iter().collect();
/// let captured = wanted.repaired();
/// assert!(captured.contains(SyscallCode::SOCKET) && captured.contains(SyscallCode::EXECVE));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SyscallSet {
    words: [u64; WORDS],
}

impl SyscallSet {
    /// Creates an empty set.
    pub const fn new() -> Self {
        Self { words: [0; WORDS] }
    }

    /// Returns every call and tracepoint of the schema.
    pub fn all() -> Self {
        SYSCALLS.iter().filter(|info| info.events.is_some()).map(|info| info.code).collect()
    }

    /// Returns the calls that change the state, and those that drivers never leave out.
    pub fn state() -> Self {
        let origin = Category::SYSCALL | Category::TRACEPOINT;
        let changes = EVENTS.iter().filter(|event| {
            event.flags.contains(EventFlags::MODIFIES_STATE)
                && event.category.intersects(origin)
                && !event.code.is_generic()
        });
        let kept = SYSCALLS.iter().filter(|info| info.flags.contains(SyscallFlags::NEVER_DROP));
        changes.flat_map(|event| event.code.syscalls()).chain(kept.map(|info| info.code)).collect()
    }

    /// Returns the calls that read or write through a file descriptor.
    pub fn io() -> Self {
        Self::of_subjects(&[Category::IO_READ, Category::IO_WRITE])
    }

    /// Returns the calls that do anything else with a file descriptor.
    pub fn io_other() -> Self {
        Self::of_subjects(&[Category::IO_OTHER])
    }

    /// Returns the calls that work on files by name.
    pub fn file() -> Self {
        Self::of_subjects(&[Category::FILE])
    }

    /// Returns the calls that work on sockets.
    pub fn net() -> Self {
        Self::of_subjects(&[Category::NET])
    }

    /// Returns the calls that create, change and end processes.
    pub fn process() -> Self {
        Self::of_subjects(&[Category::PROCESS])
    }

    /// Returns the calls that deal with the host, memory and signals.
    pub fn system() -> Self {
        Self::of_subjects(&[Category::SYSTEM, Category::MEMORY, Category::SIGNAL])
    }

    /// Returns the calls and tracepoints whose events, current or old, have one of the subjects.
    fn of_subjects(subjects: &[Category]) -> Self {
        let events = EVENTS.iter().filter(|event| subjects.contains(&event.category.subject()));
        events.flat_map(|event| event.code.syscalls()).collect()
    }

    /// Returns the calls that matter to security, and those that the state engine needs: the default for a capture.
    pub fn simple() -> Self {
        SIMPLE.iter().copied().collect::<Self>().union(Self::state())
    }

    /// Returns this set and the minimum that keeps the state correct for it: processes always; sockets, addresses and
    /// closing as far as the set contains calls on sockets, servers and file descriptors.
    #[must_use]
    pub fn repaired(self) -> Self {
        let net = self.intersects(Self::net());
        let fds = net || [Self::file(), Self::io(), Self::io_other()].into_iter().any(|set| self.intersects(set));
        let serves = [SyscallCode::ACCEPT, SyscallCode::ACCEPT4, SyscallCode::LISTEN];
        let mut set: Self = self.iter().chain(PROCESSES.iter().copied()).collect();
        if net {
            set.insert(SyscallCode::SOCKET);
            set.insert(SyscallCode::GETSOCKOPT);
        }
        if serves.into_iter().any(|call| self.contains(call)) {
            set.insert(SyscallCode::BIND);
        }
        if fds {
            set.insert(SyscallCode::CLOSE);
        }
        set
    }

    /// Adds one call. A code that is not in the schema is ignored.
    pub fn insert(&mut self, code: SyscallCode) {
        if let Some(word) = self.words.get_mut(usize::from(code.0) / 64) {
            *word |= 1 << (code.0 % 64);
        }
    }

    /// Removes one call.
    pub fn remove(&mut self, code: SyscallCode) {
        if let Some(word) = self.words.get_mut(usize::from(code.0) / 64) {
            *word &= !(1 << (code.0 % 64));
        }
    }

    /// Returns whether the call is in the set.
    pub fn contains(self, code: SyscallCode) -> bool {
        self.words.get(usize::from(code.0) / 64).is_some_and(|word| word >> (code.0 % 64) & 1 == 1)
    }

    /// Returns the union of both sets.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        self.zip(other, |a, b| a | b)
    }

    /// Returns the intersection of both sets.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        self.zip(other, |a, b| a & b)
    }

    /// Returns the calls of this set that are not in the other.
    #[must_use]
    pub fn difference(self, other: Self) -> Self {
        self.zip(other, |a, b| a & !b)
    }

    /// Returns whether any call is in both.
    pub fn intersects(self, other: Self) -> bool {
        !self.intersection(other).is_empty()
    }

    /// Returns the number of calls.
    pub fn len(self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Returns whether the set is empty.
    pub fn is_empty(self) -> bool {
        self.words == [0; WORDS]
    }

    /// Returns the calls, by number.
    pub fn iter(self) -> impl Iterator<Item = SyscallCode> {
        (0..(64 * WORDS) as u16).map(SyscallCode).filter(move |&code| self.contains(code))
    }

    /// Returns the events that the calls produce, current and old.
    pub fn events(self) -> impl Iterator<Item = EventCode> {
        EVENTS.iter().map(|info| info.code).filter(move |code| code.syscalls().any(|call| self.contains(call)))
    }

    fn zip(self, other: Self, join: impl Fn(u64, u64) -> u64) -> Self {
        let mut words = self.words;
        for (word, other) in words.iter_mut().zip(other.words) {
            *word = join(*word, other);
        }
        Self { words }
    }
}

impl FromIterator<SyscallCode> for SyscallSet {
    fn from_iter<I: IntoIterator<Item = SyscallCode>>(codes: I) -> Self {
        let mut set = Self::new();
        set.extend(codes);
        set
    }
}

impl Extend<SyscallCode> for SyscallSet {
    fn extend<I: IntoIterator<Item = SyscallCode>>(&mut self, codes: I) {
        for code in codes {
            self.insert(code);
        }
    }
}

impl std::fmt::Debug for SyscallSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter().filter_map(|code| code.info()).map(|info| info.name)).finish()
    }
}

macro_rules! codes {
    ($($name:ident)*) => { &[$(SyscallCode::$name),*] };
}

/// Calls that matter to security whether or not they change the state.
const SIMPLE: &[SyscallCode] = codes! {
    ACCEPT ACCEPT4 BIND BPF CAPSET CHDIR CHMOD CHROOT CLONE CLONE3 CLOSE CONNECT DUP DUP2 DUP3 EVENTFD EVENTFD2
    EXECVE EXECVEAT FCHDIR FCHMOD FCHMODAT FCNTL FCNTL64 FLOCK FORK GETSOCKOPT INOTIFY_INIT INOTIFY_INIT1 IOCTL
    IO_URING_SETUP KILL LINK LINKAT LISTEN MKDIR MKDIRAT MOUNT PIPE PIPE2
    PRLIMIT64 PTRACE QUOTACTL RECVFROM RECVMSG RENAME RENAMEAT RENAMEAT2 RMDIR SECCOMP SENDMSG SENDTO SETGID SETGID32
    SETNS SETPGID SETREGID SETRESGID SETRESGID32 SETRESUID SETRESUID32 SETREUID SETRLIMIT SETSID SETUID SETUID32
    SHUTDOWN SIGNALFD SIGNALFD4 SOCKET SOCKETPAIR SYMLINK SYMLINKAT TGKILL TIMERFD_CREATE TKILL UMOUNT UMOUNT2 UNLINK
    UNLINKAT UNSHARE USERFAULTFD VFORK
};

/// Calls without which processes are unknown.
const PROCESSES: &[SyscallCode] = codes! {
    CAPSET CHDIR CHROOT CLONE CLONE3 EXECVE EXECVEAT FCHDIR FORK PRCTL SCHED_PROCESS_EXIT SETGID SETGID32 SETPGID
    SETRESGID SETRESGID32 SETRESUID SETRESUID32 SETSID SETUID SETUID32 VFORK
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_sets() {
        let mut set: SyscallSet = [SyscallCode::READ, SyscallCode::WRITE].into_iter().collect();
        assert_eq!((set.len(), set.is_empty(), set.contains(SyscallCode::READ)), (2, false, true));
        assert_eq!(format!("{set:?}"), r#"{"read", "write"}"#);
        set.remove(SyscallCode::READ);
        set.insert(SyscallCode(u16::MAX));
        assert_eq!(set.iter().collect::<Vec<_>>(), [SyscallCode::WRITE]);
        assert!(set.union(SyscallSet::all()) == SyscallSet::all() && set.difference(set).is_empty());
        assert!(set.intersects(SyscallSet::io()) && !set.intersects(SyscallSet::net()));
    }

    #[test]
    fn sets_contain_their_calls() {
        for (set, inside, outside) in [
            (SyscallSet::state(), SyscallCode::SETUID32, SyscallCode::READ),
            (SyscallSet::state(), SyscallCode::SCHED_PROCESS_EXIT, SyscallCode::PAGE_FAULT_USER),
            (SyscallSet::io(), SyscallCode::PREADV, SyscallCode::CLOSE),
            (SyscallSet::io_other(), SyscallCode::IOCTL, SyscallCode::READ),
            (SyscallSet::file(), SyscallCode::OPENAT, SyscallCode::READLINK),
            (SyscallSet::net(), SyscallCode::ACCEPT4, SyscallCode::SENDTO),
            (SyscallSet::process(), SyscallCode::SCHED_PROCESS_EXIT, SyscallCode::OPEN),
            (SyscallSet::system(), SyscallCode::MMAP, SyscallCode::OPEN),
            (SyscallSet::simple(), SyscallCode::CHMOD, SyscallCode::READ),
        ] {
            assert!(set.contains(inside) && !set.contains(outside), "{inside:?} {outside:?} {set:?}");
        }
    }

    #[test]
    fn a_set_is_repaired_as_far_as_needed() {
        let repaired = |code| [code].into_iter().collect::<SyscallSet>().repaired();
        let base = SyscallSet::new().repaired();
        assert_eq!(base.len(), PROCESSES.len());
        assert_eq!(
            repaired(SyscallCode::READ).difference(base).iter().collect::<Vec<_>>(),
            [SyscallCode::READ, SyscallCode::CLOSE]
        );
        let server = repaired(SyscallCode::ACCEPT).difference(base);
        for code in codes! { ACCEPT BIND SOCKET GETSOCKOPT CLOSE } {
            assert!(server.contains(*code), "{server:?}");
        }
        assert_eq!(server.len(), 5);
        assert!(!repaired(SyscallCode::CONNECT).contains(SyscallCode::BIND));
        assert_eq!(repaired(SyscallCode::GETPID).difference(base).len(), 1);
    }
}
