//! Reports of partial matches of correlations that were dropped because memory was full.
//!
//! The sources share partial matches, so whichever evaluates an event next reports for all: once a second by the time of
//! its events, when it has had none for a second, and at its end.

use std::time::{Duration, Instant};

/// The name of the alert.
pub(crate) const RULE: &str = "Falco internal: correlation state drop";

const SECOND: Duration = Duration::from_secs(1);

/// The times at which the thread of a source reports.
#[derive(Debug)]
pub(crate) struct EvictionWatch {
    /// The time of the last event.
    last: u64,
    /// The time of the event at the last report.
    reported: u64,
    /// Whether there was an event since the last call of [`is_quiet`](Self::is_quiet).
    is_fresh: bool,
    /// Since when there is none, unless that was reported.
    quiet: Option<Instant>,
}

impl EvictionWatch {
    pub(crate) fn new() -> Self {
        Self { last: 0, reported: 0, is_fresh: false, quiet: None }
    }

    /// Notes the time of an event. Returns whether to report.
    #[inline]
    pub(crate) fn sees(&mut self, time: u64) -> bool {
        self.last = time;
        self.is_fresh = true;
        // Events may be of any time: one that is far ahead must not end the reports.
        let is_due = time.abs_diff(self.reported) > SECOND.as_nanos() as u64;
        if is_due {
            self.reported = time;
        }
        is_due
    }

    /// Returns whether to report because there was no event for a second, once.
    pub(crate) fn is_quiet(&mut self) -> bool {
        if std::mem::take(&mut self.is_fresh) {
            self.quiet = Some(Instant::now());
        }
        let is_due = self.quiet.is_some_and(|since| since.elapsed() >= SECOND);
        if is_due {
            self.quiet = None;
        }
        is_due
    }

    /// Returns the time of the last event.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_a_second_by_the_time_of_events() {
        let mut watch = EvictionWatch::new();
        let due = |watch: &mut EvictionWatch, tenths: u64| watch.sees(tenths * 100_000_000);
        let all: Vec<u64> = (1000..1040).filter(|tenths| due(&mut watch, *tenths)).collect();
        assert_eq!(all, [1000, 1011, 1022, 1033]);
        // An event of a wrong time, and those after it.
        assert!(due(&mut watch, 90_000_000) && due(&mut watch, 1041) && !due(&mut watch, 1051));
        assert_eq!(watch.last(), 105_100_000_000);
    }

    #[test]
    fn silence_is_reported_once() {
        let mut watch = EvictionWatch::new();
        assert!(!watch.is_quiet());
        watch.sees(7);
        assert!(!watch.is_quiet());
        watch.quiet = Instant::now().checked_sub(SECOND);
        assert!(watch.is_quiet() && !watch.is_quiet());
        watch.sees(8);
        assert!(!watch.is_quiet() && watch.quiet.is_some());
    }
}
