//! The engine: compiled rules, what evaluates them, and the alerts that they raise.
//!
//! ```
//! use peregrine_rule_engine::engine::Config;
//! use peregrine_rule_engine::event::json::{JsonDocument, JsonSchema};
//! use peregrine_rule_engine::load::{Loader, Sources};
//!
//! let rules = br#"
//! - rule: root from far away
//!   desc: somebody logs in as root from another network
//!   condition: json.value[/user] = root and not json.value[/from] startswith 10.
//!   output: "root logged in (from=%json.value[/from])"
//!   priority: warning
//!   source: login
//! "#;
//! let mut loader = Loader::new(Sources::new().with(JsonSchema::new("login")));
//! let loaded = loader.load([("rules.yaml", &rules[..])]);
//! assert!(loaded.is_successful());
//! let rules = loader.into_sources().build(loaded.into_rules(), &Config::default())?;
//!
//! let mut runner = rules.source::<JsonSchema>("login")?.runner();
//! let document = JsonDocument::parse(br#"{"user": "root", "from": "192.0.2.1"}"#)?;
//! let mut alerts = Vec::new();
//! runner.process(&document, |alert| alerts.push(alert.to_string()));
//! assert_eq!(alerts, ["00:00:00.000000000: Warning root logged in (from=192.0.2.1)"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod alert;
mod kept;
mod owned;
mod rules;

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::Arc;

use bumpalo::Bump;

pub use alert::{Alert, AlertKind};
pub use owned::{Note, OwnedAlert, OwnedValue};
pub use rules::{AnySourceRules, CompiledRules, SourceError, SourceRules};
pub(crate) use rules::{Compiled, Shared};

use crate::event::{Event, EventSchema};
use crate::output::Priority;
use crate::ruleset::{self, Machine, Profile, RuleId, Selection};
use alert::{Content, Matched};

/// How rules are compiled and run.
#[derive(Debug, Clone)]
pub struct Config {
    /// How sets of rules are run.
    pub evaluation: ruleset::Config,
    /// The minimum priority; rules below it are disabled.
    pub priority: Priority,
    /// Switches, applied in this order.
    pub selections: Vec<Selection>,
    /// Fields that every alert can be asked for by [`Alert::write_field`], whether its rule writes them or not. Those
    /// that the source of a rule does not have are left out for it.
    pub fields: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            evaluation: ruleset::Config::default(),
            priority: Priority::Debug,
            selections: Vec::new(),
            fields: Vec::new(),
        }
    }
}

/// Runs the rules of one source, event by event. To change the rules, make a runner of the new ones between two events.
#[derive(Debug)]
pub struct Runner<S> {
    rules: Arc<SourceRules<S>>,
    machine: Machine,
    matched: Vec<RuleId>,
}

impl<S: EventSchema<Error = Infallible>> Runner<S> {
    /// Evaluates an event and calls `alert` for every match.
    #[inline]
    pub fn process<'a>(&'a mut self, input: S::Input<'a>, alert: impl FnMut(Alert<'_>)) {
        let Ok(()) = self.try_process(input, alert);
    }
}

impl<S: EventSchema> Runner<S> {
    fn new(rules: &Arc<SourceRules<S>>) -> Self {
        Self { machine: Machine::new(rules.rules()), rules: Arc::clone(rules), matched: Vec::new() }
    }

    /// Evaluates an event and calls `alert` for every match.
    ///
    /// # Errors
    /// If the input is not an event of this schema.
    #[inline]
    pub fn try_process<'a>(&'a mut self, input: S::Input<'a>, alert: impl FnMut(Alert<'_>)) -> Result<(), S::Error> {
        let event = self.rules.schema.event(input)?;
        // Most events are of types that no rule is about: those end here.
        if self.rules.compiled.rules.may_match(event.key()) {
            run(&self.rules.compiled, &mut self.machine, &mut self.matched, &event, alert);
        }
        Ok(())
    }

    /// Returns the rules.
    pub fn rules(&self) -> &Arc<SourceRules<S>> {
        &self.rules
    }

    /// Enables the profile of rules and atoms, which slows evaluation.
    pub fn profile(&mut self) {
        self.machine.profile(self.rules.rules());
    }

    /// Disables the profile and discards what was counted.
    pub fn end_profile(&mut self) {
        self.machine.end_profile();
    }

    /// Returns whether a profile is being taken.
    pub fn is_profiled(&self) -> bool {
        self.machine.is_profiled()
    }

    /// Returns what was counted since [`profile`](Self::profile) was called.
    pub fn profiled(&self) -> Option<Profile> {
        self.machine.profiled(self.rules.rules(), &|field| self.rules.field_name(field))
    }
}

#[inline]
fn run<E: Event>(
    compiled: &Arc<Compiled>,
    machine: &mut Machine,
    matched: &mut Vec<RuleId>,
    event: &E,
    alert: impl FnMut(Alert<'_>),
) {
    matched.clear();
    compiled.rules.process(machine, event, |rule| {
        matched.push(rule);
        ControlFlow::Continue(())
    });
    if !matched.is_empty() {
        raise(compiled, machine.arena(), matched, event, alert);
    }
}

#[cold]
fn raise<E: Event>(
    compiled: &Arc<Compiled>,
    arena: &Bump,
    matched: &[RuleId],
    event: &E,
    mut alert: impl FnMut(Alert<'_>),
) {
    let event: &dyn Event = event;
    for &id in matched {
        alert(Alert::new(Content::Rule(Matched::new(compiled, id, &event, arena)), &[]));
    }
}
