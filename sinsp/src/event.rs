//! An event together with the state that belongs to it.

use crate::state::{Fd, State, Thread};
use scap::EventBuilder;
use scap::schema::EventFlags;

/// An event of the inspector: the bytes, the thread and the file descriptor that it is about, and the state right after
/// it.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    raw: scap::Event<'a>,
    state: &'a State,
    thread: Option<&'a Thread>,
    fd: Option<&'a Fd>,
    facts: &'a Facts,
}

/// Facts that were determined while the event was read, and are not in the state.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Facts {
    /// The number of the event in the stream, from 1; hidden events are counted too.
    pub num: u64,
    /// The time of the first event of the stream.
    pub first_ts: u64,
    /// The time of the event shown before this one, of any thread; 0 if none.
    pub prev_ts: u64,
    /// The number of the file descriptor that the event is about; -1 if none.
    pub fd_num: i64,
    /// Whether the event changed the name of its file descriptor.
    pub fd_name_changed: bool,
    /// The nanoseconds that the thread ran, on a switch of the scheduler; else 0.
    pub exec_time: u64,
    /// The times of the previous report, on a report of processor time: user and system.
    pub cpu_before: (u64, u64),
    pub(crate) corrected: Corrected,
}

/// The event with the parameters that the kernel used, if the program's memory contained others when the call returned.
#[derive(Debug, Clone, Default)]
pub(crate) struct Corrected {
    builder: EventBuilder,
    is_set: bool,
}

/// A parameter, and its value in two parts.
pub(crate) type Correction<'a> = (usize, [&'a [u8]; 2]);

impl Corrected {
    /// Copies an event with other values of some parameters.
    #[cold]
    pub(crate) fn set(&mut self, event: &scap::Event<'_>, corrections: &[Correction<'_>]) {
        self.builder.start(event.code()).ts(event.ts()).tid(event.tid()).cpu(event.cpu()).flags(event.flags());
        for (index, value) in event.raws().enumerate() {
            match corrections.iter().find(|(at, _)| *at == index) {
                Some((_, parts)) => self.builder.parts(parts),
                None => self.builder.raw(value),
            };
        }
        self.is_set = self.builder.finish().is_ok();
    }

    #[inline]
    pub(crate) fn clear(&mut self) {
        self.is_set = false;
    }

    /// Returns the corrected event; `None` if the event is right as it is.
    #[inline]
    pub(crate) fn event(&self) -> Option<scap::Event<'_>> {
        if self.is_set { self.builder.event().ok() } else { None }
    }
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

    /// Returns the bytes of the event. Parameters of open, connect and chdir that another thread changed during the call
    /// have the value that the kernel used, as far as that is known.
    #[inline]
    pub fn raw(&self) -> scap::Event<'a> {
        self.raw
    }

    /// Returns the state right after the event.
    #[inline]
    pub fn state(&self) -> &'a State {
        self.state
    }

    /// Returns the thread that the event belongs to; `None` for events of the capture itself.
    #[inline]
    pub fn thread(&self) -> Option<&'a Thread> {
        self.thread
    }

    /// Returns the file descriptor that the event is about, even if it was just closed.
    #[inline]
    pub fn fd(&self) -> Option<&'a Fd> {
        self.fd
    }

    /// Returns a number that changes whenever a field of [`Lifetime::Fd`](crate::fields::Lifetime::Fd) may have
    /// changed; `None` if the event is not about a known file descriptor. Equal file descriptors share it, so a file
    /// that is opened again, by any process, has the same number as before. It is never reused.
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

    /// Returns the number of that file descriptor; -1 if none. It can be known without the file descriptor itself.
    #[inline]
    pub fn fd_num(&self) -> i64 {
        self.facts.fd_num
    }

    /// Returns the other facts about the event.
    #[inline]
    pub fn facts(&self) -> &'a Facts {
        self.facts
    }

    /// Returns its number in the stream, from 1; hidden events are counted too, so numbers may be missing.
    #[inline]
    pub fn num(&self) -> u64 {
        self.facts.num
    }

    /// Returns its time in nanoseconds since 1970.
    #[inline]
    pub fn ts(&self) -> u64 {
        self.raw.ts()
    }

    /// Returns its type.
    #[inline]
    pub fn code(&self) -> scap::EventCode {
        self.raw.code()
    }
}
