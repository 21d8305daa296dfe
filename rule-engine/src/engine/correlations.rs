//! Correlations over compiled rules: their members, the values that are kept of events, and the alerts of matches.
//!
//! A match is an event of a separate schema, whose fields are those that outputs of correlations use. So its alert is
//! written, kept and queued like that of a rule.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, OnceLock};

use bumpalo::Bump;

use super::awaited::{Awaiting, pass_on};
use super::matched::{FIELDS, Field, FoundMatch, What};
use super::rules::Compiled;
use super::shared::{Joined, Pair, Raised, SharedState, State, hand_over, newest, process_by_newest, take_evicted};
use crate::correlation::key::{self, Keys};
use crate::correlation::parts::KeyPart;
use crate::correlation::plan::{CaptureId, KeyId};
use crate::correlation::{Counters, Effect, Hit, Outcome, Plan, Subject, captured};
use crate::event::{Event, FieldId, Identity, Scope};
use crate::ruleset::{Machine, Rule, RuleId, Ruleset};

/// The memory for partial matches, unless it is set: 16 MiB.
pub const CORRELATION_MEMORY: usize = 16 << 20;

/// A member, for people.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct MemberInfo {
    /// Its name in outputs.
    pub name: String,
    /// The rule or correlation; empty for a step with a condition.
    pub rule: String,
    /// The fields that are kept of its events.
    pub fields: Vec<String>,
    /// The source of its events; empty for a correlation.
    pub source: String,
    /// A description of the search.
    pub text: String,
}

/// A correlation, as people see it.
#[derive(Debug)]
pub struct CorrelationInfo {
    /// Its type.
    pub type_name: String,
    /// Its members.
    pub members: Vec<MemberInfo>,
    /// The names of the parts of its key.
    pub group_by: Vec<String>,
    /// The function for the offset of local time, for times of day.
    pub(super) utc_offset: fn(i64) -> i64,
    /// Its alerts.
    pub(super) id: RuleId,
    /// Whether it raises alerts: one that is not enabled may be a member of others.
    pub(super) is_enabled: bool,
}

impl CorrelationInfo {
    pub(crate) fn new(
        type_name: String,
        members: Vec<MemberInfo>,
        group_by: Vec<String>,
        utc_offset: fn(i64) -> i64,
        id: usize,
        is_enabled: bool,
    ) -> Self {
        Self { type_name, members, group_by, utc_offset, id: RuleId(id as u32), is_enabled }
    }
}

/// All correlations of compiled rules. They never change.
#[derive(Debug)]
pub struct Correlations {
    pub(super) plans: Arc<[Plan]>,
    pub(super) rows: Vec<CorrelationInfo>,
    /// The ways to build keys from events of a source, by [`KeyId`].
    pub(super) keys: Vec<Vec<KeyPart>>,
    /// The fields that are kept of events of a source, by [`CaptureId`].
    pub(super) captures: Vec<Vec<FieldId>>,
    /// The fields of matches.
    pub(super) fields: Vec<Field>,
    /// The alerts of matches.
    pub(super) compiled: Arc<Compiled>,
    /// The limit of memory for partial matches.
    pub(super) memory: usize,
    /// Whether matches may be complete because nothing happened.
    pub(super) has_deadlines: bool,
    /// The state of all runners, if they share one.
    shared: OnceLock<Arc<SharedState>>,
}

impl Correlations {
    #[allow(clippy::too_many_arguments, reason = "all that there is, once")]
    pub(crate) fn new(
        plans: Arc<[Plan]>,
        rows: Vec<CorrelationInfo>,
        keys: Vec<Vec<KeyPart>>,
        captures: Vec<Vec<FieldId>>,
        fields: Vec<Field>,
        compiled: Arc<Compiled>,
        memory: usize,
        has_deadlines: bool,
    ) -> Self {
        Self { plans, rows, keys, captures, fields, compiled, memory, has_deadlines, shared: OnceLock::new() }
    }

    /// Returns the fields of events that are kept or compared, of all sources, by their numbers there.
    #[cfg(feature = "sinsp")]
    pub(super) fn fields_of_events(&self) -> Vec<FieldId> {
        let parts = self.keys.iter().flatten().filter_map(|part| match part {
            KeyPart::Field { id, .. } => Some(*id),
            KeyPart::Processes(_) | KeyPart::Inner(..) => None,
        });
        parts.chain(self.captures.iter().flatten().copied()).collect()
    }

