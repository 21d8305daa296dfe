//! What the event loop tells other threads of itself, when they ask.
//!
//! The loop keeps its counts to itself, where counting costs nothing. Whoever wants them raises a flag; the loop copies
//! them out at its next step, which on a live source is at most some milliseconds away.

use crate::alerts::noise::Kept;
use crate::metrics::matches::RuleCount;
use crate::metrics::measured::{Cpu, Program};
use crate::signals::Signals;
use peregrine_sinks::Totals;
use rule_engine::engine::CorrelationStats;
use scap::SourceStats;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long somebody who asks waits for a loop that is busy.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long costs are measured after somebody asked.
pub(crate) const MEASURE: Duration = Duration::from_secs(10);

/// What a rule cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    /// How often it was tried.
    pub(crate) evaluated: u64,
    pub(crate) nanoseconds: u64,
}

/// The counts at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    /// Events that went through the rules.
    pub(crate) events: u64,
    pub(crate) source: SourceStats,
    pub(crate) state: sinsp::state::Metrics,
    pub(crate) threads: u64,
    pub(crate) fds: u64,
    pub(crate) rules: Vec<RuleCount>,
    pub(crate) outputs: Vec<Totals>,
    /// Alerts that noise control has left out.
    pub(crate) kept: Kept,
    /// Events by the code of their type.
    pub(crate) types: Vec<u64>,
    pub(crate) cpus: Vec<Cpu>,
    pub(crate) programs: Vec<Program>,
    /// Bytes in the rings.
    pub(crate) pending: Option<u64>,
    /// Audit events, if they are taken; their rules stand among the rules.
    pub(crate) audit: Option<AuditCounts>,
    /// What the first of the rules cost, in their order, while it is measured.
    pub(crate) costs: Vec<Cost>,
    /// What was counted of each correlation, and the memory of all partial matches.
    pub(crate) correlations: (Vec<CorrelationStats>, usize),
}

/// The counts of audit events at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct AuditCounts {
    /// Events that went through the rules.
    pub(crate) events: u64,
    /// Events that could not be read, or are too long.
    pub(crate) refused: u64,
    pub(crate) rules: Vec<RuleCount>,
}

/// Where the counts of audit events come from: they are evaluated beside the loop.
pub(crate) trait CountsAudit: std::fmt::Debug + Send + Sync {
    /// The counts after the last batch.
    fn counts(&self) -> AuditCounts;
}

/// Where the loop leaves its counts.
#[derive(Debug)]
pub(crate) struct Telemetry {
    signals: Signals,
    wanted: AtomicBool,
    last: Mutex<(u64, Snapshot)>,
    fresh: Condvar,
    audit: Option<Arc<dyn CountsAudit>>,
    /// Until when costs are measured.
    measure: Mutex<Option<Instant>>,
}

impl Telemetry {
    pub(crate) fn new(signals: Signals, audit: Option<Arc<dyn CountsAudit>>) -> Self {
        Self {
            audit,
            measure: Mutex::default(),
            signals,
            wanted: AtomicBool::new(false),
            last: Mutex::default(),
            fresh: Condvar::new(),
        }
    }

    /// The counts now; those of before if the loop does not answer.
    pub(crate) fn ask(&self) -> Snapshot {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, until) = (last.0, Instant::now() + PATIENCE);
        self.wanted.store(true, Ordering::SeqCst);
        self.signals.raise();
        while last.0 == before {
            let Some(left) = until.checked_duration_since(Instant::now()) else { break };
            last = self.fresh.wait_timeout(last, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let mut snapshot = last.1.clone();
        drop(last);
        if let Some(audit) = &self.audit {
            let mut counts = audit.counts();
            snapshot.rules.append(&mut counts.rules);
            snapshot.audit = Some(counts);
        }
        snapshot
    }

    /// Asks for costs to be measured, from now on and for a while.
    pub(crate) fn measure(&self) {
        *self.measure.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + MEASURE);
        self.signals.raise();
    }

    /// Makes the loop see that nobody asks any more.
    pub(crate) fn nudge(&self) {
        self.signals.raise();
    }

    /// Whether costs are to be measured.
    pub(crate) fn measuring(&self) -> bool {
        self.measure.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until)
    }

    /// Whether somebody asked; asking takes it back.
    pub(crate) fn take_wanted(&self) -> bool {
        self.wanted.swap(false, Ordering::SeqCst)
    }

    /// Leaves the counts for whoever asked.
    pub(crate) fn tell(&self, snapshot: Snapshot) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = (last.0 + 1, snapshot);
        self.fresh.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_gets_an_answer() {
        let telemetry = Telemetry::new(Signals::default(), None);
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| telemetry.ask().events);
            while !telemetry.take_wanted() {
                std::thread::yield_now();
            }
            telemetry.tell(Snapshot { events: 7, ..Snapshot::default() });
            assert_eq!(asked.join().unwrap(), 7);
        });
        // Nobody answers: the last counts.
        assert_eq!(telemetry.ask().events, 7);
    }
}
