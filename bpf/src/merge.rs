//! Several rings as one stream in time order.
//!
//! Each ring is ordered. A *round* takes the time, reads the position of every ring, and then returns all records up to
//! that time less a margin, the oldest first. The margin is longer than a program of the probe runs, so a record that
//! was begun before the round's time has been finished by then, on whichever CPU.

use crate::ringbuf::Ring;
/// The longest time of a program between taking the time and finishing its record.
const MARGIN: u64 = 100_000;
/// The time of the next record of an empty ring.
const EMPTY: u64 = u64::MAX;

/// Several rings.
#[derive(Debug)]
pub(crate) struct Merge {
    rings: Vec<Ring>,
    /// The time of each ring's next record in this round.
    heads: Vec<u64>,
    /// Records up to this time belong to the round.
    horizon: u64,
    /// The ring whose record is borrowed.
    lent: Option<usize>,
}

/// The result of a search for the next record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ready {
    /// The ring with the oldest record.
    Ring(usize),
    /// There are records, but too recent for their order to be certain.
    Soon,
    /// There are no records.
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

    /// Releases the borrowed record and finds the next one. `now` is called once a round.
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

    /// Returns the record of the ring that [`next`](Self::next) named.
    #[inline]
    pub(crate) fn record(&mut self, ring: usize) -> &[u8] {
        self.rings[ring].peek().unwrap_or_default()
    }

    /// Returns a time before which no more records come; not before those that were returned.
    pub(crate) fn time(&self) -> u64 {
        self.oldest().1.min(self.horizon)
    }

    /// Returns the time up to which records are returned in this round.
    #[inline]
    pub(crate) fn horizon(&self) -> u64 {
        self.horizon
    }

    /// Returns the bytes that wait in all rings.
    pub(crate) fn pending(&self) -> u64 {
        self.rings.iter().map(Ring::pending).sum()
    }
}
