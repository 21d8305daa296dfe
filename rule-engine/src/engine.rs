//! The engine: sources of events, the rules about them, and what is written when they match.
//!
//! ```
//! use peregrine_rule_engine::engine::{Sources, Settings};
//! use peregrine_rule_engine::event::json::{JsonEvent, JsonSchema};
//! use peregrine_rule_engine::load::Loader;
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
//! let (mut sources, rules) = loader.into_backend().engine(loaded.into_rules(), &Settings::default())?;
//!
//! let schema: &JsonSchema = sources.schema("login").expect("the source");
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

use crate::event::{Event, Schema};
use crate::load::LoadedRule;
use crate::lower;
use crate::output::{ExtraField, Format, Output, Priority, Template, TemplateError, Writer};
use crate::resolve::{Backend, Compiled};
use crate::ruleset::{Capture, Machine, Options, Rule, RuleId, Ruleset, RulesetBuilder, Selection};
use crate::syntax::ast::{Expr, Position};

/// A schema that can be had back as what it is.
pub trait AnySchema: Schema + Send + Sync + Any {
    /// As any type.
    fn as_any(&self) -> &dyn Any;
    /// As a schema.
    fn as_schema(&mut self) -> &mut dyn Schema;
}

impl<S: Schema + Send + Sync + Any> AnySchema for S {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_schema(&mut self) -> &mut dyn Schema {
        self
    }
}

struct Source {
    schema: Box<dyn AnySchema>,
    builder: RulesetBuilder,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("source", &self.schema.source()).finish_non_exhaustive()
    }
}

/// The sources of events that rules may be about: what the loader of rule files asks.
#[derive(Debug, Default)]
pub struct Sources {
    names: Vec<String>,
    rows: Vec<Source>,
}

/// How an engine is run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How sets of rules are run.
    pub options: Options,
    /// What alerts look like.
    pub format: Format,
    /// The least grave priority that is heeded.
    pub priority: Priority,
    /// Switches, applied in this order.
    pub selections: Vec<Selection>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { options: Options::default(), format: Format::new(""), priority: Priority::Debug, selections: Vec::new() }
    }
}

impl Sources {
    /// No sources.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a source.
    #[must_use]
    pub fn with(mut self, schema: impl AnySchema) -> Self {
        self.names.push(schema.source().to_owned());
        self.rows.push(Source { schema: Box::new(schema), builder: RulesetBuilder::new() });
        self
    }

    /// The schema of a source, as the type it has.
    pub fn schema<S: AnySchema>(&self, source: &str) -> Option<&S> {
        self.rows.iter().find(|row| row.schema.source() == source)?.schema.as_any().downcast_ref()
    }

    fn row(&mut self, source: &str) -> Option<&mut Source> {
        self.rows.iter_mut().find(|row| row.schema.source() == source)
    }

    /// The sets of loaded rules, one per source in the order of the sources; and the sources, now with the numbers of all
    /// fields that the rules name.
    ///
    /// # Errors
    /// If a source has no field for the time of its events.
    pub fn engine(
        mut self,
        rules: Vec<LoadedRule<lower::Condition, Template>>,
        settings: &Settings,
    ) -> Result<(Self, Vec<Arc<SourceRules>>), TemplateError> {
        for loaded in rules {
            let Some(row) = self.row(&loaded.source) else { continue };
            let priority = Priority::ALL.get(usize::from(loaded.priority)).copied().unwrap_or(Priority::Debug);
            let capture = (loaded.capture_duration > 0).then_some(loaded.capture_duration);
            let extra = loaded.extra.into_iter().map(|(field, template)| ExtraField {
                key: field.name,
                template,
                raw: field.raw,
            });
            let output = Output {
                rule: loaded.name,
                priority,
                source: loaded.source,
                tags: loaded.tags,
                message: loaded.template,
                extra: extra.collect(),
            };
            let rule = Rule {
                output,
                enabled: loaded.enabled,
                capture: loaded.capture.then_some(Capture { milliseconds: capture }),
            };
            row.builder.add(rule, loaded.condition);
        }
        let mut sets = Vec::with_capacity(self.rows.len());
        for row in &mut self.rows {
            for selection in &settings.selections {
                selection.apply(row.builder.rules_mut());
            }
            for rule in row.builder.rules_mut().filter(|rule| rule.output.priority > settings.priority) {
                rule.enabled = false;
            }
            let writer = Writer::new(settings.format.clone(), row.schema.as_schema())?;
            let rules = row.builder.build(row.schema.as_schema(), settings.options);
            sets.push(Arc::new(SourceRules { rules, writer }));
        }
        Ok((self, sets))
    }
}

