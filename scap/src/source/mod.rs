//! Where events come from.
//!
//! A [`Source`] lends one event at a time. A capture file, the BPF probe, a vector in a test are all sources; the
//! inspector above takes any of them.

use crate::{Event, HostState, Result};

/// What a source has next.
#[derive(Debug)]
pub enum Next<'a> {
    /// An event, lent until the next call.
    Event(Event<'a>),
    /// Nothing just now; a live source says so from time to time, so that its user can do other work.
    Idle,
    /// The machine's state begins anew: [`Source::host`] has changed, what was known of threads is void.
    Restart,
    /// There is no more.
    End,
}

/// A stream of events and the state of the machine when it began.
pub trait Source {
    /// The next event in time order.
    ///
    /// # Errors
    /// If the source is broken. After an error every further call gives [`Next::End`].
    fn next(&mut self) -> Result<Next<'_>>;

    /// The machine when the stream began (or began anew).
    fn host(&self) -> &HostState;

    /// What was delivered and what was lost so far.
    fn stats(&self) -> SourceStats;

    /// Whether events come from this machine as it runs, so that `/proc` may be asked about them.
    fn is_live(&self) -> bool {
        false
    }

    /// Position and size in bytes, where the source is a file: for progress bars.
    fn progress(&self) -> Option<(u64, u64)> {
        None
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
}

/// What a source delivered and lost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceStats {
    /// Events seen by the source, delivered or not.
    pub seen: u64,
    /// Events delivered.
    pub delivered: u64,
    /// Events lost, by cause.
    pub drops: Vec<Drop>,
    /// Blocks or records that were skipped because their type is not known.
    pub unknown: u64,
}

impl SourceStats {
    /// Events lost for any cause.
    pub fn dropped(&self) -> u64 {
        self.drops.iter().map(|drop| drop.count).sum()
    }
}

/// Events lost for one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drop {
    /// Why, such as `buffer` or `scratch map`.
    pub cause: &'static str,
    /// The family of calls, such as `open`, where it is known.
    pub family: &'static str,
    /// How many.
    pub count: u64,
}
