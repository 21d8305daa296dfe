//! Several rings as one stream in time order.
//!
//! Each ring is in order by itself. A *round* notes the time, asks every ring how far it has come, and then lends all
//! records up to that time less a margin, the oldest first. The margin is longer than a program of the probe runs, so
//! a record that was begun before the round's time has been finished by then, on whichever processor.

use crate::ringbuf::Ring;
/// How long a program may take from noting the time to finishing its record.
const MARGIN: u64 = 100_000;
/// What an empty ring shows as the time of its next record.
const EMPTY: u64 = u64::MAX;

/// Several rings.
#[derive(Debug)]
pub(crate) struct Merge {
    rings: Vec<Ring>,
    /// The time of each ring's next record in this round.
    heads: Vec<u64>,
    /// Records up to this time belong to the round.
    horizon: u64,
    /// The ring whose record is lent.
    lent: Option<usize>,
}

/// Whether there is a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ready {
    /// This ring has the oldest.
    Ring(usize),
    /// Records are there, but too young for their order to be certain.
    Soon,
    /// None are there.
    Empty,
}

impl Merge {
    pub(crate) fn new(rings: Vec<Ring>) -> Self {
        let heads = vec![EMPTY; rings.len()];
        Self { rings, heads, horizon: 0, lent: None }
    }

    fn head(&mut self, ring: usize) {
        let time = self.rings[ring].peek().and_then(|record| record.first_chunk::<8>());
        self.heads[ring] = time.map_or(EMPTY, |time| u64::from_ne_bytes(*time));
    }

    fn oldest(&self) -> (usize, u64) {
        let mut best = (0, EMPTY);
        for (ring, time) in self.heads.iter().enumerate() {
            if *time < best.1 {
                best = (ring, *time);
            }
        }
        best
    }

    /// Releases what was lent and finds the next record. `now` is asked once a round.
    #[inline]
    pub(crate) fn next(&mut self, now: impl FnOnce() -> u64) -> Ready {
        if let Some(ring) = self.lent.take() {
            self.rings[ring].advance();
            self.head(ring);
        }
        let (ring, time) = self.oldest();
        if time <= self.horizon {
            self.lent = Some(ring);
            return Ready::Ring(ring);
        }
        self.horizon = now().saturating_sub(MARGIN);
        for ring in 0..self.rings.len() {
            self.rings[ring].publish();
            self.rings[ring].refresh();
            self.head(ring);
        }
        match self.oldest() {
            (_, EMPTY) => Ready::Empty,
            (ring, time) if time <= self.horizon => {
                self.lent = Some(ring);
                Ready::Ring(ring)
            }
            _ => Ready::Soon,
        }
    }

    /// The record of the ring that [`next`](Self::next) named.
    #[inline]
    pub(crate) fn record(&mut self, ring: usize) -> &[u8] {
        self.rings[ring].peek().unwrap_or_default()
    }

    /// A time that no record comes before any more, but not before those that were lent.
    pub(crate) fn time(&self) -> u64 {
        self.oldest().1.min(self.horizon)
    }

    /// Records up to this time are being lent.
    #[inline]
    pub(crate) fn horizon(&self) -> u64 {
        self.horizon
    }

    /// Bytes that wait in all rings.
    pub(crate) fn pending(&self) -> u64 {
        self.rings.iter().map(Ring::pending).sum()
    }
}
