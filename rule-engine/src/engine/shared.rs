//! The partial matches of one set of rules, which the runners of several sources may share, and their way to a newer set.
//!
//! The sources of a program take new rules one after another, each between two of its events. The first that does so
//! moves the partial matches of unchanged correlations to the new set. From then on the runners of the old rules pass
//! what their events match on to the new set too, until they are replaced: a sequence over several sources goes on as
//! if all had changed at once. Correlations that have changed, and their partial matches, stay with the old rules.

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::awaited::pass_on;
use super::correlations::Correlations;
use super::matched::FoundMatch;
use crate::correlation::key::Keys;
use crate::correlation::plan::{CaptureId, KeyId, KeySource, Member, Plan};
use crate::correlation::{Correlator, Hit, Subject};

/// A match, with the correlations whose match it is.
pub(super) type Raised = (Arc<Correlations>, FoundMatch);

/// No number.
const NONE: u32 = u32::MAX;

/// The state of correlations, which the runners of several sources may share.
#[derive(Debug)]
pub(super) struct SharedState {
    state: Mutex<State>,
    /// The time from which a match may be complete because nothing happened, or a partial match has expired.
    pub(super) deadline: AtomicU64,
    /// The number of changes of the awaited members.
    pub(super) version: AtomicU64,
    /// Greater than that of all states that were created before.
    generation: u64,
    /// The number of runners and of older states that use it.
    users: AtomicUsize,
}

/// State that one thread at a time uses. To lock two states, lock the older one first.
#[derive(Debug)]
pub(super) struct State {
    pub(super) correlator: Correlator,
    /// The state of a newer set of rules, if it has taken over.
    successor: Option<Arc<Successor>>,
}

impl SharedState {
    pub(super) fn new(set: &Correlations) -> Self {
        static GENERATIONS: AtomicU64 = AtomicU64::new(0);
        let correlator = Correlator::new(Arc::clone(&set.plans), set.memory);
        Self {
            state: Mutex::new(State { correlator, successor: None }),
            deadline: AtomicU64::new(u64::MAX),
            version: AtomicU64::new(0),
            generation: GENERATIONS.fetch_add(1, Ordering::Relaxed),
            users: AtomicUsize::new(0),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns whether a newer set of rules has taken over.
    pub(super) fn has_successor(&self) -> bool {
        self.successor.is_some()
    }
}

/// The use of a state. When the last one ends, the state no longer needs its successor: rules that somebody keeps do not
/// keep all that came after them.
#[derive(Debug)]
pub(super) struct Joined(Arc<SharedState>);

impl Joined {
    pub(super) fn new(state: &Arc<SharedState>) -> Self {
        state.users.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(state))
    }

    pub(super) fn state(&self) -> &Arc<SharedState> {
        &self.0
    }
}

impl Deref for Joined {
    type Target = SharedState;

    fn deref(&self) -> &SharedState {
        &self.0
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        if self.0.users.fetch_sub(1, Ordering::AcqRel) == 1 {
            let successor = self.0.lock().successor.take();
            drop(successor);
        }
    }
}

/// A state that has taken over, with its numbers for what both sets of rules have.
#[derive(Debug)]
struct Successor {
    set: Arc<Correlations>,
    state: Joined,
    /// For each plan of the old set its place in the new one.
    plans: Box<[u32]>,
    /// For each key and each list of fields of the new set its number in the old one.
    keys: Box<[u32]>,
    captures: Box<[u32]>,
}

impl Successor {
    fn new(old: &Correlations, set: &Arc<Correlations>, state: &Arc<SharedState>) -> Self {
        let mut keys = vec![NONE; set.keys.len()];
        let mut captures = vec![NONE; set.captures.len()];
        let mut key = |new: &KeySource, old: &KeySource| {
            if let (KeySource::Event(new), KeySource::Event(old)) = (new, old) {
                keys[new.0 as usize] = old.0;
            }
        };
        let mut member = |new: &Member, old: &Member| {
            key(&new.key, &old.key);
            if let (Some(new), Some(old)) = (&new.value, &old.value) {
                key(new, old);
            }
            if let (Some(new), Some(old)) = (new.capture, old.capture) {
                captures[new.0 as usize] = old.0;
            }
        };
        let plan = |plan: &Plan| match set.plans.iter().position(|new| new.identity == plan.identity) {
            None => NONE,
            Some(place) => {
                let new = &set.plans[place];
                new.members.iter().zip(&plan.members).for_each(|(new, old)| member(new, old));
                place as u32
            }
        };
        let plans = old.plans.iter().map(plan).collect();
        let (keys, captures) = (keys.into(), captures.into());
        Self { set: Arc::clone(set), state: Joined::new(state), plans, keys, captures }
    }
}

/// An event of old rules, for correlations of new ones.
struct Translated<'a> {
    subject: &'a dyn Subject,
    to: &'a Successor,
}

