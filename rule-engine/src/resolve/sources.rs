//! The sources of rules: a schema each, and the conditions that were compiled for it.

use std::sync::Arc;

use super::ResolvedCorrelation;
use crate::engine::{self, Shared, SourceRules};
use crate::event::{EventSchema, FieldError, FieldInfo, Key, Schema, Scope, ScopeSource, near_field};
use crate::lower::{CompileError, CompileErrorKind, Condition};
use crate::output::{Template, TemplateError};
use crate::ruleset::RulesetBuilder;
use crate::syntax::ast::{Expr, Operand, Position};
use crate::syntax::{parse, parse_operand};

/// The results of a condition that depend on the name of an event's type only.
mod names {
    use crate::syntax::ast::{Check, Expr, Operand, Operator, Right};

    /// Returns whether it can be true, and whether it can be false, for events of that name.
    pub(super) fn verdicts(tree: &Expr, name: &[u8]) -> (bool, bool) {
        match tree {
            Expr::And(parts, _) => fold(parts, name, |a, b| (a.0 && b.0, a.1 || b.1), (true, false)),
            Expr::Or(parts, _) => fold(parts, name, |a, b| (a.0 || b.0, a.1 && b.1), (false, true)),
            Expr::Not(inner, _) => {
                let (yes, no) = verdicts(inner, name);
                (no, yes)
            }
            Expr::Defined(definition) => verdicts(definition.tree(), name),
            Expr::Exists(left, _) if is_type(left) => (true, false),
            Expr::Check(check, _) => self::check(check, name).map_or((true, true), |truth| (truth, !truth)),
            Expr::Exists(..) | Expr::Macro(..) => (true, true),
        }
    }

    type Verdict = (bool, bool);

    fn fold(parts: &[Expr], name: &[u8], join: impl Fn(Verdict, Verdict) -> Verdict, start: Verdict) -> Verdict {
        parts.iter().fold(start, |all, part| join(all, verdicts(part, name)))
    }

    fn is_type(operand: &Operand) -> bool {
        matches!(operand, Operand::Field(field, _) if matches!(field.name.as_str(), "evt.type" | "syscall.type"))
    }

    fn check(check: &Check, name: &[u8]) -> Option<bool> {
        if !is_type(&check.left) || check.modifier.is_some() {
            return None;
        }
        match (check.op, &check.right) {
            (Operator::Eq | Operator::EqEq, Right::Value(value)) => Some(value == name),
            (Operator::Ne, Right::Value(value)) => Some(value != name),
            (Operator::In, Right::List(values)) => Some(values.iter().any(|value| value == name)),
            (Operator::In, Right::Name(value)) => Some(value.as_bytes() == name),
            _ => None,
        }
    }
}

/// The sources of rules.
#[derive(Default)]
pub struct Sources {
    names: Vec<String>,
    all: Vec<Source>,
    /// The correlations of the last load.
    pub(crate) correlations: Vec<ResolvedCorrelation>,
}

/// A source, with the conditions that the last load compiled.
pub(crate) struct Source {
    pub(crate) schema: Box<dyn OwnedSchema>,
    pub(crate) builder: RulesetBuilder,
}

/// A schema that rules will own, of any type.
pub(crate) trait OwnedSchema: Send + Sync {
    /// Borrows it.
    fn names(&self) -> &dyn Schema;
    /// Borrows it, to resolve names.
    fn names_mut(&mut self) -> &mut dyn Schema;
    /// Makes it the owner of compiled rules.
    fn own(self: Box<Self>, compiled: engine::Compiled) -> Shared;
}

impl<S: EventSchema> OwnedSchema for S {
    fn names(&self) -> &dyn Schema {
        self
    }

    fn names_mut(&mut self) -> &mut dyn Schema {
        self
    }

    fn own(self: Box<Self>, compiled: engine::Compiled) -> Shared {
        Arc::new(SourceRules::new(*self, compiled))
    }
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources").field("names", &self.names).finish_non_exhaustive()
    }
}

impl Sources {
    /// Creates an empty collection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a source, under the name that its schema has.
    #[must_use]
    pub fn with<S: EventSchema>(mut self, schema: S) -> Self {
        self.names.push(schema.source().to_owned());
        self.all.push(Source { schema: Box::new(schema), builder: RulesetBuilder::new() });
        self
    }

    /// Returns all sources, and the correlations of the last load.
    pub(crate) fn into_all(self) -> (Vec<Source>, Vec<ResolvedCorrelation>) {
        (self.all, self.correlations)
    }

    fn find(&mut self, source: &str) -> Option<&mut Source> {
        let at = self.names.iter().position(|name| name == source)?;
        self.all.get_mut(at)
    }
}

