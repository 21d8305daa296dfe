//! Results cached from one event to the next: they are valid as long as a thread or a lineage is unchanged.
//!
//! A fixed table of entries, found by the stamp of the event. Stamps are never reused, so an entry can only be found by
//! the stamp that it was made for; another stamp with the same entry replaces it and begins with no results. Nothing is
//! allocated while events run, and the memory is bounded whatever the events are.

/// The limit of the words of all entries together.
const BUDGET: usize = 1 << 17;

/// Cached results of one span.
#[derive(Debug)]
pub(crate) struct AnswerCache {
    stamps: Box<[u128]>,
    words: Box<[u64]>,
    /// Words of an entry.
    stride: usize,
    shift: u32,
}

impl AnswerCache {
    /// Creates a table of at most `most` entries of `words` words, which are cleared for a new stamp.
    pub(crate) fn new(words: usize, most: usize) -> Self {
        let wanted = (BUDGET / words.max(1)).clamp(16, most);
        Self::with_entries(1 << wanted.ilog2(), words)
    }

    /// Creates one entry, for results that are not cached.
    pub(crate) fn forgetful(words: usize) -> Self {
        Self::with_entries(2, words)
    }

    fn with_entries(entries: usize, stride: usize) -> Self {
        Self {
            // One more: the entry of events without a stamp.
            stamps: vec![0; entries + 1].into(),
            words: vec![0; (entries + 1) * stride].into(),
            stride,
            shift: 64 - entries.ilog2(),
        }
    }

    /// Returns the start of the entry of `stamp`.
    #[inline]
    pub(crate) fn entry(&mut self, stamp: Option<u128>) -> usize {
        // Filling nothing, where no memory is, takes long with AVX-512: see findings/fill-of-nothing.sh.
        if self.stride == 0 {
            return 0;
        }
        let Some(stamp) = stamp else {
            let base = (self.stamps.len() - 1) * self.stride;
            self.words[base..base + self.stride].fill(0);
            return base;
        };
        let mixed = (stamp as u64 ^ (stamp >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let place = (mixed >> self.shift) as usize;
        let base = place * self.stride;
        if self.stamps[place] != stamp {
            self.stamps[place] = stamp;
            self.words[base..base + self.stride].fill(0);
        }
        base
    }

    #[inline]
    pub(crate) fn words(&mut self) -> &mut [u64] {
        &mut self.words
    }
}
