//! The way of alerts out of the event loop: the outputs of the configuration, and alerts of the program's own.

use crate::config::settings::Config;
use crate::{Fatal, log, outputs};
use peregrine_examples::sinks::{Message, Outputs, Totals, Wait};
use rule_engine::output::{Priority, time};
use serde_json::{Map, Value as Json, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// The outputs, and what every alert of the program itself looks like.
#[derive(Debug)]
pub(crate) struct Alerts {
    outputs: Outputs,
    wait: Wait,
    json: bool,
    iso_time: bool,
    hostname: String,
}

impl Alerts {
    /// Starts the outputs that the configuration enables. A replay waits for outputs, a live source does not.
    pub(crate) fn new(config: &Config, hostname: &str, wait: Wait) -> Result<Self, Fatal> {
        let outputs = outputs::start(config, hostname)?;
        let (json, iso_time) = (config.json_output, config.time_format_iso_8601);
        Ok(Self { outputs, wait, json, iso_time, hostname: hostname.to_owned() })
    }

    /// Sends the alert of a rule.
    pub(crate) fn send(&self, priority: Priority, text: &[u8]) {
        // The engine writes UTF-8: what the kernel gave is made such before.
        let text = String::from_utf8_lossy(text);
        self.outputs.send(Message { severity: priority as u8, text: text.into() }, self.wait);
    }

    /// Sends an alert of the program's own, from the source `internal`.
    pub(crate) fn send_own(&self, own: &OwnAlert<'_>) {
        let text = own.text(self.json, self.iso_time, &self.hostname);
        self.outputs.send(Message { severity: own.priority as u8, text: text.into() }, self.wait);
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
        for totals in self.outputs.close() {
            let text = format!(
                "{} output: {} alerts, {} delivered, {} lost, {} retries",
                totals.sink, totals.sent, totals.delivered, totals.lost, totals.retries
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

/// Nanoseconds since 1970, now.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The name of this host in alerts: `FALCO_HOSTNAME`, or what the kernel says.
pub(crate) fn hostname() -> String {
    match std::env::var("FALCO_HOSTNAME") {
        Ok(name) => {
            log::info(format!("the host name is taken from the environment: {name}"));
            name
        }
        Err(_) => rustix::system::uname().nodename().to_string_lossy().into_owned(),
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
