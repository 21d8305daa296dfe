//! The engine: sources of events, the rules about them, and what is written when they match.
//!
//! ```
//! use peregrine_rule_engine::engine::{self, Settings};
//! use peregrine_rule_engine::event::json::{JsonEvent, JsonSchema};
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
//! let mut loader = Loader::new(Sources::new().with(Box::new(JsonSchema::new("login"))));
//! let loaded = loader.load([("rules.yaml", &rules[..])]);
//! assert!(loaded.is_successful());
//! let rules = engine::build(loader.into_sources(), loaded.into_rules(), &Settings::default())?;
//!
//! let schema: &JsonSchema = rules[0].schema().expect("a source of JSON");
//! let event = JsonEvent::parse(schema, br#"{"user": "root", "from": "192.0.2.1"}"#)?;
//! let mut runner = rules[0].runner();
//! let mut alerts = Vec::new();
//! runner.process(&event, |alert| alerts.push(String::from_utf8_lossy(alert.text).into_owned()));
//! assert_eq!(alerts, ["00:00:00.000000000: Warning root logged in (from=192.0.2.1)"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::any::Any;
use std::ops::ControlFlow;
use std::sync::Arc;

use bumpalo::Bump;

use crate::event::{Event, FieldId, Key, Schema};
use crate::load::{LoadedRule, Sources};
use crate::output::{ExtraField, Format, Output, Priority, Template, TemplateError, Writer};
use crate::ruleset::{Capture, EventPlan, Machine, Options, Profile, Rule, RuleId, Ruleset, Selection, Selector};

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

/// The sets of loaded rules, one per source in the order of the sources.
///
/// # Errors
/// If a source has no field for the time of its events, or no source has a field of a key.
pub fn build(
    sources: Sources,
    rules: Vec<LoadedRule>,
    settings: &Settings,
) -> Result<Vec<Arc<SourceRules>>, TemplateError> {
    let mut rows: Vec<_> = sources.into_parts().collect();
    for loaded in rules {
        let Some((_, builder)) = rows.iter_mut().find(|(schema, _)| schema.source() == loaded.source) else { continue };
        let priority = Priority::ALL.get(usize::from(loaded.priority)).copied().unwrap_or(Priority::Debug);
        let milliseconds = (loaded.capture_duration > 0).then_some(loaded.capture_duration);
        let extra = loaded.extra.into_iter();
        let output = Output {
            rule: loaded.name,
            priority,
            source: loaded.source,
            tags: loaded.tags,
            message: loaded.template,
            extra: extra.map(|(field, template)| ExtraField { key: field.name, template, raw: field.raw }).collect(),
            key: None,
        };
        let capture = loaded.capture.then_some(Capture { milliseconds });
        builder.add(Rule { output, enabled: loaded.enabled, capture }, loaded.condition);
    }
    let mut sets = Vec::with_capacity(rows.len());
    // The first complaint about each field that no source has had yet.
    let mut unknown: Vec<(&str, TemplateError)> = Vec::new();
    for (place, (mut schema, mut builder)) in rows.into_iter().enumerate() {
        let mut keys = Vec::with_capacity(settings.keys.len());
        for key in &settings.keys {
            let mut text = String::new();
            for field in &key.fields {
                match Template::parse(&format!("%{field}"), &mut *schema) {
                    Ok(_) => {
                        // The values of two fields do not run into each other.
                        text.push_str(&format!("%{field}\u{1}"));
                        unknown.retain(|(name, _)| name != field);
                    }
                    Err(error) if place == 0 => unknown.push((field, error)),
                    Err(_) => {}
                }
            }
            keys.push(if text.is_empty() { Template::default() } else { Template::parse(&text, &mut *schema)? });
        }
        for rule in builder.rules_mut() {
            let key = settings.keys.iter().position(|key| key.rules.selects(rule));
            rule.output.key = key.map(|place| keys[place].clone());
        }
        for selection in &settings.selections {
            builder.select(selection);
        }
        builder.select(&Selection { rules: Selector::Below(settings.priority), enable: false });
        let writer = Writer::new(settings.format.clone(), &mut *schema)?;
        let also = settings.also.clone().map(|format| Writer::new(format, &mut *schema)).transpose()?;
        let rules = builder.build(&*schema, settings.options);
        sets.push(Arc::new(SourceRules { schema, rules, writer, also }));
    }
    if let Some((_, error)) = unknown.into_iter().next() {
        return Err(error);
    }
    Ok(sets)
}

