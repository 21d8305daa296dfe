//! The way of alerts out of the event loop: the outputs of the configuration, and alerts of the program's own.

pub(crate) mod annotate;
pub(crate) mod noise;
pub(crate) mod outputs;
pub(crate) mod pending_alerts;

use crate::alerts::noise::{Kept, Noise, Verdict};
use crate::clock::now;
use crate::config::settings::Config;
use crate::names::SYSCALL;
use crate::{Fatal, log};
use peregrine_sinks::{Message, Outputs, Totals, Wait, Wanted};
use rule_engine::engine::Alert;
use rule_engine::event::text as time;
use rule_engine::output::Priority;
use serde_json::{Map, Value as Json, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// How often the loss of alerts is told again while it goes on.
const WORD: Duration = Duration::from_secs(10);

/// Somebody who is shown every alert beside the outputs, as JSON: the page.
pub(crate) trait Watcher: std::fmt::Debug + Send + Sync {
    /// Takes an alert; never waits.
    fn show(&self, priority: Priority, json: &str);
}

/// The outputs, and what every alert of the program itself looks like.
#[derive(Debug)]
pub(crate) struct Alerts {
    outputs: Outputs,
    wait: Wait,
    hostname: String,
    form: RwLock<Form>,
    noise: Mutex<Option<Noise>>,
    /// Until when, in nanoseconds since 1970, what is known of threads and files may be wrong.
    uncertain_until: AtomicU64,
    /// What was told of the losses of each output.
    told: Mutex<Vec<Told>>,
    /// Those who watch the page, if there is one.
    feed: Option<Arc<dyn Watcher>>,
}

#[derive(Debug, Clone, Copy)]
struct Form {
    json: bool,
    iso_time: bool,
}

impl Form {
    fn new(config: &Config) -> Self {
        Self { json: config.json_output, iso_time: config.time_format_iso_8601 }
    }
}

/// How many lost alerts of an output the others have been told of, and it itself.
#[derive(Debug)]
struct Told {
    sink: &'static str,
    others: u64,
    itself: u64,
    since: Option<Instant>,
}

impl Alerts {
    /// Starts the outputs that the configuration enables. A replay waits for outputs, a live source does not.
    pub(crate) fn new(config: &Config, hostname: &str, wait: Wait) -> Result<Self, Fatal> {
        Ok(Self {
            outputs: outputs::start(config, hostname)?,
            wait,
            hostname: hostname.to_owned(),
            form: RwLock::new(Form::new(config)),
            noise: Mutex::new(Noise::new(&config.noise_control)),
            uncertain_until: AtomicU64::new(0),
            told: Mutex::default(),
            feed: None,
        })
    }

    /// Shows every alert on the page too.
    #[must_use]
    pub(crate) fn with_feed(self, feed: Arc<dyn Watcher>) -> Self {
        Self { feed: Some(feed), ..self }
    }

    /// Takes over new settings. Outputs that stay the same go on undisturbed.
    ///
    /// # Errors
    /// When a spool cannot be used.
    pub(crate) fn apply(&self, config: &Config, plan: Vec<Wanted>) -> Result<(), Fatal> {
        *self.form.write().unwrap_or_else(PoisonError::into_inner) = Form::new(config);
        let mut noise = self.noise.lock().unwrap_or_else(PoisonError::into_inner);
        *noise = match (Noise::new(&config.noise_control), noise.as_ref()) {
            (Some(new), Some(old)) => Some(new.after(old)),
            (new, _) => new,
        };
        drop(noise);
        outputs::apply(&self.outputs, config, plan)
    }

    fn form(&self) -> Form {
        *self.form.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends the alert of a rule about an event of this time, unless it is one of too many.
    pub(crate) fn send(&self, alert: &Alert<'_>, time: u64) {
        let mut notes: Vec<(&str, Json)> = Vec::new();
        if alert.rule.output.source == SYSCALL && time < self.uncertain_until.load(Ordering::Relaxed) {
            notes.push(("state_uncertain", true.into()));
        }
        if let Some(noise) = &mut *self.noise.lock().unwrap_or_else(PoisonError::into_inner) {
            match noise.judge(alert.rule, alert.key, time) {
                Verdict::Keep => return,
                Verdict::Tell { alike, limited } => {
                    notes.extend((alike > 0).then(|| ("suppressed", alike.into())));
                    notes.extend((limited > 0).then(|| ("rate_limited", limited.into())));
                }
            }
        }
        if let Some(feed) = &self.feed {
            let full = String::from_utf8_lossy(alert.also);
            let full = if notes.is_empty() { full } else { annotate::add(&full, true, &notes).into() };
            feed.show(alert.rule.output.priority, &full);
        }
        // The engine writes UTF-8: what the kernel gave is made such before.
        let text = String::from_utf8_lossy(alert.text);
        let text = if notes.is_empty() { text.into() } else { annotate::add(&text, self.form().json, &notes).into() };
        self.outputs.send(Message { severity: alert.rule.output.priority as u8, text }, self.wait);
    }

    /// Says that events were lost, so that what is known of threads and files may be wrong until this time.
    pub(crate) fn uncertain_until(&self, time: u64) {
        self.uncertain_until.fetch_max(time, Ordering::Relaxed);
    }

    /// Sends an alert of the program's own, from the source `internal`.
    pub(crate) fn send_own(&self, own: &OwnAlert<'_>) {
        self.show(own);
        self.send_own_to(own, self.wait, |_| true);
    }

    fn show(&self, own: &OwnAlert<'_>) {
        if let Some(feed) = &self.feed {
            feed.show(own.priority, &own.text(true, false, &self.hostname));
        }
    }

    fn send_own_to(&self, own: &OwnAlert<'_>, wait: Wait, wanted: impl Fn(&'static str) -> bool) {
        let form = self.form();
        let text = own.text(form.json, form.iso_time, &self.hostname);
        self.outputs.send_to(Message { severity: own.priority as u8, text: text.into() }, wait, wanted);
    }

    /// Makes an alert of alerts that were lost: at once to the other outputs, and to the one that lost them when it
    /// works again. Called once a second, from a thread that has the time.
    pub(crate) fn tell_losses(&self) {
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
                log::error(format!("{} output: {new} alerts were lost, {} in all", totals.sink, totals.lost));
                self.tell_loss(&totals, new, |sink| sink != totals.sink);
            }
            // Not into a queue that is full, where it would be lost too.
            if totals.lost > told.itself && told.itself < told.others && !totals.failing && totals.queued == 0 {
                let new = totals.lost - std::mem::replace(&mut told.itself, totals.lost);
                self.tell_loss(&totals, new, |sink| sink == totals.sink);
            }
        }
    }

    fn tell_loss(&self, totals: &Totals, new: u64, wanted: impl Fn(&'static str) -> bool) {
        let fields = [
            ("output", Json::from(totals.sink)),
            ("n_lost", new.into()),
            ("n_lost_total", totals.lost.into()),
            ("n_sent_total", totals.sent.into()),
        ];
        let rule = "Peregrine internal: alerts lost";
        let text = format!("{rule}. {new} alerts did not reach the {} output.", totals.sink);
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let own = OwnAlert { time: now(), priority: Priority::Critical, rule, text: &text, fields };
        self.send_own_to(&own, Wait::No, wanted);
    }

    /// What noise control has kept back.
    pub(crate) fn kept(&self) -> Kept {
        let noise = self.noise.lock().unwrap_or_else(PoisonError::into_inner);
        noise.as_ref().map(Noise::kept).unwrap_or_default()
    }

    /// Asks the outputs to open anew what they have open.
    pub(crate) fn reopen(&self) {
        self.outputs.reopen();
    }

    /// What came of the alerts so far.
    pub(crate) fn totals(&self) -> Vec<Totals> {
        self.outputs.totals()
    }

    /// Delivers what is queued, and says what was lost.
    pub(crate) fn close(self) {
        let kept = self.kept();
        if kept != Kept::default() {
            log::notice(format!(
                "noise control: {} alerts were left out as like others, {} as too many",
                kept.alike, kept.limited
            ));
        }
        for totals in self.outputs.close() {
            let text = format!(
                "{} output: {} alerts, {} from before, {} delivered, {} lost, {} spooled, {} retries",
                totals.sink,
                totals.sent,
                totals.recovered,
                totals.delivered,
                totals.lost,
                totals.spooled,
                totals.retries
            );
            if totals.lost > 0 { log::error(text) } else { log::debug(text) }
        }
    }
}

