//! Runs correlations: from matches of members to matches of correlations.

mod clock;
mod sequence;
mod window;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use bumpalo::Bump;

use super::entry::Entry;
use super::key::{self, Keys};
use super::outcome::{Effect, Ends, Outcome};
use super::plan::{Feed, KeySource, Kind, LATENESS, Plan, Role};
use super::store::{Counters, Place, Store};
use super::subject::{Hit, Match, Silence, Subject};
use super::{MAX_STEPS, captured};
use crate::event::Value;

/// The kind of an item of the queue.
#[derive(Debug, Clone, Copy)]
enum Origin {
    Event,
    /// A match of a correlation, by its place among those of this event.
    Fired(u32),
}

#[derive(Debug, Clone, Copy)]
struct Item {
    hit: Hit,
    origin: Origin,
}

/// A match that other correlations use.
#[derive(Debug)]
struct Fired {
    key: Vec<u8>,
    time: u64,
    number: u64,
    count: u64,
}

/// A sequence that is complete when nothing happens.
type Timer = Reverse<(u64, u64, u32, u32)>;

/// The mutable state of correlations.
#[derive(Debug)]
pub struct Correlator {
    plans: Arc<[Plan]>,
    store: Store,
    keys: Keys,
    timers: BinaryHeap<Timer>,
    serial: u64,
    /// The greatest time of all events.
    clock: u64,
    /// The time of the event before, if it was too late to be believed.
    doubted: Option<u64>,
    /// The time at which expired partial matches are dropped next.
    sweep: u64,
    queue: Vec<Item>,
    fired: Vec<Fired>,
    value: Vec<u8>,
    captured: Vec<u8>,
    arena: Bump,
    /// The outcomes of members, if they are recorded.
    outcomes: Option<Vec<Outcome>>,
    /// For each correlation the evictions that were taken by [`take_evicted`](Self::take_evicted).
    reported: Box<[u64]>,
    /// Evictions of correlations of former rules that were not.
    inherited: u64,
}

impl Correlator {
    /// Creates the state without partial matches; they never use more than `limit` bytes.
    ///
    /// # Panics
    /// If a correlation feeds itself or one before it: the loader orders them.
    pub fn new(plans: Arc<[Plan]>, limit: usize) -> Self {
        for (place, plan) in plans.iter().enumerate() {
            assert!(plan.feeds.iter().all(|feed| feed.plan as usize > place), "what is fed comes later");
        }
        Self {
            store: Store::new(&plans, limit),
            reported: vec![0; plans.len()].into(),
            inherited: 0,
            plans,
            keys: Keys::default(),
            timers: BinaryHeap::new(),
            serial: 0,
            clock: 0,
            doubted: None,
            sweep: 0,
            queue: Vec::new(),
            fired: Vec::new(),
            value: Vec::new(),
            captured: Vec::new(),
            arena: Bump::new(),
            outcomes: None,
        }
    }

    /// Returns the correlations.
    pub fn plans(&self) -> &Arc<[Plan]> {
        &self.plans
    }

    /// Returns the counts, for each correlation.
    pub fn counters(&mut self) -> &[Counters] {
        self.store.expire(self.clock);
        &self.store.counters
    }

    /// Returns the number of partial matches that were dropped since the last call because memory was full, and the
    /// correlation that lost most, by its place.
    pub fn take_evicted(&mut self) -> (u64, Option<usize>) {
        let (mut all, mut most) = (std::mem::take(&mut self.inherited), (0, None));
        for (place, (counters, reported)) in self.store.counters.iter().zip(&mut self.reported).enumerate() {
            let new = counters.evicted - std::mem::replace(reported, counters.evicted);
            all += new;
            if new > most.0 {
                most = (new, Some(place));
            }
        }
        (all, most.1)
    }

    /// Adds evictions of other rules to those that the next call of [`take_evicted`](Self::take_evicted) returns.
    pub fn inherit_evicted(&mut self, count: u64) {
        self.inherited += count;
    }

    /// Returns the memory of all partial matches, in bytes.
    pub fn bytes(&self) -> usize {
        self.store.bytes()
    }

