//! Delivery of alerts: from the event loop to the configured outputs, with the detector's own alerts.

pub(crate) mod cut;
pub(crate) mod evictions;
mod format;
pub(crate) mod noise;
pub(crate) mod outputs;
#[cfg_attr(not(feature = "live"), allow(dead_code, reason = "alerts wait for containers of live events only"))]
pub(crate) mod pending_alerts;

use crate::alerts::noise::{Kept, Noise, Verdict};
use crate::clock::now;
use crate::config::outputs::grpc;
use crate::config::settings::{Config, DropAction};
use crate::names::SYSCALL;
use crate::{Fatal, log};
use bumpalo::Bump;
use bytes::Bytes;
use peregrine_sinks::{Message, Outputs, Totals, Wait, Wanted};
use rule_engine::engine::{Alert, Note, OwnedAlert, OwnedValue};
use rule_engine::output::{Format, Priority};
use serde_json::{Map, Value as Json};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

/// Interval between reports of lost alerts while the loss continues.
const WORD: Duration = Duration::from_secs(10);

/// Receiver of every alert as JSON, in addition to the outputs: the web UI.
pub(crate) trait Watcher: std::fmt::Debug + Send + Sync {
    /// Receives an alert. Never blocks.
    fn show(&self, priority: Priority, json: Bytes);
}

/// The outputs, and the format of the detector's own alerts.
#[derive(Debug)]
pub(crate) struct Alerts {
    outputs: Outputs,
    wait: Wait,
    hostname: String,
    format: RwLock<Format>,
    noise: Mutex<Option<Noise>>,
    /// Time in nanoseconds since 1970 until which the state of threads and files may be incomplete.
    uncertain_until: AtomicU64,
    /// Losses of each output that were reported so far.
    told: Mutex<Vec<Told>>,
    /// Actions on dropped partial matches.
    on_eviction: Mutex<Vec<DropAction>>,
    /// Whether clients of the gRPC server receive alerts.
    is_served: AtomicBool,
    /// The alerts for the web UI, if it is enabled.
    feed: Option<Arc<dyn Watcher>>,
}

/// Lost alerts of one output that were reported: to the other outputs, and to the output itself.
#[derive(Debug)]
struct Told {
    sink: &'static str,
    others: u64,
    itself: u64,
    since: Option<Instant>,
}

impl Alerts {
    /// Starts the outputs that the configuration enables. A replay blocks on full outputs, a live source does not.
    pub(crate) fn new(config: &Config, hostname: &str, wait: Wait) -> Result<Self, Fatal> {
        Ok(Self {
            outputs: outputs::start(config, hostname)?,
            wait,
            hostname: hostname.to_owned(),
            format: RwLock::new(format::of_outputs(config, hostname)),
            noise: Mutex::new(Noise::new(&config.noise_control)),
            uncertain_until: AtomicU64::new(0),
            told: Mutex::default(),
            on_eviction: Mutex::new(once_each(&config.syscall_event_drops.actions)),
            is_served: AtomicBool::new(is_served(config)),
            feed: None,
        })
    }

    /// Also sends every alert to the web UI.
    #[must_use]
    pub(crate) fn with_feed(self, feed: Arc<dyn Watcher>) -> Self {
        Self { feed: Some(feed), ..self }
    }

    /// Applies a new configuration. Outputs that stay the same are not interrupted.
    ///
    /// # Errors
    /// If a spool cannot be used.
    pub(crate) fn apply(&self, config: &Config, plan: Vec<Wanted>) -> Result<(), Fatal> {
        *self.format.write().unwrap_or_else(PoisonError::into_inner) = format::of_outputs(config, &self.hostname);
        let mut noise = self.noise.lock().unwrap_or_else(PoisonError::into_inner);
        *noise = match (Noise::new(&config.noise_control), noise.as_ref()) {
            (Some(new), Some(old)) => Some(new.after(old)),
            (new, _) => new,
        };
        drop(noise);
        *self.on_eviction.lock().unwrap_or_else(PoisonError::into_inner) =
            once_each(&config.syscall_event_drops.actions);
        self.is_served.store(is_served(config), Ordering::Relaxed);
        outputs::apply(&self.outputs, config, plan)
    }

    /// Sends the alert of a rule, unless noise control suppresses it.
    pub(crate) fn send(&self, alert: &Alert<'_>) {
        self.send_with(alert, None);
    }

    /// Sends it with a further note.
    pub(crate) fn send_with(&self, alert: &Alert<'_>, note: Option<Note>) {
        let (mut notes, time) = (alert.notes().to_vec(), alert.time());
        notes.extend(note);
        if alert.source() == SYSCALL && self.is_uncertain(time) {
            notes.push(Note::new("state_uncertain", true));
        }
        if let Some(noise) = &mut *self.noise.lock().unwrap_or_else(PoisonError::into_inner) {
            match noise.judge(alert) {
                Verdict::Keep => return,
                Verdict::Tell { alike, limited } => {
                    notes.extend((alike > 0).then(|| Note::new("suppressed", alike)));
                    notes.extend((limited > 0).then(|| Note::new("rate_limited", limited)));
                }
            }
        }
        self.pass_on(alert, &notes);
    }