/// The rules of one source and how their alerts are written. It never changes and can be shared between threads.
pub struct SourceRules {
    schema: Box<dyn Schema>,
    rules: Ruleset,
    writer: Writer,
    also: Option<Writer>,
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

impl std::fmt::Debug for SourceRules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceRules").field("rules", &self.rules).field("writer", &self.writer).finish_non_exhaustive()
    }
}

impl SourceRules {
    /// The schema, if it is of that type: events are made with it, for it numbered the fields.
    pub fn schema<S: Schema>(&self) -> Option<&S> {
        let schema: &dyn Any = &*self.schema;
        schema.downcast_ref()
    }

    /// The rules.
    pub fn rules(&self) -> &Ruleset {
        &self.rules
    }

    /// How a rule is run: the event types that it can match, those that are run alike together, and the plan for them.
    pub fn plans(&self, id: RuleId) -> Vec<(Vec<String>, EventPlan)> {
        let mut plans: Vec<(Vec<Key>, EventPlan)> = Vec::new();
        for key in self.rules.keys() {
            let Some(plan) = self.rules.explain(id, key, &|field| self.field_name(field)) else { continue };
            match plans.iter_mut().find(|(_, known)| *known == plan) {
                Some((keys, _)) => keys.push(key),
                None => plans.push((vec![key], plan)),
            }
        }
        plans.into_iter().map(|(keys, plan)| (self.schema.type_names(&keys), plan)).collect()
    }

    fn field_name(&self, field: u32) -> String {
        self.schema.field_name(FieldId(field))
    }

    /// The fields that the alert of a rule is made of, for whoever keeps events.
    pub fn output_fields(&self, id: RuleId) -> Vec<FieldId> {
        let output = &self.rules.rule(id).output;
        let also = self.also.iter().flat_map(|also| also.fields_of(output));
        self.writer.fields_of(output).chain(also).collect()
    }

    /// The alert of a rule for an event, whether it matches or not.
    pub fn alert<'a, E: Event>(&'a self, id: RuleId, event: &E, arena: &Bump, texts: &'a mut Texts) -> Alert<'a> {
        let rule = self.rules.rule(id);
        texts.text.clear();
        self.writer.write(&rule.output, event, arena, &mut texts.text);
        texts.also.clear();
        if let Some(also) = &self.also {
            also.write(&rule.output, event, arena, &mut texts.also);
        }
        texts.key.clear();
        if let Some(key) = &rule.output.key {
            key.render(event, arena, &mut texts.key);
        }
        Alert { rule, id, text: &texts.text, key: rule.output.key.as_ref().map(|_| &texts.key[..]), also: &texts.also }
    }

    /// What runs them: one for each thread that evaluates.
    pub fn runner(self: &Arc<Self>) -> Runner {
        Runner {
            machine: Machine::new(&self.rules),
            rules: Arc::clone(self),
            matched: Vec::new(),
            texts: Texts::default(),
        }
    }
}

/// Runs the rules of one source, event by event. To change the rules, make a runner of the new ones between two events.
#[derive(Debug)]
pub struct Runner {
    rules: Arc<SourceRules>,
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

impl Runner {
    /// Whether any rule may match events of a type: who makes an event of something else can leave out those of others.
    #[inline]
    pub fn concerns(&self, key: Key) -> bool {
        self.rules.rules.concerns(key)
    }

    /// Tells every alert of an event.
    #[inline]
    pub fn process<E: Event>(&mut self, event: &E, mut alert: impl FnMut(Alert<'_>)) {
        self.matched.clear();
        let matched = &mut self.matched;
        self.rules.rules.process(&mut self.machine, event, |rule| {
            matched.push(rule);
            ControlFlow::Continue(())
        });
        for place in 0..self.matched.len() {
            let id = self.matched[place];
            alert(self.rules.alert(id, event, self.machine.arena(), &mut self.texts));
        }
    }

    /// Begins to count what rules and their atoms cost. That makes them slower.
    pub fn profile(&mut self) {
        self.machine.profile(&self.rules.rules);
    }

    /// Counts no more, and forgets what was counted.
    pub fn end_profile(&mut self) {
        self.machine.end_profile();
    }

    /// Whether it counts.
    pub fn is_profiled(&self) -> bool {
        self.machine.is_profiled()
    }

    /// What was counted since [`profile`](Self::profile) was called.
    pub fn profiled(&self) -> Option<Profile> {
        self.machine.profiled(&self.rules.rules, &|field| self.rules.field_name(field))
    }
}
