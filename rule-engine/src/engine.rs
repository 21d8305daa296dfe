//! The engine: sources of events, the rules about them, and what is written when they match.
//!
//! ```
//! use peregrine_rule_engine::engine::Settings;
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
//! let rules = loader.into_sources().build(loaded.into_rules(), &Settings::default())?;
//!
//! let mut runner = rules.source::<JsonSchema>("login")?.runner();
//! let document = JsonDocument::parse(br#"{"user": "root", "from": "192.0.2.1"}"#)?;
//! let mut alerts = Vec::new();
//! runner.process(&document, |alert| alerts.push(String::from_utf8_lossy(alert.text).into_owned()));
//! assert_eq!(alerts, ["00:00:00.000000000: Warning root logged in (from=192.0.2.1)"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::any::Any;
use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::Arc;

use bumpalo::Bump;

use crate::event::{Event, EventSchema, FieldId, Key};
use crate::output::{Format, Priority, Writer};
use crate::ruleset::{EventPlan, Machine, Options, Profile, Rule, RuleId, Ruleset, Selection, Selector};

/// How an engine is run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How sets of rules are run.
    pub options: Options,
    /// What alerts look like.
    pub format: Format,
    /// How they are written besides, for those who need another form: it is written for every alert.
    pub also: Option<Format>,
    /// The least grave priority that is heeded.
    pub priority: Priority,
    /// Switches, applied in this order.
    pub selections: Vec<Selection>,
    /// Which alerts are of one kind; the first that selects a rule counts.
    pub keys: Vec<AlertKey>,
}

/// Fields whose values make alerts of some rules alike: what a program needs that tells each kind only once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertKey {
    /// Which rules.
    pub rules: Selector,
    /// Names of fields. Those that the source of a rule does not have are left out for it.
    pub fields: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            options: Options::default(),
            format: Format::new(""),
            also: None,
            priority: Priority::Debug,
            selections: Vec::new(),
            keys: Vec::new(),
        }
    }
}

/// The rules of all sources, compiled. Copies are cheap and share the rules.
///
/// Rules own the schema that they were compiled with, so what runs them is typed by it.
#[derive(Debug, Clone)]
pub struct CompiledRules {
    sources: Arc<[Shared]>,
}

/// The rules of a source whose schema has a type that is not known here.
pub(crate) type Shared = Arc<dyn AnySourceRules>;

/// The rules of a source of events, of whatever type.
pub trait AnySourceRules: Any + Send + Sync + std::fmt::Debug {
    /// Returns the rules.
    fn rules(&self) -> &Ruleset;

    /// Returns how a rule is run: the event types that it can match, those that are run alike together, and the plan
    /// for them.
    fn plans(&self, id: RuleId) -> Vec<(Vec<String>, EventPlan)>;
}

/// Why a source of rules is not available as asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// There is no source of that name.
    #[error("there is no source `{name}`; there is {known}")]
    Unknown {
        /// The name.
        name: String,
        /// The names of the sources that there are.
        known: String,
    },
    /// The schema of the source has another type.
    #[error("the events of source `{name}` are not those of `{schema}`")]
    WrongSchema {
        /// The name.
        name: String,
        /// The type of schema that was requested.
        schema: &'static str,
    },
}

impl CompiledRules {
    pub(crate) fn new(sources: Vec<Shared>) -> Self {
        Self { sources: sources.into() }
    }

    /// Returns the rules of a source, whose schema is of type `S`.
    ///
    /// # Errors
    /// If there is no such source, or its schema is of another type.
    pub fn source<S: EventSchema>(&self, name: &str) -> Result<Arc<SourceRules<S>>, SourceError> {
        let found = self.sources.iter().find(|source| source.rules().source() == name);
        let found = found.ok_or_else(|| SourceError::Unknown {
            name: name.to_owned(),
            known: self.all().map(|source| source.rules().source()).collect::<Vec<_>>().join(", "),
        })?;
        let any: Arc<dyn Any + Send + Sync> = found.clone();
        any.downcast()
            .map_err(|_| SourceError::WrongSchema { name: name.to_owned(), schema: std::any::type_name::<S>() })
    }

    /// Returns the rules of all sources, in the order in which the sources were added.
    pub fn all(&self) -> impl Iterator<Item = &dyn AnySourceRules> {
        self.sources.iter().map(|source| &**source)
    }

    /// Returns the rules of all sources whose schema is of type `S`.
    pub fn of_type<S: EventSchema>(&self) -> impl Iterator<Item = Arc<SourceRules<S>>> {
        self.sources.iter().filter_map(|source| {
            let any: Arc<dyn Any + Send + Sync> = source.clone();
            any.downcast().ok()
        })
    }
}

/// What was compiled for a source, without its schema.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) rules: Ruleset,
    pub(crate) writer: Writer,
    pub(crate) also: Option<Writer>,
}

/// The rules of one source, with the schema that they were compiled with. They never change and can be shared between
/// threads.
pub struct SourceRules<S> {
    schema: S,
    compiled: Compiled,
}