impl Backend for Sources {
    type Condition = lower::Condition;
    type Template = Template;

    fn begin(&mut self) {
        for row in &mut self.rows {
            row.builder = RulesetBuilder::new();
        }
    }

    fn sources(&self) -> &[String] {
        &self.names
    }

    fn field(&mut self, source: &str, text: &str) -> Result<bool, String> {
        let Some(row) = self.row(source) else { return Ok(false) };
        if row.schema.is_field(text) {
            return Ok(true);
        }
        let Ok((operand, used)) = crate::syntax::parse_operand(text) else { return Ok(false) };
        if used != text.len() {
            return Ok(false);
        }
        match row.builder.operand(row.schema.as_schema(), &operand) {
            Ok(()) => Ok(true),
            Err(message) if message.contains("nonexistent field") => Ok(false),
            Err(message) => Err(message),
        }
    }

    fn near_field(&self, source: &str, text: &str) -> Option<String> {
        let row = self.rows.iter().find(|row| row.schema.source() == source)?;
        let names = row.schema.field_names();
        crate::diag::nearest(text, names.iter().map(|name| &**name)).map(str::to_owned)
    }

    fn condition(&mut self, source: &str, tree: &Expr) -> Result<Compiled<Self::Condition>, (String, Position)> {
        let unknown = || (format!("unknown source {source}"), Position::START);
        let row = self.row(source).ok_or_else(unknown)?;
        let condition =
            row.builder.condition(row.schema.as_schema(), tree).map_err(|error| (error.message, error.position))?;
        let event_types = condition.keys().len();
        let hints = condition.warnings().iter().map(|hint| (hint.message.clone(), hint.position)).collect();
        Ok(Compiled { condition, event_types, hints })
    }

    fn template(&mut self, source: &str, text: &str) -> Result<Self::Template, String> {
        let row = self.row(source).ok_or_else(|| format!("unknown source {source}"))?;
        Template::parse(text, row.schema.as_schema()).map_err(|error| error.message)
    }
}

/// The rules of one source and how their alerts are written. It never changes and can be shared between threads.
#[derive(Debug)]
pub struct SourceRules {
    rules: Ruleset,
    writer: Writer,
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
}

impl SourceRules {
    /// The rules.
    pub fn rules(&self) -> &Ruleset {
        &self.rules
    }

    /// What runs them: one for each thread that evaluates.
    pub fn runner(self: &Arc<Self>) -> Runner {
        Runner { machine: Machine::new(&self.rules), rules: Arc::clone(self), matched: Vec::new(), text: Vec::new() }
    }
}

/// Runs the rules of one source, event by event. To change the rules, make a runner of the new ones between two events.
#[derive(Debug)]
pub struct Runner {
    rules: Arc<SourceRules>,
    machine: Machine,
    matched: Vec<RuleId>,
    text: Vec<u8>,
}

impl Runner {
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
            let rule = self.rules.rules.rule(id);
            self.text.clear();
            self.rules.writer.write(&rule.output, event, self.machine.arena(), &mut self.text);
            alert(Alert { rule, id, text: &self.text });
        }
    }

    /// The machine, for profiles.
    pub fn machine_mut(&mut self) -> (&mut Machine, &Ruleset) {
        (&mut self.machine, &self.rules.rules)
    }
}
