//! The engine: compiled rules, their evaluation, and the alerts that they raise.
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
mod awaited;
mod correlations;
mod kept;
mod matched;
mod owned;
mod rules;
mod shared;

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::Arc;

use bumpalo::Bump;

pub use alert::{Alert, AlertKind};
pub(crate) use correlations::common_fields;
pub use correlations::{
    CORRELATION_MEMORY, CorrelationInfo, CorrelationStats, Correlations, MemberInfo, MemberOutcome,
};
pub(crate) use matched::{Field, MatchSchema, What};
pub use owned::{Note, OwnedAlert, OwnedValue};
pub use rules::{AnySourceRules, CompiledRules, SourceError, SourceRules};
pub(crate) use rules::{Compiled, Shared};

use crate::event::{Event, EventSchema};
use crate::output::Priority;
use crate::ruleset::{self, Machine, Matching, Profile, RuleId, Selection};
use alert::{Content, Matched};
use correlations::Correlating;
use matched::MatchEvent;

/// The options of compiling and running rules.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// The options of evaluation.
    pub evaluation: ruleset::Config,
    /// The minimum priority; rules below it are disabled.
    pub priority: Priority,
    /// Selections, applied in this order.
    pub selections: Vec<Selection>,
    /// Fields of every alert for [`Alert::write_field`], whether its rule prints them or not. Those that the source of
    /// a rule does not have are left out for it.
    pub fields: Vec<String>,
    /// The limit of memory for partial matches of correlations, in bytes.
    pub correlation_memory: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            evaluation: ruleset::Config::default(),
            priority: Priority::Debug,
            selections: Vec::new(),
            fields: Vec::new(),
            correlation_memory: CORRELATION_MEMORY,
        }
    }
}

impl Config {
    setters! {
        /// Sets how sets of rules are evaluated.
        evaluation: ruleset::Config;
        /// Sets the minimum priority (`debug`).
        priority: Priority;
        /// Sets the switches of rules (none).
        selections: Vec<Selection>;
        /// Sets the fields that every alert has beside those of its output (none).
        fields: Vec<String>;
        /// Sets the most memory for partial matches of correlations, in bytes ([`CORRELATION_MEMORY`]).
        correlation_memory: usize;
    }
}

/// Runs the rules of one source, event by event. To change the rules, make a runner of the new ones between two events.
#[derive(Debug)]
pub struct Runner<S> {
    rules: Arc<SourceRules<S>>,
    machine: Machine,
    matched: Vec<RuleId>,
    correlating: Option<Correlating>,
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
        Self {
            machine: Machine::new(rules.rules()),
            correlating: rules.compiled.correlations.as_ref().map(|set| Correlating::new(set, rules.rules())),
            rules: Arc::clone(rules),
            matched: Vec::new(),
        }
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
            run(&self.rules.compiled, &mut self.machine, &mut self.matched, self.correlating.as_mut(), &event, alert);
        } else if let Some(correlating) = &mut self.correlating
            && correlating.is_due(event.time())
        {
            correlate(correlating, &mut self.machine, &event, alert);
        }
        Ok(())
    }

    /// Shares the partial matches of another runner of the same rules, so that correlations match across the two
    /// sources. Returns false if the rules are others, or have no correlations.
    pub fn join<T>(&mut self, other: &Runner<T>) -> bool {
        match (&mut self.correlating, &other.correlating) {
            (Some(own), Some(other)) if Arc::ptr_eq(&own.set, &other.set) => {
                own.join(other.state.state());
                true
            }
            _ => false,
        }
    }

    /// Takes over the partial matches of a runner of other rules, of all correlations that are the same in both: they
    /// survive a change of rules. Until all runners of the older rules are replaced, they and those of the newer rules
    /// share them, so that correlations across sources lose nothing.
    pub fn adopt<T>(&mut self, old: &Runner<T>) {
        if let (Some(own), Some(old)) = (&self.correlating, &old.correlating) {
            own.adopt(old);
        }
    }

    /// Returns the counts of each correlation, and the memory of all partial matches in bytes.
    pub fn correlation_stats(&self) -> (Vec<CorrelationStats>, usize) {
        self.correlating.as_ref().map_or_else(Default::default, Correlating::stats)
    }

    /// Returns how many partial matches were dropped because memory was full, and the name of the correlation that lost
    /// most, since the last call for any runner that shares them.
    pub fn take_evicted(&self) -> (u64, String) {
        self.correlating.as_ref().map_or_else(Default::default, Correlating::take_evicted)
    }

    /// Records what events do as members of correlations from now on, which slows evaluation.
    pub fn observe_correlations(&mut self) {
        if let Some(correlating) = &mut self.correlating {
            correlating.observe(&mut self.machine);
        }
    }

    /// Returns what events did as members of correlations since the last call, if that is recorded.
    pub fn correlation_outcomes(&self) -> Vec<MemberOutcome> {
        self.correlating.as_ref().map_or_else(Vec::new, Correlating::outcomes)
    }

    /// Returns the rules.
    pub fn rules(&self) -> &Arc<SourceRules<S>> {
        &self.rules
    }

    /// Enables the profile of rules and atoms, which slows evaluation.
    pub fn profile(&mut self) {
        self.machine.profile(self.rules.rules());
    }

    /// Disables the profile and discards the counts.
    pub fn end_profile(&mut self) {
        self.machine.end_profile();
    }

    /// Returns whether a profile is being taken.
    pub fn is_profiled(&self) -> bool {
        self.machine.is_profiled()
    }

    /// Returns the counts since [`profile`](Self::profile) was called.
    pub fn profiled(&self) -> Option<Profile> {
        self.machine.profiled(self.rules.rules(), &|field| self.rules.field_name(field))
    }
}

#[inline]
fn run<E: Event>(
    compiled: &Arc<Compiled>,
    machine: &mut Machine,
    matched: &mut Vec<RuleId>,
    mut correlating: Option<&mut Correlating>,
    event: &E,
    mut alert: impl FnMut(Alert<'_>),
) {
    matched.clear();
    if let Some(correlating) = &mut correlating {
        correlating.follow(machine);
    }
    compiled.rules.process(machine, event, |rule| {
        matched.push(rule);
        ControlFlow::Continue(())
    });
    if !matched.is_empty() {
        raise(compiled, machine.arena(), matched, event, &mut alert);
    }
    let Some(correlating) = correlating else { return };
    for &id in &*matched {
        correlating.hit(&compiled.rules.rule(id).hits);
    }
    if correlating.has_hits() || correlating.is_due(event.time()) {
        correlate(correlating, machine, event, alert);
    }
}

/// Raises the alerts of the correlations that are complete now.
fn correlate<E: Event>(
    correlating: &mut Correlating,
    machine: &mut Machine,
    event: &E,
    mut alert: impl FnMut(Alert<'_>),
) {
    let all = correlating.process(event, machine);
    let arena = machine.arena();
    for (set, found) in all {
        let info = &set.rows[found.plan as usize];
        if info.is_enabled {
            let event: &dyn Event = &MatchEvent { set: &set, found: &found, event };
            alert(Alert::new(Content::Rule(Matched::new(&set.compiled, info.id, &event, arena)), &[]));
        }
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
    let is_first = compiled.rules.matching() == Matching::First;
    for &id in matched {
        // Members of correlations may match in addition to the rule that raises the alert.
        if compiled.rules.rule(id).building_block {
            continue;
        }
        alert(Alert::new(Content::Rule(Matched::new(compiled, id, &event, arena)), &[]));
        if is_first {
            return;
        }
    }
}