/// An alert.
#[derive(Debug, Clone, Copy)]
pub struct Alert<'a> {
    /// The rule that matched.
    pub rule: &'a Rule,
    /// Its place in its set.
    pub id: RuleId,
    /// What is to be written, without a line end.
    pub text: &'a [u8],
    /// The values that make it like others of its rule, if [`Settings::keys`] has any for the rule.
    pub key: Option<&'a [u8]>,
    /// The text in the form of [`Settings::also`]; empty without.
    pub also: &'a [u8],
}

impl<S> std::fmt::Debug for SourceRules<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceRules").field("compiled", &self.compiled).finish_non_exhaustive()
    }
}

impl<S: EventSchema> AnySourceRules for SourceRules<S> {
    fn rules(&self) -> &Ruleset {
        &self.compiled.rules
    }

    fn plans(&self, id: RuleId) -> Vec<(Vec<String>, EventPlan)> {
        let mut plans: Vec<(Vec<Key>, EventPlan)> = Vec::new();
        for key in self.rules().keys() {
            let Some(plan) = self.rules().explain(id, key, &|field| self.field_name(field)) else { continue };
            match plans.iter_mut().find(|(_, known)| *known == plan) {
                Some((keys, _)) => keys.push(key),
                None => plans.push((vec![key], plan)),
            }
        }
        plans.into_iter().map(|(keys, plan)| (self.schema.type_names(&keys), plan)).collect()
    }
}

impl<S: EventSchema> SourceRules<S> {
    pub(crate) fn new(schema: S, compiled: Compiled) -> Self {
        Self { schema, compiled }
    }

    /// Returns the schema.
    pub fn schema(&self) -> &S {
        &self.schema
    }

    /// Returns the rules.
    pub fn rules(&self) -> &Ruleset {
        &self.compiled.rules
    }

    fn field_name(&self, field: u32) -> String {
        self.schema.field_name(FieldId(field))
    }

    /// The fields that the alert of a rule is made of, for whoever keeps events.
    pub fn output_fields(&self, id: RuleId) -> Vec<FieldId> {
        let output = &self.rules().rule(id).output;
        let also = self.compiled.also.iter().flat_map(|also| also.fields_of(output));
        self.compiled.writer.fields_of(output).chain(also).collect()
    }

    /// The alert of a rule for an event, whether it matches or not.
    pub fn alert<'a, E: Event>(&'a self, id: RuleId, event: &E, arena: &Bump, texts: &'a mut Texts) -> Alert<'a> {
        let rule = self.rules().rule(id);
        texts.text.clear();
        self.compiled.writer.write(&rule.output, event, arena, &mut texts.text);
        texts.also.clear();
        if let Some(also) = &self.compiled.also {
            also.write(&rule.output, event, arena, &mut texts.also);
        }
        texts.key.clear();
        if let Some(key) = &rule.output.key {
            key.render(event, arena, &mut texts.key);
        }
        Alert { rule, id, text: &texts.text, key: rule.output.key.as_ref().map(|_| &texts.key[..]), also: &texts.also }
    }

    /// Creates what runs them: one for each thread that evaluates.
    pub fn runner(self: &Arc<Self>) -> Runner<S> {
        Runner {
            machine: Machine::new(self.rules()),
            rules: Arc::clone(self),
            matched: Vec::new(),
            texts: Texts::default(),
        }
    }
}

/// Runs the rules of one source, event by event. To change the rules, make a runner of the new ones between two events.
#[derive(Debug)]
pub struct Runner<S> {
    rules: Arc<SourceRules<S>>,
    machine: Machine,
    matched: Vec<RuleId>,
    texts: Texts,
}

/// Where an alert is written to.
#[derive(Debug, Default)]
pub struct Texts {
    text: Vec<u8>,
    key: Vec<u8>,
    also: Vec<u8>,
}

impl<S: EventSchema<Error = Infallible>> Runner<S> {
    /// Evaluates an event and calls `alert` for every match.
    #[inline]
    pub fn process<'a>(&'a mut self, input: S::Input<'a>, alert: impl FnMut(Alert<'_>)) {
        let Ok(()) = self.try_process(input, alert);
    }
}

impl<S: EventSchema> Runner<S> {
    /// Evaluates an event and calls `alert` for every match.
    ///
    /// # Errors
    /// If the input is not an event of this schema.
    #[inline]
    pub fn try_process<'a>(&'a mut self, input: S::Input<'a>, alert: impl FnMut(Alert<'_>)) -> Result<(), S::Error> {
        let event = self.rules.schema.event(input)?;
        // Most events are of types that no rule is about: those end here.
        if self.rules.compiled.rules.may_match(event.key()) {
            run(&self.rules, &mut self.machine, &mut self.matched, &mut self.texts, &event, alert);
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
fn run<S: EventSchema, E: Event>(
    rules: &SourceRules<S>,
    machine: &mut Machine,
    matched: &mut Vec<RuleId>,
    texts: &mut Texts,
    event: &E,
    mut alert: impl FnMut(Alert<'_>),
) {
    matched.clear();
    rules.compiled.rules.process(machine, event, |rule| {
        matched.push(rule);
        ControlFlow::Continue(())
    });
    for &id in &*matched {
        alert(rules.alert(id, event, machine.arena(), texts));
    }
}
