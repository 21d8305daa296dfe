//! What a correlation is once everything is resolved: numbers in place of names.

/// How long state is kept for late events, in nanoseconds of event time: one second.
///
/// The records of several processors reach a reader almost in order. What waits for a later event is kept for this long
/// after its timespan has passed, so that an event that is late by at most this finds what it would have found in time.
pub const LATENESS: u64 = 1_000_000_000;

/// The most events of one match that are kept with their fields; of longer ones these are the last.
pub const MAX_STEPS: usize = 10;

/// The greatest count that a condition may name.
pub const MAX_COUNT: u32 = 10_000;

/// The most members of a correlation.
pub const MAX_MEMBERS: usize = 256;

/// How deep correlations may name correlations.
pub const MAX_DEPTH: usize = 8;

/// The number of a way to build a key from an event, among those of all sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub u32);

/// The number of a list of fields to keep from an event, among those of all sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CaptureId(pub u32);

/// Where the key of a member comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// From the event.
    Event(KeyId),
    /// From the key of the correlation that the member names: the places of the parts.
    Inner(Box<[u16]>),
}

/// One of what a correlation looks for: a rule, an inline step, a correlation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Where its key comes from.
    pub key: KeySource,
    /// Where the value that is counted comes from.
    pub value: Option<KeySource>,
    /// What is kept of its events. `None` for a correlation, of which the key and the count are kept.
    pub capture: Option<CaptureId>,
}

/// What an event of a member does to a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It is the step of this place among those that must happen, from 0.
    Advance(u16),
    /// It ends what waits after this many steps.
    Absent(u16),
    /// It ends what waits after any step.
    Until,
}

/// Which events of a window count once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distinct {
    /// None: every event counts.
    Events,
    /// Those of one member.
    Members,
    /// Those with one value.
    Values,
}

/// How matches are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Steps in order.
    Sequence {
        /// What each member does.
        roles: Box<[Role]>,
        /// How many steps must happen.
        stages: u16,
        /// Whether a missing step is the last, so that the match is complete when the timespan has passed.
        trailing: bool,
    },
    /// Events that count, within the timespan, in any order.
    Window {
        /// How many are a match.
        threshold: u32,
        /// Which count once.
        distinct: Distinct,
    },
}

/// A correlation that names another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feed {
    /// The correlation, by its place. It is greater than that of what it names.
    pub plan: u32,
    /// The member.
    pub member: u16,
}

/// A correlation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// The timespan in nanoseconds.
    pub span: u64,
    /// How matches are found.
    pub kind: Kind,
    /// What it looks for.
    pub members: Vec<Member>,
    /// The correlations that name it.
    pub feeds: Vec<Feed>,
    /// Equal for two plans whose partial matches mean the same: those are kept when rules are replaced.
    pub identity: String,
}

impl Plan {
    /// How many places there are for partial matches of one key.
    pub(super) fn stages(&self) -> u16 {
        match self.kind {
            Kind::Sequence { stages, .. } => stages,
            Kind::Window { .. } => 0,
        }
    }

    /// How long a partial match is kept.
    pub(super) fn retention(&self) -> u64 {
        self.span.saturating_add(LATENESS)
    }
}
