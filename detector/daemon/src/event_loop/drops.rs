//! Actions on dropped events, checked once a second in event time.

use crate::config::settings::{DropAction, SyscallEventDrops};
use crate::metrics::families::FAMILIES;
use crate::token_bucket::TokenBucket;
use scap::SourceStats;
use serde_json::{Map, Value as Json};

const SECOND: u64 = 1_000_000_000;

/// Drops of a second that trigger the configured actions.
#[derive(Debug, PartialEq)]
pub(crate) struct Loss {
    /// Description for the log and the alert.
    pub(crate) text: String,
    /// The counts, for the alert. They are text, as consumers of Falco's alert expect.
    pub(crate) fields: Map<String, Json>,
    /// The actions to take.
    pub(crate) actions: Vec<DropAction>,
}

/// The rule name of the alert.
pub(crate) const RULE: &str = "Falco internal: syscall event drop";

/// Watches the drop counts of a source.
#[derive(Debug)]
pub(crate) struct DropWatch {
    settings: SyscallEventDrops,
    live: bool,
    bucket: TokenBucket,
    next: u64,
    last: SourceStats,
    /// Number of seconds with drops above the threshold.
    occurrences: u64,
    /// Number of those in which actions were taken.
    acted: u64,
    /// Events dropped in the last second that was checked.
    lost: u64,
}

impl DropWatch {
    /// Starts from the current counts of the source.
    pub(crate) fn new(settings: &SyscallEventDrops, start: SourceStats, live: bool) -> Self {
        Self {
            settings: settings.clone(),
            live,
            bucket: TokenBucket::new(settings.rate, f64::from(settings.max_burst)),
            next: 0,
            last: start,
            occurrences: 0,
            acted: 0,
            lost: 0,
        }
    }

    /// Returns the active settings.
    pub(crate) fn settings(&self) -> &SyscallEventDrops {
        &self.settings
    }

    /// Applies other settings.
    pub(crate) fn follow(&mut self, settings: &SyscallEventDrops) {
        if (settings.rate, settings.max_burst) != (self.settings.rate, self.settings.max_burst) {
            self.bucket = TokenBucket::new(settings.rate, f64::from(settings.max_burst));
        }
        self.settings = settings.clone();
    }

    /// Returns the number of events dropped in the last second that was checked.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    /// Returns whether a second has passed since the last check; `now` is the time of an event.
    #[inline]
    pub(crate) fn is_due(&mut self, now: u64) -> bool {
        if self.next == 0 {
            self.next = now + SECOND;
        }
        now > self.next
    }

    /// Checks the counts of the last second.
    pub(crate) fn look(&mut self, now: u64, stats: SourceStats) -> Option<Loss> {
        self.next = now + SECOND;
        let lost_by = |stats: &SourceStats, of: &dyn Fn(&scap::source::Drop) -> bool| -> u64 {
            stats.drops.iter().filter(|drop| of(drop)).map(|drop| drop.count).sum()
        };
        let last = std::mem::replace(&mut self.last, stats);
        let since =
            |of: &dyn Fn(&scap::source::Drop) -> bool| lost_by(&self.last, of).saturating_sub(lost_by(&last, of));
        let events = self.last.seen.saturating_sub(last.seen);
        let simulate = self.settings.simulate_drops;
        let lost = since(&|_| true) + u64::from(simulate);
        let threshold = if simulate { 0.0 } else { self.settings.threshold };
        // Drops are part of the events seen; a source that saw nothing has no drop rate.
        self.lost = lost;
        if lost == 0 || lost as f64 / events.max(1) as f64 <= threshold {
            return None;
        }
        self.occurrences += 1;
        if !self.bucket.claim(now) {
            return None;
        }
        self.acted += 1;
        let mut fields = Map::new();
        let mut field = |name: &str, count: u64| fields.insert(name.to_owned(), count.to_string().into());
        field("n_evts", events);
        field("n_drops", lost);
        field("n_drops_buffer_total", since(&|drop| drop.cause == "buffer"));
        for (name, families) in FAMILIES {
            let of = |drop: &scap::source::Drop| drop.cause == "buffer" && families.contains(&drop.family);
            field(name, since(&of));
        }
        field("n_drops_scratch_map", since(&|drop| drop.cause == "scratch"));
        field("n_drops_page_faults", since(&|drop| drop.cause == "page_fault"));
        field("n_drops_bug", since(&|drop| !["buffer", "scratch", "page_fault"].contains(&drop.cause)));
        field("ebpf_enabled", u64::from(self.live));
        let text = format!("{RULE}. {lost} system calls dropped in last second.");
        let mut actions = Vec::new();
        for action in &self.settings.actions {
            if !actions.contains(action) {
                actions.push(*action);
            }
        }
        Some(Loss { text, fields, actions })
    }

