//! The enter events of calls that wait for their exits, one for each thread.
//!
//! A capture may name any number of threads that never return, so the memory is limited: two generations of entries,
//! each of bounded size. When the young one is full, it replaces the old one, which is dropped. This forgets the calls
//! that have waited longest without a list in order of age.

use std::collections::HashMap;

use crate::Event;

/// Bytes of one generation, overhead included.
const GENERATION: usize = 32 << 20;

/// The memory of an entry beside its bytes.
const OVERHEAD: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Entries {
    young: HashMap<i64, Vec<u8>>,
    old: HashMap<i64, Vec<u8>>,
    /// Bytes of the young generation.
    held: usize,
}

impl Entries {
    /// Stores a copy of the event for its thread, replacing an earlier one.
    pub(super) fn store(&mut self, event: &Event<'_>) {
        let bytes = event.bytes();
        if self.held + bytes.len() + OVERHEAD > GENERATION {
            self.old = std::mem::take(&mut self.young);
            self.held = 0;
        }
        // The buffer of the thread's earlier entry is reused.
        let kept = self.young.entry(event.tid()).or_insert_with(|| {
            self.held += OVERHEAD;
            Vec::new()
        });
        let before = kept.capacity();
        kept.clear();
        kept.extend_from_slice(bytes);
        self.held += kept.capacity() - before;
    }

    /// Returns the entry of a thread.
    pub(super) fn find(&self, tid: i64) -> Option<Event<'_>> {
        let bytes = self.young.get(&tid).or_else(|| self.old.get(&tid))?;
        Event::parse(0, 0, bytes).ok()
    }

    /// Forgets the entry of a thread, but keeps its buffer.
    pub(super) fn release(&mut self, tid: i64) {
        self.old.remove(&tid);
        if let Some(kept) = self.young.get_mut(&tid) {
            kept.clear();
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EventBuilder, EventCode};

    #[test]
    fn the_last_entry_of_a_thread_is_kept_until_it_is_released() {
        let mut entries = Entries::default();
        let mut builder = EventBuilder::new();
        for fd in 0..3 {
            entries.store(&builder.start(EventCode::CLOSE_E).tid(1).i64(fd).finish().unwrap());
        }
        assert_eq!(entries.find(1).unwrap().raw(0), Some(&2_i64.to_le_bytes()[..]));
        assert!(entries.find(2).is_none());
        entries.release(1);
        assert!(entries.find(1).is_none());
    }

    #[test]
    fn a_million_threads_that_never_return_do_not_fill_memory() {
        let mut entries = Entries::default();
        let mut builder = EventBuilder::new();
        let name = vec![b'x'; 1000];
        for tid in 0..200_000 {
            entries.store(&builder.start(EventCode::OPEN_E).tid(tid).text(&name).finish().unwrap());
            assert!(entries.find(tid).is_some());
        }
        let held: usize =
            entries.young.values().chain(entries.old.values()).map(|kept| kept.capacity() + OVERHEAD).sum();
        assert!(held <= 2 * GENERATION, "{held}");
        assert!(entries.find(199_000).is_some(), "the latest ones are there");
        assert!(entries.find(0).is_none(), "the first one is forgotten");
    }
}
