//! Event and system call codes. Any value is a code; only some of them are known.

use super::{EVENTS, EventFlags, EventInfo, SYSCALLS, SyscallInfo};

/// The number of an event's type. Any value can come from a file; [`info`](Self::info) returns the row of known ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventCode(pub u16);

impl EventCode {
    /// Returns the row of the table, unless the code comes from a newer driver.
    #[inline]
    pub fn info(self) -> Option<&'static EventInfo> {
        EVENTS.get(usize::from(self.0))
    }

    /// Returns whether the event is the entry to a call.
    #[inline]
    pub const fn is_enter(self) -> bool {
        self.0 & 1 == 0
    }

    /// Returns whether the event is the exit from a call.
    #[inline]
    pub const fn is_exit(self) -> bool {
        self.0 & 1 == 1
    }

    /// Returns whether the event is the generic one, for calls without their own.
    #[inline]
    pub const fn is_generic(self) -> bool {
        self.0 <= Self::GENERIC_X.0
    }

    /// Returns the calls and tracepoints that produce this event, or once did.
    pub fn syscalls(self) -> impl Iterator<Item = SyscallCode> {
        SYSCALLS.iter().filter(move |row| gives(row, self)).map(|row| row.code)
    }

    /// Returns every code with the given name, old and new, entry and exit.
    pub fn with_name(name: &str) -> impl Iterator<Item = Self> + '_ {
        EVENTS.iter().filter(move |info| info.name == name).map(|info| info.code)
    }
}

impl std::fmt::Debug for EventCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.info() {
            Some(info) => write!(f, "{}({})", info.constant, self.0),
            None => write!(f, "EventCode({})", self.0),
        }
    }
}

impl std::fmt::Display for EventCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.info() {
            Some(info) => f.write_str(info.name),
            None => write!(f, "{}", self.0),
        }
    }
}

/// The number of a system call in the schema, the same on every architecture.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SyscallCode(pub u16);

impl SyscallCode {
    /// Returns the row of the table, unless the code comes from a newer driver.
    #[inline]
    pub fn info(self) -> Option<&'static SyscallInfo> {
        SYSCALLS.get(usize::from(self.0))
    }

    /// Returns the events that it produces or once did, old and new, entry and exit.
    pub fn events(self) -> impl Iterator<Item = EventCode> {
        let row = self.info();
        EVENTS.iter().map(|info| info.code).filter(move |&code| row.is_some_and(|row| gives(row, code)))
    }

    /// Returns the 64-bit call that corresponds to a call of 32-bit programs: both are selected together. Any other call
    /// is returned itself.
    pub fn native(self) -> Self {
        match self {
            Self::STAT64 => Self::STAT,
            Self::LSTAT64 => Self::LSTAT,
            Self::FSTAT64 => Self::FSTAT,
            Self::_LLSEEK => Self::LSEEK,
            Self::MMAP2 => Self::MMAP,
            Self::UMOUNT => Self::UMOUNT2,
            Self::SEND => Self::SENDTO,
            Self::RECV => Self::RECVFROM,
            other => other,
        }
    }

    /// Returns the call with the given number on x86_64.
    pub fn from_x86_64(number: u16) -> Option<Self> {
        SYSCALLS.iter().find(|info| info.x86_64 == Some(number)).map(|info| info.code)
    }

    /// Returns the call with the given number on aarch64.
    pub fn from_aarch64(number: u16) -> Option<Self> {
        SYSCALLS.iter().find(|info| info.aarch64 == Some(number)).map(|info| info.code)
    }

    /// Returns the call with the given name.
    pub fn from_name(name: &str) -> Option<Self> {
        SYSCALLS.iter().find(|info| info.name == name).map(|info| info.code)
    }
}

/// Old events of `accept4` that were called `accept` until it had its own name.
const ACCEPT4_AS_ACCEPT: [EventCode; 4] =
    [EventCode::ACCEPT4_E, EventCode::ACCEPT4_X, EventCode::ACCEPT4_5_E, EventCode::ACCEPT4_5_X];

/// Returns whether a call produces the event, or once did: they have one name.
fn gives(row: &SyscallInfo, event: EventCode) -> bool {
    if ACCEPT4_AS_ACCEPT.contains(&event) {
        return row.code == SyscallCode::ACCEPT4;
    }
    let Some((enter, exit)) = row.events else { return false };
    let Some(info) = event.info().filter(|info| !info.flags.contains(EventFlags::UNUSED)) else { return false };
    event == enter || event == exit || [enter, exit].iter().any(|of| of.info().is_some_and(|of| of.name == info.name))
}
