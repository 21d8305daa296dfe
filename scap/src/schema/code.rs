//! Numbers on the wire. Any value is a code; only some of them are known.

use super::{EVENTS, EventInfo, SYSCALLS, SyscallInfo};

/// The number of an event's type. Any value can come from a file; [`info`](Self::info) is there for known ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventCode(pub u16);

impl EventCode {
    /// The row of the table, unless the code comes from a newer driver.
    #[inline]
    pub fn info(self) -> Option<&'static EventInfo> {
        EVENTS.get(usize::from(self.0))
    }

    /// Whether the event stands for the entry to a call.
    #[inline]
    pub const fn is_enter(self) -> bool {
        self.0 & 1 == 0
    }

    /// Whether the event stands for the exit from a call.
    #[inline]
    pub const fn is_exit(self) -> bool {
        self.0 & 1 == 1
    }

    /// Every code that has the given name, old and new, entry and exit.
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
    /// The row of the table, unless the code comes from a newer driver.
    #[inline]
    pub fn info(self) -> Option<&'static SyscallInfo> {
        SYSCALLS.get(usize::from(self.0))
    }

    /// The call with the given name.
    pub fn from_name(name: &str) -> Option<Self> {
        SYSCALLS.iter().find(|info| info.name == name).map(|info| info.code)
    }
}
