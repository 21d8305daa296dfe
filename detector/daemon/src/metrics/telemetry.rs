//! Counts of the event loop, for other threads on request.
//!
//! The loop keeps its counts to itself, where counting is cheap. A thread that needs them sets a flag; the loop copies
//! them at its next step, which on a live source is at most some milliseconds away.

use crate::alerts::noise::Kept;
use crate::metrics::matches::RuleCount;
use crate::metrics::measured::{Cpu, LeftOut, Program};
use crate::signals::Signals;
use peregrine_containers::EngineState;
use peregrine_sinks::Totals;
use rule_engine::engine::CorrelationStats;
use scap::SourceStats;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// Maximum time that a request waits for a busy loop.
const PATIENCE: Duration = Duration::from_secs(1);

/// Time that costs are measured after a request.
pub(crate) const MEASURE: Duration = Duration::from_secs(10);

/// Cost of a rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    /// Number of evaluations.
    pub(crate) evaluated: u64,
    pub(crate) nanoseconds: u64,
}

/// The counts at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    /// Events that were evaluated against the rules.
    pub(crate) events: u64,
    pub(crate) source: SourceStats,
    pub(crate) state: sinsp::state::Metrics,
    pub(crate) threads: u64,
    pub(crate) fds: u64,
    pub(crate) rules: Vec<RuleCount>,
    pub(crate) outputs: Vec<Totals>,
    /// Alerts that noise control suppressed.
    pub(crate) kept: Kept,
    /// Events by type code.
    pub(crate) types: Vec<u64>,
    pub(crate) cpus: Vec<Cpu>,
    pub(crate) programs: Vec<Program>,
    /// Events that were left out in the kernel.
    pub(crate) left_out: Vec<LeftOut>,
    /// Unread bytes in the ring buffers.
    pub(crate) pending: Option<u64>,
    /// The container engines.
    pub(crate) engines: Vec<EngineState>,
    /// Counts of audit events, if enabled. Their rules are among the rules.
    pub(crate) audit: Option<AuditCounts>,
    /// Counts of the sources that plugins provide. Their rules are among the rules.
    pub(crate) plugins: Vec<SourceCounts>,
    /// The metrics of plugins, by the name of each.
    pub(crate) of_plugins: PluginMetrics,
    /// Counts of responses, if enabled.
    pub(crate) responses: Option<ResponseCounts>,
    /// Costs of the first rules, in their order, while they are measured.
    pub(crate) costs: Vec<Cost>,
    /// The counts of each correlation, and the memory of all partial matches.
    pub(crate) correlations: (Vec<CorrelationStats>, usize),
}

/// Counts of responses.
#[derive(Debug, Clone, Default)]
pub(crate) struct ResponseCounts {
    /// Their number by outcome, in the order in which the outcomes appeared.
    pub(crate) outcomes: Vec<(&'static str, u64)>,
    /// Their number by the time from the event: at most as many nanoseconds as [`RESPONSE_LATENCIES`] says, each included
    /// in those of the longer times.
    pub(crate) latencies: [u64; RESPONSE_LATENCIES.len()],
}

/// Times from an event to its response by which responses are counted, in nanoseconds.
pub(crate) const RESPONSE_LATENCIES: [u64; 8] =
    [100_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 20_000_000, 100_000_000, u64::MAX];

impl ResponseCounts {
    /// Sets the number of an outcome that is counted elsewhere.
    #[cfg(feature = "live")]
    pub(crate) fn set(&mut self, outcome: &'static str, number: u64) {
        match self.outcomes.iter_mut().find(|(name, _)| *name == outcome) {
            Some((_, count)) => *count = number,
            None => self.outcomes.push((outcome, number)),
        }
    }

    /// Counts a response.
    #[cfg(feature = "live")]
    pub(crate) fn count(&mut self, outcome: &'static str, latency: u64) {
        match self.outcomes.iter_mut().find(|(name, _)| *name == outcome) {
            Some((_, count)) => *count += 1,
            None => self.outcomes.push((outcome, 1)),
        }
        for (most, count) in RESPONSE_LATENCIES.iter().zip(&mut self.latencies) {
            *count += u64::from(latency <= *most);
        }
    }
}

/// Counts of audit events at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct AuditCounts {
    /// Events that were evaluated against the rules.
    pub(crate) events: u64,
    /// Events that are invalid or too long.
    pub(crate) refused: u64,
    pub(crate) rules: Vec<RuleCount>,
}

/// The metrics of plugins, by the name of each.
pub(crate) type PluginMetrics = Vec<(String, Vec<peregrine_plugin_host::Metric>)>;

