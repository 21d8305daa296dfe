//! A resolved correlation: numbers instead of names.

/// The time for which state is kept for late events, in nanoseconds of event time: one second.
///
/// The records of several CPUs reach a reader almost in order. A partial match that waits for a later event is kept for
/// this long after its timespan has passed, so that an event that is late by at most this finds what it would have
/// found in time.
pub const LATENESS: u64 = 1_000_000_000;

/// The most by which a single event may move the time, in nanoseconds: one minute. The time of an event that is later
/// counts once the next event is as well.
pub const JUMP: u64 = 60_000_000_000;

/// The most events of one match that are kept with their fields; of longer matches these are the last.
pub const MAX_STEPS: usize = 10;

/// The greatest count that a condition may name.
pub const MAX_COUNT: u32 = 10_000;

/// The most members of a correlation.
pub const MAX_MEMBERS: usize = 256;

/// The greatest depth of correlations that name correlations.
pub const MAX_DEPTH: usize = 8;

/// The number of a way to build a key from an event, among those of all sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub u32);

/// The number of a list of fields to keep from an event, among those of all sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CaptureId(pub u32);

/// The origin of a member's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// From the event.
    Event(KeyId),
    /// From the key of the correlation that the member names: the places of the parts.
    Inner(Box<[u16]>),
}

/// One member of a correlation: a rule, an inline step, a correlation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The origin of its key.
    pub key: KeySource,
    /// The origin of the counted value.
    pub value: Option<KeySource>,
    /// The kept fields of its events. `None` for a correlation, of which the key and the count are kept.
    pub capture: Option<CaptureId>,
}

/// The effect of a member's event on a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It is the step of this place among those that must happen, from 0.
    Advance(u16),
    /// It ends partial matches with this many steps.
    Absent(u16),
    /// It ends partial matches with any number of steps.
    Until,
}

/// Whether events of a window count once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distinct {
    /// None: every event counts.
    Events,
    /// Those of one member.
    Members,
    /// Those with one value.
    Values,
}

/// The kind of search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Steps in order.
    Sequence {
        /// The effect of each member.
        roles: Box<[Role]>,
        /// The number of steps that must happen.
        stages: u16,
        /// Whether a missing step is the last, so that the match is complete when the timespan has passed.
        trailing: bool,
    },
    /// Events that count, within the timespan, in any order.
    Window {
        /// The number of events of a match.
        threshold: u32,
        /// The events that count once.
        distinct: Distinct,
    },
}

impl Kind {
    /// Returns whether an event of a member may begin a partial match, so that it is of use while none waits.
    pub fn may_begin(&self, member: u16) -> bool {
        match self {
            Self::Sequence { roles, .. } => matches!(roles[usize::from(member)], Role::Advance(0)),
            Self::Window { .. } => true,
        }
    }
}

/// A correlation that names another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feed {
    /// The place of the correlation. It is greater than that of the named one.
    pub plan: u32,
    /// The index of the member in its correlation.
    pub member: u16,
}

/// A correlation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// The timespan in nanoseconds.
    pub span: u64,
    /// The kind of search.
    pub kind: Kind,
    /// Its members.
    pub members: Vec<Member>,
    /// The correlations that name it.
    pub feeds: Vec<Feed>,
    /// Equal for two plans whose partial matches mean the same: those are kept when rules are replaced.
    pub identity: String,
}

impl Plan {
    /// Returns the number of places for partial matches of one key.
    pub(super) fn stages(&self) -> u16 {
        match self.kind {
            Kind::Sequence { stages, .. } => stages,
            Kind::Window { .. } => 0,
        }
    }

    /// Returns how long a partial match is kept.
    pub(super) fn retention(&self) -> u64 {
        self.span.saturating_add(LATENESS)
    }
}