    /// Makes all runners of these rules that are created from now on share their partial matches, so that correlations
    /// match across sources: for a program that evaluates every source of one host.
    pub fn share(&self) {
        self.shared.get_or_init(|| Arc::new(SharedState::new(self)));
    }

    /// Returns the plans, in the order of evaluation.
    pub fn plans(&self) -> &[Plan] {
        &self.plans
    }

    /// Returns the details of a plan.
    pub fn info(&self, plan: usize) -> &CorrelationInfo {
        &self.rows[plan]
    }

    /// Returns the rule of a plan in alerts.
    pub fn rule(&self, plan: usize) -> &Rule {
        self.compiled.rules.rule(self.rows[plan].id)
    }

    /// Returns the rules of all correlations in alerts, also of disabled ones.
    pub fn rules(&self) -> &[Rule] {
        self.compiled.rules.rules()
    }
}

/// The counts of one correlation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CorrelationStats {
    /// Its name.
    pub name: String,
    /// Its counts.
    pub counters: Counters,
}

/// Effect of an event as a member of a correlation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemberOutcome {
    /// The name of the correlation.
    pub correlation: String,
    /// The place of the member; that of `until` is the last.
    pub member: usize,
    /// Name of the member in outputs.
    pub step: String,
    /// The parts of its key: names and values. Empty if all events have one key, or the event has none.
    pub key: Vec<(String, Option<String>)>,
    /// The effect.
    pub effect: Effect,
}

/// The correlation state of a runner.
#[derive(Debug)]
pub(super) struct Correlating {
    pub(super) set: Arc<Correlations>,
    pub(super) state: Joined,
    hits: Vec<Hit>,
    found: Vec<Raised>,
    awaiting: Option<Awaiting>,
}

impl Correlating {
    pub(super) fn new(set: &Arc<Correlations>, rules: &Ruleset) -> Self {
        let state = set.shared.get().map_or_else(|| Arc::new(SharedState::new(set)), Arc::clone);
        let state = Joined::new(&state);
        let awaiting = Awaiting::new(rules, &state.lock().correlator);
        Self { set: Arc::clone(set), state, hits: Vec::new(), found: Vec::new(), awaiting }
    }

    /// Uses the partial matches of another runner.
    pub(super) fn join(&mut self, state: &Arc<SharedState>) {
        self.state = Joined::new(state);
        if let Some(awaiting) = &mut self.awaiting {
            awaiting.forget();
        }
    }