impl Subject for Translated<'_> {
    fn time(&self) -> u64 {
        self.subject.time()
    }

    fn number(&self) -> u64 {
        self.subject.number()
    }

    fn keys(&self, id: KeyId, keys: &mut Keys) {
        let old = self.to.keys[id.0 as usize];
        if old != NONE {
            self.subject.keys(KeyId(old), keys);
        }
    }

    fn capture(&self, id: CaptureId, out: &mut Vec<u8>) {
        let old = self.to.captures[id.0 as usize];
        if old != NONE {
            self.subject.capture(CaptureId(old), out);
        }
    }
}

/// Processes the matched members of an event, by the newest set that has the correlation of each.
#[cold]
pub(super) fn process_by_newest(
    (set, state): (&Arc<Correlations>, &SharedState),
    subject: &dyn Subject,
    hits: &[Hit],
    found: &mut Vec<Raised>,
) {
    let mut guard = state.lock();
    let successor = guard.successor.clone();
    let place = |hit: &Hit| successor.as_ref().map_or(NONE, |to| to.plans[hit.plan as usize]);
    let own: Vec<Hit> = hits.iter().copied().filter(|hit| place(hit) == NONE).collect();
    guard.correlator.process(subject, &own, &mut |one| found.push((Arc::clone(set), FoundMatch::new(&one))));
    state.deadline.store(guard.correlator.next_deadline(), Ordering::Relaxed);
    pass_on(state, &mut guard.correlator);
    drop(guard);
    if let Some(to) = successor {
        let moved = hits.iter().map(|hit| Hit { plan: to.plans[hit.plan as usize], ..*hit });
        let moved: Vec<Hit> = moved.filter(|hit| hit.plan != NONE).collect();
        process_by_newest((&to.set, &*to.state), &Translated { subject, to: &to }, &moved, found);
    }
}

/// A state and its correlations.
pub(super) type Pair = (Arc<Correlations>, Arc<SharedState>);

/// Returns the state that has taken over last.
pub(super) fn newest((mut set, mut state): Pair) -> Pair {
    loop {
        let successor = state.lock().successor.clone();
        let Some(next) = successor else { return (set, state) };
        (set, state) = (Arc::clone(&next.set), Arc::clone(next.state.state()));
    }
}

/// Returns the number of partial matches that were dropped since the last call because memory was full, and the name of
/// the correlation that lost most.
pub(super) fn take_evicted(pair: Pair) -> (u64, String) {
    let newest = newest(pair.clone());
    inherit_evicted(pair, &newest.1);
    let (count, most) = newest.1.lock().correlator.take_evicted();
    (count, most.map_or_else(String::new, |place| newest.0.plans[place].name.clone()))
}

/// Makes a state report what older ones have dropped.
fn inherit_evicted((_, mut state): Pair, newest: &Arc<SharedState>) {
    while !Arc::ptr_eq(&state, newest) {
        let mut guard = state.lock();
        let (count, _) = guard.correlator.take_evicted();
        let successor = guard.successor.clone();
        drop(guard);
        newest.lock().correlator.inherit_evicted(count);
        let Some(next) = successor else { return };
        state = Arc::clone(next.state.state());
    }
}

/// Moves the partial matches of correlations that two sets of rules have to the newer one of them, for good.
pub(super) fn hand_over(from: Pair, to: Pair) {
    loop {
        let (one, other) = (newest(from.clone()), newest(to.clone()));
        if Arc::ptr_eq(&one.1, &other.1) {
            return inherit_evicted(from, &one.1);
        }
        let is_first_older = one.1.generation < other.1.generation;
        let (old, new) = if is_first_older { (&one, &other) } else { (&other, &one) };
        if pass(old, new) {
            return;
        }
    }
}

/// Makes a state the successor of an older one, unless either has one.
fn pass((old_set, old_state): &Pair, (set, state): &Pair) -> bool {
    let successor = Arc::new(Successor::new(old_set, set, state));
    let mut old = old_state.lock();
    let mut new = state.lock();
    if old.has_successor() || new.has_successor() {
        // Dropping what was created may lock a state.
        drop((old, new));
        return false;
    }
    new.correlator.adopt(&mut old.correlator);
    for (state, correlator) in [(old_state, &old.correlator), (state, &new.correlator)] {
        state.deadline.store(correlator.next_deadline(), Ordering::Relaxed);
        state.version.fetch_add(1, Ordering::Release);
    }
    old.successor = Some(successor);
    true
}