impl Sources {
    /// Discards what was compiled before: called before a collection is resolved.
    pub(crate) fn begin(&mut self) {
        for source in &mut self.all {
            source.builder = RulesetBuilder::new();
        }
        self.correlations.clear();
    }

    /// Returns the names of the sources.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns whether a source is known.
    pub fn knows(&self, source: &str) -> bool {
        self.names.iter().any(|known| known == source)
    }

    /// Returns whether a text is a field, or a transformer of one.
    ///
    /// # Errors
    /// If it is one, but not complete.
    pub fn field(&mut self, source: &str, text: &str) -> Result<bool, FieldError> {
        let Some(source) = self.find(source) else { return Ok(false) };
        // A transformer is valid if a check of it would be.
        if text.contains('(') {
            let Ok(tree) = parse(&format!("{text} exists")) else { return Ok(false) };
            return Ok(RulesetBuilder::new().condition(source.schema.names_mut(), &tree).is_ok());
        }
        let Ok((Operand::Field(field, _), end)) = parse_operand(text) else { return Ok(false) };
        if end != text.len() {
            return Ok(false);
        }
        match source.schema.names_mut().field(&field.name, field.arg.as_deref()) {
            Ok(_) => Ok(true),
            Err(FieldError::Unknown { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns the field of a key.
    ///
    /// # Errors
    /// If there is no such field, in Falco's words.
    pub(super) fn key_field(&mut self, source: &str, text: &str) -> Result<FieldInfo, String> {
        let Some(source) = self.find(source) else { return Err("unknown source".to_owned()) };
        match parse_operand(text) {
            Ok((Operand::Field(field, _), end)) if end == text.len() => {
                source.schema.names_mut().field(&field.name, field.arg.as_deref()).map_err(|error| error.to_string())
            }
            _ => Err("that is not the name of a field".to_owned()),
        }
    }

    /// Returns how events of a source belong to a scope.
    pub(super) fn scope(&self, source: &str, scope: Scope) -> ScopeSource {
        let at = self.names.iter().position(|name| name == source);
        at.map_or(ScopeSource::None, |at| self.all[at].schema.names().scope(scope))
    }

    /// Returns a field for a hint.
    pub fn near_field(&self, source: &str, text: &str) -> Option<String> {
        near_field(self.schema(source)?, text)
    }

    /// Returns the schema of a source.
    pub(super) fn schema(&self, source: &str) -> Option<&dyn Schema> {
        let at = self.names.iter().position(|name| name == source)?;
        Some(self.all[at].schema.names())
    }

    /// Compiles a condition.
    ///
    /// # Errors
    /// If a field, operator or constant is invalid.
    pub(super) fn condition(&mut self, source: &str, tree: &Expr) -> Result<Condition, CompileError> {
        let Some(source) = self.find(source) else {
            return Err(CompileError::new(CompileErrorKind::UnknownSource, Position::START));
        };
        source.builder.condition(source.schema.names_mut(), tree)
    }

    /// Parses an output.
    ///
    /// # Errors
    /// If it names something that is not a field.
    pub(super) fn template(&mut self, source: &str, text: &str) -> Result<Template, TemplateError> {
        let Some(source) = self.find(source) else { return Err(TemplateError::UnknownSource) };
        Template::parse(text, source.schema.names_mut())
    }

    /// Returns the types of the events that a condition may match, by name. An empty source means that of a macro.
    pub fn event_types(&mut self, source: &str, tree: &Expr) -> Vec<String> {
        // A macro has no source: use that of system calls.
        let source = if source.is_empty() { "syscall" } else { source };
        let Some(source) = self.find(source) else { return Vec::new() };
        let count = source.schema.names().key_count();
        let all = || (0..count).filter_map(|key| u16::try_from(key).ok().map(Key)).collect();
        // An unused macro may have errors.
        let keys: Vec<Key> = match RulesetBuilder::new().condition(source.schema.names_mut(), tree) {
            Ok(condition) => condition.keys().iter().collect(),
            Err(_) => all(),
        };
        let mut names = source.schema.names().type_names(&keys);
        // Several types may share a key: check the condition for each.
        names.retain(|name| names::verdicts(tree, name.as_bytes()).0);
        names.extend(source.schema.names().type_names(&source.schema.names().common_keys()));
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Returns the fields of an output.
    pub fn output_fields(&mut self, source: &str, text: &str) -> Vec<String> {
        let Ok(template) = self.template(source, text) else { return Vec::new() };
        template.fields().chain(template.transformers()).map(str::to_owned).collect()
    }
}
