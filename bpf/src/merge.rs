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
    heads: Heads,
    /// Records up to this time belong to the round.
    horizon: u64,
    /// The ring whose record is borrowed.
    lent: Option<usize>,
}

/// The time of each ring's next record in this round, as a tree in which each node has the older of the two below it: a
/// host with many processors has as many rings.
#[derive(Debug)]
struct Heads {
    /// By ring, filled up with empty ones to a power of two.
    times: Vec<u64>,
    /// The root at 1, the nodes below `at` at `2 * at` and `2 * at + 1`, and at last the rings themselves.
    nodes: Vec<u32>,
}

impl Heads {
    fn new(rings: usize) -> Self {
        let leaves = rings.next_power_of_two();
        let own = |at: usize| if at < leaves { 0 } else { (at - leaves) as u32 };
        let mut heads = Self { times: vec![EMPTY; leaves], nodes: (0..2 * leaves).map(own).collect() };
        (0..leaves).for_each(|ring| heads.set(ring, EMPTY));
        heads
    }

    #[inline]
    fn set(&mut self, ring: usize, time: u64) {
        self.times[ring] = time;
        let mut at = (self.times.len() + ring) / 2;
        while at > 0 {
            let (left, right) = (self.nodes[2 * at], self.nodes[2 * at + 1]);
            let turned = self.times[right as usize] < self.times[left as usize];
            self.nodes[at] = if turned { right } else { left };
            at /= 2;
        }
    }

    /// Returns the ring with the oldest record, and its time; of equally old ones the first.
    #[inline]
    fn oldest(&self) -> (usize, u64) {
        let ring = self.nodes[1] as usize;
        (ring, self.times[ring])
    }
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
        let heads = Heads::new(rings.len());
        Self { rings, heads, horizon: 0, lent: None }
    }

    fn head(&mut self, ring: usize) {
        let time = self.rings[ring].peek().and_then(|record| record.first_chunk::<8>());
        self.heads.set(ring, time.map_or(EMPTY, |time| u64::from_ne_bytes(*time)));
    }

    /// Releases the borrowed record and finds the next one. `now` is called once a round.
    #[inline]
    pub(crate) fn next(&mut self, now: impl FnOnce() -> u64) -> Ready {
        if let Some(ring) = self.lent.take() {
            self.rings[ring].advance();
            self.head(ring);
        }
        let (ring, time) = self.heads.oldest();
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
        match self.heads.oldest() {
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
        self.heads.oldest().1.min(self.horizon)
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

#[cfg(test)]
mod tests {
    use super::*;
    use scap::{Event, Next, Source as _};
    use std::fs::File;
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::FileExt as _;

    const PAGE: u64 = 4096;
    const BUSY: u32 = 1 << 31;
    const DISCARDED: u32 = 1 << 30;

    /// Returns the bytes of a record in a ring: its length with these flags, then the time, and a text.
    fn record(flags: u32, time: u64, rest: &[u8]) -> Vec<u8> {
        let len = 8 + rest.len();
        let mut bytes = [&(len as u32 | flags).to_ne_bytes()[..], &[0; 4], &time.to_ne_bytes(), rest].concat();
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    }

    /// Returns a ring with this data, in a file that is laid out like one: the page of the consumer, that of the producer, and
    /// the data twice.
    fn ring(mut data: Vec<u8>) -> Ring {
        static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("peregrine-ring-{}-{number}", std::process::id()));
        let file = File::options().read(true).write(true).create_new(true).open(&path).expect("a file");
        std::fs::remove_file(&path).expect("a file that can be removed");
        let (produced, size) = (data.len() as u64, data.len().next_power_of_two().max(4096));
        data.resize(size, 0);
        file.write_all_at(&produced.to_ne_bytes(), PAGE).expect("the page of the producer");
        file.write_all_at(&data, 2 * PAGE).expect("the data");
        file.write_all_at(&data, 2 * PAGE + size as u64).expect("the data again");
        Ring::map(file.as_fd(), size).expect("a mapping")
    }

    /// Returns numbers that look random and are the same each time.
    fn numbers() -> impl FnMut(u64) -> u64 {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        move |limit| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) % limit
        }
    }

    #[test]
    fn the_oldest_head_is_the_first_of_the_least() {
        let mut number = numbers();
        for rings in [1, 2, 3, 5, 64, 100] {
            let mut heads = Heads::new(rings);
            let mut times = vec![EMPTY; rings];
            for _ in 0..1000 {
                assert_eq!(heads.oldest().1, *times.iter().min().expect("a ring"));
                assert_eq!(heads.oldest().0, times.iter().position(|time| *time == heads.oldest().1).expect("a ring"));
                let (ring, time) = (number(rings as u64) as usize, if number(4) == 0 { EMPTY } else { number(50) });
                times[ring] = time;
                heads.set(ring, time);
            }
        }
    }

    #[test]
    fn records_of_all_rings_come_in_order() {
        let mut number = numbers();
        for rings in [1, 2, 5, 64] {
            let mut data = vec![Vec::new(); rings];
            let mut expect = Vec::new();
            for time in 1..=2000_u64 {
                let ring = number(rings as u64) as usize;
                let discarded = number(10) == 0;
                data[ring].extend(record(if discarded { DISCARDED } else { 0 }, time, &vec![7; number(40) as usize]));
                if !discarded {
                    expect.push(time);
                }
            }
            // One that is still being written, and what is behind it, have to wait.
            data[0].extend(record(BUSY, 2001, b""));
            data[0].extend(record(0, 2002, b""));
            let mut merge = Merge::new(data.into_iter().map(ring).collect());
            let mut times = Vec::new();
            assert_eq!(merge.next(|| MARGIN), Ready::Soon);
            while let Ready::Ring(ring) = merge.next(|| MARGIN + 5000) {
                times.push(u64::from_ne_bytes(*merge.record(ring).first_chunk().expect("a time")));
            }
            assert_eq!(times, expect, "{rings} rings");
            assert!(merge.pending() > 0);
        }
    }

    /// Run in a release build: `cargo test --release -p peregrine-bpf --lib merge -- --ignored --nocapture`.
    #[test]
    #[ignore = "prints figures"]
    fn figure_of_many_rings() {
        const ROOM: usize = 1 << 20;
        let mut events = Vec::new();
        let mut reader = scap::savefile::Reader::open(testkit::testdata("captures/attack-a.scap")).expect("a capture");
        while let Next::Event(event) = reader.next().expect("a sound capture") {
            events.push(event.bytes().to_vec());
        }
        for rings in [1, 2, 8, 64] {
            let (mut number, mut data, mut time) = (numbers(), vec![Vec::with_capacity(ROOM); rings], 0);
            for event in events.iter().cycle() {
                let data = &mut data[number(rings as u64) as usize];
                let bytes = record(0, time, &[&event[8..], &[0; 2]].concat());
                if data.len() + bytes.len() > ROOM {
                    break;
                }
                data.extend(bytes);
                time += 1000;
            }
            let mut merge = Merge::new(data.into_iter().map(ring).collect());
            let (start, mut count) = (std::time::Instant::now(), 0);
            while let Ready::Ring(ring) = merge.next(|| u64::MAX - 1) {
                let record = merge.record(ring);
                let (event, cpu) = record.split_last_chunk::<2>().expect("a number of a CPU");
                count += u64::from(Event::parse(u16::from_ne_bytes(*cpu), 0, event).is_ok());
            }
            let seconds = start.elapsed().as_secs_f64();
            println!("{rings:>3} rings: {count} events, {:.1} million a second", count as f64 / seconds / 1e6);
            assert_eq!(count * 1000, time);
        }
    }
}