    /// Returns whether a member has any effect on the current state: if not, its events need not be passed.
    #[inline]
    pub fn is_awaited(&self, hit: Hit) -> bool {
        let plan = &self.plans[hit.plan as usize];
        match &plan.kind {
            Kind::Window { .. } => true,
            Kind::Sequence { roles, .. } => match roles[usize::from(hit.member)] {
                Role::Advance(0) => true,
                Role::Advance(stage) | Role::Absent(stage) => self.waiting(hit.plan, stage) > 0,
                Role::Until => self.store.counters[hit.plan as usize].live > 0,
            },
        }
    }

    fn waiting(&self, plan: u32, stage: u16) -> u32 {
        self.store.waiting(Place { plan, stage })
    }

    /// Returns the time after which [`process`](Self::process) has work to do even for an event without hits: for
    /// matches that are complete because nothing has happened, and for partial matches that have expired, which it drops
    /// once a second. 0 if the next event shows whether the time has jumped.
    #[inline]
    pub fn next_deadline(&self) -> u64 {
        if self.doubted.is_some() {
            return 0;
        }
        let sweep = if self.store.is_empty() { u64::MAX } else { self.sweep };
        self.timers.peek().map_or(sweep, |Reverse((deadline, ..))| deadline.saturating_add(LATENESS).min(sweep))
    }

    /// Returns the numbers of the places whose partial matches a member advances or ends: it can do nothing while none
    /// waits there. `None` if it can begin a partial match.
    pub fn places(&self, hit: Hit) -> Option<Range<u32>> {
        let Kind::Sequence { roles, stages, .. } = &self.plans[hit.plan as usize].kind else { return None };
        let number = |stage| self.store.place_number(Place { plan: hit.plan, stage });
        match roles[usize::from(hit.member)] {
            Role::Advance(0) => None,
            Role::Advance(stage) | Role::Absent(stage) => Some(number(stage)..number(stage) + 1),
            Role::Until => Some(number(1)..number(*stages) + 1),
        }
    }

    /// Returns the number of a place in which, since it was last returned, a partial match was the first or the last that
    /// waits; `None` if there is no other.
    pub fn next_turned(&mut self) -> Option<u32> {
        self.store.next_turned()
    }

