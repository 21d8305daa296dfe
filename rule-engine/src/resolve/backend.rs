//! What resolving asks of the sources of events, and what a host adds to outputs.

use crate::source::item::Rule;
use crate::syntax::ast::{Expr, Position};

/// What the sources say of a condition.
#[derive(Debug)]
pub struct Compiled<C> {
    /// The condition, ready to run.
    pub condition: C,
    /// How many kinds of events may match.
    pub event_types: usize,
    /// What might be written better, and where.
    pub hints: Vec<(String, Position)>,
}

/// What the sources of events know; the one thing in this stage that depends on them.
pub trait Backend {
    /// A condition that is ready to run.
    type Condition;
    /// An output that is ready to print.
    type Template;

    /// Called before a collection is resolved: what was compiled before is of no use any more.
    fn begin(&mut self) {}

    /// The names of the sources.
    fn sources(&self) -> &[String];

    /// Whether a source is known.
    fn knows(&self, source: &str) -> bool {
        self.sources().iter().any(|known| known == source)
    }

    /// Whether a text is a field, or a transformer of one.
    ///
    /// # Errors
    /// If it is one, but not complete.
    fn field(&mut self, source: &str, text: &str) -> Result<bool, String>;

    /// A field that a wrong one may have been meant to be.
    fn near_field(&self, source: &str, text: &str) -> Option<String>;

    /// An event type that a wrong one may have been meant to be.
    fn near_event_type(&self, source: &str, text: &str) -> Option<String> {
        let _ = (source, text);
        None
    }

    /// The types of the events that a condition may match, by name. An empty source stands for that of a macro.
    fn event_types(&mut self, source: &str, tree: &Expr) -> Vec<String> {
        let _ = (source, tree);
        Vec::new()
    }

    /// The fields of an output.
    fn output_fields(&mut self, source: &str, text: &str) -> Vec<String> {
        let _ = (source, text);
        Vec::new()
    }

    /// Compiles a condition.
    ///
    /// # Errors
    /// If a field, operator or constant is wrong: a message and its position.
    fn condition(&mut self, source: &str, tree: &Expr) -> Result<Compiled<Self::Condition>, (String, Position)>;

    /// Reads an output.
    ///
    /// # Errors
    /// If it names what is no field.
    fn template(&mut self, source: &str, text: &str) -> Result<Self::Template, String>;
}

/// Text that is added to the outputs of rules.
#[derive(Debug, Clone, Default)]
pub struct ExtraOutput {
    /// Only to rules of this source.
    pub source: Option<String>,
    /// Only to rules with all of these tags.
    pub tags: Vec<String>,
    /// Only to this rule.
    pub rule: Option<String>,
    /// The text.
    pub format: Option<String>,
    /// Further output fields: name, and a field or a text with fields.
    pub fields: Vec<ExtraField>,
}

/// One further output field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraField {
    /// Its name in the alert.
    pub name: String,
    /// The text that gives its value.
    pub format: String,
    /// Whether the value keeps its type.
    pub raw: bool,
}

impl ExtraOutput {
    pub(super) fn applies(&self, rule: &Rule) -> bool {
        let source = self.source.as_ref().is_none_or(|source| source.is_empty() || *source == rule.source.text);
        let name = self.rule.as_ref().is_none_or(|name| name.is_empty() || *name == rule.name);
        source && name && self.tags.iter().all(|tag| rule.tags.contains(tag))
    }
}
