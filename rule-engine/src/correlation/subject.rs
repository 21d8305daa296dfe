//! The input and output of correlations: events, matches of members, matches of correlations.

use super::entry::Entry;
use super::key::Keys;
use super::plan::{CaptureId, KeyId};

/// An event, as correlations use it.
pub trait Subject {
    /// Returns its time, in nanoseconds since 1970.
    fn time(&self) -> u64;

    /// Returns its number in its stream.
    fn number(&self) -> u64;

    /// Adds its keys of an id: none if it lacks a part, several if it belongs to the keys of several processes. A
    /// sequence or a group of events begins under the first.
    fn keys(&self, id: KeyId, keys: &mut Keys);

    /// Appends its kept fields, by `captured::push`.
    fn capture(&self, id: CaptureId, out: &mut Vec<u8>);
}

/// A match of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hit {
    /// The correlation, by its place.
    pub plan: u32,
    /// The member, by its place.
    pub member: u16,
}

/// A match of a correlation.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Match<'a> {
    /// The correlation, by its place.
    pub plan: u32,
    /// The key, whose parts [`key::values`](super::key::values) reads.
    pub key: &'a [u8],
    /// The time when it was complete: that of its last event, or the end of its timespan if that had to pass.
    pub time: u64,
    /// The number of its last event.
    pub number: u64,
    /// The number of its events.
    pub count: u64,
    /// The time of its first event.
    pub first: u64,
    /// The time of its last event.
    pub last: u64,
    /// Its events in the order of their times; if there are many, the last `MAX_STEPS`.
    pub steps: &'a [Entry],
}

/// No event: the timespan has passed.
pub(super) struct Silence;

impl Subject for Silence {
    fn time(&self) -> u64 {
        0
    }

    fn number(&self) -> u64 {
        0
    }

    fn keys(&self, _: KeyId, _: &mut Keys) {}

    fn capture(&self, _: CaptureId, _: &mut Vec<u8>) {}
}
