//! Proposals and their outcomes.

use bytes::Bytes;
use rule_engine::response::{Action, Process};
use std::fmt;
use std::sync::Arc;

/// An action that a rule proposes.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// The name of the rule.
    pub rule: Arc<str>,
    /// The number of the event.
    pub event: u64,
    /// The time of the event, in nanoseconds since 1970 as the source of events counts.
    pub time: u64,
    /// The process of the event; `None` if it has none, or that is not known.
    pub process: Option<Process>,
    /// The action.
    pub action: Action,
    /// Whether events were dropped lately, so that the process may be another one than the state says.
    pub uncertain: bool,
    /// The alert as JSON, for programs and webhooks.
    pub alert: Bytes,
}

/// Outcome of a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was done, to this number of processes.
    Done(u32),
    /// It would have been done, to this number of processes: the mode is [`Mode::DryRun`](crate::Mode::DryRun).
    DryRun(u32),
    /// The process has ended in the meantime.
    Gone,
    /// The process runs another executable now, or started later than that of the event.
    Changed,
    /// A process that is never acted upon is concerned: which, and why.
    Protected(String),
    /// More actions in a minute than allowed. The rule's response is disarmed from now on.
    Rate,
    /// The rule's response was disarmed before.
    Disarmed,
    /// The program started, or its rules were reloaded, a moment ago.
    WarmUp,
    /// The event is too old.
    Late,
    /// It is not certain that the process is still the one of the event.
    Uncertain,
    /// The event has no process, or it is not known.
    NoProcess,
    /// The process is in no container whose cgroup is known.
    NoContainer,
    /// Too many proposals were waiting.
    Lost,
    /// The kernel or the program refused: why.
    Failed(String),
}

impl Outcome {
    /// Returns its name, for metrics and alerts.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Done(_) => "done",
            Self::DryRun(_) => "dry_run",
            Self::Gone => "gone",
            Self::Changed => "changed",
            Self::Protected(_) => "protected",
            Self::Rate => "rate",
            Self::Disarmed => "disarmed",
            Self::WarmUp => "warm_up",
            Self::Late => "late",
            Self::Uncertain => "uncertain",
            Self::NoProcess => "no_process",
            Self::NoContainer => "no_container",
            Self::Lost => "lost",
            Self::Failed(_) => "failed",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(1) => f.write_str("done"),
            Self::Done(count) => write!(f, "done, to {count} processes"),
            Self::DryRun(1) => f.write_str("would have been done"),
            Self::DryRun(count) => write!(f, "would have been done, to {count} processes"),
            Self::Gone => f.write_str("not done: the process has ended"),
            Self::Changed => f.write_str("not done: the process runs another executable now"),
            Self::Protected(why) => write!(f, "not done: {why}"),
            Self::Rate => f.write_str("not done: too many actions in a minute; the response of the rule is disarmed"),
            Self::Disarmed => f.write_str("not done: the response of the rule is disarmed"),
            Self::WarmUp => f.write_str("not done: too soon after a start or reload"),
            Self::Late => f.write_str("not done: the event is too old"),
            Self::Uncertain => f.write_str("not done: it is not certain that this is the process of the event"),
            Self::NoProcess => f.write_str("not done: the event has no known process"),
            Self::NoContainer => f.write_str("not done: the process is in no container with a separate cgroup"),
            Self::Lost => f.write_str("not done: too many proposals were waiting"),
            Self::Failed(why) => write!(f, "failed: {why}"),
        }
    }
}

/// Report about a proposal.
#[derive(Debug, Clone)]
pub struct Report {
    /// The proposal.
    pub proposal: Proposal,
    /// The outcome.
    pub outcome: Outcome,
    /// From the event to the outcome, in nanoseconds.
    pub latency: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_outcome_has_a_separate_name() {
        let all = [
            Outcome::Done(1),
            Outcome::DryRun(1),
            Outcome::Gone,
            Outcome::Changed,
            Outcome::Protected(String::new()),
            Outcome::Rate,
            Outcome::Disarmed,
            Outcome::WarmUp,
            Outcome::Late,
            Outcome::Uncertain,
            Outcome::NoProcess,
            Outcome::NoContainer,
            Outcome::Lost,
            Outcome::Failed(String::new()),
        ];
        let names: HashSet<_> = all.iter().map(Outcome::name).collect();
        assert_eq!(names.len(), all.len());
    }
}
