//! Partial matches, found by key, bounded in bytes.
//!
//! Each is a slot in a slab that never moves, found through a table of numbers, and linked into the list of those with
//! the same timespan. A list is in the order of expiry, so that expired ones are at its front, and the oldest is at the
//! front of one of the lists: neither needs a search.

mod room;

use std::ops::Range;

use hashbrown::HashTable;
use smallvec::SmallVec;

use super::entry::{ALLOCATION, Entry};
use super::outcome::{End, Ends};
use super::plan::{MAX_STEPS, Plan};

/// Keys of at most this many bytes need no separate memory: those of a process have at most 17.
const KEY: usize = 24;

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// The number of slots that are allocated at a time.
const CHUNK: usize = 256;

/// The place of a partial match, beside its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) plan: u32,
    /// The number of steps of a sequence that have happened; 0 for a window.
    pub(super) stage: u16,
}

impl Place {
    fn mix(self, hash: u32) -> u64 {
        let place = u64::from(self.plan) << 16 | u64::from(self.stage);
        (u64::from(hash) ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .wrapping_mul(0xff51_afd7_ed55_8ccd)
            .rotate_left(29)
    }
}

type Entries = SmallVec<[Entry; 1]>;

#[derive(Debug)]
pub(super) struct State {
    hash: u32,
    /// The time until which it can be of use, by the greatest time seen.
    kept_until: u64,
    pub(super) place: Place,
    prev: u32,
    next: u32,
    /// The number of uses of the slot, so that a timer of an earlier one can be recognized.
    pub(super) generation: u32,
    key: SmallVec<[u8; KEY]>,
    entries: Entries,
}

// A flood of keys is a flood of these.
const _: () = assert!(size_of::<State>() <= 128);

impl State {
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the time of the event with which it began, or that of the last one of a window.
    fn renewed_at(&self) -> Option<u64> {
        let entry = if self.place.stage == 0 { self.entries.last() } else { self.entries.first() };
        entry.map(|entry| entry.time)
    }

    fn heap(&self) -> usize {
        let key = if self.key.spilled() { self.key.capacity() + ALLOCATION } else { 0 };
        key + self.list() + self.entries.iter().map(Entry::bytes).sum::<usize>()
    }

    /// Returns the memory of the list of entries itself.
    fn list(&self) -> usize {
        if self.entries.spilled() { self.entries.capacity() * size_of::<Entry>() + ALLOCATION } else { 0 }
    }
}

/// Those with one timespan.
#[derive(Debug, Clone, Copy)]
struct Age {
    retention: u64,
    head: u32,
    tail: u32,
}

/// The counts of each correlation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counters {
    /// Matches.
    pub matches: u64,
    /// Partial matches that are waiting.
    pub live: u64,
    /// Partial matches that were dropped because memory was full.
    pub evicted: u64,
    /// Events that came too late to be counted with the others.
    pub late: u64,
}

#[derive(Debug)]
pub(super) struct Store {
    chunks: Vec<Vec<State>>,
    free: u32,
    used: usize,
    table: HashTable<u32>,
    /// The number of entries up to which the table does not grow, half its capacity: then removed entries are cleared in
    /// place.
    room: usize,
    ages: Vec<Age>,
    /// For each plan the place of its list.
    age_of: Box<[u32]>,
    /// For each plan the beginning of the numbers of its stages in `waiting`.
    stages: Box<[u32]>,
    waiting: Vec<u32>,
    /// The places whose number in `waiting` became 0 or was 0, until they are queried: as bits, and as a list.
    is_turned: Vec<bool>,
    turned: Vec<u32>,
    pub(super) counters: Vec<Counters>,
    /// The memory of the slots outside of the slab.
    heap: usize,
    /// The memory that is held elsewhere for partial matches: their timers.
    pub(super) outside: usize,
    limit: usize,
    /// Ends of partial matches, if these are recorded.
    pub(super) ends: Option<Box<Ends>>,
}

