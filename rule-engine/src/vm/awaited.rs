//! Rules that are evaluated only while something waits for them: the later steps of sequences, mostly.
//!
//! Nearly all sequences have not begun, so nearly all of their later steps have no effect. Such rules have separate
//! buckets, which are skipped while none of their rules is awaited; and each has a bit in the word of its chunk.

use std::sync::Arc;

/// The place of a rule: the bucket, and the word and the bit of its chunk if it is in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    bucket: u32,
    bit: Option<(u32, u32)>,
}

/// The rules that are evaluated now.
#[derive(Debug, Clone, Default)]
pub(crate) struct Awaited {
    /// For each bucket how many of its rules are evaluated.
    buckets: Vec<u32>,
    /// For each chunk which of its rules are.
    chunks: Vec<u64>,
    /// For each rule whether it is; only those are changed that have places.
    rules: Vec<u64>,
    places: Arc<[Box<[Place]>]>,
}

impl Awaited {
    /// Returns whether any rule of a bucket is evaluated.
    #[inline]
    pub(crate) fn has(&self, bucket: u32) -> bool {
        self.buckets[bucket as usize] > 0
    }

    /// Returns the rules of a chunk that are evaluated.
    #[inline]
    pub(crate) fn chunk(&self, word: Option<u32>) -> u64 {
        word.map_or(u64::MAX, |word| self.chunks[word as usize])
    }

    /// Returns whether a rule is evaluated.
    #[inline]
    pub(crate) fn is_awaited(&self, rule: u32) -> bool {
        self.rules.get(rule as usize / 64).is_none_or(|word| word >> (rule % 64) & 1 == 1)
    }

    /// Sets whether a rule is evaluated.
    pub(crate) fn set(&mut self, rule: u32, is_awaited: bool) {
        let Some(places) = self.places.get(rule as usize) else { return };
        if places.is_empty() || self.is_awaited(rule) == is_awaited {
            return;
        }
        put(&mut self.rules[rule as usize / 64], rule % 64, is_awaited);
        for place in places {
            let count = &mut self.buckets[place.bucket as usize];
            *count = if is_awaited { *count + 1 } else { *count - 1 };
            if let Some((word, bit)) = place.bit {
                put(&mut self.chunks[word as usize], bit, is_awaited);
            }
        }
    }
}

fn put(word: &mut u64, bit: u32, value: bool) {
    *word = *word & !(1 << bit) | u64::from(value) << bit;
}

/// Collects the buckets of rules that are evaluated on demand.
#[derive(Debug, Default)]
pub(crate) struct AwaitedBuilder {
    buckets: u32,
    chunks: u32,
    places: Vec<Vec<Place>>,
}

impl AwaitedBuilder {
    /// Adds a bucket with its rules.
    pub(crate) fn bucket(&mut self, rules: impl Iterator<Item = u32>) {
        for rule in rules {
            let rule = rule as usize;
            self.places.resize_with(self.places.len().max(rule + 1), Vec::new);
            self.places[rule].push(Place { bucket: self.buckets, bit: None });
        }
        self.buckets += 1;
    }

    /// Adds a chunk of the bucket that was added last; returns its word.
    pub(crate) fn chunk(&mut self, rules: impl Iterator<Item = u32>) -> u32 {
        let word = self.chunks;
        self.chunks += 1;
        for (bit, rule) in rules.enumerate() {
            if let Some(place) = self.places.get_mut(rule as usize).and_then(|places| places.last_mut()) {
                place.bit = Some((word, bit as u32));
            }
        }
        word
    }

    /// Returns them, none of them awaited.
    pub(crate) fn build(self) -> Awaited {
        let mut rules = vec![u64::MAX; self.places.len().div_ceil(64)];
        for (rule, _) in self.places.iter().enumerate().filter(|(_, places)| !places.is_empty()) {
            put(&mut rules[rule / 64], rule as u32 % 64, false);
        }
        Awaited {
            buckets: vec![0; self.buckets as usize],
            chunks: vec![0; self.chunks as usize],
            rules,
            places: self.places.into_iter().map(Vec::into_boxed_slice).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_switched_in_all_its_buckets() {
        let mut builder = AwaitedBuilder::default();
        builder.bucket([3, 69].into_iter());
        assert_eq!(builder.chunk([3, 69].into_iter()), 0);
        // In the second bucket, one rule is in no chunk: a prefilter leads to it.
        builder.bucket([3, 4].into_iter());
        assert_eq!(builder.chunk([4].into_iter()), 1);
        let mut awaited = builder.build();
        let seen = |awaited: &Awaited| {
            ([0, 1].map(|bucket| awaited.has(bucket)), [Some(0), Some(1)].map(|at| awaited.chunk(at)))
        };
        assert_eq!(seen(&awaited), ([false, false], [0, 0]));
        awaited.set(3, true);
        awaited.set(3, true);
        assert_eq!(seen(&awaited), ([true, true], [0b01, 0]));
        assert_eq!([3, 4, 69].map(|rule| awaited.is_awaited(rule)), [true, false, false]);
        awaited.set(69, true);
        awaited.set(3, false);
        assert_eq!(seen(&awaited), ([true, false], [0b10, 0]));
        awaited.set(69, false);
        assert_eq!(seen(&awaited), ([false, false], [0, 0]));
    }

    #[test]
    fn other_rules_are_always_evaluated() {
        let mut builder = AwaitedBuilder::default();
        builder.bucket([70].into_iter());
        let mut awaited = builder.build();
        awaited.set(1, false);
        awaited.set(700, false);
        assert!(awaited.is_awaited(1) && awaited.is_awaited(700) && awaited.chunk(None) == u64::MAX);
        assert!(!awaited.is_awaited(70));
    }
}
