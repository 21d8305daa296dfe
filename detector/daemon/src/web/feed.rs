//! Recent alerts, for every open web UI.
//!
//! The event loop adds each alert once, whatever the number of readers, and never waits for one: they run at a lower
//! priority, and one of them may be suspended with the lock. Readers read at their own pace, and a reader that is too
//! slow learns how many alerts it missed.

use crate::alerts::Watcher;
use crate::clock;
use bytes::Bytes;
use rule_engine::output::Priority;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// Maximum number of alerts.
const KEPT: usize = 500;
/// Maximum number of bytes of alerts.
const KEPT_BYTES: usize = 8 << 20;

/// Seconds in one row of the timeline, and number of rows: an hour.
pub(crate) const STEP: u64 = 10;
const ROWS: usize = 360;

/// Number of alerts of each priority.
pub(crate) type Counts = [u32; Priority::ALL.len()];

/// Maximum number of alerts that arrive while a reader has the lock. Adding to it takes no lock.
const INBOX: usize = 1024;

/// An alert, and when it was added.
type Item = (Priority, Bytes, u64);

#[derive(Debug)]
struct Kept {
    inbox: Receiver<Item>,
    /// Number of the last alert; they are numbered from 1.
    last: u64,
    alerts: VecDeque<Bytes>,
    bytes: usize,
    /// The step of the last row, in steps since 1970.
    step: u64,
    rows: VecDeque<Counts>,
}

/// Recent alerts for readers.
#[derive(Debug)]
pub(crate) struct Feed {
    kept: Mutex<Kept>,
    inbox: SyncSender<Item>,
    /// Number of alerts that were added. Those that found no room have no number.
    added: AtomicU64,
}

/// A part of the alerts, as read at one time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The number of the first of the alerts.
    pub(crate) first: u64,
    pub(crate) alerts: Vec<Bytes>,
    /// Number of alerts before them that were dropped already.
    pub(crate) missed: u64,
}

impl Default for Feed {
    fn default() -> Self {
        let (inbox, receiver) = sync_channel(INBOX);
        let kept = Kept { inbox: receiver, last: 0, alerts: VecDeque::new(), bytes: 0, step: 0, rows: VecDeque::new() };
        Self { kept: Mutex::new(kept), inbox, added: AtomicU64::new(0) }
    }
}

impl Watcher for Feed {
    fn show(&self, priority: Priority, json: Bytes) {
        self.push(priority, json, clock::seconds());
    }
}

impl Feed {
    /// Adds an alert as JSON. `time` is now, in seconds since 1970. Never blocks.
    pub(crate) fn push(&self, priority: Priority, json: Bytes, time: u64) {
        let mut kept = match self.kept.try_lock() {
            Ok(kept) => kept,
            Err(TryLockError::Poisoned(error)) => error.into_inner(),
            Err(TryLockError::WouldBlock) => {
                // The page shows the latest few hundred; that many while one of them is read are too many anyway.
                if self.inbox.try_send((priority, json, time)).is_ok() {
                    self.added.fetch_add(1, Ordering::Relaxed);
                }
                return;
            }
        };
        kept.collect();
        kept.push(priority, json, time);
        self.added.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of alerts since the start.
    pub(crate) fn total(&self) -> u64 {
        self.kept().last
    }

    /// Locks what is kept, with all that has been added.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.collect();
        kept
    }

    /// Returns whether there are alerts after the one with a number.
    pub(crate) fn has_more(&self, number: u64) -> bool {
        self.added.load(Ordering::Relaxed) != number
    }

    /// Returns the alerts after the one with a number.
    pub(crate) fn after(&self, number: u64) -> Part {
        let kept = self.kept();
        let oldest = kept.last + 1 - kept.alerts.len() as u64;
        // A number from the future was given out before a restart of the program.
        let wanted = if number > kept.last { oldest } else { number + 1 };
        let first = wanted.max(oldest);
        let skip = usize::try_from(first - oldest).unwrap_or(usize::MAX);
        // A new reader has missed nothing.
        let missed = if number == 0 { 0 } else { first - wanted };
        Part { first, alerts: kept.alerts.iter().skip(skip).cloned().collect(), missed }
    }

    /// Returns the rows up to now, the oldest first.
    pub(crate) fn timeline(&self, time: u64) -> Vec<Counts> {
        let mut kept = self.kept();
        kept.advance(time);
        kept.rows.iter().copied().collect()
    }
}

