//! The trait [`Source`], which yields events.
//!
//! A capture file, the BPF probe and a vector in a test are all sources; the inspector takes any of them. Events borrow
//! from their source, one at a time.

use crate::{Event, HostState, Result};

/// The next item of a source.
#[derive(Debug)]
pub enum Next<'a> {
    /// An event, borrowed until the next call.
    Event(Event<'a>),
    /// No event now; a live source returns this from time to time, so that its user can do other work.
    Idle,
    /// A new start of the host's state: [`Source::host`] has changed, and what was known of threads is void.
    Restart,
    /// The end of the stream.
    End,
}

/// A stream of events and the state of the host when it began.
pub trait Source {
    /// Returns the next event in time order.
    ///
    /// # Errors
    /// If the source is broken. After an error every further call returns [`Next::End`].
    fn next(&mut self) -> Result<Next<'_>>;

    /// Returns the state of the host when the stream began, or last restarted.
    fn host(&self) -> &HostState;

    /// Returns the counts of delivered and dropped events so far.
    fn stats(&self) -> SourceStats;

    /// Returns whether events come from this host as it runs, so that `/proc` can be queried about them.
    fn is_live(&self) -> bool {
        false
    }

    /// Returns position and size in bytes if the source is a file, for progress bars.
    fn progress(&self) -> Option<(u64, u64)> {
        None
    }

    /// Returns a time, in nanoseconds since 1970, so that all events of before it have been returned: without events, a
    /// live source knows by it how far it has looked. 0 if it is not known.
    fn watermark(&self) -> u64 {
        0
    }
}

impl<S: Source + ?Sized> Source for Box<S> {
    fn next(&mut self) -> Result<Next<'_>> {
        (**self).next()
    }

    fn host(&self) -> &HostState {
        (**self).host()
    }

    fn stats(&self) -> SourceStats {
        (**self).stats()
    }

    fn is_live(&self) -> bool {
        (**self).is_live()
    }

    fn progress(&self) -> Option<(u64, u64)> {
        (**self).progress()
    }

    fn watermark(&self) -> u64 {
        (**self).watermark()
    }
}

/// The counts of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceStats {
    /// Events seen by the source, delivered or not.
    pub seen: u64,
    /// Events delivered.
    pub delivered: u64,
    /// Events dropped, by cause.
    pub drops: Vec<Drop>,
    /// Blocks or records that were skipped because their type is not known.
    pub unknown: u64,
}

impl SourceStats {
    /// Returns the number of events dropped for any cause.
    pub fn dropped(&self) -> u64 {
        self.drops.iter().map(|drop| drop.count).sum()
    }
}

/// Events dropped for one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drop {
    /// The cause, such as `buffer` or `scratch map`.
    pub cause: &'static str,
    /// The family of calls, such as `open`, if known.
    pub family: &'static str,
    /// The number of events.
    pub count: u64,
}
