//! Actions, their targets and their outcomes.

use bytes::Bytes;
use std::fmt;
use std::sync::Arc;

/// The processes that an action is for, beginning with the one that made the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// The process alone, with all its threads.
    Process,
    /// The process and its descendants that still have it as an ancestor.
    Tree,
    /// Every process of its container: of the cgroup that carries the container's ID.
    Container,
}

impl Scope {
    /// Returns the scope of a name, as in a configuration.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Process, Self::Tree, Self::Container].into_iter().find(|scope| scope.name() == name)
    }

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Tree => "tree",
            Self::Container => "container",
        }
    }
}

/// An answer to an alert.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Sends SIGKILL.
    Kill(Scope),
    /// Sends SIGSTOP.
    Stop(Scope),
    /// Sends SIGCONT.
    Continue(Scope),
    /// Freezes the container by `cgroup.freeze`.
    Freeze,
    /// Thaws the container.
    Thaw,
    /// Runs the program of this name in the configuration, with the alert on its standard input.
    Run(Arc<str>),
}

impl Action {
    /// Returns the action of a name and a scope, as in a configuration: `kill`, `stop`, `continue`, `freeze` or `thaw`.
    /// `None` if there is none of this name, or if it has no such scope: `freeze` and `thaw` are for containers alone.
    pub fn named(name: &str, scope: Option<Scope>) -> Option<Self> {
        let of = scope.unwrap_or(Scope::Process);
        let container = matches!(scope, None | Some(Scope::Container));
        match name {
            "kill" => Some(Self::Kill(of)),
            "stop" => Some(Self::Stop(of)),
            "continue" => Some(Self::Continue(of)),
            "freeze" => container.then_some(Self::Freeze),
            "thaw" => container.then_some(Self::Thaw),
            _ => None,
        }
    }

    /// Returns which processes it is for. `None` for a program, which acts by itself.
    pub fn scope(&self) -> Option<Scope> {
        match self {
            Self::Kill(scope) | Self::Stop(scope) | Self::Continue(scope) => Some(*scope),
            Self::Freeze | Self::Thaw => Some(Scope::Container),
            Self::Run(_) => None,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Kill(_) => "kill",
            Self::Stop(_) => "stop",
            Self::Continue(_) => "continue",
            Self::Freeze => "freeze",
            Self::Thaw => "thaw",
            Self::Run(program) => return write!(f, "run {program}"),
        };
        write!(f, "{name} {}", self.scope().map_or("", Scope::name))
    }
}

/// The process of an event, as it was at that time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// The process ID in the host's PID namespace.
    pub pid: i32,
    /// The path of its executable, as the kernel has it; for one without a file, such as a memfd, its name.
    pub exe: String,
    /// The ID of its container; empty if it is in none.
    pub container: String,
}

/// An action that a rule proposes.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// The name of the rule.
    pub rule: Arc<str>,
    /// The number of the event.
    pub event: u64,
    /// The time of the event, in nanoseconds since 1970 as the source of events counts.
    pub time: u64,
    /// The process of the event.
    pub subject: Subject,
    /// The action.
    pub action: Action,
    /// Whether events were dropped lately, so that the process may be another one than the state says.
    pub uncertain: bool,
    /// The alert as JSON, for programs.
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
    /// The process runs another executable now.
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
    fn actions_are_named_as_they_are_written() {
        for (name, scope, expected) in [
            ("kill", None, Some("kill process")),
            ("kill", Some("tree"), Some("kill tree")),
            ("stop", Some("container"), Some("stop container")),
            ("continue", Some("process"), Some("continue process")),
            ("freeze", None, Some("freeze container")),
            ("thaw", Some("container"), Some("thaw container")),
            ("freeze", Some("tree"), None),
            ("nuke", None, None),
        ] {
            let scope = scope.map(|scope| Scope::named(scope).unwrap());
            assert_eq!(Action::named(name, scope).map(|action| action.to_string()).as_deref(), expected);
        }
        assert_eq!(Action::Run("page".into()).to_string(), "run page");
        assert_eq!(Scope::named("host"), None);
    }

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
            Outcome::NoContainer,
            Outcome::Lost,
            Outcome::Failed(String::new()),
        ];
        let names: HashSet<_> = all.iter().map(Outcome::name).collect();
        assert_eq!(names.len(), all.len());
    }
}
