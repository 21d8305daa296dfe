//! Steps in order.

use std::cmp::Reverse;

use super::{Correlator, Item, Timer};
use crate::correlation::outcome::{Effect, End};
use crate::correlation::plan::Role;
use crate::correlation::store::Place;
use crate::correlation::subject::{Hit, Match, Subject};

impl Correlator {
    pub(super) fn sequence(
        &mut self,
        item: Item,
        role: Role,
        (stages, trailing): (u16, bool),
        subject: &dyn Subject,
        matched: &mut dyn FnMut(Match<'_>),
    ) {
        let Hit { plan, member } = item.hit;
        let (time, number) = self.moment(item, subject);
        let plans = std::sync::Arc::clone(&self.plans);
        let span = plans[plan as usize].span;
        let keys = self.find_keys(&plans[plan as usize].members[usize::from(member)].key, item, subject);
        if keys.is_empty() {
            return self.note(item, None, Effect::NoKey);
        }
        self.value.clear();
        match role {
            Role::Until => {
                let mut is_any = false;
                for place in keys.clone() {
                    for stage in 1..=stages {
                        let found = self.find(plan, stage, place);
                        let after_start = |slot: &u32| self.store.get(*slot).entries()[0].time <= time;
                        if let Some(slot) = found.filter(after_start) {
                            is_any = true;
                            self.end(item, place, slot);
                        }
                    }
                }
                if !is_any {
                    self.note_not_awaited(item, time, 1..=stages, keys);
                }
            }
            Role::Absent(stage) => {
                let mut is_any = false;
                for place in keys.clone() {
                    if let Some(slot) = self.find(plan, stage, place).filter(|slot| self.is_next(*slot, time, span)) {
                        is_any = true;
                        self.end(item, place, slot);
                    }
                }
                if !is_any {
                    self.note_not_awaited(item, time, stage..=stage, keys);
                }
            }
            Role::Advance(0) => {
                let place = keys.start;
                let waiting = self.find(plan, 1, place);
                if let Some(slot) = waiting
                    && self.store.get(slot).entries()[0].time > time
                {
                    // A younger one waits: this event is late.
                    self.store.counters[plan as usize].late += 1;
                    return self.note(item, Some(place), Effect::Late);
                }
                let replaced = waiting.map(|slot| self.store.get(slot).entries()[0].number);
                self.note(item, Some(place), Effect::Began { replaced });
                let entry = self.entry(item, (time, number), subject);
                let state = Place { plan, stage: 1 };
                let slot = self.store.begin(state, self.keys.get(place), self.clock, entry);
                if trailing && stages == 1 {
                    self.set_timer(slot, span);
                }
            }
            Role::Advance(stage) => {
                let next = |place| self.find(plan, stage, place).filter(|slot| self.is_next(*slot, time, span));
                let Some((place, slot)) = keys.clone().find_map(|place| Some((place, next(place)?))) else {
                    return self.note_not_awaited(item, time, stage..=stage, keys);
                };
                let first = self.store.get(slot).entries()[0].number;
                let entry = self.entry(item, (time, number), subject);
                if stage + 1 == stages && !trailing {
                    self.note(item, Some(place), Effect::Completed { first, count: u64::from(stages) });
                    self.store.note_end(slot, End::Completed);
                    let (key, mut entries) = self.store.remove(slot);
                    entries.push(entry);
                    self.complete(plan, &key, time, &entries, matched);
                    return;
                }
                let waits = Place { plan, stage: stage + 1 };
                if let Some(other) = self.store.find_kept(waits, self.keys.get(place)) {
                    // The younger one stays.
                    if self.store.is_live(other, self.clock) && self.last(other) > time {
                        self.note(item, Some(place), Effect::GaveWay);
                        self.store.note_end(slot, End::Replaced);
                        self.store.remove(slot);
                        return;
                    }
                    self.store.note_end(other, End::Replaced);
                    self.store.remove(other);
                }
                self.note(item, Some(place), Effect::Advanced { first, steps: stage + 1, of: stages });
                self.store.note_end(slot, End::Advanced);
                self.store.advance(slot, entry);
                if stage + 1 == stages {
                    self.set_timer(slot, span);
                }
            }
        }
    }

    /// Ends a partial match.
    fn end(&mut self, item: Item, place: usize, slot: u32) {
        let state = self.store.get(slot);
        let effect = Effect::Ended { first: state.entries()[0].number, steps: state.place.stage };
        self.note(item, Some(place), effect);
        self.store.note_end(slot, End::Ended);
        self.store.remove(slot);
    }

    /// Returns whether an event can be the next step of a partial match: it is not earlier than the last, and within
    /// the timespan.
    fn is_next(&self, slot: u32, time: u64, span: u64) -> bool {
        let first = self.store.get(slot).entries()[0].time;
        self.last(slot) <= time && time - first <= span
    }

    pub(super) fn set_timer(&mut self, slot: u32, span: u64) {
        let state = self.store.get(slot);
        let deadline = state.entries()[0].time.saturating_add(span);
        let timer: Timer = Reverse((deadline, self.serial, slot, state.generation));
        self.serial += 1;
        // Removes timers of former partial matches before memory grows for them.
        if self.timers.len() == self.timers.capacity() && self.timers.len() >= 64 {
            self.remove_old_timers();
            if self.timers.len() == self.timers.capacity() {
                self.store.shrink_for(self.timers.capacity() * size_of::<Timer>());
                self.remove_old_timers();
            }
        }
        self.timers.push(timer);
        self.store.outside = self.timers.capacity() * size_of::<Timer>();
    }

    fn remove_old_timers(&mut self) {
        let store = &self.store;
        self.timers.retain(|Reverse((_, _, slot, generation))| store.is_current(*slot, *generation));
    }
}
