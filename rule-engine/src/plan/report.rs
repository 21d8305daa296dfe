//! Reports on plans: what they narrow, and what hinders them from narrowing more.

use sinsp::scap::EventCode;
use sinsp::scap::plan::{Descriptors, Errnos, Outcomes};

/// The report on a plan: the types of events that it narrows, and what prevents more.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Report {
    /// The types of events of which any can be left out, or which a rule is about, in the order of their codes.
    pub types: Vec<TypeReport>,
    /// The reasons why not more is left out.
    pub blockers: Vec<Blocker>,
}

/// The events of one type.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct TypeReport {
    /// The type.
    pub code: EventCode,
    /// The number of enabled rules that can match such events.
    pub rules: usize,
    /// The outcomes that are kept.
    pub kept: Outcomes,
    /// The outcomes that the state needs, whatever the rules.
    pub of_state: Outcomes,
    /// Whether those that are kept are tested by their path.
    pub by_path: bool,
    /// The error numbers with which those that failed are kept.
    pub errnos: Errnos,
    /// The kinds of file descriptors on which calls are kept.
    pub descriptors: Descriptors,
}

impl TypeReport {
    /// Returns whether any events of the type are left out.
    pub fn is_narrowed(&self) -> bool {
        self.kept != Outcomes::BOTH
            || self.by_path
            || self.errnos != Errnos::ALL
            || self.descriptors != Descriptors::ALL
    }
}

/// The extent of what is kept because of a [`Blocker`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Extent {
    /// All events.
    Everything,
    /// All files that are opened with success.
    OpenedFiles,
    /// Files that are opened, whatever their path.
    AnyPath,
    /// Calls on file descriptors of any kind.
    AnyDescriptor,
    /// Events of some types with an outcome.
    Types,
}

impl Extent {
    /// Returns what is kept, for people.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Everything => "all events",
            Self::OpenedFiles => "all files that are opened",
            Self::AnyPath => "opened files of any path",
            Self::AnyDescriptor => "calls on any file descriptor",
            Self::Types => "all events of the types",
        }
    }
}

/// A reason why something is kept, whatever its tests show.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Blocker {
    /// The extent.
    pub extent: Extent,
    /// The rule; empty if it is not a rule.
    pub rule: String,
    /// The names of the types of events.
    pub types: Vec<String>,
    /// The part of the rule, or the other reason.
    pub part: String,
    /// A change that would help.
    pub help: String,
}
