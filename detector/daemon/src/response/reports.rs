//! The thread that acts, and the alerts about what it did: on live events only.

use super::Responses;
use crate::alerts::{Alerts, internal};
use crate::metrics::telemetry::ResponseCounts;
use crate::{Fatal, log};
use peregrine_response::{Mode, Outcome, Plan, Report, Responder};
use rule_engine::output::Priority;
use std::collections::HashMap;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The name of the alert about each response.
pub(crate) const RULE: &str = "Peregrine response";
/// Number of reports that wait for the outputs.
const WAITING: usize = 1024;
/// Interval between reports of an outcome that every alert of a rule has.
const QUIET: Duration = Duration::from_secs(10);

/// Outcomes, for the thread that sends alerts about them.
pub(crate) struct Reports {
    receiver: Receiver<Report>,
    mode: Mode,
}

impl Responses {
    /// Starts the thread that acts, with the privileges of this one. `boot_time` is that of the source of events.
    ///
    /// # Errors
    ///
    /// If this process is not in the host's PID namespace.
    pub(crate) fn start(plan: Plan, boot_time: u64) -> Result<(Self, Reports), Fatal> {
        let mode = plan.mode();
        let counts = Arc::<Mutex<ResponseCounts>>::default();
        let (sender, receiver) = sync_channel(WAITING);
        let counted = Arc::clone(&counts);
        let report = move |report: Report| {
            counted.lock().unwrap_or_else(PoisonError::into_inner).count(report.outcome.name(), report.latency);
            // If outputs are that slow, the metrics have it.
            let _ = sender.try_send(report);
        };
        let responder =
            Responder::start(plan, boot_time, report).map_err(|error| Fatal(format!("response: {error}")))?;
        Ok((Self { responder, counts }, Reports { receiver, mode }))
    }

    /// Returns the counts, to add others.
    pub(crate) fn counted(&self) -> Arc<Mutex<ResponseCounts>> {
        Arc::clone(&self.counts)
    }
}

impl Reports {
    /// Sends an alert about each response, until the responses are dropped.
    pub(crate) fn run(self, alerts: &Alerts) {
        if self.mode == Mode::Act {
            log::notice("responses act on processes of this host");
        } else {
            log::notice("responses only report what would be done (response.mode: dry_run)");
        }
        let mut repeated: HashMap<(Arc<str>, &'static str), (Instant, u64)> = HashMap::new();
        while let Ok(report) = self.receiver.recv() {
            let mut more = 0;
            if is_repeated(&report.outcome) {
                let key = (Arc::clone(&report.proposal.rule), report.outcome.name());
                match repeated.get_mut(&key) {
                    Some((last, count)) if last.elapsed() < QUIET => {
                        *count += 1;
                        continue;
                    }
                    Some((last, count)) => {
                        *last = Instant::now();
                        more = std::mem::take(count);
                    }
                    None => drop(repeated.insert(key, (Instant::now(), 0))),
                }
            }
            publish(&report, more, alerts);
        }
    }
}

/// Returns whether an outcome comes with every alert of a rule for some time: then one alert in [`QUIET`] is enough.
fn is_repeated(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Disarmed | Outcome::WarmUp | Outcome::Late | Outcome::Uncertain | Outcome::Lost)
}

/// Sends the alert about a response. `more` is the number of those before it that were left out.
fn publish(report: &Report, more: u64, alerts: &Alerts) {
    let Report { proposal, outcome, latency } = report;
    let (rule, action) = (&proposal.rule, &proposal.action);
    let text = match &proposal.process {
        Some(process) => {
            format!("{RULE}. {action} of process {} ({}) for rule '{rule}': {outcome}", process.pid, process.exe)
        }
        None => format!("{RULE}. {action} for rule '{rule}': {outcome}"),
    };
    let priority = match outcome {
        Outcome::Done(_) | Outcome::Rate | Outcome::Failed(_) => Priority::Critical,
        Outcome::Protected(_) | Outcome::Lost => Priority::Warning,
        _ => Priority::Notice,
    };
    let own = internal(RULE, priority, proposal.time, text)
        .with_field("action", action.to_string())
        .with_field("outcome", outcome.name())
        .with_field("rule", rule.to_string())
        .with_field("evt.num", proposal.event)
        .with_field("latency_ns", *latency);
    let own = match &proposal.process {
        Some(process) => own
            .with_field("proc.pid", i64::from(process.pid))
            .with_field("proc.pid.ts", process.start)
            .with_field("proc.exepath", process.exe.as_str())
            .with_field("thread.cgroup", process.cgroup.as_str())
            .with_field("container.id", process.container.as_str()),
        None => own,
    };
    alerts.send_own(&if more > 0 { own.with_field("suppressed", more) } else { own });
}
