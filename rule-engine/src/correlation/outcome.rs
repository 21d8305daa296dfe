//! The outcome of an event as a member of a correlation, also if it had no effect: for people.
//!
//! Nothing of this exists while events are processed, unless it is requested.

use std::fmt;

use hashbrown::HashMap;

use super::store::Place;
use super::subject::Hit;

/// Maximum number of recorded ends.
const ENDED: usize = 1 << 16;

/// The end of a partial match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Its timespan passed.
    Expired,
    /// An event of `until`, or of a missing step, ended it.
    Ended,
    /// A younger one took its place.
    Replaced,
    /// It went on to the next step.
    Advanced,
    /// It became a match.
    Completed,
    /// Memory was full.
    Evicted,
}

/// The end of a partial match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// The kind of end.
    pub how: End,
    /// The number of its last event.
    pub last: u64,
    /// The number of the event at which it ended.
    pub by: u64,
}

/// The outcome of an event, or of a match of another correlation, as a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// Nothing: it lacks a part of the key.
    NoKey,
    /// Nothing: it lacks the value that is counted.
    NoValue,
    /// Nothing: no partial match of its key waits for it.
    NotAwaited {
        /// The number of partial matches of other keys that wait for the step.
        elsewhere: u32,
        /// The end of the last one of its key that waited for it.
        ended: Option<Ended>,
    },
    /// Nothing: it is earlier than the previous step.
    OutOfOrder {
        /// The number of the event of that step.
        previous: u64,
    },
    /// Nothing: the timespan since the first step has passed.
    OutOfSpan {
        /// The number of the event of that step.
        first: u64,
    },
    /// Nothing: it arrived too late to be counted.
    Late,
    /// It began a partial match.
    Began {
        /// The number of the event with which the partial match began that it replaced.
        replaced: Option<u64>,
    },
    /// It was the next step of a partial match.
    Advanced {
        /// The number of its first event.
        first: u64,
        /// The number of steps that have happened now.
        steps: u16,
        /// The number of steps.
        of: u16,
    },
    /// It was the next step of a partial match that was dropped because a younger one waits for the same.
    GaveWay,
    /// It ended a partial match.
    Ended {
        /// The number of its first event.
        first: u64,
        /// The number of steps that had happened.
        steps: u16,
    },
    /// It was counted.
    Counted {
        /// The number of events now.
        count: u32,
        /// The number of events of a match.
        of: u32,
    },
    /// It completed a match.
    Completed {
        /// The number of the first event.
        first: u64,
        /// The number of events.
        count: u64,
    },
}

impl Effect {
    /// Returns its name in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NoKey => "no_key",
            Self::NoValue => "no_value",
            Self::NotAwaited { .. } => "not_awaited",
            Self::OutOfOrder { .. } => "out_of_order",
            Self::OutOfSpan { .. } => "out_of_span",
            Self::Late => "late",
            Self::Began { .. } => "began",
            Self::Advanced { .. } => "advanced",
            Self::GaveWay => "gave_way",
            Self::Ended { .. } => "ended",
            Self::Counted { .. } => "counted",
            Self::Completed { .. } => "completed",
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoKey => f.write_str("ignored: the event lacks a part of the key"),
            Self::NoValue => f.write_str("ignored: the event lacks the value that is counted"),
            Self::NotAwaited { elsewhere, ended } => {
                f.write_str("ignored: no partial match with this key waits for this step")?;
                if elsewhere > 0 {
                    write!(f, ", {elsewhere} with other keys do")?;
                }
                let Some(Ended { how, last, by }) = ended else { return Ok(()) };
                write!(f, "; the previous one, of event {last}, ")?;
                match how {
                    End::Expired => write!(f, "expired before event {by}: the timespan had passed"),
                    End::Ended => write!(f, "was ended by event {by}: `until` or a missing step"),
                    End::Replaced => write!(f, "was replaced by event {by}"),
                    End::Advanced => write!(f, "was advanced by event {by}"),
                    End::Completed => write!(f, "was completed by event {by}"),
                    End::Evicted => write!(f, "was dropped at event {by}: the memory for partial matches was full"),
                }
            }
            Self::OutOfOrder { previous } => {
                write!(f, "ignored: it is earlier than the previous step, event {previous}")
            }
            Self::OutOfSpan { first } => write!(f, "ignored: the timespan since event {first} has passed"),
            Self::Late => f.write_str("ignored: it arrived too late"),
            Self::Began { replaced: None } => f.write_str("begins a partial match"),
            Self::Began { replaced: Some(old) } => {
                write!(f, "begins a partial match, which replaces that of event {old}")
            }
            Self::Advanced { first, steps, of } => {
                write!(f, "advances the partial match of event {first}: {steps} of {of} steps")
            }
            Self::GaveWay => f.write_str("advances a partial match, which is dropped: a younger one waits there"),
            Self::Ended { first, steps } => {
                write!(f, "ends the partial match of event {first} after step {steps}")
            }
            Self::Counted { count, of } => write!(f, "is counted: {count} of {of}"),
            Self::Completed { first, count } => {
                write!(f, "completes a match of {count} events that began with event {first}")
            }
        }
    }
}

/// The outcome of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The member.
    pub hit: Hit,
    /// Its key, whose parts [`key::values`](super::key::values) reads.
    pub key: Option<Box<[u8]>>,
    /// The outcome.
    pub effect: Effect,
}

/// The ends of partial matches, by place and key.
#[derive(Debug, Default)]
pub(super) struct Ends {
    by_key: HashMap<(Place, Box<[u8]>), Ended>,
    /// The number of the event that is processed.
    pub(super) now: u64,
}

impl Ends {
    pub(super) fn add(&mut self, place: Place, key: &[u8], how: End, last: u64) {
        // Without its end, an event is explained in less detail.
        if self.by_key.len() >= ENDED {
            self.by_key.clear();
        }
        self.by_key.insert((place, key.into()), Ended { how, last, by: self.now });
    }

    pub(super) fn find(&self, place: Place, key: &[u8]) -> Option<Ended> {
        self.by_key.get(&(place, key.into())).copied()
    }
}
