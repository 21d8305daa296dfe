//! One rule.

use crate::output::Output;

/// The place of a rule in its set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u32);

/// That events are to be recorded after a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capture {
    /// For how many milliseconds; `None` is the configured time.
    pub milliseconds: Option<u32>,
}

/// A rule without its condition.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name, priority, tags and what it writes.
    pub output: Output,
    /// Whether it is tried at all.
    pub enabled: bool,
    /// Whether a match starts a recording.
    pub capture: Option<Capture>,
}

impl Rule {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.output.rule
    }
}
