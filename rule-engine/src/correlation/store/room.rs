//! The limit of memory: what is dropped for new partial matches.

use super::{Age, CHUNK, NONE, State, Store};
use crate::correlation::outcome::End;

impl Store {
    fn fits(&self, more: usize) -> bool {
        self.bytes() + more <= self.limit
    }

    /// Makes room for one more, by memory that still fits or in the place of the oldest. Memory of slots and of the table
    /// is never returned: if it grew over the limit, nothing else would fit any more.
    pub(super) fn make_room(&mut self, clock: u64) {
        let needs_chunk = |store: &Self| store.free == NONE && store.used.is_multiple_of(CHUNK);
        if needs_chunk(self) && !self.fits(CHUNK * size_of::<State>()) {
            self.expire(clock);
            if needs_chunk(self) {
                self.evict();
            }
        }
        if self.table.len() + 1 < self.room {
            return;
        }
        // It doubles.
        if self.table.len() < 8 || self.fits(self.table.allocation_size()) {
            let Self { table, chunks, room, .. } = self;
            table.reserve(2 * *room + 16, |slot| {
                let state = &chunks[*slot as usize / CHUNK][*slot as usize % CHUNK];
                state.place.mix(state.hash)
            });
            *room = table.capacity() / 2;
        } else {
            self.expire(clock);
            if self.table.len() + 1 >= self.room {
                self.evict();
            }
        }
    }

    /// Drops the oldest until the rest fits.
    pub(in crate::correlation) fn shrink(&mut self, clock: u64) {
        if self.fits(0) {
            return;
        }
        self.expire(clock);
        while !self.fits(0) && self.evict() {}
    }

    /// Drops the oldest, if there is one.
    fn evict(&mut self) -> bool {
        let heads = self.ages.iter().filter(|age| age.head != NONE);
        let begun = |age: &&Age| self.get(age.head).kept_until.saturating_sub(age.retention);
        let Some(oldest) = heads.min_by_key(begun) else { return false };
        let slot = oldest.head;
        let plan = self.get(slot).place.plan;
        self.counters[plan as usize].evicted += 1;
        self.note_end(slot, End::Evicted);
        self.remove(slot);
        true
    }

    /// Drops as many of the oldest as are an eighth of all, unless so much more memory fits.
    pub(in crate::correlation) fn shrink_for(&mut self, more: usize) {
        if !self.fits(more) {
            for _ in 0..self.table.len() / 8 {
                self.evict();
            }
        }
    }
}
