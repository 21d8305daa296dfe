//! Recent alerts, for every open web UI.
//!
//! The event loop adds each alert once, whatever the number of readers; that costs it a lock that is held only briefly.
//! Readers read at their own pace, and a reader that is too slow learns how many alerts it missed.

use crate::alerts::Watcher;
use crate::clock;
use bytes::Bytes;
use rule_engine::output::Priority;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;

/// Maximum number of alerts.
const KEPT: usize = 500;
/// Maximum number of bytes of alerts.
const KEPT_BYTES: usize = 8 << 20;

/// Seconds in one row of the timeline, and number of rows: an hour.
pub(crate) const STEP: u64 = 10;
const ROWS: usize = 360;

/// Number of alerts of each priority.
pub(crate) type Counts = [u32; Priority::ALL.len()];

#[derive(Debug, Default)]
struct Kept {
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
    last: watch::Sender<u64>,
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
        Self { kept: Mutex::default(), last: watch::channel(0).0 }
    }
}

impl Watcher for Feed {
    fn show(&self, priority: Priority, json: Bytes) {
        self.push(priority, json, clock::seconds());
    }
}

impl Feed {
    /// Adds an alert as JSON. `time` is now, in seconds since 1970.
    pub(crate) fn push(&self, priority: Priority, json: Bytes, time: u64) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.advance(time);
        if let Some(row) = kept.rows.back_mut() {
            row[priority as usize] = row[priority as usize].saturating_add(1);
        }
        kept.bytes += json.len();
        kept.alerts.push_back(json);
        while kept.alerts.len() > KEPT || kept.bytes > KEPT_BYTES {
            let Some(gone) = kept.alerts.pop_front() else { break };
            kept.bytes -= gone.len();
        }
        kept.last += 1;
        let last = kept.last;
        drop(kept);
        self.last.send_replace(last);
    }

    /// Returns the number of alerts since the start.
    pub(crate) fn total(&self) -> u64 {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).last
    }

    /// Returns a receiver that is notified of new alerts.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    /// Returns the alerts after the one with a number.
    pub(crate) fn after(&self, number: u64) -> Part {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
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
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.advance(time);
        kept.rows.iter().copied().collect()
    }
}

impl Kept {
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
        let mut watch = feed.watch();
        assert_eq!(feed.after(0), Part { first: 1, alerts: vec![], missed: 0 });
        for text in ["a", "b", "c"] {
            feed.push(Priority::Warning, text.into(), 100);
        }
        assert!(watch.has_changed().unwrap() && *watch.borrow_and_update() == 3);
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
