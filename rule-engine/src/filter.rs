//! Single conditions, without rules: one that an event matches or not, or thousands over one pass.

use std::ops::ControlFlow;

use crate::event::{Event, Key, Schema};
use crate::lower::{CompileError, Condition, Warning};
use crate::output::{Output, Priority, Template};
use crate::ruleset::{Machine, Matching, Options, Rule, RuleId, Ruleset, RulesetBuilder};
use crate::syntax::ast::Expr;
use crate::syntax::{SyntaxError, parse_within};

/// The nesting that a filter on a command line may have, as in Falco's libraries.
const DEPTH: usize = 100;

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// It is no condition.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// It asks for something that cannot be.
    #[error(transparent)]
    Compile(#[from] CompileError),
}

/// A set of conditions that are asked together. What they have in common is answered once.
#[derive(Debug, Default)]
pub struct FilterSetBuilder {
    rules: RulesetBuilder,
}

/// What is known of a condition that was added to a set.
#[derive(Debug, Clone)]
pub struct Added {
    /// Its place in the set, from 0.
    pub place: usize,
    /// The tree of the condition.
    pub tree: Expr,
    /// How many event types it can match.
    pub event_types: usize,
    /// What is probably not meant.
    pub warnings: Vec<Warning>,
}

impl FilterSetBuilder {
    /// No conditions yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a condition.
    ///
    /// # Errors
    /// If the text is no condition of this schema; nothing is added then.
    pub fn add(&mut self, text: &str, schema: &mut dyn Schema) -> Result<Added, FilterError> {
        let tree = parse_within(text, DEPTH)?;
        let condition = self.rules.condition(schema, &tree)?;
        let event_types = condition.keys().len();
        let warnings = condition.warnings().to_vec();
        let RuleId(place) = self.rules.add(nameless(), everywhere(condition, schema));
        Ok(Added { place: place as usize, tree, event_types, warnings })
    }

    /// The set of what was added, with or without the index.
    pub fn build(&self, schema: &dyn Schema, index: bool) -> FilterSet {
        let rules = self.rules.clone().build(schema, Options { matching: Matching::All, index });
        FilterSet { machine: Machine::new(&rules), rules }
    }
}

/// A filter is asked of every event: its event types are inferred, but nothing rests on it.
fn everywhere(condition: Condition, schema: &dyn Schema) -> Condition {
    condition.of_all_keys(schema.key_count())
}

/// What a rule has beside its condition, for conditions that are no rule.
fn nameless() -> Rule {
    let output = Output {
        rule: String::new(),
        priority: Priority::Debug,
        source: String::new(),
        tags: Vec::new(),
        message: Template::default(),
        extra: Vec::new(),
        key: None,
    };
    Rule { output, enabled: true, capture: None }
}

/// Conditions that are asked together.
#[derive(Debug)]
pub struct FilterSet {
    rules: Ruleset,
    machine: Machine,
}

impl FilterSet {
    /// Calls `matched` with the place of each condition that holds for an event, in order.
    pub fn matches<E: Event>(&mut self, event: &E, mut matched: impl FnMut(usize)) {
        self.rules.process(&mut self.machine, event, |rule| {
            matched(rule.0 as usize);
            ControlFlow::Continue(())
        });
    }
}

/// One condition.
///
/// ```
/// use peregrine_rule_engine::event::json::{JsonEvent, JsonSchema};
/// use peregrine_rule_engine::filter::Filter;
///
/// let mut schema = JsonSchema::new("login");
/// let mut filter = Filter::compile("jevt.value[/user] = root and jevt.value[/from] startswith 10.", &mut schema)?;
/// let event = JsonEvent::parse(&schema, br#"{"user": "root", "from": "10.1.2.3"}"#)?;
/// assert!(filter.matches(&event));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Filter {
    set: FilterSet,
}

impl Filter {
    /// Compiles a condition.
    ///
    /// # Errors
    /// If the text is no condition of this schema.
    pub fn compile(text: &str, schema: &mut dyn Schema) -> Result<Self, FilterError> {
        let mut set = FilterSetBuilder::new();
        set.add(text, schema)?;
        Ok(Self { set: set.build(schema, true) })
    }

    /// The event types that could match.
    pub fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.set.rules.keys()
    }

    /// Whether an event matches.
    pub fn matches<E: Event>(&mut self, event: &E) -> bool {
        let mut holds = false;
        self.set.matches(event, |_| holds = true);
        holds
    }
}
