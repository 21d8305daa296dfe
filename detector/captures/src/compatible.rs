//! Captures for older programs: `pscap convert --compatible`.
//!
//! An older reader refuses a whole file for one file descriptor of a type that it does not know, and crashes at a system
//! call beyond its table. So these are replaced by the values that it has for "something else", and events beyond its
//! table, which it would skip, are left out and counted. It skips the parameters that were added since.

use std::borrow::Cow;

use clap::ValueEnum;
use scap::event::EventError;
use scap::host::FdKind;
use scap::schema::EventCode;
use scap::{Event, EventBuilder, HostState};

/// A program that reads captures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Program {
    /// Sysdig 0.29, as Debian 12 has it
    #[value(name = "sysdig-0.29")]
    Sysdig029,
}

/// The last number of each table of a program.
struct Tables {
    name: &'static str,
    event: u16,
    syscall: u16,
    fd_type: u8,
}

impl Program {
    fn tables(self) -> Tables {
        match self {
            // clone3 is the last in both of the first tables, a file with a device in the third.
            Self::Sysdig029 => Tables { name: "sysdig 0.29", event: 335, syscall: 328, fd_type: 16 },
        }
    }
}

/// The type of a file descriptor that is something else.
const UNSUPPORTED: u8 = 10;
/// The number of an unknown system call.
const UNKNOWN: u16 = 0;

/// Rewrites states and events for a program.
pub(crate) struct Older {
    tables: Tables,
    builder: EventBuilder,
    left_out: u64,
    unnamed: u64,
}

impl Older {
    pub(crate) fn new(program: Program) -> Self {
        Self { tables: program.tables(), builder: EventBuilder::default(), left_out: 0, unnamed: 0 }
    }

    /// Returns the state with types of file descriptors that the program knows.
    pub(crate) fn host<'h>(&self, host: &'h HostState) -> Cow<'h, HostState> {
        let last = self.tables.fd_type;
        let is_newer = |kind: &FdKind| matches!(kind, FdKind::Named { ty, .. } if *ty > last);
        if !host.threads.iter().any(|thread| thread.fds.iter().any(|fd| is_newer(&fd.kind))) {
            return Cow::Borrowed(host);
        }
        let mut host = host.clone();
        for fd in host.threads.iter_mut().flat_map(|thread| &mut thread.fds) {
            match &mut fd.kind {
                FdKind::Named { ty, .. } if *ty > last => *ty = UNSUPPORTED,
                _ => {}
            }
        }
        Cow::Owned(host)
    }

    /// Returns the event as the program reads it, or `None` if it has no such event.
    pub(crate) fn event<'e>(&'e mut self, event: &Event<'e>) -> Result<Option<Event<'e>>, EventError> {
        let EventCode(code) = event.code();
        if code > self.tables.event {
            self.left_out += 1;
            return Ok(None);
        }
        let number = event.raw(0).and_then(|value| value.try_into().ok()).map_or(UNKNOWN, u16::from_le_bytes);
        if !event.code().is_generic() || number <= self.tables.syscall {
            return Ok(Some(*event));
        }
        self.unnamed += 1;
        let other = self.builder.start(event.code()).ts(event.ts()).tid(event.tid()).cpu(event.cpu());
        other.flags(event.flags()).raw(&UNKNOWN.to_le_bytes());
        event.raws().skip(1).for_each(|value| {
            other.raw(value);
        });
        self.builder.finish().map(Some)
    }

    /// Returns what was not written as it is, as one line.
    pub(crate) fn report(&self) -> Option<String> {
        let Self { tables, left_out, unnamed, .. } = self;
        (left_out + unnamed > 0).then(|| {
            format!(
                "{}: {left_out} events left out and {unnamed} system calls without a name, which it does not know",
                tables.name
            )
        })
    }
}
