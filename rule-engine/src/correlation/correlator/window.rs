//! Events that count, within a timespan, in any order.

use super::{Correlator, Item};
use crate::correlation::entry::Entry;
use crate::correlation::outcome::Effect;
use crate::correlation::plan::Distinct;
use crate::correlation::store::Place;
use crate::correlation::subject::{Hit, Match, Subject};

impl Correlator {
    pub(super) fn window(
        &mut self,
        item: Item,
        threshold: u32,
        distinct: Distinct,
        subject: &dyn Subject,
        matched: &mut dyn FnMut(Match<'_>),
    ) {
        let Hit { plan, member } = item.hit;
        let (time, number) = self.moment(item, subject);
        let plans = std::sync::Arc::clone(&self.plans);
        let row = &plans[plan as usize];
        let keys = self.find_keys(&row.members[usize::from(member)].key, item, subject);
        let Some(own) = keys.clone().next() else { return self.note(item, None, Effect::NoKey) };
        self.value.clear();
        if let Some(source) = &row.members[usize::from(member)].value {
            let Some(place) = self.find_keys(source, item, subject).next() else {
                return self.note(item, Some(own), Effect::NoValue);
            };
            self.value.extend_from_slice(self.keys.get(place).0);
        }
        // A group whose youngest event is too old for this one is over.
        let goes_on = |slot: &u32| self.last(*slot).saturating_add(row.retention()) >= time;
        let found = keys.into_iter().find_map(|place| self.find(plan, 0, place).filter(goes_on));
        let Some(slot) = found else {
            let entry = self.entry(item, (time, number), subject);
            if threshold <= 1 {
                self.note(item, Some(own), Effect::Completed { first: number, count: 1 });
                let key = self.keys.get(own).0.to_vec();
                self.complete(plan, &key, time, &[entry], matched);
            } else {
                self.note(item, Some(own), Effect::Counted { count: 1, of: threshold });
                self.store.begin(Place { plan, stage: 0 }, self.keys.get(own), self.clock, entry);
            }
            return;
        };
        // An event older than all that the youngest event can be counted with is useless, unless the time of that is wrong.
        let newest = self.last(slot).max(time);
        let now = newest.min(self.clock);
        let is_old = |then: u64| then.saturating_add(row.retention()) < now;
        let state = self.store.get(slot);
        let same = |entry: &Entry| match distinct {
            Distinct::Events => false,
            Distinct::Members => entry.member == member,
            Distinct::Values => entry.value() == self.value,
        };
        let known = if distinct == Distinct::Events { None } else { state.entries().iter().position(same) };
        if is_old(time) || known.is_some_and(|at| state.entries()[at].time > time) {
            self.store.counters[plan as usize].late += 1;
            return self.note(item, Some(own), Effect::Late);
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
            let (key, generation) = (self.store.get(slot).key().to_vec(), self.store.get(slot).generation);
            let taken = self.store.take(slot, first..first + size);
            // Useless events alone do not keep a group for a late event.
            if self.store.is_current(slot, generation) {
                let old = self.store.get(slot).entries().partition_point(|entry| is_old(entry.time));
                self.store.take(slot, 0..old);
            }
            self.note(item, Some(own), Effect::Completed { first: taken[0].number, count: u64::from(threshold) });
            self.complete(plan, &key, time.max(taken[size - 1].time), &taken, matched);
            return;
        }
        let old = entries.partition_point(|entry| is_old(entry.time));
        let count = entries.iter().filter(|entry| entry.time.saturating_add(row.span) >= newest).count();
        self.note(item, Some(own), Effect::Counted { count: count as u32, of: threshold });
        let entries = self.store.get(slot).entries();
        if old > entries.len() / 2 {
            self.store.take(slot, 0..old);
        }
    }
}
