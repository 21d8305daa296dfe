//! The context of a parser: the event, its thread, the state, and intermediate results.

use scap::Event;
use scap::schema::ParamRole;

use crate::event::{Correction, Facts};
use crate::live_proc::Proc;
use crate::state::{Fd, FdFacts, State, Text, Thread};

use super::Later;

/// One event on its way through a parser.
pub(super) struct Ctx<'c, 'e> {
    pub(super) state: &'c mut State,
    pub(super) event: &'c Event<'e>,
    pub(super) facts: &'c mut Facts,
    pub(super) later: &'c mut Later,
    pub(super) recent: &'c mut super::exit::Recent,
    pub(super) proc: &'c mut Option<Box<dyn Proc>>,
    /// Buffers for a path that is joined, and for its parts.
    pub(super) scratch: &'c mut [Vec<u8>; 2],
    /// The tid of the event's thread in the table.
    pub(super) tid: i64,
    /// The number of the file descriptor that the event is about, in the thread's table.
    pub(super) fd: Option<i64>,
    /// Whether the last enter event of the thread belongs to this call.
    pub(super) entered: bool,
    /// Whether the event's thread is no longer known.
    pub(super) lost: bool,
    /// Whether failed and pending connections are tracked too.
    pub(super) track_status: bool,
}

impl<'c, 'e> Ctx<'c, 'e> {
    pub(super) fn thread(&self) -> Option<&Thread> {
        self.state.threads.get(self.tid)
    }

    pub(super) fn thread_mut(&mut self) -> Option<&mut Thread> {
        self.state.threads.get_mut(self.tid)
    }

    /// Queries the users of a thread's container, if its own is not known and the host can be queried.
    #[inline]
    pub(super) fn learn_users(&mut self, tid: i64) {
        if self.proc.is_some() {
            super::live::learn_users(self.state, self.proc, tid, self.event.ts(), false);
        }
    }

    /// Queries the users like [`learn_users`](Self::learn_users), after an exec: a process that was on its way into the
    /// container has arrived.
    pub(super) fn learn_users_after_exec(&mut self, tid: i64) {
        if self.proc.is_some() {
            super::live::learn_users(self.state, self.proc, tid, self.event.ts(), true);
        }
    }

    /// Puts a thread into the container that its cgroup claims to be, if that is proven.
    pub(super) fn settle(&mut self, tid: i64) {
        super::live::settle(self.state, self.proc, tid);
    }

    /// Returns the result of the call; 0 if the event does not have it.
    #[inline]
    pub(super) fn res(&self) -> i64 {
        result(self.event)
    }

    /// Returns the file descriptor that the event is about.
    #[inline]
    pub(super) fn fd(&self) -> Option<&Fd> {
        self.state.fd(self.state.threads.get(self.tid)?, self.fd?)
    }

    /// Returns the file descriptor that the event is about, mutably.
    pub(super) fn fd_mut(&mut self) -> Option<&mut Fd> {
        self.state.fd_mut(self.tid, self.fd?)
    }

    /// Adds a file descriptor and makes it the one that the event is about.
    pub(super) fn add_fd(&mut self, num: i64, fd: Fd) {
        let named = !fd.name.is_empty();
        self.fd = self.state.add_fd(self.tid, num, fd).then_some(num);
        self.facts.fd_name_changed = self.fd.is_some() && named;
    }

    /// Adds a file descriptor without ends, shared with all equal ones, like [`add_fd`](Self::add_fd).
    pub(super) fn add_facts(&mut self, num: i64, facts: FdFacts<'_>) {
        let named = !facts.name.is_empty();
        self.fd = match self.state.shared_fd(facts) {
            Some(fd) => self.state.add_shared_fd(self.tid, num, fd).then_some(num),
            None => {
                self.state.leave_out_fd(self.tid, num);
                None
            }
        };
        self.facts.fd_name_changed = self.fd.is_some() && named;
    }

    /// Makes these the values of parameters that fields see, instead of those of the event.
    pub(super) fn correct(&mut self, corrections: &[Correction<'_>]) {
        if !corrections.is_empty() {
            self.facts.corrected.set(self.event, corrections);
        }
    }

    /// Returns the bytes of a parameter; `None` if it is absent or empty.
    #[inline]
    pub(super) fn raw(&self, index: usize) -> Option<&'e [u8]> {
        self.event.raw(index).filter(|raw| !raw.is_empty())
    }

    /// Returns the bytes of the parameter with a role; `None` if it is absent or empty.
    #[inline]
    pub(super) fn raw_with(&self, role: ParamRole) -> Option<&'e [u8]> {
        self.raw(self.event.code().param_with(role)?)
    }

    /// Returns a text parameter; `<NA>` if it is absent.
    #[inline]
    pub(super) fn text(&self, index: usize) -> &'e [u8] {
        text(self.event.raw(index))
    }

    /// Returns a text parameter as an owned text.
    pub(super) fn kept(&self, index: usize) -> Text {
        Text::new(self.text(index))
    }
}

macro_rules! numbers {
    ($($name:ident $ty:ty),*) => {
        impl Ctx<'_, '_> {
            $(
                #[inline]
                pub(super) fn $name(&self, index: usize) -> Option<$ty> {
                    self.event.raw(index)?.first_chunk().map(|bytes| <$ty>::from_le_bytes(*bytes))
                }
            )*
        }
    };
}

numbers! { u8 u8, u16 u16, u32 u32, u64 u64, i64 i64 }

/// Returns the result of a call from its first parameter; 32-bit values occur in old captures.
#[inline]
pub(crate) fn result(event: &Event<'_>) -> i64 {
    let raw = event.raw(0).unwrap_or_default();
    match raw.len() {
        8 => raw.first_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes)),
        4 => raw.first_chunk().map_or(0, |bytes| i64::from(i32::from_le_bytes(*bytes))),
        _ => 0,
    }
}

/// The maximum length of a text that is taken from an event: that of a path in the kernel. Captures can have longer
/// ones.
const MAX_TEXT: usize = 4096;

/// Returns a text parameter without its NUL; `<NA>` if it is absent.
#[inline]
pub(super) fn text(raw: Option<&[u8]>) -> &[u8] {
    match raw {
        None | Some(b"" | b"(NULL)\0") => b"<NA>",
        Some(raw) => {
            let raw = raw.get(..MAX_TEXT).unwrap_or(raw);
            memchr::memchr(0, raw).map_or(raw, |end| &raw[..end])
        }
    }
}
