//! Numbers on the wire. Any value is a code; only some of them are known.

use super::{EVENTS, EventFlags, EventInfo, SYSCALLS, SyscallInfo};

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

    /// Whether the event stands for any call that has none of its own.
    #[inline]
    pub const fn is_generic(self) -> bool {
        self.0 <= Self::GENERIC_X.0
    }

    /// The calls and tracepoints that give this event, or gave it once.
    pub fn syscalls(self) -> impl Iterator<Item = SyscallCode> {
        SYSCALLS.iter().filter(move |row| gives(row, self)).map(|row| row.code)
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

    /// The events that it gives or gave once, old and new, entry and exit.
    pub fn events(self) -> impl Iterator<Item = EventCode> {
        let row = self.info();
        EVENTS.iter().map(|info| info.code).filter(move |&code| row.is_some_and(|row| gives(row, code)))
    }

    /// The call with the given number on x86_64.
    pub fn from_x86_64(number: u16) -> Option<Self> {
        SYSCALLS.iter().find(|info| info.x86_64 == Some(number)).map(|info| info.code)
    }

    /// The call with the given number on aarch64.
    pub fn from_aarch64(number: u16) -> Option<Self> {
        SYSCALLS.iter().find(|info| info.aarch64 == Some(number)).map(|info| info.code)
    }

    /// The call with the given name.
    pub fn from_name(name: &str) -> Option<Self> {
        SYSCALLS.iter().find(|info| info.name == name).map(|info| info.code)
    }
}

/// Old events of `accept4` that were called `accept` until it had a name of its own.
const ACCEPT4_AS_ACCEPT: [EventCode; 4] =
    [EventCode::ACCEPT4_E, EventCode::ACCEPT4_X, EventCode::ACCEPT4_5_E, EventCode::ACCEPT4_5_X];

/// Whether a call gives the event, or gave it once: they have one name.
fn gives(row: &SyscallInfo, event: EventCode) -> bool {
    if ACCEPT4_AS_ACCEPT.contains(&event) {
        return row.code == SyscallCode::ACCEPT4;
    }
    let Some((enter, exit)) = row.events else { return false };
    let Some(info) = event.info().filter(|info| !info.flags.contains(EventFlags::UNUSED)) else { return false };
    event == enter || event == exit || [enter, exit].iter().any(|of| of.info().is_some_and(|of| of.name == info.name))
}
