//! Whether a process of now is the one of an event.
//!
//! A process ID that is free is used again. The process that has it now is the one of the event if it was there at that
//! time already: two processes never have one ID at the same time. `/proc` has the start in clock ticks, usually 10 ms, so
//! that a process which started in the tick of its event, or later, leaves a doubt. Then the stream of events decides: it
//! is in the order of time, so that once it has passed the moment when the process was held, the end of the other process
//! would have been seen before.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const SECOND: u64 = 1_000_000_000;

/// Time that the stream of events is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_millis(500);

/// Time after a moment that the stream must have reached, so that everything from before the moment was seen. Events come
/// in the order of time, whichever processor they are from; the kernel may read its clock a little before it records them.
const MARGIN: u64 = 100_000;

/// Tolerated difference between the clock of the kernel, by which it counts ticks, and that of events.
const ERROR: u64 = 1_000_000;

/// Returns whether a process that started in this tick after boot was there at a time, for certain: the tick of the time
/// itself is not enough.
pub(crate) fn was_there(start: u64, time: u64, boot: u64, ticks_per_second: u64) -> bool {
    start < tick(time.saturating_sub(boot).saturating_sub(ERROR), ticks_per_second)
}

/// Returns the tick of a time since boot in nanoseconds.
fn tick(since_boot: u64, ticks_per_second: u64) -> u64 {
    let tick = u128::from(since_boot) * u128::from(ticks_per_second) / u128::from(SECOND);
    u64::try_from(tick).unwrap_or(u64::MAX)
}

/// Returns whether a process that started in this tick after boot may be one whose start events or `/proc` showed at a time.
/// Events show it a little later; from `/proc` the time is up to a second too early, because the time of boot there (`btime`)
/// is in whole seconds.
pub(crate) fn started_at(start: u64, time: u64, boot: u64, ticks_per_second: u64) -> bool {
    start <= tick(time.saturating_sub(boot).saturating_add(SECOND + ERROR), ticks_per_second)
}

/// Number of proposals that wait at the same time.
pub(crate) const PLACES: usize = 64;

/// Events about the processes that proposals wait for. Written by the thread that reads events,
/// read by the one that acts; no lock, no allocation.
#[derive(Debug)]
pub(crate) struct Stream {
    /// The time up to which the stream was read.
    read_to: AtomicU64,
    taken: AtomicUsize,
    places: [Place; PLACES],
}

#[derive(Debug, Default)]
struct Place {
    /// The process; 0: the place is free.
    pid: AtomicI32,
    ended: AtomicBool,
}

impl Default for Stream {
    fn default() -> Self {
        let places = std::array::from_fn(|_| Place::default());
        Self { read_to: AtomicU64::new(0), taken: AtomicUsize::new(0), places }
    }
}

impl Stream {
    /// The stream was read to this time.
    pub(crate) fn read_to(&self, time: u64) {
        self.read_to.store(time, Ordering::Release);
    }

    /// A process has ended.
    pub(crate) fn ended(&self, pid: i32) {
        if self.taken.load(Ordering::Acquire) == 0 {
            return;
        }
        for place in &self.places {
            if place.pid.load(Ordering::Acquire) == pid {
                place.ended.store(true, Ordering::Release);
            }
        }
    }

    /// Begins to watch a process, from its event on. Called by the thread that reads events, between two of them. `None`
    /// if all places are taken.
    pub(crate) fn watch(&self, pid: i32) -> Option<usize> {
        let found = self.places.iter().position(|place| place.pid.load(Ordering::Acquire) == 0)?;
        self.places[found].ended.store(false, Ordering::Release);
        self.places[found].pid.store(pid, Ordering::Release);
        self.taken.fetch_add(1, Ordering::AcqRel);
        Some(found)
    }

    /// Returns whether the process of a place has ended since its event.
    pub(crate) fn has_ended(&self, place: usize) -> bool {
        self.places[place].ended.load(Ordering::Acquire)
    }

    /// Waits until the stream has passed a moment. Returns whether it has, in time.
    pub(crate) fn passes(&self, moment: u64) -> bool {
        let start = Instant::now();
        let mut pause = Duration::from_micros(20);
        while self.read_to.load(Ordering::Acquire) < moment.saturating_add(MARGIN) {
            if start.elapsed() > PATIENCE {
                return false;
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_micros(50));
        }
        true
    }

    /// Frees a place.
    pub(crate) fn free(&self, place: usize) {
        self.places[place].pid.store(0, Ordering::Release);
        self.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_earlier_tick_is_certain() {
        let boot = 1_700_000_000 * SECOND;
        let at = |milliseconds: u64| boot + milliseconds * 1_000_000;
        assert!(was_there(99, at(1_001), boot, 100));
        assert!(!was_there(99, at(1_000), boot, 100));
        assert!(!was_there(100, at(1_001), boot, 100));
        assert!(!was_there(100, at(1_010), boot, 100));
        assert!(was_there(100, at(1_011), boot, 100));
        assert!(!was_there(0, at(0), boot, 100));
        // An event of before boot: a clock that was set.
        assert!(!was_there(0, 5, boot, 100));
        assert!(was_there(0, u64::MAX, 0, u64::from(u32::MAX)));
    }

    #[test]
    fn a_process_does_not_start_after_it_was_seen() {
        let boot = 1_700_000_000 * SECOND;
        let at = |milliseconds: u64| boot + milliseconds * 1_000_000;
        for (start, time, expect) in [
            (100, 1_000, true),
            (100, 5_000, true),
            // `btime` cut off a second.
            (200, 1_000, true),
            (201, 1_000, false),
            (700, 1_000, false),
        ] {
            assert_eq!(started_at(start, at(time), boot, 100), expect, "{start} {time}");
        }
    }

    #[test]
    fn an_end_is_seen_by_all_that_wait_for_the_process() {
        let stream = Stream::default();
        stream.ended(7);
        let places = [7, 8, 7].map(|pid| stream.watch(pid).unwrap());
        stream.ended(7);
        assert_eq!(places.map(|place| stream.has_ended(place)), [true, false, true]);
        stream.free(places[0]);
        // The next in this place is another process of the same ID.
        let again = stream.watch(7).unwrap();
        assert_eq!((again, stream.has_ended(again)), (places[0], false));
    }

    #[test]
    fn places_are_bounded() {
        let stream = Stream::default();
        let all: Vec<_> = (0..PLACES).map(|pid| stream.watch(pid as i32 + 1).unwrap()).collect();
        assert_eq!(stream.watch(99), None);
        stream.free(all[3]);
        assert_eq!(stream.watch(99), Some(3));
    }

    #[test]
    fn the_stream_is_waited_for() {
        let stream = Stream::default();
        assert!(!stream.passes(1));
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| stream.passes(100));
            stream.read_to(100 + MARGIN);
            assert!(waits.join().unwrap());
        });
    }
}