/// An alert about the program itself.
#[derive(Debug)]
pub(crate) struct OwnAlert<'a> {
    /// Nanoseconds since 1970.
    pub(crate) time: u64,
    pub(crate) priority: Priority,
    pub(crate) rule: &'a str,
    pub(crate) text: &'a str,
    pub(crate) fields: Map<String, Json>,
}

impl OwnAlert<'_> {
    fn text(&self, as_json: bool, iso_time: bool, hostname: &str) -> String {
        let mut fields = self.fields.clone();
        fields.sort_keys();
        if as_json {
            let mut stamp = Vec::new();
            time::iso8601(self.time, "Z", &mut stamp);
            return json!({
                "hostname": hostname,
                "output": self.text,
                "output_fields": fields,
                "priority": self.priority.name(),
                "rule": self.rule,
                "source": "internal",
                "time": String::from_utf8_lossy(&stamp),
            })
            .to_string();
        }
        let mut stamp = Vec::new();
        if iso_time {
            time::iso8601(self.time, "+0000", &mut stamp);
        } else {
            stamp = local_clock(self.time).into_bytes();
        }
        let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let (stamp, priority) = (String::from_utf8_lossy(&stamp), self.priority.name());
        format!("{stamp}: {priority} {} ({})", self.text, fields.join(" "))
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
        let fields: Map<String, Json> =
            [("b".to_owned(), "x".into()), ("a".to_owned(), 1.into())].into_iter().collect();
        let own = OwnAlert { time: 7, priority: Priority::Debug, rule: "R", text: "R. Text", fields };
        assert_eq!(
            own.text(true, true, "h"),
            r#"{"hostname":"h","output":"R. Text","output_fields":{"a":1,"b":"x"},"priority":"Debug","rule":"R","source":"internal","time":"1970-01-01T00:00:00.000000007Z"}"#
        );
        assert_eq!(own.text(false, true, "h"), "1970-01-01T00:00:00.000000007+0000: Debug R. Text (a=1 b=\"x\")");
        assert!(own.text(false, false, "h").ends_with("00.000000007: Debug R. Text (a=1 b=\"x\")"));
    }

    #[test]
    fn some_output_must_be_enabled() {
        assert!(Alerts::new(&Config::default(), "h", Wait::No).unwrap_err().to_string().contains("no output"));
    }
}
