//! Many rules at once: the candidates of an event, and those that match.
//!
//! ```text
//! event -> key -> bucket (the rules of that key) -> candidates -> programs -> matches
//!                                                  remembered process parts, prefilters
//! ```
//!
//! A [`Ruleset`] is a value that never changes; the mutable state is in a [`Machine`]. To change rules, build another
//! set and use it from the next event on.

mod bucket;
mod index;
mod lists;
mod prefilter;
mod profile;
pub(crate) mod rule;
mod select;
mod shared_tests;

use std::ops::ControlFlow;

use bumpalo::Bump;

pub use profile::{AtomProfile, MatcherProfile, Profile, RuleProfile};
pub use rule::{Capture, Rule, RuleId};
pub use select::{Selection, Selector};

use crate::event::{Event, FieldId, Key, Schema};
use crate::ir::node::{NodeId, Pool};
use crate::lower::{self, CompileError, Condition, KeySet, Known};
use crate::syntax::ast::Expr;
use crate::vm::compare::Regexes;
use crate::vm::machine::{Frame, Searches, State};
use crate::vm::naive;
use index::Index;

/// Whether evaluation continues after a rule has matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Matching {
    /// No further rule is evaluated for the event.
    #[default]
    First,
    /// Every rule that matches is reported.
    All,
}

/// The options of evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Whether evaluation continues after a match.
    pub matching: Matching,
    /// Whether the index is used. Without it every enabled rule of an event's type is walked as it is written: the same
    /// results, slowly.
    pub index: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { matching: Matching::First, index: true }
    }
}

impl Config {
    setters! {
        /// Sets what happens after a match ([`Matching::First`]).
        matching: Matching;
        /// Sets whether the index is used (yes).
        index: bool;
    }
}

/// Collects the rules of one source.
#[derive(Debug, Clone, Default)]
pub struct RulesetBuilder {
    pool: Pool,
    known: Known,
    rules: Vec<(Rule, Condition)>,
}

impl RulesetBuilder {
    /// Creates an empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Compiles a condition for rules of this set; nothing is added yet.
    ///
    /// # Errors
    /// The first error, in Falco's words.
    pub fn condition(&mut self, schema: &mut dyn Schema, tree: &Expr) -> Result<Condition, CompileError> {
        lower::compile(&mut self.pool, schema, tree, &mut self.known)
    }

    /// Adds a rule. The order of adding is the order of evaluation.
    pub fn add(&mut self, rule: Rule, condition: Condition) -> RuleId {
        self.rules.push((rule, condition));
        RuleId(self.rules.len() as u32 - 1)
    }

    /// Returns the rules added so far, to change their outputs; [`select`](Self::select) enables and disables them.
    pub fn rules_mut(&mut self) -> impl Iterator<Item = &mut Rule> {
        self.rules.iter_mut().map(|(rule, _)| rule)
    }

    /// Enables or disables rules. A disabled rule that is enabled is evaluated last from now on, as in Falco: with
    /// [`Matching::First`] the order decides which of two rules is reported. Numbers that [`add`](Self::add) returned
    /// are invalid then.
    pub fn select(&mut self, selection: &Selection) {
        let mut woken = Vec::new();
        for (mut rule, condition) in std::mem::take(&mut self.rules) {
            let selected = selection.rules.selects(&rule);
            let wakes = selected && selection.enable && !rule.enabled;
            if selected {
                rule.enabled = selection.enable;
            }
            if wakes { &mut woken } else { &mut self.rules }.push((rule, condition));
        }
        self.rules.append(&mut woken);
    }

    /// Builds the set of all enabled rules.
    pub fn build(self, schema: &dyn Schema, config: Config) -> Ruleset {
        let mut pool = self.pool;
        let regexes = Regexes::new(pool.atoms());
        let common = schema.common_keys();
        let mut rules = Vec::with_capacity(self.rules.len());
        let mut plain = Vec::with_capacity(self.rules.len());
        for (rule, condition) in self.rules {
            let (root, mut keys) = condition.into_parts();
            common.iter().for_each(|key| keys.insert(*key));
            plain.push(Plain { root, keys, enabled: rule.enabled, on_demand: rule.on_demand });
            rules.push(rule);
        }
        let has_members = rules.iter().any(|rule| rule.building_block || !rule.hits.is_empty());
        let index = Index::build(&mut pool, &plain, schema, &regexes);
        let config = Config { index: config.index && index.is_sound(), ..config };
        Ruleset { source: schema.source().to_owned(), rules, plain, pool, regexes, index, config, has_members }
    }
}

