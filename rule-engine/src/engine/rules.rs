//! Compiled rules, with the schemas that they own, and the parts of their alerts.

use std::any::Any;
use std::sync::Arc;

use bumpalo::Bump;

use super::correlations::{Correlations, steps_field};
use super::owned::OwnedAlert;
use super::{AlertKind, Config, Runner};
use crate::event::text::iso8601;
use crate::event::{Event, EventSchema, FieldId, Key, Schema};
use crate::output::{Output, Template, TemplateError};
use crate::ruleset::{EventPlan, RuleId, Ruleset};

/// The rules of all sources, compiled. Copies are cheap and share the rules.
///
/// Rules own the schema that they were compiled with, so what runs them is typed by it.
#[derive(Debug, Clone)]
pub struct CompiledRules {
    sources: Arc<[Shared]>,
}

/// The rules of a source whose schema's type is not known here.
pub(crate) type Shared = Arc<dyn AnySourceRules>;

/// The rules of a source of events, of whatever type.
pub trait AnySourceRules: Any + Send + Sync + std::fmt::Debug {
    /// Returns the rules.
    fn rules(&self) -> &Ruleset;

    /// Returns the plans of a rule: the event types that it can match, those with the same plan together, and the plan
    /// for them.
    fn plans(&self, id: RuleId) -> Vec<(Vec<String>, EventPlan)>;

    /// Returns the condition of a rule as typed, shared expressions, for people: a node a line.
    fn expressions(&self, id: RuleId) -> String;

    /// Returns the name of a field of these rules, with its argument, by its number.
    fn field_name(&self, field: u32) -> String;

    /// Returns the correlations over all sources; `None` without any.
    fn correlations(&self) -> Option<&Arc<Correlations>>;
}

/// The reason why the rules of a source are not available.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// There is no source of that name.
    #[error("unknown source `{name}`, expected {known}")]
    Unknown {
        /// The name.
        name: String,
        /// The names of the existing sources.
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

    /// Returns the correlations over all sources; `None` without any.
    pub fn correlations(&self) -> Option<&Arc<Correlations>> {
        self.sources.first()?.correlations()
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

/// The compiled rules of a source, without its schema.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) rules: Ruleset,
    pub(super) times: Times,
    alerts: Box<[AlertFields]>,
    /// Those of [`Config::fields`] that the source has.
    pub(super) watched: Box<[(String, Template)]>,
    /// The correlations over all sources.
    pub(crate) correlations: Option<Arc<Correlations>>,
    /// The field of the steps of matches, if these are the alerts of correlations.
    pub(super) steps: Option<FieldId>,
}

/// The fields of the time of an event.
#[derive(Debug)]
pub(super) struct Times {
    clock: Template,
    iso8601: Option<Template>,
}

/// The parts of a rule's alerts.
#[derive(Debug)]
pub(super) struct AlertFields {
    /// In the order of the output.
    pub(super) rows: Box<[Row]>,
    /// The rows by their names.
    pub(super) sorted: Box<[usize]>,
    /// Sorted, each once.
    pub(super) tags: Box<[String]>,
    /// The fields that an alert needs when its event is gone.
    pub(super) kept: Box<[FieldId]>,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: Box<str>,
    pub(super) origin: Origin,
}

/// The origin of a value.
#[derive(Debug)]
pub(super) enum Origin {
    Field(FieldId),
    /// The text of an extra field of the output.
    Extra(usize),
    Missing,
}

const CLOCK: &str = "evt.time";
const ISO8601: &str = "evt.time.iso8601";

impl Times {
    fn new(schema: &mut dyn Schema) -> Result<Self, TemplateError> {
        let clock = Template::parse(&format!("%{CLOCK}"), schema)?;
        Ok(Self { clock, iso8601: Template::parse(&format!("%{ISO8601}"), schema).ok() })
    }

    /// Appends the time of an event in the form at the beginning of an alert.
    pub(super) fn write(&self, event: &&dyn Event, iso: bool, arena: &Bump, out: &mut Vec<u8>) {
        match (iso, &self.iso8601) {
            (false, _) => self.clock.render(event, arena, out),
            (true, Some(time)) => time.render(event, arena, out),
            (true, None) => iso8601(event.time(), "+0000", out),
        }
    }

    /// Returns the name of the field of the time, and the field if the schema has it.
    pub(super) fn field(&self, iso: bool) -> (&'static str, Option<FieldId>) {
        if iso {
            (ISO8601, self.iso8601.as_ref().and_then(|time| time.field_ids().next()))
        } else {
            (CLOCK, self.clock.field_ids().next())
        }
    }

    fn field_ids(&self) -> impl Iterator<Item = FieldId> {
        self.clock.field_ids().chain(self.iso8601.iter().flat_map(Template::field_ids))
    }
}

impl AlertFields {
    fn new(output: &Output, times: &Times, watched: &[(String, Template)]) -> Self {
        let mut rows: Vec<Row> = Vec::new();
        let mut set = |name: &str, origin: Origin| match rows.iter_mut().find(|row| &*row.name == name) {
            Some(row) => row.origin = origin,
            None => rows.push(Row { name: name.into(), origin }),
        };
        for (name, field) in output.message.named_fields() {
            set(name, Origin::Field(field));
        }
        for (place, extra) in output.extra.iter().enumerate() {
            let raw = extra.template.named_fields().filter(|(name, _)| *name == extra.key).last();
            set(
                &extra.key,
                match raw {
                    _ if !extra.raw => Origin::Extra(place),
                    Some((_, field)) => Origin::Field(field),
                    None => Origin::Missing,
                },
            );
        }
        let mut sorted: Vec<usize> = (0..rows.len()).collect();
        sorted.sort_by(|a, b| rows[*a].name.cmp(&rows[*b].name));
        let mut tags = output.tags.clone();
        tags.sort_unstable();
        tags.dedup();
        let extra = output.extra.iter().flat_map(|extra| extra.template.field_ids());
        let watched = watched.iter().flat_map(|(_, template)| template.field_ids());
        let mut kept: Vec<FieldId> =
            times.field_ids().chain(output.message.field_ids()).chain(extra).chain(watched).collect();
        kept.sort_unstable();
        kept.dedup();
        Self { rows: rows.into(), sorted: sorted.into(), tags: tags.into(), kept: kept.into() }
    }
}

/// A watched field that the source does not have, with the reason.
type Unknown<'c> = (&'c str, TemplateError);