    /// Makes a machine evaluate the steps that partial matches wait for, which another runner may have begun.
    #[inline]
    pub(super) fn follow(&mut self, machine: &mut Machine) {
        if let Some(awaiting) = &mut self.awaiting {
            awaiting.follow(&self.state, machine);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    fn pair(&self) -> Pair {
        (Arc::clone(&self.set), Arc::clone(self.state.state()))
    }

    /// Returns whether a match may be complete by now because nothing happened, a partial match has expired, or the event
    /// shows whether the time has jumped.
    #[inline]
    pub(super) fn is_due(&self, time: u64) -> bool {
        let deadline = self.state.deadline.load(Ordering::Relaxed);
        // Rarely true, so first: this is for each event.
        time > deadline && (deadline == 0 || self.set.has_deadlines || self.awaiting.is_some())
    }

    /// Adds the members that a rule is.
    pub(super) fn hit(&mut self, hits: &[Hit]) {
        self.hits.extend_from_slice(hits);
    }

    pub(super) fn has_hits(&self) -> bool {
        !self.hits.is_empty()
    }

    /// Processes the matched members; returns the matches. They are returned after the state is released, so that the
    /// callback of an alert may use other runners.
    pub(super) fn process<E: Event>(&mut self, event: &E, machine: &mut Machine) -> std::vec::Drain<'_, Raised> {
        let Self { set, state, hits, found, awaiting } = self;
        let subject = EventSubject { event, set, arena: machine.arena() };
        let mut guard = state.lock();
        if guard.has_successor() {
            drop(guard);
            process_by_newest((&*set, &**state), &subject, hits, found);
        } else {
            let correlator = &mut guard.correlator;
            correlator.process(&subject, hits, &mut |one| found.push((Arc::clone(set), FoundMatch::new(&one))));
            state.deadline.store(correlator.next_deadline(), Ordering::Relaxed);
            match awaiting {
                Some(awaiting) => awaiting.turn(state, correlator, machine),
                None => pass_on(state, correlator),
            }
        }
        hits.clear();
        found.drain(..)
    }

    /// Shares the partial matches of another runner from now on, of all correlations that both have.
    pub(super) fn adopt(&self, old: &Self) {
        hand_over(old.pair(), self.pair());
    }

    /// Records what members do, and evaluates all of them.
    pub(super) fn observe(&mut self, machine: &mut Machine) {
        self.lock().correlator.observe();
        if let Some(awaiting) = self.awaiting.take() {
            awaiting.await_all(machine);
        }
    }

    pub(super) fn outcomes(&self) -> Vec<MemberOutcome> {
        let outcomes = self.lock().correlator.take_outcomes();
        let arena = Bump::new();
        let of = |outcome: &Outcome| {
            let (plan, member) = (outcome.hit.plan as usize, usize::from(outcome.hit.member));
            let info = &self.set.rows[plan];
            let values = key::values(outcome.key.as_deref().unwrap_or_default(), &arena).map(|value| {
                let text = value.and_then(|value| key::text(value, &arena));
                text.map(|text| String::from_utf8_lossy(text).into_owned())
            });
            MemberOutcome {
                correlation: self.set.plans[plan].name.clone(),
                member,
                step: info.members[member].name.clone(),
                key: info.group_by.iter().cloned().zip(values).collect(),
                effect: outcome.effect,
            }
        };
        outcomes.iter().map(of).collect()
    }

    pub(super) fn stats(&self) -> (Vec<CorrelationStats>, usize) {
        let (set, state) = newest(self.pair());
        let mut guard = state.lock();
        let correlator = &mut guard.correlator;
        let counters = correlator.counters().to_vec();
        let names = set.plans.iter().map(|plan| plan.name.clone());
        let stats = names.zip(counters).map(|(name, counters)| CorrelationStats { name, counters });
        (stats.collect(), correlator.bytes())
    }

    pub(super) fn take_evicted(&self) -> (u64, String) {
        take_evicted(self.pair())
    }
}

/// An event, with the ways to build keys and to keep fields.
struct EventSubject<'a, E> {
    event: &'a E,
    set: &'a Correlations,
    arena: &'a Bump,
}

impl<E: Event> EventSubject<'_, E> {
    fn identity(&self, scope: Scope) -> Option<Identity> {
        let mut found = None;
        self.event.identities(scope, &mut |identity| found = found.or(Some(identity)));
        found
    }

    /// Appends a key, `tree` being the process whose tree it is.
    fn build(&self, parts: &[KeyPart], tree: Option<Identity>, out: &mut Vec<u8>) -> bool {
        parts.iter().all(|part| match part {
            KeyPart::Processes(scope) => {
                let identity = if *scope == Scope::Tree { tree } else { self.identity(*scope) };
                let Some(Identity { pid, start }) = identity else { return false };
                key::push_process(out, pid, start);
                true
            }
            KeyPart::Field { id, optional, .. } => match self.event.value(*id, self.arena) {
                Some(value) => {
                    key::push_part(out, value);
                    true
                }
                None if *optional => {
                    key::push_missing(out);
                    true
                }
                None => false,
            },
            KeyPart::Inner(..) => false,
        })
    }
}

impl<E: Event> Subject for EventSubject<'_, E> {
    fn time(&self) -> u64 {
        self.event.time()
    }

    fn number(&self) -> u64 {
        self.event.number()
    }

    fn keys(&self, id: KeyId, keys: &mut Keys) {
        let parts = &self.set.keys[id.0 as usize];
        if !parts.iter().any(|part| matches!(part, KeyPart::Processes(Scope::Tree))) {
            keys.push(|out| self.build(parts, None, out));
            return;
        }
        self.event.identities(Scope::Tree, &mut |identity| keys.push(|out| self.build(parts, Some(identity), out)));
    }

    fn capture(&self, id: CaptureId, out: &mut Vec<u8>) {
        for field in &self.set.captures[id.0 as usize] {
            captured::push(out, self.event.text(*field, self.arena), self.event.json(*field, self.arena));
        }
    }
}

/// Returns the fields that all matches have.
pub(crate) fn common_fields() -> Vec<Field> {
    FIELDS.iter().map(|(name, what)| Field { name: (*name).to_owned(), plan: None, what: what.clone() }).collect()
}

/// Returns the place of the steps among the fields that all matches have.
pub(super) fn steps_field() -> Option<FieldId> {
    let place = FIELDS.iter().position(|(_, what)| matches!(what, What::Steps))?;
    Some(FieldId(place as u32))
}