    /// Returns the two lines that end a run.
    pub(crate) fn summary(&self) -> String {
        format!(
            "Syscall event drop monitoring:\n   - event drop detected: {} occurrences\n   - num times actions taken: {}\n",
            self.occurrences, self.acted
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> SyscallEventDrops {
        SyscallEventDrops::default()
    }

    fn stats(seen: u64, lost: u64) -> SourceStats {
        let drops = vec![scap::source::Drop { cause: "buffer", family: "open", count: lost }];
        SourceStats { seen, delivered: seen - lost, drops, unknown: 0 }
    }

    #[test]
    fn one_check_a_second() {
        let mut watch = DropWatch::new(&settings(), SourceStats::default(), true);
        assert!(!watch.is_due(10));
        assert!(!watch.is_due(10 + SECOND));
        assert!(watch.is_due(11 + SECOND));
        watch.look(11 + SECOND, stats(10, 0));
        assert!(!watch.is_due(12 + SECOND));
    }

    #[test]
    fn drops_above_the_threshold_trigger_actions() {
        let mut watch = DropWatch::new(&settings(), stats(100, 0), true);
        assert_eq!(watch.look(SECOND, stats(200, 10)), None);
        let loss = watch.look(2 * SECOND, stats(300, 31)).unwrap();
        assert_eq!(loss.text, "Falco internal: syscall event drop. 21 system calls dropped in last second.");
        assert_eq!((&loss.fields["n_evts"], &loss.fields["n_drops"]), (&"100".into(), &"21".into()));
        assert_eq!(loss.fields["n_drops_buffer_open_exit"], "21");
        assert_eq!(loss.fields["n_drops_buffer_total"], "21");
        assert_eq!(loss.fields["n_drops_scratch_map"], "0");
        assert_eq!(loss.actions, [DropAction::Log, DropAction::Alert]);
        assert!(watch.summary().contains("1 occurrences\n   - num times actions taken: 1\n"));
    }

    #[test]
    fn actions_are_not_taken_too_often() {
        let mut watch = DropWatch::new(&settings(), stats(0, 0), true);
        let taken = |watch: &mut DropWatch, seconds: std::ops::Range<u64>| {
            seconds.filter(|n| watch.look(n * SECOND, stats(n * 100, n * 50)).is_some()).count()
        };
        // One immediately, then one in 30 seconds.
        assert_eq!(taken(&mut watch, 1..30), 1);
        assert_eq!(taken(&mut watch, 30..33), 1);
        assert_eq!(watch.occurrences, 32);
    }

    #[test]
    fn drops_may_be_simulated() {
        let settings = SyscallEventDrops { simulate_drops: true, ..settings() };
        let mut watch = DropWatch::new(&settings, stats(0, 0), false);
        let loss = watch.look(SECOND, stats(5, 0)).unwrap();
        assert_eq!((&loss.fields["n_drops"], &loss.fields["ebpf_enabled"]), (&"1".into(), &"0".into()));
    }

    #[test]
    fn reset_counters_are_not_drops() {
        let mut watch = DropWatch::new(&settings(), stats(100, 50), true);
        assert_eq!(watch.look(SECOND, stats(10, 0)), None);
    }
}
