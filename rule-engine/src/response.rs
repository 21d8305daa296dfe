//! Responses that rules request: what is proposed to be done about an alert, and to which process.
//!
//! The engine only proposes. An [`Alert`](crate::engine::Alert) has a [`Verdict`] if its rule requests a response; acting on
//! it, and all that speaks against acting, is up to the program. The crate `peregrine-response` is one way.

use std::fmt;
use std::sync::Arc;

use crate::diag::did_you_mean;

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
    /// All scopes.
    pub const ALL: [Self; 3] = [Self::Process, Self::Tree, Self::Container];

    /// Returns the scope of a name, as in a rule file.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }

    /// Returns its name.
    pub const fn name(self) -> &'static str {
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
    /// Runs the program of this name, which the configuration defines, with the alert on its standard input.
    Run(Arc<str>),
    /// Posts the alert to a server, with the action that is proposed, if one is. Nothing else is done.
    Webhook(Option<Arc<Self>>),
    /// Denies in the kernel what the rule describes, before it happens: see [`deny`](crate::deny).
    Deny,
}

impl Action {
    /// The names of all actions, as in a rule file.
    pub const NAMES: [&'static str; 8] = ["kill", "stop", "continue", "freeze", "thaw", "run", "webhook", "deny"];

    /// Returns the action of a name and a scope, of those that are done to processes: `kill`, `stop`, `continue`, `freeze`
    /// or `thaw`. `None` for another name, or if it has no such scope: `freeze` and `thaw` are for containers alone.
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

    /// Returns its name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Kill(_) => "kill",
            Self::Stop(_) => "stop",
            Self::Continue(_) => "continue",
            Self::Freeze => "freeze",
            Self::Thaw => "thaw",
            Self::Run(_) => "run",
            Self::Webhook(_) => "webhook",
            Self::Deny => "deny",
        }
    }

    /// Returns the processes that it is done to. `None` for actions that are not done to processes.
    pub const fn scope(&self) -> Option<Scope> {
        match self {
            Self::Kill(scope) | Self::Stop(scope) | Self::Continue(scope) => Some(*scope),
            Self::Freeze | Self::Thaw => Some(Scope::Container),
            Self::Run(_) | Self::Webhook(_) | Self::Deny => None,
        }
    }
}

/// For people: `kill tree`, `run isolate`, `webhook (kill tree)`.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Run(program) => write!(f, " {program}"),
            Self::Webhook(Some(proposed)) => write!(f, " ({proposed})"),
            _ => self.scope().map_or(Ok(()), |scope| write!(f, " {}", scope.name())),
        }
    }
}

/// The response that a rule requests.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Response {
    /// The action.
    pub action: Action,
    /// The number of alerts about the same process from which on it is requested, from 1 to 100.
    pub after_alerts: u32,
    /// The time in which these alerts must be, in seconds, greater than 0.
    pub within_seconds: u32,
}

impl Response {
    /// Returns the response to each alert.
    pub const fn new(action: Action) -> Self {
        Self { action, after_alerts: 1, within_seconds: Words::WITHIN_SECONDS }
    }
}

/// For people: the action, and the alerts that it waits for.
impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { action, after_alerts, within_seconds } = self;
        match after_alerts {
            1 => write!(f, "{action}"),
            more => write!(f, "{action} after {more} alerts within {within_seconds} s"),
        }
    }
}

/// A response as it is written: the values of its keys, before they are known to fit together.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    /// The name of the action.
    pub action: &'a str,
    /// The name of the processes that it is for; empty if absent.
    pub target: &'a str,
    /// The name of a program; empty if absent.
    pub program: &'a str,
    /// The name of the action that a webhook proposes; empty if absent.
    pub proposes: &'a str,
    /// The number of alerts.
    pub after_alerts: u32,
    /// Their time, in seconds.
    pub within_seconds: u32,
}

impl Default for Words<'_> {
    fn default() -> Self {
        let within_seconds = Self::WITHIN_SECONDS;
        Self { action: "", target: "", program: "", proposes: "", after_alerts: 1, within_seconds }
    }
}

/// An error in a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The key whose value is wrong.
    pub key: &'static str,
    /// Description of the error.
    pub text: String,
    /// Advice, if there is any.
    pub hint: Option<String>,
}

