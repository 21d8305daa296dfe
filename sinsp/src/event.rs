//! An event with what is known about it.

use crate::state::{Fd, State, Thread};
use scap::schema::EventFlags;

/// An event of the inspector: the bytes, the thread and the descriptor that it is about, and the state right after it.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    raw: scap::Event<'a>,
    state: &'a State,
    thread: Option<&'a Thread>,
    fd: Option<&'a Fd>,
    facts: &'a Facts,
}

/// What was found out while the event was read, and is not in the state.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Facts {
    /// The number of the event in the stream, from 1; hidden events count.
    pub num: u64,
    /// The time of the first event of the stream.
    pub first_ts: u64,
    /// The time of the event shown before this one, of any thread; 0 none.
    pub prev_ts: u64,
    /// The number of the descriptor that the event is about; -1 none.
    pub fd_num: i64,
    /// Whether the event changed the name of its descriptor.
    pub fd_name_changed: bool,
    /// On a switch of the scheduler, the nanoseconds that the thread ran; else 0.
    pub exec_time: u64,
    /// On a report of processor time, the times of the report before: in the program and in the kernel.
    pub cpu_before: (u64, u64),
}

impl<'a> Event<'a> {
    #[inline]
    pub(crate) fn new(
        raw: scap::Event<'a>,
        state: &'a State,
        thread: Option<&'a Thread>,
        fd: Option<&'a Fd>,
        facts: &'a Facts,
    ) -> Self {
        Self { raw, state, thread, fd, facts }
    }

    /// The bytes of the event.
    #[inline]
    pub fn raw(&self) -> scap::Event<'a> {
        self.raw
    }

    /// The state of the machine right after the event.
    #[inline]
    pub fn state(&self) -> &'a State {
        self.state
    }

    /// The thread that the event belongs to; `None` for events of the capture itself.
    #[inline]
    pub fn thread(&self) -> Option<&'a Thread> {
        self.thread
    }

    /// The descriptor that the event is about, even if it was just closed.
    #[inline]
    pub fn fd(&self) -> Option<&'a Fd> {
        self.fd
    }

    /// A number that changes whenever a field of [`Lifetime::Fd`](crate::fields::Lifetime::Fd) may have changed; `None`
    /// where the event is not about a descriptor that is known. Descriptors that say the same share it, so that a file
    /// which is opened again, by whomever, has the number that it had before. It is never used for another.
    #[inline]
    pub fn fd_stamp(&self) -> Option<u64> {
        let fd = self.fd?;
        self.is_about_fd().then_some(fd.stamp)
    }

    /// Returns whether events of this type are about a file descriptor and a thread is known that has it.
    #[inline]
    pub(crate) fn is_about_fd(&self) -> bool {
        let about = EventFlags::CREATES_FD | EventFlags::USES_FD | EventFlags::DESTROYS_FD;
        self.code().info().is_some_and(|info| info.flags.intersects(about)) && self.thread().is_some()
    }

    /// The number of that descriptor; -1 none. It can be known where the descriptor itself is not.
    #[inline]
    pub fn fd_num(&self) -> i64 {
        self.facts.fd_num
    }

    /// What else was found out.
    #[inline]
    pub fn facts(&self) -> &'a Facts {
        self.facts
    }

    /// Its number in the stream, from 1; hidden events count, so there are holes.
    #[inline]
    pub fn num(&self) -> u64 {
        self.facts.num
    }

    /// Nanoseconds since 1970.
    #[inline]
    pub fn ts(&self) -> u64 {
        self.raw.ts()
    }

    /// Its type.
    #[inline]
    pub fn code(&self) -> scap::EventCode {
        self.raw.code()
    }
}
