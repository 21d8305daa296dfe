//! Unlimited load: the events of a capture again and again, as other threads at a later time.
//!
//! Each round moves all times forward and all thread ids up, in the header and in every parameter with an id, so that
//! processes start, work and end again. After a number of rounds ids are reused, as on a real host.

use scap::schema::ParamType;
use scap::{Event, HostState, Next, Source, SourceStats};

/// The distance between the ids of two rounds.
const STRIDE: i64 = 1_000_000;

/// The number of rounds after which ids are reused.
const GENERATIONS: u64 = 8;

/// A stored event, and the places of thread ids in its bytes.
#[derive(Debug)]
struct Stored {
    cpu: u16,
    flags: u32,
    bytes: Vec<u8>,
    ids: Vec<usize>,
}

/// Repeats the events of a capture.
#[derive(Debug)]
pub struct Rounds {
    host: HostState,
    events: Vec<Stored>,
    /// The length of a round, in nanoseconds.
    span: u64,
    round: u64,
    most: u64,
    at: usize,
    now: Vec<u8>,
    delivered: u64,
}

/// The time of an event and its thread are the first values of its bytes.
const TS: std::ops::Range<usize> = 0..8;
const TID: usize = 8;

impl Rounds {
    /// Creates the events of `source`, `rounds` times, in rounds of `span` nanoseconds of their clock.
    ///
    /// # Errors
    /// If the source fails.
    pub fn new(mut source: impl Source, rounds: u64, span: u64) -> scap::Result<Self> {
        let host = source.host().clone();
        let (mut events, mut first) = (Vec::new(), None);
        loop {
            match source.next()? {
                Next::Event(event) => {
                    let mut stored = store(&event);
                    let first = *first.get_or_insert(event.ts());
                    stored.bytes[TS].copy_from_slice(&event.ts().saturating_sub(first).to_ne_bytes());
                    events.push(stored);
                }
                Next::Idle | Next::Restart => {}
                Next::End => break,
            }
        }
        // Times are kept as parts of the round, whatever the capture took.
        let longest = events.iter().map(|event| time(&event.bytes)).max().unwrap_or(0).max(1);
        for event in &mut events {
            let scaled = u128::from(time(&event.bytes)) * u128::from(span) / u128::from(longest);
            event.bytes[TS].copy_from_slice(&u64::try_from(scaled).unwrap_or(u64::MAX).to_ne_bytes());
        }
        Ok(Self { host, events, span, round: 0, most: rounds, at: 0, now: Vec::new(), delivered: 0 })
    }

    /// Returns the round that is being delivered, from 0.
    pub fn round(&self) -> u64 {
        self.round
    }
}

fn time(bytes: &[u8]) -> u64 {
    bytes[TS].try_into().map_or(0, u64::from_ne_bytes)
}

fn store(event: &Event<'_>) -> Stored {
    let bytes = event.bytes().to_vec();
    let mut ids = vec![TID];
    for param in event.params() {
        if param.info().ty == ParamType::Pid && param.raw().len() == 8 {
            // Parameters are views of the event's own bytes.
            ids.push(param.raw().as_ptr() as usize - event.bytes().as_ptr() as usize);
        }
    }
    Stored { cpu: event.cpu(), flags: event.flags(), bytes, ids }
}

impl Source for Rounds {
    fn next(&mut self) -> scap::Result<Next<'_>> {
        if self.at == self.events.len() {
            self.at = 0;
            self.round += 1;
        }
        if self.round >= self.most || self.events.is_empty() {
            return Ok(Next::End);
        }
        let stored = &self.events[self.at];
        self.at += 1;
        self.delivered += 1;
        self.now.clear();
        self.now.extend_from_slice(&stored.bytes);
        let start = 1_700_000_000_000_000_000 + self.round * self.span;
        let ts = start + time(&self.now);
        self.now[TS].copy_from_slice(&ts.to_ne_bytes());
        let shift = i64::try_from(self.round % GENERATIONS).unwrap_or(0) * STRIDE;
        for &at in &stored.ids {
            let id = self.now[at..at + 8].try_into().map_or(0, i64::from_ne_bytes);
            // Ids below 2 are the kernel's and the first process's, negative ones are errors.
            if id > 1 {
                self.now[at..at + 8].copy_from_slice(&(id + shift).to_ne_bytes());
            }
        }
        let event = Event::parse(stored.cpu, stored.flags, &self.now)
            .map_err(|error| scap::Error::format(error.to_string(), self.delivered))?;
        Ok(Next::Event(event))
    }

    fn host(&self) -> &HostState {
        &self.host
    }

    fn stats(&self) -> SourceStats {
        SourceStats { seen: self.delivered, delivered: self.delivered, drops: Vec::new(), unknown: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scap::savefile::Reader;

    #[test]
    fn rounds_differ_in_time_and_ids_alone() {
        let capture = crate::cases::attack().expect("the repository has it");
        let reader = Reader::new(&*capture).expect("it is sound");
        let mut rounds = Rounds::new(reader, 2, 1_000_000_000).expect("it is sound");
        let mut seen: [Vec<(u64, i64, u16)>; 2] = [Vec::new(), Vec::new()];
        loop {
            let round = usize::try_from(rounds.round()).expect("small");
            match rounds.next().expect("it is sound") {
                Next::Event(event) => seen[round.min(1)].push((event.ts(), event.tid(), event.code().0)),
                Next::Idle | Next::Restart => {}
                Next::End => break,
            }
        }
        // The first event of a round is returned before the round's number is increased.
        let all: Vec<_> = seen.concat();
        let (first, second) = all.split_at(all.len() / 2);
        assert!(first.len() > 55_000);
        for (one, two) in first.iter().zip(second) {
            assert_eq!(two.0 - one.0, 1_000_000_000);
            assert_eq!(two.1 - one.1, if one.1 > 1 { STRIDE } else { 0 });
            assert_eq!(one.2, two.2);
        }
    }
}