impl Store {
    pub(super) fn new(plans: &[Plan], limit: usize) -> Self {
        let mut ages: Vec<Age> = Vec::new();
        let mut age_of = Vec::with_capacity(plans.len());
        let mut stages = Vec::with_capacity(plans.len());
        let mut waiting = 0;
        for plan in plans {
            let retention = plan.retention();
            let known = ages.iter().position(|age| age.retention == retention);
            age_of.push(known.unwrap_or(ages.len()) as u32);
            if known.is_none() {
                ages.push(Age { retention, head: NONE, tail: NONE });
            }
            stages.push(waiting);
            waiting += u32::from(plan.stages()) + 1;
        }
        Self {
            chunks: Vec::new(),
            free: NONE,
            used: 0,
            table: HashTable::new(),
            room: 0,
            ages,
            age_of: age_of.into(),
            stages: stages.into(),
            waiting: vec![0; waiting as usize],
            is_turned: vec![false; waiting as usize],
            turned: Vec::with_capacity(waiting as usize),
            counters: vec![Counters::default(); plans.len()],
            heap: 0,
            outside: 0,
            limit,
            ends: None,
        }
    }

    /// Sets the number of the event that is processed, for [`note_end`](Self::note_end).
    #[inline]
    pub(super) fn set_now(&mut self, number: u64) {
        if let Some(ends) = &mut self.ends {
            ends.now = number;
        }
    }

    /// Records how a partial match ends, if that is enabled.
    #[inline]
    pub(super) fn note_end(&mut self, slot: u32, how: End) {
        if self.ends.is_some() {
            self.note_end_now(slot, how);
        }
    }

    #[cold]
    fn note_end_now(&mut self, slot: u32, how: End) {
        let Some(mut ends) = self.ends.take() else { return };
        let state = self.get(slot);
        ends.add(state.place, &state.key, how, state.entries().last().map_or(0, |entry| entry.number));
        self.ends = Some(ends);
    }

