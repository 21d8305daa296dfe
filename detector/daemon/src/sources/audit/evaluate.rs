//! The thread that evaluates audit events.

use super::batch::{self, BatchError};
use super::queue::Receiver;
use super::settings::Limits;
use crate::alerts::Alerts;
use crate::alerts::evictions::EvictionWatch;
use crate::clock::now;
use crate::metrics::matches::Matches;
use crate::metrics::telemetry::{AuditCounts, CountsAudit};
use crate::names::K8S_AUDIT;
use crate::rules::slot::Slot;
use crate::{Fatal, log};
use rule_engine::engine::{Runner, SourceRules};
use rule_engine::event::json::{JsonDocument, JsonSchema};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Time that it waits for events before it checks for new rules.
const PAUSE: Duration = Duration::from_millis(50);

/// Counts of the thread, shared with other threads.
#[derive(Debug, Default)]
pub(crate) struct Evaluator {
    counts: Mutex<AuditCounts>,
}

impl CountsAudit for Evaluator {
    fn counts(&self) -> AuditCounts {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Evaluator {
    /// Evaluates every event until the inputs are closed and the queue is empty. New rules are taken from the slot
    /// between two batches.
    ///
    /// # Errors
    ///
    /// If the rules are for another source.
    pub(crate) fn run(
        &self,
        queue: &Receiver,
        limits: Limits,
        rules: &Arc<SourceRules<JsonSchema>>,
        slot: &Slot,
        alerts: &Alerts,
    ) -> Result<(), Fatal> {
        let mut rules = Arc::clone(rules);
        let evictions = EvictionWatch::new();
        let mut work = Work {
            limits,
            number: 0,
            start: 0,
            counts: AuditCounts::default(),
            matches: Matches::default(),
            evictions,
        };
        let mut before: Option<Runner<JsonSchema>> = None;
        loop {
            work.matches.follow(rules.rules());
            work.publish(self);
            let mut runner = rules.runner();
            if let Some(before) = &before {
                runner.adopt(before);
            }
            let new = loop {
                if let Some(new) = slot.take(K8S_AUDIT) {
                    break new;
                }
                let batch = match queue.next(PAUSE) {
                    Ok(batch) => batch,
                    Err(RecvTimeoutError::Timeout) => {
                        if work.evictions.is_quiet() {
                            alerts.report_evictions(work.evictions.last(), runner.take_evicted());
                        }
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => {
                        alerts.report_evictions(work.evictions.last(), runner.take_evicted());
                        return Ok(());
                    }
                };
                // It was valid when it came in; what follows an error in a file is lost.
                let mut each = |event: Result<&str, BatchError>| match event {
                    Ok(json) => work.event(json, &mut runner, alerts),
                    Err(error) => work.refuse(&error),
                };
                if let Err(error) = batch::events(&batch.json, &mut each) {
                    log::warning(format!("k8s_audit: {error}"));
                }
                drop(batch.room);
                work.publish(self);
            };
            rules = new;
            before = Some(runner);
        }
    }
}

struct Work {
    limits: Limits,
    number: u64,
    /// The time of the first event.
    start: u64,
    counts: AuditCounts,
    matches: Matches,
    evictions: EvictionWatch,
}

impl Work {
    fn event(&mut self, json: &str, runner: &mut Runner<JsonSchema>, alerts: &Alerts) {
        let document = match self.read(json) {
            Ok(document) => document,
            Err(why) => return self.refuse(&why),
        };
        self.counts.events += 1;
        let matches = &mut self.matches;
        runner.process(&document, |alert| {
            matches.count_alert(&alert);
            alerts.send(&alert);
        });
        let time = document.time();
        if self.evictions.sees(time) {
            alerts.report_evictions(time, runner.take_evicted());
        }
    }

    fn refuse(&mut self, why: &dyn std::fmt::Display) {
        self.counts.refused += 1;
        log::debug(format!("k8s_audit: {why}"));
    }

    fn read(&mut self, json: &str) -> Result<JsonDocument, String> {
        if json.len() > self.limits.event {
            return Err(format!("dropped an event of {} bytes", json.len()));
        }
        let document = JsonDocument::parse(json.as_bytes()).map_err(|error| error.to_string())?;
        // The time in the event, or else the time of its arrival.
        let told = document.root().get("stageTimestamp").and_then(serde_json::Value::as_str);
        let told = told.and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let time = told.and_then(|time| u64::try_from(time.as_nanosecond()).ok()).unwrap_or_else(now);
        if self.start == 0 {
            self.start = time;
        }
        self.number += 1;
        Ok(document.at(self.number, time, self.start))
    }

    fn publish(&mut self, evaluator: &Evaluator) {
        let mut counts = evaluator.counts.lock().unwrap_or_else(PoisonError::into_inner);
        (counts.events, counts.refused) = (self.counts.events, self.counts.refused);
        self.matches.copy_to(&mut counts.rules);
    }
}
