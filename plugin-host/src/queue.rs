//! Asynchronous events that wait for their turn.
//!
//! Threads of plugins add them at any time; the thread of the events takes them in the order of their times. The queue is
//! bounded: what does not fit is counted, and the plugin gets an error.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// The most events that wait.
const MOST: usize = 4096;
/// The most bytes of events that wait.
const MOST_BYTES: usize = 64 << 20;
/// The time of no event.
const NEVER: u64 = u64::MAX;

/// The events of the plugins of one source.
#[derive(Debug)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    /// The time of the first, so that the thread of the events takes no lock while none is due.
    first: AtomicU64,
    lost: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    /// By time, and by the order of arrival where times are equal.
    events: BTreeMap<(u64, u64), Vec<u8>>,
    arrived: u64,
    bytes: usize,
}

impl Queue {
    pub(crate) fn new() -> Self {
        Self { waiting: Mutex::default(), first: AtomicU64::new(NEVER), lost: AtomicU64::new(0) }
    }

    /// Adds an event with its time. Returns false, and counts it, if the queue is full.
    pub(crate) fn push(&self, time: u64, event: Vec<u8>) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.events.len() >= MOST || waiting.bytes.saturating_add(event.len()) > MOST_BYTES {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        waiting.arrived += 1;
        waiting.bytes += event.len();
        let place = (time.min(NEVER - 1), waiting.arrived);
        waiting.events.insert(place, event);
        self.first.store(waiting.first(), Ordering::Release);
        true
    }

    /// Moves the first event to `bytes` if its time is at most `until`. Returns its time.
    pub(crate) fn pop(&self, until: u64, bytes: &mut Vec<u8>) -> Option<u64> {
        let first = self.first.load(Ordering::Acquire);
        if first == NEVER || first > until {
            return None;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let ((time, _), event) = waiting.events.pop_first()?;
        waiting.bytes -= event.len();
        self.first.store(waiting.first(), Ordering::Release);
        *bytes = event;
        Some(time)
    }

    /// Returns whether events wait.
    #[inline]
    pub(crate) fn has_any(&self) -> bool {
        self.first.load(Ordering::Relaxed) != NEVER
    }

    /// Returns the number of events that did not fit.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Waiting {
    fn first(&self) -> u64 {
        self.events.first_key_value().map_or(NEVER, |((time, _), _)| *time)
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, Queue};

    #[test]
    fn events_leave_by_time_and_not_before_it() {
        let (queue, mut bytes) = (Queue::new(), Vec::new());
        assert_eq!(queue.pop(u64::MAX, &mut bytes), None);
        for (time, name) in [(30, b"c"), (10, b"a"), (30, b"d"), (20, b"b")] {
            assert!(queue.push(time, name.to_vec()));
        }
        assert_eq!(queue.pop(9, &mut bytes), None);
        let mut left = Vec::new();
        for until in [10, 10, 30, 30, 30, 30] {
            left.push(queue.pop(until, &mut bytes).map(|time| (time, bytes[0])));
        }
        assert_eq!(left, [Some((10, b'a')), None, Some((20, b'b')), Some((30, b'c')), Some((30, b'd')), None]);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let queue = Queue::new();
        assert_eq!((0..MOST + 7).filter(|time| queue.push(*time as u64, vec![0])).count(), MOST);
        assert_eq!(queue.lost(), 7);
        let mut bytes = Vec::new();
        assert!(queue.pop(0, &mut bytes).is_some() && queue.push(0, vec![0]));
        let queue = Queue::new();
        assert!(queue.push(0, vec![0; 60 << 20]) && !queue.push(0, vec![0; 5 << 20]) && queue.push(0, vec![0]));
    }
}