    /// Returns the memory of all partial matches, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.chunks.len() * CHUNK * size_of::<State>() + self.table.allocation_size() + self.heap + self.outside
    }

    #[inline]
    pub(super) fn get(&self, slot: u32) -> &State {
        &self.chunks[slot as usize / CHUNK][slot as usize % CHUNK]
    }

    fn get_mut(&mut self, slot: u32) -> &mut State {
        &mut self.chunks[slot as usize / CHUNK][slot as usize % CHUNK]
    }

    /// Returns whether a slot is in the same use as when the timer was set.
    pub(super) fn is_current(&self, slot: u32, generation: u32) -> bool {
        let state = self.chunks.get(slot as usize / CHUNK).and_then(|chunk| chunk.get(slot as usize % CHUNK));
        state.is_some_and(|state| state.generation == generation)
    }

    /// Returns how many partial matches wait in a place.
    #[inline]
    pub(super) fn waiting(&self, place: Place) -> u32 {
        self.waiting[self.place_number(place) as usize]
    }

    /// Returns the number of a place among those of all plans.
    pub(super) fn place_number(&self, place: Place) -> u32 {
        self.stages[place.plan as usize] + u32::from(place.stage)
    }

    /// Returns a place in which the first partial match has begun to wait or the last one no longer does.
    pub(super) fn next_turned(&mut self) -> Option<u32> {
        let place = self.turned.pop()?;
        self.is_turned[place as usize] = false;
        Some(place)
    }

    fn count_waiting(&mut self, place: Place, is_more: bool) {
        let at = self.place_number(place) as usize;
        let before = self.waiting[at];
        self.waiting[at] = if is_more { before + 1 } else { before - 1 };
        if (before == 0 || self.waiting[at] == 0) && !self.is_turned[at] {
            self.is_turned[at] = true;
            self.turned.push(at as u32);
        }
    }

    /// Returns whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Returns the partial match of a key, unless it has expired.
    pub(super) fn find(&self, place: Place, key: (&[u8], u32), clock: u64) -> Option<u32> {
        self.find_kept(place, key).filter(|slot| self.is_live(*slot, clock))
    }

    /// Returns the partial match of a key, even if it has expired: there is never more than one.
    pub(super) fn find_kept(&self, place: Place, (key, hash): (&[u8], u32)) -> Option<u32> {
        let found = self.table.find(place.mix(hash), |slot| {
            let state = self.get(*slot);
            state.hash == hash && state.place == place && *state.key == *key
        });
        found.copied()
    }

    pub(super) fn is_live(&self, slot: u32, clock: u64) -> bool {
        self.get(slot).kept_until >= clock
    }

    /// Begins a partial match, in the place of one that has expired or is given up.
    pub(super) fn begin(&mut self, place: Place, (key, hash): (&[u8], u32), clock: u64, entry: Entry) -> u32 {
        self.expire_list(self.age_of[place.plan as usize] as usize, clock);
        if let Some(slot) = self.find_kept(place, (key, hash)) {
            self.note_end(slot, End::Replaced);
            self.remove(slot);
        }
        self.make_room(clock);
        let key = SmallVec::from_slice(key);
        self.insert(State {
            hash,
            kept_until: clock.saturating_add(self.ages[self.age_of[place.plan as usize] as usize].retention),
            place,
            prev: NONE,
            next: NONE,
            generation: 0,
            key,
            entries: smallvec::smallvec![entry],
        })
    }

    fn insert(&mut self, mut state: State) -> u32 {
        let (place, hash) = (state.place, state.hash);
        self.heap += state.heap();
        let slot = if self.free == NONE {
            if self.used.is_multiple_of(CHUNK) {
                self.chunks.push(Vec::with_capacity(CHUNK));
            }
            let slot = self.used as u32;
            self.used += 1;
            self.chunks[slot as usize / CHUNK].push(state);
            slot
        } else {
            let slot = self.free;
            let old = self.get_mut(slot);
            state.generation = old.generation;
            let next = old.next;
            *old = state;
            self.free = next;
            slot
        };
        self.enter(slot, place, hash);
        self.link(slot);
        slot
    }

    fn enter(&mut self, slot: u32, place: Place, hash: u32) {
        let Self { table, chunks, .. } = self;
        table.insert_unique(place.mix(hash), slot, |slot| {
            let state = &chunks[*slot as usize / CHUNK][*slot as usize % CHUNK];
            state.place.mix(state.hash)
        });
        self.count_waiting(place, true);
        self.counters[place.plan as usize].live += 1;
    }

    fn leave(&mut self, slot: u32) {
        let (place, hash) = (self.get(slot).place, self.get(slot).hash);
        if let Ok(entry) = self.table.find_entry(place.mix(hash), |other| *other == slot) {
            entry.remove();
        }
        self.count_waiting(place, false);
        self.counters[place.plan as usize].live -= 1;
    }

    /// Removes a partial match: its key and its events.
    pub(super) fn remove(&mut self, slot: u32) -> (SmallVec<[u8; KEY]>, Entries) {
        self.leave(slot);
        self.unlink(slot);
        let free = self.free;
        let state = self.get_mut(slot);
        let heap = state.heap();
        state.generation = state.generation.wrapping_add(1);
        state.next = free;
        let taken = (std::mem::take(&mut state.key), std::mem::take(&mut state.entries));
        self.free = slot;
        self.heap -= heap;
        taken
    }

    /// Advances a sequence by one step. It keeps its age: it begins with its first step.
    pub(super) fn advance(&mut self, slot: u32, entry: Entry) {
        self.leave(slot);
        let state = self.get_mut(slot);
        state.place.stage += 1;
        let (place, hash, list, more) = (state.place, state.hash, state.list(), entry.bytes());
        state.entries.push(entry);
        let list_now = state.list();
        self.heap = self.heap + more + list_now - list;
        self.enter(slot, place, hash);
    }

    /// Adds an event to a window at its place by time, and makes the window the youngest. Returns the place.
    pub(super) fn add(&mut self, slot: u32, entry: Entry, clock: u64) -> usize {
        let state = self.get_mut(slot);
        let at = state.entries.partition_point(|other| other.time <= entry.time);
        let (list, mut less, more) = (state.list(), 0, entry.bytes());
        state.entries.insert(at, entry);
        // Only the last are shown.
        if let Some(old) = state.entries.len().checked_sub(MAX_STEPS + 1) {
            let old = &mut state.entries[old];
            less = old.forget();
        }
        let list_now = state.list();
        self.heap = self.heap + more + list_now - list - less;
        self.unlink(slot);
        let age = self.age_of[self.get(slot).place.plan as usize] as usize;
        self.get_mut(slot).kept_until = clock.saturating_add(self.ages[age].retention);
        self.link(slot);
        at
    }

    /// Removes events of a window; an empty one is removed.
    pub(super) fn take(&mut self, slot: u32, range: Range<usize>) -> Entries {
        let taken: Entries = self.get_mut(slot).entries.drain(range).collect();
        self.heap -= taken.iter().map(Entry::bytes).sum::<usize>();
        if self.get(slot).entries.is_empty() {
            self.remove(slot);
        }
        taken
    }

    fn link(&mut self, slot: u32) {
        let age = self.age_of[self.get(slot).place.plan as usize] as usize;
        let tail = self.ages[age].tail;
        let state = self.get_mut(slot);
        (state.prev, state.next) = (tail, NONE);
        match tail {
            NONE => self.ages[age].head = slot,
            tail => self.get_mut(tail).next = slot,
        }
        self.ages[age].tail = slot;
    }

    fn unlink(&mut self, slot: u32) {
        let state = self.get(slot);
        let (prev, next) = (state.prev, state.next);
        let age = self.age_of[state.place.plan as usize] as usize;
        match prev {
            NONE => self.ages[age].head = next,
            prev => self.get_mut(prev).next = next,
        }
        match next {
            NONE => self.ages[age].tail = prev,
            next => self.get_mut(next).prev = prev,
        }
    }

    /// Keeps partial matches as if they had begun later: those that began at a time of the clock, with an event whose
    /// time `is_meant`.
    pub(super) fn renew(&mut self, (from, to): (u64, u64), is_meant: impl Fn(u64) -> bool) {
        for age in 0..self.ages.len() {
            let Age { retention, tail, .. } = self.ages[age];
            let (old, new) = (from.saturating_add(retention), to.saturating_add(retention));
            let mut slot = tail;
            while slot != NONE && self.get(slot).kept_until == old {
                let state = self.get_mut(slot);
                if state.renewed_at().is_some_and(&is_meant) {
                    state.kept_until = new;
                }
                slot = state.prev;
            }
        }
    }

    fn expire_list(&mut self, age: usize, clock: u64) {
        while self.ages[age].head != NONE && self.get(self.ages[age].head).kept_until < clock {
            self.note_end(self.ages[age].head, End::Expired);
            self.remove(self.ages[age].head);
        }
    }

    /// Drops partial matches that can no longer be completed.
    pub(super) fn expire(&mut self, clock: u64) {
        (0..self.ages.len()).for_each(|age| self.expire_list(age, clock));
    }

    /// Removes the partial matches of the plans that are wanted, from the oldest on.
    pub(super) fn drain(&mut self, wanted: impl Fn(u32) -> bool) -> Vec<Kept> {
        let mut all = Vec::new();
        for age in 0..self.ages.len() {
            let mut next = self.ages[age].head;
            while next != NONE {
                let slot = next;
                let State { place, kept_until, .. } = *self.get(slot);
                next = self.get(slot).next;
                if wanted(place.plan) {
                    let (key, entries) = self.remove(slot);
                    all.push(Kept { place, kept_until, key, entries });
                }
            }
        }
        all.sort_by_key(|kept| kept.kept_until);
        all
    }

    /// Inserts one that was removed, perhaps from another store.
    pub(super) fn restore(&mut self, kept: Kept, hash: u32) -> u32 {
        let Kept { place, kept_until, key, entries } = kept;
        self.make_room(0);
        self.insert(State { hash, kept_until, place, prev: NONE, next: NONE, generation: 0, key, entries })
    }
}

/// A partial match on its way from one store to another.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) place: Place,
    kept_until: u64,
    pub(super) key: SmallVec<[u8; KEY]>,
    pub(super) entries: Entries,
}