/// A rule as it is written, for the tree walker.
#[derive(Debug)]
pub(crate) struct Plain {
    pub(crate) root: NodeId,
    pub(crate) keys: KeySet,
    pub(crate) enabled: bool,
    /// Whether the index evaluates it only while it is awaited. The walker always does.
    pub(crate) on_demand: bool,
}

/// Rules of one source, ready to run. It never changes and can be shared between threads.
#[derive(Debug)]
pub struct Ruleset {
    source: String,
    rules: Vec<Rule>,
    plain: Vec<Plain>,
    pool: Pool,
    regexes: Regexes,
    index: Index,
    config: Config,
    /// Whether a correlation uses any rule.
    has_members: bool,
}

impl Ruleset {
    /// Returns the source of the rules' events.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Returns the rules, disabled ones too, in the order of evaluation.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Returns whether evaluation continues after a match.
    pub fn matching(&self) -> Matching {
        self.config.matching
    }

    /// Returns one rule.
    pub fn rule(&self, id: RuleId) -> &Rule {
        &self.rules[id.0 as usize]
    }

    /// Returns the condition of the rule at a place of [`rules`](Self::rules).
    pub(crate) fn condition(&self, place: usize) -> (&Pool, NodeId) {
        (&self.pool, self.plain[place].root)
    }

    /// Returns the fields of a rule's condition, each once, in the order of their numbers.
    pub fn condition_fields(&self, id: RuleId) -> Vec<FieldId> {
        let mut fields = Vec::new();
        self.pool.fields(self.plain[id.0 as usize].root, &mut fields);
        fields.sort_unstable();
        fields.dedup();
        fields
    }

    /// Returns the expressions of all conditions, and the rules as they are written.
    #[cfg(feature = "sinsp")]
    pub(crate) fn parts(&self) -> (&Pool, &Regexes, &[Plain]) {
        (&self.pool, &self.regexes, &self.plain)
    }

    /// Returns the event types for which any enabled rule could match.
    pub fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.index.keys()
    }

    /// Returns whether any rule may match events of a type: those of others need not be given to
    /// [`process`](Self::process).
    #[inline]
    pub fn may_match(&self, key: Key) -> bool {
        !self.config.index || self.index.has(key)
    }

    /// Finds the rules that an event matches, in their order; `matched` may stop by [`ControlFlow::Break`]. With
    /// [`Matching::First`] it is called once at most, and in addition for the rules that are members of correlations.
    pub fn process<E: Event>(
        &self,
        machine: &mut Machine,
        event: &E,
        mut matched: impl FnMut(RuleId) -> ControlFlow<()>,
    ) {
        let first = self.config.matching == Matching::First;
        let mut has_matched = false;
        let mut tell = |rule: u32| {
            if self.has_members {
                // Members of correlations are evaluated after the first alert too, and do not count as one.
                let Rule { building_block, hits, .. } = &self.rules[rule as usize];
                if *building_block || has_matched {
                    return if hits.is_empty() { ControlFlow::Continue(()) } else { matched(RuleId(rule)) };
                }
                has_matched = first;
                return matched(RuleId(rule));
            }
            match matched(RuleId(rule)) {
                ControlFlow::Continue(()) if !first => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            }
        };
        if !self.config.index {
            machine.arena.reset();
            let _ = self.walk(&machine.arena, event, &mut tell);
            return;
        }
        let bucket = self.index.bucket(event.key());
        let awaited = self.index.awaited_bucket(event.key(), &machine.state.awaited);
        if bucket.is_none() && awaited.is_none() {
            return;
        }
        machine.arena.reset();
        machine.state.begin(event);
        let Machine { arena, state, candidates, profile } = machine;
        let mut frame = Frame::new(&self.index.program, event, &*arena);
        let mut profile = profile.as_deref_mut();
        if let Some(profile) = &mut profile {
            profile.events += 1;
        }
        if let Some(bucket) = bucket
            && bucket.run(&mut frame, state, candidates, profile.as_deref_mut(), &mut tell).is_break()
        {
            return;
        }
        // These raise no alerts, so that it does not matter that they come last.
        if let Some(bucket) = awaited {
            let _ = bucket.run(&mut frame, state, candidates, profile, &mut tell);
        }
    }

    /// Does the same without index and bytecode: the oracle of tests.
    fn walk<E: Event>(
        &self,
        arena: &Bump,
        event: &E,
        tell: &mut impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        for (rule, plain) in self.plain.iter().enumerate() {
            if plain.enabled
                && plain.keys.contains(event.key())
                && naive::holds(&self.pool, &self.regexes, plain.root, event, arena)
            {
                tell(rule as u32)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Returns the plan of a rule for events of a key; `None` if it cannot match them. `field` gives the name of a
    /// field.
    pub fn explain(&self, id: RuleId, key: Key, field: &dyn Fn(u32) -> String) -> Option<EventPlan> {
        self.index.explain(id.0, key, field)
    }

    /// Returns the condition of a rule as typed, shared expressions, for people: a node a line. `field` gives the name
    /// of a field.
    pub fn expressions(&self, id: RuleId, field: &dyn Fn(u32) -> String) -> String {
        self.pool.print(self.plain[id.0 as usize].root, field)
    }
}

/// The plan of a rule for events of one type, for people: code is disassembled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventPlan {
    /// One of these must be true for the rule to be a candidate; empty if it is one for every event.
    pub prefilter: Vec<String>,
    /// The tests that it shares with other rules, evaluated once for all of them, in order.
    pub shared_tests: Vec<String>,
    /// The part that depends on the process only, cached with it.
    pub guard: Option<String>,
    /// The part that depends on the file descriptor only, cached with it.
    pub descriptor: Option<String>,
    /// The rest, evaluated for each event.
    pub code: String,
}

impl std::fmt::Display for EventPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let code = |f: &mut std::fmt::Formatter<'_>, title: &str, code: &str| {
            writeln!(f, "{title}:")?;
            code.lines().try_for_each(|line| writeln!(f, "  {line}"))
        };
        for prefilter in &self.prefilter {
            writeln!(f, "prefilter: {prefilter}")?;
        }
        for test in &self.shared_tests {
            code(f, "test, shared with other rules", test)?;
        }
        if let Some(guard) = &self.guard {
            code(f, "cached with the process", guard)?;
        }
        if let Some(guard) = &self.descriptor {
            code(f, "cached with the file descriptor", guard)?;
        }
        code(f, "for each event", &self.code)
    }
}