impl Words<'_> {
    /// The time of the alerts that a response waits for, unless it is given.
    pub const WITHIN_SECONDS: u32 = 60;

    /// Returns the response.
    ///
    /// # Errors
    /// If an action or target does not exist, or a key does not belong to the action: nothing is guessed, since a response
    /// that is not what was meant could end the wrong processes.
    pub fn read(&self) -> Result<Response, Invalid> {
        let Self { action: name, program, proposes, after_alerts, within_seconds, .. } = *self;
        let wrong = |key, text: &str, hint| Err(Invalid { key, text: text.to_owned(), hint });
        if name != "run" && !program.is_empty() {
            return wrong("program", "program is for the action run", None);
        }
        if name != "webhook" && !proposes.is_empty() {
            return wrong("proposes", "proposes is for the action webhook", None);
        }
        let action = match name {
            "" => return wrong("action", "action is required", Some(one_of(&Action::NAMES))),
            "run" if program.is_empty() => {
                return wrong("program", "run requires a program", Some("name one of response.programs".to_owned()));
            }
            "run" => self.without_target(Action::Run(program.into()))?,
            "deny" => self.without_target(Action::Deny)?,
            "webhook" if proposes.is_empty() => self.without_target(Action::Webhook(None))?,
            "webhook" => Action::Webhook(Some(Arc::new(self.of_processes("proposes", proposes)?))),
            name => self.of_processes("action", name)?,
        };
        if action == Action::Deny && after_alerts > 1 {
            let text = "deny comes before any alert; after_alerts is for other actions";
            return wrong("after_alerts", text, None);
        }
        if !(1..=100).contains(&after_alerts) {
            return wrong("after_alerts", "after_alerts must be from 1 to 100", None);
        }
        if within_seconds == 0 {
            return wrong("within_seconds", "within_seconds must be greater than 0", None);
        }
        Ok(Response { action, after_alerts, within_seconds })
    }

    fn without_target(&self, action: Action) -> Result<Action, Invalid> {
        match self.target {
            "" => Ok(action),
            _ => Err(Invalid { key: "target", text: format!("{} has no target", action.name()), hint: None }),
        }
    }

    /// Returns the action under a key that is done to the target.
    fn of_processes(&self, key: &'static str, name: &str) -> Result<Action, Invalid> {
        if Action::named(name, None).is_none() {
            let known = match key {
                "action" => &Action::NAMES[..],
                _ => &Action::NAMES[..5],
            };
            let hint = did_you_mean(name, known.iter().copied()).or_else(|| Some(one_of(known)));
            return Err(Invalid { key, text: format!("there is no action '{name}'"), hint });
        }
        let scope = Scope::named(self.target);
        if scope.is_none() && !self.target.is_empty() {
            let names = Scope::ALL.map(Scope::name);
            let hint = did_you_mean(self.target, names).or_else(|| Some(one_of(&names)));
            return Err(Invalid { key: "target", text: format!("there is no target '{}'", self.target), hint });
        }
        Action::named(name, scope).ok_or_else(|| {
            let text = "freeze and thaw have the target container only".to_owned();
            Invalid { key: "target", text, hint: Some("leave it out".to_owned()) }
        })
    }
}

fn one_of(names: &[&str]) -> String {
    format!("one of {}", names.join(", "))
}

/// The process of an event, as it was at that time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process {
    /// The process ID in the host's PID namespace.
    pub pid: i32,
    /// Its start in nanoseconds since 1970; 0 if unknown.
    pub start: u64,
    /// The path of its executable, as the kernel has it; for one without a file, such as a memfd, its name. Empty if
    /// unknown.
    pub exe: String,
    /// The path of its cgroup: where there are several hierarchies, that of the first in which it is not in the root. Empty
    /// if unknown.
    pub cgroup: String,
    /// The ID of its container; empty if it is in none.
    pub container: String,
}

/// A proposal: what a rule requests about an event, and for which process.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict<'a> {
    /// The responses, in the order of the rule: at least one.
    pub responses: &'a [Response],
    /// The process of the event; of a correlation, that of its last event. `None` if the state does not know it, or the
    /// last event has none: then only actions without a [scope](Action::scope) can be done.
    pub process: Option<Process>,
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(Action::Webhook(Some(Arc::new(Action::Kill(Scope::Tree)))).to_string(), "webhook (kill tree)");
        assert_eq!(Scope::named("host"), None);
    }

    #[test]
    fn words_that_fit_are_a_response() {
        let read = |words: Words<'_>| words.read().unwrap().to_string();
        let any = Words::default;
        assert_eq!(read(Words { action: "kill", ..any() }), "kill process");
        let twice = Words { action: "stop", target: "tree", after_alerts: 2, ..any() };
        assert_eq!(read(twice), "stop tree after 2 alerts within 60 s");
        assert_eq!(read(Words { action: "run", program: "p", ..any() }), "run p");
        assert_eq!(read(Words { action: "webhook", ..any() }), "webhook");
        let proposes = Words { action: "webhook", proposes: "kill", target: "container", ..any() };
        assert_eq!(read(proposes), "webhook (kill container)");
        for name in Action::NAMES {
            let program = if name == "run" { "p" } else { "" };
            assert_eq!(Words { action: name, program, ..any() }.read().unwrap().action.name(), name);
        }
    }

    #[test]
    fn words_that_do_not_fit_are_errors_of_a_key() {
        let any = Words::default;
        for (words, key, text, hint) in [
            (any(), "action", "required", "one of kill"),
            (Words { action: "kil", ..any() }, "action", "no action 'kil'", "kill"),
            (Words { action: "freeze", target: "tree", ..any() }, "target", "container only", "leave it out"),
            (Words { action: "kill", target: "host", ..any() }, "target", "no target 'host'", "one of process"),
            (Words { action: "run", ..any() }, "program", "requires a program", "response.programs"),
            (Words { action: "run", program: "p", target: "tree", ..any() }, "target", "run has no target", ""),
            (Words { action: "kill", program: "p", ..any() }, "program", "for the action run", ""),
            (Words { action: "kill", proposes: "stop", ..any() }, "proposes", "for the action webhook", ""),
            (Words { action: "webhook", proposes: "run", ..any() }, "proposes", "no action 'run'", "one of kill"),
            (Words { action: "webhook", target: "tree", ..any() }, "target", "webhook has no target", ""),
            (Words { action: "deny", after_alerts: 2, ..any() }, "after_alerts", "before any alert", ""),
            (Words { action: "kill", after_alerts: 0, ..any() }, "after_alerts", "from 1 to 100", ""),
            (Words { action: "kill", after_alerts: 101, ..any() }, "after_alerts", "from 1 to 100", ""),
            (Words { action: "kill", within_seconds: 0, ..any() }, "within_seconds", "greater than 0", ""),
        ] {
            let invalid = words.read().unwrap_err();
            assert_eq!(invalid.key, key, "{invalid:?}");
            assert!(invalid.text.contains(text), "{invalid:?}");
            let said = invalid.hint.unwrap_or_default();
            assert!(said.contains(hint) && said.is_empty() == hint.is_empty(), "{said}");
        }
    }
}
