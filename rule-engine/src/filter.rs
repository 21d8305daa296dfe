//! Single conditions, without rules: one that an event matches or not, or thousands over one pass.

use std::convert::Infallible;
use std::ops::ControlFlow;

use crate::event::{EventSchema, FieldError, Key, Schema};
use crate::lower::Condition;
pub use crate::lower::{CompileError, CompileErrorKind, Warning};
use crate::output::{Output, Priority, Template};
use crate::ruleset::{Config, Machine, Matching, Rule, RuleId, Ruleset, RulesetBuilder};
use crate::syntax::ast::Expr;
use crate::syntax::{SyntaxError, parse_within};
use crate::text::Position;

/// The nesting that a filter on a command line may have, as in Falco's libraries.
const DEPTH: usize = 100;

/// The reason why a text is not a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// It is not a condition.
    #[error("{0}")]
    Syntax(SyntaxError, Option<String>),
    /// It has a comparison that is not possible.
    #[error("{0}")]
    Compile(CompileError, Option<String>),
}

impl FilterError {
    /// Returns the place of the error in the text.
    pub fn position(&self) -> Position {
        match self {
            Self::Syntax(error, _) => error.position,
            Self::Compile(error, _) => error.position,
        }
    }

    /// Returns a hint, such as "did you mean `proc.name`?".
    pub fn hint(&self) -> Option<&str> {
        let (Self::Syntax(_, hint) | Self::Compile(_, hint)) = self;
        hint.as_deref()
    }

    /// Returns the message for people, with the hint.
    ///
    /// ```
    /// use peregrine_rule_engine::event::json::JsonSchema;
    /// use peregrine_rule_engine::filter::Filter;
    ///
    /// let error = Filter::compile("jevt.valeu[/user] = root", JsonSchema::new("login")).unwrap_err();
    /// assert_eq!(error.explained(), "no field `jevt.valeu[/user]`; did you mean `jevt.value`?");
    /// ```
    pub fn explained(&self) -> String {
        let what = match self {
            Self::Compile(CompileError { kind: CompileErrorKind::Field(FieldError::Unknown { field }), .. }, _) => {
                format!("no field `{field}`")
            }
            other => other.to_string(),
        };
        match self.hint() {
            Some(hint) => format!("{what}; {hint}"),
            None => what,
        }
    }
}

/// The builder of a set of conditions that are evaluated together. Their common parts are evaluated once.
#[derive(Debug, Clone)]
pub struct FilterSetBuilder<S> {
    schema: S,
    rules: RulesetBuilder,
}

/// The properties of a condition that was added to a set.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Added {
    /// Its place in the set, from 0.
    pub place: usize,
    /// The tree of the condition.
    pub tree: Expr,
    /// The number of event types that it can match.
    pub event_types: usize,
    /// The warnings.
    pub warnings: Vec<Warning>,
}

impl<S: EventSchema> FilterSetBuilder<S> {
    /// Creates an empty set for events of a schema.
    pub fn new(schema: S) -> Self {
        Self { schema, rules: RulesetBuilder::default() }
    }

    /// Adds a condition.
    ///
    /// # Errors
    /// If the text is not a condition of this schema; nothing is added then.
    pub fn add(&mut self, text: &str) -> Result<Added, FilterError> {
        let tree = parse_within(text, DEPTH).map_err(|error| {
            let hint = error.hint(text);
            FilterError::Syntax(error, hint)
        })?;
        let condition = self.rules.condition(&mut self.schema, &tree).map_err(|error| {
            let hint = error.hint(&self.schema);
            FilterError::Compile(error, hint)
        })?;
        let event_types = condition.keys().len();
        let warnings = condition.warnings().to_vec();
        let RuleId(place) = self.rules.add(nameless(), everywhere(condition, &self.schema));
        Ok(Added { place: place as usize, tree, event_types, warnings })
    }

    /// Builds the set.
    pub fn build(self) -> FilterSet<S> {
        self.build_with(true)
    }

    /// Builds the set without an index: every condition is walked as it is written, with the same result, slowly.
    pub fn build_plain(self) -> FilterSet<S> {
        self.build_with(false)
    }

    fn build_with(self, index: bool) -> FilterSet<S> {
        let rules = self.rules.build(&self.schema, Config { matching: Matching::All, index });
        FilterSet { schema: self.schema, machine: Machine::new(&rules), rules }
    }
}

/// Returns a condition for every event: its event types are inferred, but not used.
fn everywhere(condition: Condition, schema: &dyn Schema) -> Condition {
    condition.of_all_keys(schema.key_count())
}

/// Returns the attributes of a rule for conditions without one.
fn nameless() -> Rule {
    Rule::new(Output::new("", Priority::Debug, "", Template::default()))
}

/// Conditions that are evaluated together, with the schema that they were compiled with.
#[derive(Debug)]
pub struct FilterSet<S> {
    schema: S,
    rules: Ruleset,
    machine: Machine,
}

impl<S: EventSchema<Error = Infallible>> FilterSet<S> {
    /// Calls `matched` with the place of each condition that is true for an event, in order.
    #[inline]
    pub fn matches<'a>(&'a mut self, input: S::Input<'a>, matched: impl FnMut(usize)) {
        let Ok(()) = self.try_matches(input, matched);
    }
}

impl<S: EventSchema> FilterSet<S> {
    /// Calls `matched` with the place of each condition that is true for an event, in order.
    ///
    /// # Errors
    /// If the input is not an event of this schema.
    #[inline]
    pub fn try_matches<'a>(&'a mut self, input: S::Input<'a>, mut matched: impl FnMut(usize)) -> Result<(), S::Error> {
        let event = self.schema.event(input)?;
        self.rules.process(&mut self.machine, &event, |rule| {
            matched(rule.0 as usize);
            ControlFlow::Continue(())
        });
        Ok(())
    }

    /// Returns the event types that could match any of the conditions.
    pub fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.rules.keys()
    }
}

/// One condition, with the schema that it was compiled with.
///
/// ```
/// use peregrine_rule_engine::event::json::{JsonDocument, JsonSchema};
/// use peregrine_rule_engine::filter::Filter;
///
/// let condition = "json.value[/user] = root and json.value[/from] startswith 10.";
/// let mut filter = Filter::compile(condition, JsonSchema::new("login"))?;
/// let document = JsonDocument::parse(br#"{"user": "root", "from": "10.1.2.3"}"#)?;
/// assert!(filter.matches(&document));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Filter<S> {
    set: FilterSet<S>,
}

impl<S: EventSchema<Error = Infallible>> Filter<S> {
    /// Returns whether an event matches.
    #[inline]
    pub fn matches<'a>(&'a mut self, input: S::Input<'a>) -> bool {
        let Ok(holds) = self.try_matches(input);
        holds
    }
}

impl<S: EventSchema> Filter<S> {
    /// Compiles a condition.
    ///
    /// # Errors
    /// If the text is not a condition of this schema.
    pub fn compile(text: &str, schema: S) -> Result<Self, FilterError> {
        let mut set = FilterSetBuilder::new(schema);
        set.add(text)?;
        Ok(Self { set: set.build() })
    }

    /// Returns the event types that could match.
    pub fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.set.keys()
    }

    /// Returns whether an event matches.
    ///
    /// # Errors
    /// If the input is not an event of this schema.
    #[inline]
    pub fn try_matches<'a>(&'a mut self, input: S::Input<'a>) -> Result<bool, S::Error> {
        let mut holds = false;
        self.set.try_matches(input, |_| holds = true)?;
        Ok(holds)
    }
}
