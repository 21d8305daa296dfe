//! One rule.

use crate::correlation::Hit;
use crate::output::Output;
use crate::response::Response;

/// The place of a rule in its set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u32);

/// A recording of events after a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capture {
    /// The time in milliseconds; `None` is the configured time.
    pub milliseconds: Option<u32>,
}

impl Capture {
    /// Creates a recording of that many milliseconds; `None` is the configured time.
    pub fn new(milliseconds: Option<u32>) -> Self {
        Self { milliseconds }
    }
}

/// A rule without its condition.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Rule {
    /// Its name, priority, tags and output.
    pub output: Output,
    /// Whether it is enabled.
    pub enabled: bool,
    /// Whether a match starts a recording.
    pub capture: Option<Capture>,
    /// Whether it raises no alert itself: it is only used by correlations.
    pub building_block: bool,
    /// The responses that it requests.
    pub responses: Box<[Response]>,
    /// Whether it is evaluated only while a partial match waits for it; set when rules are compiled.
    pub on_demand: bool,
    /// The members of correlations that it is; set when rules are compiled.
    pub hits: Box<[Hit]>,
}

/// The separator between the names of a correlation and its step: names of rules in files do not have it.
pub(crate) const STEP: char = '\u{1}';

impl Rule {
    /// Creates an enabled rule that raises alerts.
    pub fn new(output: Output) -> Self {
        let (responses, hits) = Default::default();
        Self { output, enabled: true, capture: None, building_block: false, responses, on_demand: false, hits }
    }

    /// Returns whether it is a step of a correlation, which no file names.
    pub fn is_step(&self) -> bool {
        self.building_block && self.output.rule.contains(STEP)
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.output.rule
    }
}
