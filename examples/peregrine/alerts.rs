//! The way of alerts out of the event loop: the outputs of the configuration, and alerts of the program's own.

use crate::config::settings::Config;
use crate::{Fatal, log};
use peregrine_examples::sinks::{
    Capacity, File, Http, HttpSettings, Message, OnFault, Outputs, Program, Stdout, Syslog, TlsSettings, Totals, Wait,
};
use rule_engine::output::{Priority, time};
use serde_json::{Map, Value as Json, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
        let on_fault: OnFault = Arc::new(|fault| log::line(log::Level::from_severity(fault.severity), fault));
        let capacity = Capacity::alerts(usize::try_from(config.outputs_queue.capacity).unwrap_or(usize::MAX));
        let mut outputs = Outputs::new(capacity, Duration::from_millis(config.output_timeout.into()), on_fault);
        let buffered = config.buffered_outputs;
        if config.file_output.enabled {
            outputs.add(File::new(&config.file_output.filename, config.file_output.keep_alive, buffered));
        }
        if config.stdout_output.enabled {
            outputs.add(Stdout::new(buffered));
        }
        if config.syslog_output.enabled {
            let address = match config.syslog_output.address.as_str() {
                "" => Default::default(),
                address => address.parse().map_err(|error| Fatal(format!("syslog_output.address: {error}")))?,
            };
            outputs.add(Syslog::new(address, "peregrine", hostname));
        }
        if config.program_output.enabled {
            outputs.add(Program::new(&config.program_output.program, config.program_output.keep_alive));
        }
        if config.http_output.enabled {
            let http = Http::new(http_settings(config)).map_err(|error| Fatal(format!("http_output: {error}")))?;
            outputs.add(http);
        }
        if outputs.is_empty() {
            return Err(Fatal::new("no output is enabled: set for example stdout_output.enabled"));
        }
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

fn http_settings(config: &Config) -> HttpSettings {
    let http = &config.http_output;
    let first = |names: [&String; 2]| names.into_iter().find(|name| !name.is_empty()).map(PathBuf::from);
    HttpSettings {
        // Quotes around the address have come through some shells.
        url: http.url.trim_matches(['"', '\'']).to_owned(),
        user_agent: http.user_agent.clone(),
        content_type: if config.json_output { "application/json" } else { "text/plain" },
        tls: TlsSettings {
            insecure: http.insecure,
            ca_file: first([&http.ca_cert, &http.ca_bundle]),
            ca_folder: PathBuf::from(&http.ca_path),
            client: http.mtls.then(|| (http.client_cert.clone(), http.client_key.clone())),
        },
        echo: http.echo,
        compress: http.compress_uploads,
        keep_alive: http.keep_alive,
        retries: http.max_consecutive_timeouts.into(),
        ..HttpSettings::new("")
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