impl Kept {
    /// Takes what has arrived while the lock was held.
    fn collect(&mut self) {
        while let Ok((priority, json, time)) = self.inbox.try_recv() {
            self.push(priority, json, time);
        }
    }

    fn push(&mut self, priority: Priority, json: Bytes, time: u64) {
        self.advance(time);
        if let Some(row) = self.rows.back_mut() {
            row[priority as usize] = row[priority as usize].saturating_add(1);
        }
        self.bytes += json.len();
        self.alerts.push_back(json);
        while self.alerts.len() > KEPT || self.bytes > KEPT_BYTES {
            let Some(gone) = self.alerts.pop_front() else { break };
            self.bytes -= gone.len();
        }
        self.last += 1;
    }

    /// Makes the last row that of `time`. If the clock goes backwards, alerts count in the current last row.
    fn advance(&mut self, time: u64) {
        let step = time / STEP;
        let ahead = if self.rows.is_empty() { 1 } else { step.saturating_sub(self.step) };
        for _ in 0..ahead.min(ROWS as u64) {
            if self.rows.len() == ROWS {
                self.rows.pop_front();
            }
            self.rows.push_back(Counts::default());
        }
        self.step = self.step.max(step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_continue_where_they_were() {
        let feed = Feed::default();
        assert_eq!(feed.after(0), Part { first: 1, alerts: vec![], missed: 0 });
        for text in ["a", "b", "c"] {
            feed.push(Priority::Warning, text.into(), 100);
        }
        assert!(feed.has_more(2) && !feed.has_more(3));
        let texts =
            |part: &Part| part.alerts.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect::<Vec<_>>();
        assert_eq!(texts(&feed.after(0)), ["a", "b", "c"]);
        let part = feed.after(2);
        assert_eq!((part.first, texts(&part), part.missed), (3, vec!["c".to_owned()], 0));
        assert!(feed.after(3).alerts.is_empty());
        // After a restart of the program the numbers start again.
        assert_eq!(texts(&feed.after(70)), ["a", "b", "c"]);
    }

    #[test]
    fn adding_does_not_wait_for_readers() {
        let feed = Feed::default();
        feed.push(Priority::Debug, "1".into(), 0);
        let reader = feed.kept.lock().unwrap();
        (2..=INBOX + 100).for_each(|number| feed.push(Priority::Debug, number.to_string().into(), 0));
        drop(reader);
        assert!(feed.has_more(INBOX as u64));
        feed.push(Priority::Debug, "last".into(), 0);
        let part = feed.after(INBOX as u64 - 1);
        // In order; what found no room is not numbered.
        assert_eq!((part.first, part.missed), (INBOX as u64, 0));
        assert_eq!(part.alerts, [Bytes::from(INBOX.to_string()), (INBOX + 1).to_string().into(), "last".into()]);
    }

    #[test]
    fn kept_alerts_are_bounded() {
        let feed = Feed::default();
        for number in 0..2 * KEPT {
            feed.push(Priority::Debug, number.to_string().into(), 0);
        }
        let part = feed.after(10);
        assert_eq!((part.alerts.len(), part.first), (KEPT, KEPT as u64 + 1));
        assert_eq!(part.missed, KEPT as u64 - 10);
        assert_eq!(feed.after(0).missed, 0);
        let long = "x".repeat(KEPT_BYTES / 4);
        (0..10).for_each(|_| feed.push(Priority::Debug, long.clone().into(), 0));
        assert_eq!(feed.after(0).alerts.len(), 4);
    }

    #[test]
    fn the_timeline_moves_with_the_clock() {
        let feed = Feed::default();
        feed.push(Priority::Warning, Bytes::new(), 1000);
        feed.push(Priority::Debug, Bytes::new(), 1009);
        feed.push(Priority::Warning, Bytes::new(), 1030);
        feed.push(Priority::Warning, Bytes::new(), 1000);
        let rows = feed.timeline(1040);
        let warnings: Vec<u32> = rows.iter().map(|row| row[Priority::Warning as usize]).collect();
        assert_eq!(warnings, [1, 0, 0, 2, 0]);
        assert_eq!(rows[0][Priority::Debug as usize], 1);
        assert_eq!(feed.timeline(1_000_000).len(), ROWS);
        assert_eq!(feed.timeline(1_000_000).iter().flatten().sum::<u32>(), 0);
    }
}