    /// Advances the clock to an event of any kind: matches that are complete because nothing has happened are passed to
    /// `matched`.
    pub fn pass(&mut self, time: u64, matched: &mut dyn FnMut(Match<'_>)) {
        let time = self.believe(time);
        while let Some(Reverse((deadline, _, slot, generation))) = self.timers.peek().copied()
            && deadline.saturating_add(LATENESS) < time
        {
            self.timers.pop();
            // A match that is due after this one must not have expired before its turn.
            self.clock = self.clock.max(deadline.saturating_add(LATENESS));
            // One that began at a wrong time is not kept for so long.
            let is_kept = || self.store.is_live(slot, deadline.saturating_add(LATENESS));
            if !self.store.is_current(slot, generation) || !is_kept() {
                continue;
            }
            self.begin_event();
            let plan = self.store.get(slot).place.plan;
            let (key, entries) = self.store.remove(slot);
            self.complete(plan, &key, deadline, &entries, matched);
            self.run(&Silence, matched);
        }
        self.clock = self.clock.max(time);
        if self.clock > self.sweep {
            self.sweep = self.clock.saturating_add(LATENESS);
            self.store.expire(self.clock);
        }
    }

    /// Processes an event and the members that it matches.
    pub fn process(&mut self, subject: &dyn Subject, hits: &[Hit], matched: &mut dyn FnMut(Match<'_>)) {
        self.store.set_now(subject.number());
        self.pass(subject.time(), matched);
        self.begin_event();
        self.queue.extend(hits.iter().map(|hit| Item { hit: *hit, origin: Origin::Event }));
        self.run(subject, matched);
        self.store.shrink(self.clock);
    }

    fn begin_event(&mut self) {
        self.keys.begin();
        self.fired.clear();
        self.queue.clear();
    }

    /// Processes the queue: correlations in order, of each its later members first, so that an event ends partial
    /// matches before it begins any, and is only one step of a sequence.
    fn run(&mut self, subject: &dyn Subject, matched: &mut dyn FnMut(Match<'_>)) {
        let mut at = 0;
        let mut sorted = 0;
        while at < self.queue.len() {
            if sorted < self.queue.len() {
                self.queue[at..].sort_by_key(|item| (item.hit.plan, Reverse(item.hit.member)));
                sorted = self.queue.len();
            }
            let item = self.queue[at];
            at += 1;
            if self.outcomes.is_none() && !self.is_awaited(item.hit) {
                continue;
            }
            let plans = Arc::clone(&self.plans);
            match &plans[item.hit.plan as usize].kind {
                Kind::Sequence { roles, stages, trailing } => {
                    self.sequence(item, roles[usize::from(item.hit.member)], (*stages, *trailing), subject, matched);
                }
                Kind::Window { threshold, distinct } => self.window(item, *threshold, *distinct, subject, matched),
            }
        }
    }

    fn find(&self, plan: u32, stage: u16, place: usize) -> Option<u32> {
        self.store.find(Place { plan, stage }, self.keys.get(place), self.clock)
    }

    fn last(&self, slot: u32) -> u64 {
        self.store.get(slot).entries().last().map_or(0, |entry| entry.time)
    }

    /// Returns the time and the number of an item.
    fn moment(&self, item: Item, subject: &dyn Subject) -> (u64, u64) {
        match item.origin {
            Origin::Event => (subject.time(), subject.number()),
            Origin::Fired(at) => (self.fired[at as usize].time, self.fired[at as usize].number),
        }
    }

    fn find_keys(&mut self, source: &KeySource, item: Item, subject: &dyn Subject) -> Range<usize> {
        let Self { keys, fired, arena, .. } = self;
        match (source, item.origin) {
            (KeySource::Event(id), _) => keys.of(*id, |keys| subject.keys(*id, keys)),
            (KeySource::Inner(places), Origin::Fired(at)) => keys.add(|keys| {
                keys.push(|out| {
                    key::project(&fired[at as usize].key, places, arena, out);
                    arena.reset();
                    true
                });
            }),
            (KeySource::Inner(_), Origin::Event) => 0..0,
        }
    }

    /// Returns the kept values of an item.
    fn entry(&mut self, item: Item, (time, number): (u64, u64), subject: &dyn Subject) -> Entry {
        let Hit { plan, member } = item.hit;
        self.captured.clear();
        match (item.origin, self.plans[plan as usize].members[usize::from(member)].capture) {
            (Origin::Event, Some(id)) => subject.capture(id, &mut self.captured),
            (Origin::Event, None) => {}
            (Origin::Fired(at), _) => {
                let fired = &self.fired[at as usize];
                capture_match(fired, &mut self.captured, &self.arena);
                self.arena.reset();
            }
        }
        Entry::new(time, number, member, &self.value, &self.captured)
    }

    /// Passes on a match, and queues it for the correlations that name it.
    fn complete(&mut self, plan: u32, key: &[u8], time: u64, entries: &[Entry], matched: &mut dyn FnMut(Match<'_>)) {
        self.store.counters[plan as usize].matches += 1;
        let [first, .., last] = entries else {
            let [only] = entries else { return };
            return self.give(plan, key, time, (only, only), entries, matched);
        };
        self.give(plan, key, time, (first, last), entries, matched);
    }

    fn give(
        &mut self,
        plan: u32,
        key: &[u8],
        time: u64,
        (first, last): (&Entry, &Entry),
        entries: &[Entry],
        matched: &mut dyn FnMut(Match<'_>),
    ) {
        let (count, number) = (entries.len() as u64, last.number);
        let steps = &entries[entries.len().saturating_sub(MAX_STEPS)..];
        matched(Match { plan, key, time, number, count, first: first.time, last: last.time, steps });
        let feeds = &self.plans[plan as usize].feeds;
        if !feeds.is_empty() {
            let at = self.fired.len() as u32;
            self.fired.push(Fired { key: key.to_vec(), time, number, count });
            let item =
                |feed: &Feed| Item { hit: Hit { plan: feed.plan, member: feed.member }, origin: Origin::Fired(at) };
            self.queue.extend(feeds.iter().map(item));
        }
    }

    /// Records what members do from now on, and how partial matches end.
    pub fn observe(&mut self) {
        self.outcomes = Some(Vec::new());
        self.store.ends = Some(Box::new(Ends::default()));
    }

    /// Returns what members did since the last call, if that is recorded.
    pub fn take_outcomes(&mut self) -> Vec<Outcome> {
        self.outcomes.as_mut().map(std::mem::take).unwrap_or_default()
    }

    #[inline]
    fn note(&mut self, item: Item, key: Option<usize>, effect: Effect) {
        if let Some(outcomes) = &mut self.outcomes {
            let key = key.map(|place| self.keys.get(place).0.into());
            outcomes.push(Outcome { hit: item.hit, key, effect });
        }
    }

    /// Notes why an event advanced or ended no partial match that waits after some steps.
    fn note_not_awaited(&mut self, item: Item, time: u64, stages: RangeInclusive<u16>, keys: Range<usize>) {
        if self.outcomes.is_none() {
            return;
        }
        let plan = item.hit.plan;
        let all = || stages.clone().flat_map(|stage| keys.clone().map(move |key| (stage, key)));
        let effect = match all().find_map(|(stage, key)| self.find(plan, stage, key)) {
            Some(slot) => match self.store.get(slot).entries() {
                [.., last] if last.time > time => Effect::OutOfOrder { previous: last.number },
                [first, ..] => Effect::OutOfSpan { first: first.number },
                [] => return,
            },
            None => Effect::NotAwaited {
                elsewhere: stages.clone().map(|stage| self.waiting(plan, stage)).sum(),
                ended: all().find_map(|(stage, key)| {
                    self.store.ends.as_ref()?.find(Place { plan, stage }, self.keys.get(key).0)
                }),
            },
        };
        self.note(item, Some(keys.start), effect);
    }

    /// Moves the partial matches and counts of correlations that are the same here.
    pub fn adopt(&mut self, old: &mut Self) {
        let place = |plan: &Plan| self.plans.iter().position(|new| new.identity == plan.identity);
        let places: Vec<Option<usize>> = old.plans.iter().map(place).collect();
        self.clock = self.clock.max(old.clock);
        self.doubted = self.doubted.or(old.doubted);
        let drained = old.store.drain(|plan| places[plan as usize].is_some());
        self.inherited += std::mem::take(&mut old.inherited);
        for ((counters, reported), place) in old.store.counters.iter_mut().zip(&mut old.reported).zip(&places) {
            if let Some(place) = place {
                let counters = std::mem::take(counters);
                self.reported[*place] += std::mem::take(reported);
                let new = &mut self.store.counters[*place];
                new.matches += counters.matches;
                new.evicted += counters.evicted;
                new.late += counters.late;
            }
        }
        for mut kept in drained {
            let Some(plan) = places[kept.place.plan as usize] else { continue };
            kept.place.plan = plan as u32;
            self.keys.begin();
            self.keys.push(|out| {
                out.extend_from_slice(&kept.key);
                true
            });
            let hash = self.keys.get(0).1;
            let place = kept.place;
            if let Some(slot) = self.store.find_kept(place, self.keys.get(0)) {
                // Partial matches that this one has begun are younger. Events of windows count in any case.
                if matches!(self.plans[plan].kind, Kind::Window { .. }) {
                    for entry in kept.entries {
                        self.store.add(slot, entry, self.clock);
                    }
                }
                continue;
            }
            let slot = self.store.restore(kept, hash);
            if let Kind::Sequence { stages, trailing: true, .. } = self.plans[plan].kind
                && place.stage == stages
            {
                self.set_timer(slot, self.plans[plan].span);
            }
        }
        self.store.shrink(self.clock);
    }
}

/// Returns the kept values of a match of a correlation: the parts of its key, and its count.
fn capture_match(fired: &Fired, out: &mut Vec<u8>, arena: &Bump) {
    for value in key::values(&fired.key, arena) {
        let text = value.and_then(|value| key::text(value, arena));
        captured::push(out, text, value);
    }
    let count = fired.count.to_string();
    captured::push(out, Some(count.as_bytes()), Some(Value::U64(fired.count)));
}
