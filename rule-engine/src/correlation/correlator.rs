//! Runs correlations: from matches of members to matches of correlations.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::Arc;

use bumpalo::Bump;

use super::key::{self, Keys};
use super::plan::{Distinct, Feed, KeySource, Kind, LATENESS, Plan, Role};
use super::store::{Counters, Entry, Place, Store};
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
    queue: Vec<Item>,
    fired: Vec<Fired>,
    value: Vec<u8>,
    captured: Vec<u8>,
    arena: Bump,
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
            plans,
            keys: Keys::default(),
            timers: BinaryHeap::new(),
            serial: 0,
            clock: 0,
            queue: Vec::new(),
            fired: Vec::new(),
            value: Vec::new(),
            captured: Vec::new(),
            arena: Bump::new(),
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

    /// Returns the memory of all partial matches, in bytes.
    pub fn bytes(&self) -> usize {
        self.store.bytes() + self.timers.capacity() * size_of::<Timer>()
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

    /// Returns the time from which [`pass`](Self::pass) has something to do.
    #[inline]
    pub fn next_deadline(&self) -> u64 {
        self.timers.peek().map_or(u64::MAX, |Reverse((deadline, ..))| deadline.saturating_add(LATENESS))
    }

    /// Advances the clock to an event of any kind: matches that are complete because nothing has happened are passed to
    /// `matched`.
    pub fn pass(&mut self, time: u64, matched: &mut dyn FnMut(Match<'_>)) {
        while let Some(Reverse((deadline, _, slot, generation))) = self.timers.peek().copied()
            && deadline.saturating_add(LATENESS) < time
        {
            self.timers.pop();
            // A match that is due after this one must not have expired before its turn.
            self.clock = self.clock.max(deadline.saturating_add(LATENESS));
            if !self.store.is_current(slot, generation) {
                continue;
            }
            self.begin_event();
            let plan = self.store.get(slot).place.plan;
            let (key, entries) = self.store.remove(slot);
            self.complete(plan, &key, deadline, &entries, matched);
            self.run(&Silence, matched);
        }
        self.clock = self.clock.max(time);
    }

    /// Processes an event and the members that it matches.
    pub fn process(&mut self, subject: &dyn Subject, hits: &[Hit], matched: &mut dyn FnMut(Match<'_>)) {
        self.pass(subject.time(), matched);
        self.begin_event();
        self.queue.extend(hits.iter().map(|hit| Item { hit: *hit, origin: Origin::Event }));
        self.run(subject, matched);
        self.store.shrink(self.clock, self.timers.capacity() * size_of::<Timer>());
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
            if !self.is_awaited(item.hit) {
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

    fn sequence(
        &mut self,
        item: Item,
        role: Role,
        (stages, trailing): (u16, bool),
        subject: &dyn Subject,
        matched: &mut dyn FnMut(Match<'_>),
    ) {
        let Hit { plan, member } = item.hit;
        let (time, number) = self.moment(item, subject);
        let plans = Arc::clone(&self.plans);
        let span = plans[plan as usize].span;
        let keys = self.find_keys(&plans[plan as usize].members[usize::from(member)].key, item, subject);
        self.value.clear();
        match role {
            Role::Until => {
                for place in keys {
                    for stage in 1..=stages {
                        let found = self.find(plan, stage, place);
                        let after_start = |slot: &u32| self.store.get(*slot).entries()[0].time <= time;
                        if let Some(slot) = found.filter(after_start) {
                            self.store.remove(slot);
                        }
                    }
                }
            }
            Role::Absent(stage) => {
                for place in keys {
                    if let Some(slot) = self.find(plan, stage, place).filter(|slot| self.is_next(*slot, time, span)) {
                        self.store.remove(slot);
                    }
                }
            }
            Role::Advance(0) => {
                let Some(place) = keys.into_iter().next() else { return };
                if let Some(slot) = self.find(plan, 1, place)
                    && self.store.get(slot).entries()[0].time > time
                {
                    // A younger one waits: this event is late.
                    self.store.counters[plan as usize].late += 1;
                    return;
                }
                let entry = self.entry(item, (time, number), subject);
                let state = Place { plan, stage: 1 };
                let slot = self.store.begin(state, self.keys.get(place), self.clock, entry);
                if trailing && stages == 1 {
                    self.set_timer(slot, span);
                }
            }
            Role::Advance(stage) => {
                let next = |place| self.find(plan, stage, place).filter(|slot| self.is_next(*slot, time, span));
                let Some((place, slot)) = keys.into_iter().find_map(|place| Some((place, next(place)?))) else {
                    return;
                };
                let entry = self.entry(item, (time, number), subject);
                if stage + 1 == stages && !trailing {
                    let (key, mut entries) = self.store.remove(slot);
                    entries.push(entry);
                    self.complete(plan, &key, time, &entries, matched);
                    return;
                }
                let waits = Place { plan, stage: stage + 1 };
                if let Some(other) = self.store.find_kept(waits, self.keys.get(place)) {
                    // The younger one stays.
                    if self.store.is_live(other, self.clock) && self.last(other) > time {
                        self.store.remove(slot);
                        return;
                    }
                    self.store.remove(other);
                }
                self.store.advance(slot, entry);
                if stage + 1 == stages {
                    self.set_timer(slot, span);
                }
            }
        }
    }

    fn find(&self, plan: u32, stage: u16, place: usize) -> Option<u32> {
        self.store.find(Place { plan, stage }, self.keys.get(place), self.clock)
    }

    fn last(&self, slot: u32) -> u64 {
        self.store.get(slot).entries().last().map_or(0, |entry| entry.time)
    }

    /// Returns whether an event can be the next step of a partial match: it is not earlier than the last, and within
    /// the timespan.
    fn is_next(&self, slot: u32, time: u64, span: u64) -> bool {
        let first = self.store.get(slot).entries()[0].time;
        self.last(slot) <= time && time - first <= span
    }

    fn set_timer(&mut self, slot: u32, span: u64) {
        let state = self.store.get(slot);
        let deadline = state.entries()[0].time.saturating_add(span);
        let timer = Reverse((deadline, self.serial, slot, state.generation));
        self.serial += 1;
        // Removes timers of former partial matches before memory grows for them.
        if self.timers.len() == self.timers.capacity() && self.timers.len() >= 64 {
            let store = &self.store;
            self.timers.retain(|Reverse((_, _, slot, generation))| store.is_current(*slot, *generation));
        }
        self.timers.push(timer);
    }

    fn window(
        &mut self,
        item: Item,
        threshold: u32,
        distinct: Distinct,
        subject: &dyn Subject,
        matched: &mut dyn FnMut(Match<'_>),
    ) {
        let Hit { plan, member } = item.hit;
        let (time, number) = self.moment(item, subject);
        let plans = Arc::clone(&self.plans);
        let row = &plans[plan as usize];
        let keys = self.find_keys(&row.members[usize::from(member)].key, item, subject);
        let Some(own) = keys.clone().next() else { return };
        self.value.clear();
        if let Some(source) = &row.members[usize::from(member)].value {
            let Some(place) = self.find_keys(source, item, subject).next() else { return };
            self.value.extend_from_slice(self.keys.get(place).0);
        }
        // A group whose youngest event is too old for this one is over.
        let goes_on = |slot: &u32| self.last(*slot).saturating_add(row.retention()) >= time;
        let found = keys.into_iter().find_map(|place| self.find(plan, 0, place).filter(goes_on));
        let Some(slot) = found else {
            let entry = self.entry(item, (time, number), subject);
            if threshold <= 1 {
                let key = self.keys.get(own).0.to_vec();
                self.complete(plan, &key, time, &[entry], matched);
            } else {
                self.store.begin(Place { plan, stage: 0 }, self.keys.get(own), self.clock, entry);
            }
            return;
        };
        // An event older than all that the youngest event can be counted with is useless.
        let newest = self.last(slot);
        let is_old = |then: u64| then.saturating_add(row.retention()) < newest.max(time);
        let state = self.store.get(slot);
        let same = |entry: &Entry| match distinct {
            Distinct::Events => false,
            Distinct::Members => entry.member == member,
            Distinct::Values => entry.value() == self.value,
        };
        let known = if distinct == Distinct::Events { None } else { state.entries().iter().position(same) };
        if is_old(time) || known.is_some_and(|at| state.entries()[at].time > time) {
            self.store.counters[plan as usize].late += 1;
            return;
        }
        let entry = self.entry(item, (time, number), subject);
        let at = self.store.add(slot, entry, self.clock);
        if let Some(known) = known {
            // It comes before the new one, which is later.
            self.store.take(slot, known..known + 1);
        }
        let at = at - usize::from(known.is_some());
        let entries = self.store.get(slot).entries();
        let size = threshold as usize;
        let full = |first: &usize| {
            entries.get(first + size - 1).is_some_and(|last| last.time - entries[*first].time <= row.span)
        };
        if let Some(first) = ((at + 1).saturating_sub(size)..=at).find(full) {
            let key = self.store.get(slot).key().to_vec();
            let taken = self.store.take(slot, first..first + size);
            self.complete(plan, &key, time.max(taken[size - 1].time), &taken, matched);
            return;
        }
        let old = entries.partition_point(|entry| is_old(entry.time));
        if old > entries.len() / 2 {
            self.store.take(slot, 0..old);
        }
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

    /// Imports the partial matches of correlations that are the same as before.
    pub fn adopt(&mut self, mut old: Self) {
        let place = |plan: &Plan| self.plans.iter().position(|new| new.identity == plan.identity);
        let places: Vec<Option<usize>> = old.plans.iter().map(place).collect();
        for (counters, place) in old.store.counters.iter().zip(&places) {
            if let Some(place) = place {
                let new = &mut self.store.counters[*place];
                new.matches += counters.matches;
                new.evicted += counters.evicted;
                new.late += counters.late;
            }
        }
        self.clock = self.clock.max(old.clock);
        for mut kept in old.store.drain() {
            let Some(plan) = places[kept.place.plan as usize] else { continue };
            kept.place.plan = plan as u32;
            self.keys.begin();
            self.keys.push(|out| {
                out.extend_from_slice(&kept.key);
                true
            });
            let hash = self.keys.get(0).1;
            let place = kept.place;
            // Partial matches that this one has begun are younger.
            if self.store.find_kept(place, self.keys.get(0)).is_some() {
                continue;
            }
            let slot = self.store.restore(kept, hash);
            if let Kind::Sequence { stages, trailing: true, .. } = self.plans[plan].kind
                && place.stage == stages
            {
                self.set_timer(slot, self.plans[plan].span);
            }
        }
        self.store.shrink(self.clock, self.timers.capacity() * size_of::<Timer>());
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