    /// Sends an alert to the web UI, the clients of the gRPC server and the outputs. Equal formats are rendered once.
    fn pass_on(&self, alert: &Alert<'_>, notes: &[Note]) {
        let text = written(alert, notes, &self.format());
        let full = (self.feed.is_some() || self.is_served()).then(|| {
            let full = format::full(&self.hostname);
            let same = *self.format() == full;
            if same { text.clone() } else { written(alert, notes, &full) }
        });
        if let (Some(feed), Some(full)) = (&self.feed, &full) {
            feed.show(alert.priority(), full.clone());
        }
        self.to_outputs(alert.priority(), text, full, self.wait, |_| true);
    }

    /// Sends a rendered alert to those outputs that are `wanted`: `full`, the JSON with all its parts, to the clients of
    /// the gRPC server if it is served, and `text` to the others.
    fn to_outputs(
        &self,
        priority: Priority,
        text: Bytes,
        full: Option<Bytes>,
        wait: Wait,
        wanted: impl Fn(&'static str) -> bool,
    ) {
        let severity = priority as u8;
        if let Some(full) = full.filter(|_| self.is_served()) {
            self.outputs.send_to(Message::new(severity, full), wait, |sink| sink == grpc::SINK && wanted(sink));
        }
        self.outputs.send_to(Message::new(severity, text), wait, |sink| sink != grpc::SINK && wanted(sink));
    }

    fn is_served(&self) -> bool {
        self.is_served.load(Ordering::Relaxed)
    }

    fn format(&self) -> RwLockReadGuard<'_, Format> {
        self.format.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns an alert as JSON with all its parts, as the web UI has it.
    pub(crate) fn as_json(&self, alert: &Alert<'_>) -> Bytes {
        written(alert, &[], &format::full(&self.hostname))
    }

    /// Returns whether the state of threads and files may be incomplete at a time, because events were dropped.
    pub(crate) fn is_uncertain(&self, time: u64) -> bool {
        time < self.uncertain_until.load(Ordering::Relaxed)
    }

    /// Marks the state as uncertain until this time, because events were dropped.
    pub(crate) fn uncertain_until(&self, time: u64) {
        self.uncertain_until.fetch_max(time, Ordering::Relaxed);
    }

    /// Reports partial matches of correlations that were dropped because memory was full, like dropped events. `most` is
    /// the correlation that lost most.
    pub(crate) fn report_evictions(&self, time: u64, (count, most): (u64, String)) {
        if count == 0 {
            return;
        }
        let rule = evictions::RULE;
        let text = format!(
            "{rule}. {count} partial matches of correlations were dropped, so that matches may be missed: \
             correlations.memory_bytes is full."
        );
        let actions = self.on_eviction.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for action in actions {
            match action {
                DropAction::Ignore => {}
                DropAction::Log | DropAction::Exit => log::warning(&text),
                DropAction::Alert => {
                    let own = internal(rule, Priority::Debug, time, text.as_str());
                    self.send_own(&own.with_field("evicted", count).with_field("correlation", most.as_str()));
                }
            }
        }
    }

    /// Sends one of the detector's own alerts.
    pub(crate) fn send_own(&self, own: &OwnedAlert) {
        self.pass_on(&own.view(&Bump::new()), &[]);
    }

    /// Sends an alert to some of the outputs only, not to the web UI.
    fn send_own_to(&self, own: &OwnedAlert, wait: Wait, wanted: impl Fn(&'static str) -> bool) {
        let text = own.render(&self.format());
        let full = self.is_served().then(|| own.render(&format::full(&self.hostname)));
        self.to_outputs(own.priority(), text, full, wait, wanted);
    }

    /// Sends an alert about lost alerts: immediately to the other outputs, and to the output that lost them once it
    /// works again. Called once a second by a background thread.
    pub(crate) fn report_drops(&self) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for totals in self.outputs.totals() {
            let place = told.iter().position(|told| told.sink == totals.sink).unwrap_or_else(|| {
                told.push(Told { sink: totals.sink, others: 0, itself: 0, since: None });
                told.len() - 1
            });
            let told = &mut told[place];
            let recent = told.since.is_some_and(|since| since.elapsed() < WORD);
            if totals.lost > told.others && !recent {
                let new = totals.lost - std::mem::replace(&mut told.others, totals.lost);
                told.since = Some(Instant::now());
                log::error(format!("{} output: {new} alerts lost, {} in total", totals.sink, totals.lost));
                self.report_loss(&totals, new, |sink| sink != totals.sink);
            }
            // A full queue would lose this alert too.
            if totals.lost > told.itself && told.itself < told.others && !totals.failing && totals.queued == 0 {
                let new = totals.lost - std::mem::replace(&mut told.itself, totals.lost);
                self.report_loss(&totals, new, |sink| sink == totals.sink);
            }
        }
    }

    fn report_loss(&self, totals: &Totals, new: u64, wanted: impl Fn(&'static str) -> bool) {
        let rule = "Peregrine internal: alerts lost";
        let text = format!("{rule}. {new} alerts did not reach the {} output.", totals.sink);
        let own = internal(rule, Priority::Critical, now(), text)
            .with_field("output", totals.sink)
            .with_field("n_lost", new)
            .with_field("n_lost_total", totals.lost)
            .with_field("n_sent_total", totals.sent);
        self.send_own_to(&own, Wait::No, wanted);
    }

    /// Returns the number of alerts that noise control suppressed.
    pub(crate) fn kept(&self) -> Kept {
        let noise = self.noise.lock().unwrap_or_else(PoisonError::into_inner);
        noise.as_ref().map(Noise::kept).unwrap_or_default()
    }

    /// Requests that the outputs reopen their files and connections.
    pub(crate) fn reopen(&self) {
        self.outputs.reopen();
    }

    /// Returns the totals of each output.
    pub(crate) fn totals(&self) -> Vec<Totals> {
        self.outputs.totals()
    }

    /// Delivers what is queued, and logs what was lost.
    pub(crate) fn close(self) {
        let kept = self.kept();
        if kept != Kept::default() {
            log::notice(format!(
                "noise control: suppressed {} duplicate and {} rate-limited alerts",
                kept.alike, kept.limited
            ));
        }
        for totals in self.outputs.close() {
            let text = format!(
                "{} output: {} alerts, {} from the spool, {} delivered, {} lost, {} unknown, {} spooled, {} retries",
                totals.sink,
                totals.sent,
                totals.recovered,
                totals.delivered,
                totals.lost,
                totals.unknown,
                totals.spooled,
                totals.retries
            );
            if totals.lost + totals.unknown > 0 { log::error(text) } else { log::debug(text) }
        }
    }
}

fn is_served(config: &Config) -> bool {
    config.outputs.grpc.enabled && config.grpc_output.enabled
}

fn once_each(actions: &[DropAction]) -> Vec<DropAction> {
    let mut once = Vec::new();
    for action in actions {
        if !once.contains(action) {
            once.push(*action);
        }
    }
    once
}

/// Renders an alert in a format. The bytes are UTF-8: what the kernel reported is made valid first.
fn written(alert: &Alert<'_>, notes: &[Note], format: &Format) -> Bytes {
    let mut text = Vec::with_capacity(512);
    alert.write_with_notes(notes, format, &mut text);
    text.into()
}

/// Creates one of the detector's own alerts, with the local time of day.
pub(crate) fn internal(rule: &str, priority: Priority, time: u64, text: impl Into<String>) -> OwnedAlert {
    OwnedAlert::internal(rule, priority, time, text).with_clock(local_clock(time))
}

/// Adds JSON fields, such as those of the metrics.
pub(crate) fn with_json(own: OwnedAlert, fields: &Map<String, Json>) -> OwnedAlert {
    fields.iter().fold(own, |own, (name, value)| own.with_field(name, owned(value)))
}

fn owned(value: &Json) -> OwnedValue {
    match value {
        Json::Bool(truth) => (*truth).into(),
        Json::String(text) => text.as_str().into(),
        Json::Array(items) => OwnedValue::List(items.iter().map(owned).collect()),
        Json::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => number.into(),
            (None, Some(number)) => number.into(),
            (None, None) => number.as_f64().unwrap_or_default().into(),
        },
        other => other.to_string().into(),
    }
}

fn local_clock(nanoseconds: u64) -> String {
    match jiff::Timestamp::from_nanosecond(nanoseconds.into()) {
        Ok(time) => time.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S%.9f").to_string(),
        Err(_) => nanoseconds.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_alerts_look_like_falcos() {
        let own = internal("R", Priority::Debug, 7, "R. Text").with_field("b", "x").with_field("a", 1u64);
        let json = Format::new("h").json(true).iso8601(true);
        assert_eq!(
            own.render(&json),
            r#"{"hostname":"h","output":"R. Text","output_fields":{"a":1,"b":"x"},"priority":"Debug","rule":"R","source":"internal","time":"1970-01-01T00:00:00.000000007Z"}"#
        );
        let text = own.render(&json.json(false));
        assert_eq!(text, "1970-01-01T00:00:00.000000007+0000: Debug R. Text (a=1 b=\"x\")");
        assert!(own.to_string().ends_with("00.000000007: Debug R. Text (a=1 b=\"x\")"));
    }

    #[test]
    fn some_output_must_be_enabled() {
        assert!(Alerts::new(&Config::default(), "h", Wait::No).unwrap_err().to_string().contains("no output"));
    }
}