/// Counts of the events that a plugin provides, at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct SourceCounts {
    /// The name of the source.
    pub(crate) source: String,
    /// Events that were evaluated against the rules.
    pub(crate) events: u64,
    /// Events of the plugin that are invalid.
    pub(crate) invalid: u64,
    /// The metrics of the plugins of the source.
    pub(crate) metrics: PluginMetrics,
    pub(crate) rules: Vec<RuleCount>,
}

/// The source of the counts of a plugin's events, which are evaluated on another thread.
pub(crate) trait CountsSource: std::fmt::Debug + Send + Sync {
    /// Returns the counts after the last round.
    fn counts(&self) -> SourceCounts;
}

/// The source of the counts of audit events, which are evaluated on another thread.
pub(crate) trait CountsAudit: std::fmt::Debug + Send + Sync {
    /// Returns the counts after the last batch.
    fn counts(&self) -> AuditCounts;
}

/// The exchange of counts between the loop and other threads.
#[derive(Debug)]
pub(crate) struct Telemetry {
    signals: Signals,
    wanted: AtomicBool,
    /// Held for moments only, and never waited for by the loop: threads of a lower priority may hold it.
    last: Mutex<(u64, Arc<Snapshot>)>,
    fresh: Condvar,
    audit: Option<Arc<dyn CountsAudit>>,
    plugins: Vec<Arc<dyn CountsSource>>,
    started: Instant,
    /// Until when costs are measured, in milliseconds from the start.
    measure: AtomicU64,
}

impl Telemetry {
    pub(crate) fn new(
        signals: Signals,
        audit: Option<Arc<dyn CountsAudit>>,
        plugins: Vec<Arc<dyn CountsSource>>,
    ) -> Self {
        Self {
            audit,
            plugins,
            started: Instant::now(),
            measure: AtomicU64::new(0),
            signals,
            wanted: AtomicBool::new(false),
            last: Mutex::default(),
            fresh: Condvar::new(),
        }
    }

    /// Returns the current counts, or the previous ones if the loop does not respond.
    pub(crate) fn ask(&self) -> Snapshot {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, until) = (last.0, Instant::now() + PATIENCE);
        self.wanted.store(true, Ordering::SeqCst);
        self.signals.raise();
        while last.0 == before {
            let Some(left) = until.checked_duration_since(Instant::now()) else { break };
            last = self.fresh.wait_timeout(last, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let snapshot = Arc::clone(&last.1);
        drop(last);
        let mut snapshot = Snapshot::clone(&snapshot);
        if let Some(audit) = &self.audit {
            let mut counts = audit.counts();
            snapshot.rules.append(&mut counts.rules);
            snapshot.audit = Some(counts);
        }
        for plugin in &self.plugins {
            let mut counts = plugin.counts();
            snapshot.rules.append(&mut counts.rules);
            snapshot.of_plugins.append(&mut counts.metrics);
            snapshot.plugins.push(counts);
        }
        snapshot
    }

    fn milliseconds(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Requests that costs are measured for a while.
    pub(crate) fn measure(&self) {
        self.measure.store(self.milliseconds() + MEASURE.as_millis() as u64, Ordering::Relaxed);
        self.signals.raise();
    }

    /// Makes the loop notice that the request has expired.
    pub(crate) fn nudge(&self) {
        self.signals.raise();
    }

    /// Returns whether costs are to be measured.
    pub(crate) fn measuring(&self) -> bool {
        self.milliseconds() < self.measure.load(Ordering::Relaxed)
    }

    /// Returns whether the counts were requested, and clears the request.
    pub(crate) fn take_wanted(&self) -> bool {
        self.wanted.swap(false, Ordering::SeqCst)
    }

    /// Publishes the counts. Never blocks: if somebody reads just now, the loop is requested to publish once more.
    pub(crate) fn tell(&self, snapshot: Snapshot) {
        let mut last = match self.last.try_lock() {
            Ok(last) => last,
            Err(TryLockError::Poisoned(error)) => error.into_inner(),
            Err(TryLockError::WouldBlock) => {
                self.wanted.store(true, Ordering::SeqCst);
                return self.signals.raise();
            }
        };
        *last = (last.0 + 1, Arc::new(snapshot));
        self.fresh.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_returns_the_counts() {
        let telemetry = Telemetry::new(Signals::default(), None, Vec::new());
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| telemetry.ask().events);
            // As the loop does: it is requested again if the other side holds the lock.
            while !asked.is_finished() {
                if telemetry.take_wanted() {
                    telemetry.tell(Snapshot { events: 7, ..Snapshot::default() });
                }
                std::thread::yield_now();
            }
            assert_eq!(asked.join().unwrap(), 7);
        });
        // The loop does not respond: the last counts.
        assert_eq!(telemetry.ask().events, 7);
    }
}