/// The mutable state of a [`Ruleset`]: one for each thread that evaluates.
#[derive(Debug)]
pub struct Machine {
    arena: Bump,
    state: State,
    candidates: Vec<u32>,
    profile: Option<Box<Profile>>,
}

impl Machine {
    /// Creates the mutable state of one set of rules; it must not be used with another.
    pub fn new(rules: &Ruleset) -> Self {
        Self {
            arena: Bump::with_capacity(16 * 1024),
            state: State::new(&rules.index.program, rules.index.extra(), rules.index.awaited.clone()),
            candidates: Vec::with_capacity(rules.rules.len()),
            profile: None,
        }
    }

    /// Sets whether a rule that is evaluated on demand is evaluated from the next event on. None is, at first.
    #[inline]
    pub(crate) fn set_awaited(&mut self, rule: RuleId, is_awaited: bool) {
        self.state.awaited.set(rule.0, is_awaited);
    }

    /// Enables counting, per rule and per atom, of evaluations and their time.
    pub fn profile(&mut self, rules: &Ruleset) {
        let mut profile = Profile::new(rules.rules.len());
        for (row, rule) in profile.rules.iter_mut().zip(&rules.rules) {
            rule.name().clone_into(&mut row.rule);
        }
        self.profile = Some(Box::new(profile));
        self.state.searches = Some(Box::new(Searches::new(&rules.index.program)));
    }

    /// Disables counting, and discards the counts.
    pub fn end_profile(&mut self) {
        self.profile = None;
        self.state.searches = None;
    }

    /// Returns whether profiling is enabled.
    pub fn is_profiled(&self) -> bool {
        self.profile.is_some()
    }

    /// Returns the counts, if [`profile`](Self::profile) was called. `field` gives the name of a field.
    pub fn profiled(&self, rules: &Ruleset, field: &dyn Fn(u32) -> String) -> Option<Profile> {
        let mut profile = self.profile.as_deref()?.clone();
        profile.matchers = rules.index.matchers(self.state.searches.as_deref()?, field);
        Some(profile)
    }

    /// Returns the memory for values that must live until the next event, such as those of the alert that is being
    /// written.
    pub fn arena(&self) -> &Bump {
        &self.arena
    }
}