impl Compiled {
    /// Resolves the fields of alerts. `watched` receives the fields that the source has; the others are returned with
    /// the reason.
    pub(crate) fn new<'c>(
        schema: &mut dyn Schema,
        config: &'c Config,
        build: impl FnOnce(&dyn Schema) -> Ruleset,
    ) -> Result<(Self, Vec<Unknown<'c>>), TemplateError> {
        let (mut watched, mut unknown) = (Vec::new(), Vec::new());
        for field in &config.fields {
            match Template::parse(&format!("%{field}"), schema) {
                Ok(template) => watched.push((field.clone(), template)),
                Err(error) => unknown.push((field.as_str(), error)),
            }
        }
        let times = Times::new(schema)?;
        let rules = build(schema);
        let alerts = rules.rules().iter().map(|rule| AlertFields::new(&rule.output, &times, &watched)).collect();
        let watched = watched.into();
        Ok((Self { rules, times, alerts, watched, correlations: None, steps: None }, unknown))
    }

    /// Does the same as [`new`](Self::new) for matches of correlations.
    pub(crate) fn of_matches<'c>(
        schema: &mut dyn Schema,
        config: &'c Config,
        build: impl FnOnce(&dyn Schema) -> Ruleset,
    ) -> Result<(Self, Vec<Unknown<'c>>), TemplateError> {
        let (mut compiled, unknown) = Self::new(schema, config, build)?;
        compiled.steps = steps_field();
        for alert in &mut compiled.alerts {
            let mut kept: Vec<FieldId> = alert.kept.iter().copied().chain(compiled.steps).collect();
            kept.sort_unstable();
            alert.kept = kept.into();
        }
        Ok((compiled, unknown))
    }

    pub(super) fn kind(&self) -> AlertKind {
        if self.steps.is_some() { AlertKind::Correlation } else { AlertKind::Rule }
    }

    pub(super) fn of(&self, id: RuleId) -> &AlertFields {
        &self.alerts[id.0 as usize]
    }
}

/// The rules of one source, with the schema that they were compiled with. They never change and can be shared between
/// threads.
pub struct SourceRules<S> {
    pub(super) schema: S,
    pub(super) compiled: Arc<Compiled>,
}

impl<S> std::fmt::Debug for SourceRules<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceRules").field("compiled", &self.compiled).finish_non_exhaustive()
    }
}

impl<S: EventSchema> AnySourceRules for SourceRules<S> {
    fn correlations(&self) -> Option<&Arc<Correlations>> {
        self.compiled.correlations.as_ref()
    }

    fn rules(&self) -> &Ruleset {
        &self.compiled.rules
    }

    fn field_name(&self, field: u32) -> String {
        self.schema.field_name(FieldId(field))
    }

    fn expressions(&self, id: RuleId) -> String {
        self.rules().expressions(id, &|field| self.field_name(field))
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
        Self { schema, compiled: Arc::new(compiled) }
    }

    /// Returns the schema.
    pub fn schema(&self) -> &S {
        &self.schema
    }

    /// Returns the rules.
    pub fn rules(&self) -> &Ruleset {
        &self.compiled.rules
    }

    /// Returns the fields that the alerts of the rule at a place depend on.
    #[cfg(feature = "sinsp")]
    pub(crate) fn output_fields(&self, place: usize) -> impl Iterator<Item = FieldId> {
        self.compiled.of(RuleId(place as u32)).kept.iter().copied()
    }

    /// Returns the fields of these events that correlations keep or compare.
    #[cfg(feature = "sinsp")]
    pub(crate) fn correlated_fields(&self) -> Vec<FieldId> {
        self.compiled.correlations.as_ref().map(|set| set.fields_of_events()).unwrap_or_default()
    }

    /// Returns whether an alert of a rule depends on a field whose name `wanted` selects.
    pub fn output_has(&self, id: RuleId, wanted: impl Fn(&str) -> bool) -> bool {
        self.compiled.of(id).kept.iter().any(|field| wanted(&self.schema.field_name(*field)))
    }

    /// Copies those fields of an alert whose names `wanted` selects from a later event. Returns false if the alert is
    /// not one of these rules.
    ///
    /// # Errors
    /// If the input is not an event of this schema.
    pub fn refresh<'a>(
        &'a self,
        alert: &mut OwnedAlert,
        input: S::Input<'a>,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<bool, S::Error> {
        let event = self.schema.event(input)?;
        Ok(alert.replace(&self.compiled, &event, |field| wanted(&self.schema.field_name(field))))
    }

    /// Creates a runner: one for each thread that evaluates.
    pub fn runner(self: &Arc<Self>) -> Runner<S> {
        Runner::new(self)
    }
}
