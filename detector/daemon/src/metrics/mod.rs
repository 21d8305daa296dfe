//! Metrics of the detector: collected once, written in two formats.
//!
//! A [`Metric`] has one name, that of Falco's metrics alert (`memory_rss_kb`). The Prometheus name follows from it, its
//! unit and its kind, by the conventions of Prometheus: base units, `_total` at the end of counters.

pub(crate) mod collect;
pub(crate) mod families;
pub(crate) mod matches;
pub(crate) mod measured;
pub(crate) mod resources;
pub(crate) mod telemetry;

use serde_json::{Map, Value as Json};
use std::collections::{HashMap, HashSet};

/// The part of the program that a metric describes. It becomes part of the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The program and its state: `falco` in both formats.
    Program,
    /// Threads and file descriptors in the state: `falco` in the alert, `scap` for Prometheus.
    State,
    /// The event source: `scap`.
    Source,
    /// Fields of every event: `evt`.
    Event,
    /// Metrics of plugins: `plugins`, with the name of the plugin before that of the metric.
    Plugin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Count,
    /// A number of things that exist now. Falco has some that end in `_total`; those are a [`Unit::Count`].
    Level,
    Percent,
    Bytes,
    Kibibytes,
    Seconds,
    Nanoseconds,
    /// Nanoseconds since 1970.
    Time,
    /// No value: the labels are the information.
    Info,
}

/// Kind of a metric: counter or gauge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Metric {
    pub(crate) part: Part,
    pub(crate) name: String,
    pub(crate) unit: Unit,
    pub(crate) kind: Kind,
    pub(crate) value: f64,
    /// Labels for Prometheus. A metric with labels is left out of the alert, which has a separate name for each.
    pub(crate) labels: Vec<(String, String)>,
    /// Left out for Prometheus, where labels have the same information.
    alert_only: bool,
}

impl Metric {
    pub(crate) fn new(part: Part, name: impl Into<String>, unit: Unit, kind: Kind, value: f64) -> Self {
        Self { part, name: name.into(), unit, kind, value, labels: Vec::new(), alert_only: false }
    }

    pub(crate) fn counter(part: Part, name: impl Into<String>, value: u64) -> Self {
        Self::new(part, name, Unit::Count, Kind::Counter, value as f64)
    }

    /// Creates a gauge with the ending of Falco's.
    pub(crate) fn gauge(part: Part, name: impl Into<String>, value: u64) -> Self {
        Self::new(part, name, Unit::Count, Kind::Gauge, value as f64)
    }

    pub(crate) fn level(part: Part, name: impl Into<String>, value: u64) -> Self {
        Self::new(part, name, Unit::Level, Kind::Gauge, value as f64)
    }

    pub(crate) fn info(part: Part, name: &str, labels: &[(&str, &str)]) -> Self {
        Self::new(part, name, Unit::Info, Kind::Gauge, 1.0).labels(labels)
    }

    pub(crate) fn only_alert(mut self) -> Self {
        self.alert_only = true;
        self
    }

    pub(crate) fn labels(mut self, labels: &[(&str, &str)]) -> Self {
        self.labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self
    }
}

/// Renders the Prometheus text format, version 0.0.4. Metrics of one name are grouped under one header, as it requires.
///
/// Names that differ only by characters which the format does not have become equal. Prometheus rejects the whole page for
/// a label that is there twice, and takes the first of two equal series, so the first of each is kept. The time is linear
/// in the number of metrics: any client that reaches the port can request them.
pub(crate) fn prometheus(metrics: &[Metric]) -> String {
    // One group of lines per name, in the order in which the names appear first.
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut groups: Vec<(String, HashSet<String>)> = Vec::new();
    for metric in metrics.iter().filter(|metric| !metric.alert_only) {
        let name = prometheus_name(metric);
        let labels = labels(metric);
        let value = match metric.unit {
            Unit::Percent => metric.value / 100.0,
            Unit::Kibibytes => metric.value * 1024.0,
            _ => metric.value,
        };
        let line = format!("{name}{labels} {value}\n");
        let place = *places.entry(name).or_insert_with_key(|name| {
            let kind = if metric.kind == Kind::Counter { "counter" } else { "gauge" };
            let header = format!("# HELP {name} https://falco.org/docs/metrics/\n# TYPE {name} {kind}\n");
            groups.push((header, HashSet::new()));
            groups.len() - 1
        });
        let (text, series) = &mut groups[place];
        if series.insert(labels) {
            text.push_str(&line);
        }
    }
    groups.into_iter().map(|(text, _)| text).collect()
}

/// Returns the labels in braces, each name once.
fn labels(metric: &Metric) -> String {
    let mut seen = HashSet::new();
    let mut parts = Vec::with_capacity(metric.labels.len());
    for (name, value) in &metric.labels {
        let name = label(name);
        if !seen.contains(&name) {
            parts.push(format!("{name}=\"{}\"", escape(value)));
            seen.insert(name);
        }
    }
    if parts.is_empty() { String::new() } else { format!("{{{}}}", parts.join(",")) }
}

fn prometheus_name(metric: &Metric) -> String {
    let part = match metric.part {
        Part::Program => "falco",
        Part::State | Part::Source => "scap",
        Part::Event => "evt",
        Part::Plugin => "plugins",
    };
    let mut name = metric.name.as_str();
    for suffix in ["_kb", "_bytes", "_perc", "_ts", "_sec", "_ns"] {
        name = name.strip_suffix(suffix).unwrap_or(name);
    }
    let unit = match (metric.unit, metric.kind) {
        (Unit::Count, _) => "_total",
        (Unit::Level, _) => "",
        (Unit::Percent, _) => "_ratio",
        (Unit::Bytes | Unit::Kibibytes, _) => "_bytes",
        (Unit::Seconds, Kind::Counter) => "_seconds_total",
        (Unit::Seconds, Kind::Gauge) => "_seconds",
        (Unit::Nanoseconds, Kind::Counter) => "_nanoseconds_total",
        (Unit::Nanoseconds, Kind::Gauge) => "_nanoseconds",
        (Unit::Time, _) => "_timestamp_nanoseconds",
        (Unit::Info, _) => "_info",
    };
    format!("falcosecurity_{part}_{}{unit}", label(name))
}

/// Returns a name with an underscore in place of each character that Prometheus does not allow.
fn label(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        let c = if c.is_ascii_alphanumeric() { c } else { '_' };
        if c != '_' || !out.ends_with('_') {
            out.push(c);
        }
    }
    out
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Format of the fields of the alert.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    /// Memory in megabytes, with `_mb` in the names.
    pub(crate) megabytes: bool,
    /// Whether metrics that are zero are included.
    pub(crate) zeros: bool,
}

/// Adds the fields of the metrics alert: the metrics that have no labels.
pub(crate) fn fields(metrics: &[Metric], form: Form, fields: &mut Map<String, Json>) {
    for metric in metrics.iter().filter(|metric| metric.labels.is_empty() && metric.unit != Unit::Info) {
        if metric.value == 0.0 && !form.zeros {
            continue;
        }
        let prefix = match metric.part {
            Part::Source => "scap",
            Part::Plugin => "plugins",
            Part::Program | Part::State | Part::Event => "falco",
        };
        let memory = match metric.unit {
            Unit::Bytes => Some(metric.value / (1 << 20) as f64),
            Unit::Kibibytes => Some(metric.value / 1024.0),
            _ => None,
        };
        let (name, value) = match memory.filter(|_| form.megabytes) {
            Some(megabytes) => {
                let name = metric.name.trim_end_matches("_kb").trim_end_matches("_bytes");
                (format!("{name}_mb"), ((megabytes * 10.0).round() / 10.0).into())
            }
            None if metric.value.fract() == 0.0 && metric.unit != Unit::Percent => {
                (metric.name.clone(), (metric.value as u64).into())
            }
            None => (metric.name.clone(), metric.value.into()),
        };
        fields.insert(format!("{prefix}.{name}"), value);
    }
}

/// Returns a name for a field or a file: letters, digits and colons; each run of other characters becomes one
/// underscore, without one at the end.
pub(crate) fn plain_name(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        let c = if c.is_ascii_alphanumeric() || c == ':' { c } else { '_' };
        if c != '_' || !out.ends_with('_') {
            out.push(c);
        }
    }
    out.trim_end_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> Vec<Metric> {
        vec![
            Metric::info(Part::Program, "version", &[("version", "0.2.0")]),
            Metric::counter(Part::Source, "n_evts", 12),
            Metric::new(Part::Program, "memory_rss_kb", Unit::Kibibytes, Kind::Gauge, 2048.0),
            Metric::new(Part::Program, "cpu_usage_perc", Unit::Percent, Kind::Gauge, 12.5),
            Metric::counter(Part::Program, "rules_matches", 3).labels(&[("rule_name", "A \"b\""), ("tag_x.y", "true")]),
            Metric::gauge(Part::State, "n_threads", 7),
            Metric::counter(Part::Program, "rules_matches", 4).labels(&[("rule_name", "B")]),
            Metric::new(Part::Program, "start_ts", Unit::Time, Kind::Gauge, 5.0),
            Metric::new(Part::Program, "duration_sec", Unit::Seconds, Kind::Counter, 6.0),
            Metric::counter(Part::Source, "n_drops", 0),
        ]
    }

    #[test]
    fn prometheus_has_base_units_and_one_header_per_name() {
        let text = prometheus(&metrics());
        for line in [
            "falcosecurity_falco_version_info{version=\"0.2.0\"} 1",
            "falcosecurity_scap_n_evts_total 12",
            "falcosecurity_falco_memory_rss_bytes 2097152",
            "falcosecurity_falco_cpu_usage_ratio 0.125",
            "falcosecurity_falco_rules_matches_total{rule_name=\"A \\\"b\\\"\",tag_x_y=\"true\"} 3",
            "falcosecurity_falco_rules_matches_total{rule_name=\"B\"} 4",
            "falcosecurity_scap_n_threads_total 7",
            "falcosecurity_falco_start_timestamp_nanoseconds 5",
            "falcosecurity_falco_duration_seconds_total 6",
            "# TYPE falcosecurity_scap_n_threads_total gauge",
            "# TYPE falcosecurity_falco_rules_matches_total counter",
        ] {
            assert!(text.lines().any(|have| have == line), "{line}\n{text}");
        }
        assert_eq!(text.matches("# TYPE falcosecurity_falco_rules_matches_total").count(), 1);
    }

    #[test]
    fn nothing_is_there_twice() {
        let file = |name| Metric::info(Part::Program, "sha256_rules_files", &[("file_name", name), ("sha256", "ab")]);
        let text = prometheus(&[
            Metric::counter(Part::Program, "rules_matches", 3).labels(&[
                ("rule_name", "A"),
                ("tag_a.b", "true"),
                ("tag_a-b", "true"),
                ("tag_a__b", "true"),
            ]),
            file("rules.yaml"),
            file("rules.yaml"),
            Metric::level(Part::Program, "output_queued", 7),
        ]);
        for line in [
            "falcosecurity_falco_rules_matches_total{rule_name=\"A\",tag_a_b=\"true\"} 3",
            "falcosecurity_falco_output_queued 7",
            "# TYPE falcosecurity_falco_output_queued gauge",
        ] {
            assert!(text.lines().any(|have| have == line), "{line}\n{text}");
        }
        assert_eq!(text.matches("sha256_rules_files_info{").count(), 1, "{text}");
    }

    #[test]
    fn the_alert_has_flat_fields() {
        let mut map = Map::new();
        fields(&metrics(), Form { megabytes: true, zeros: false }, &mut map);
        let text = Json::Object(map).to_string();
        assert_eq!(
            text,
            r#"{"scap.n_evts":12,"falco.memory_rss_mb":2.0,"falco.cpu_usage_perc":12.5,"falco.n_threads":7,"falco.start_ts":5,"falco.duration_sec":6}"#
        );
        let mut map = Map::new();
        fields(&metrics(), Form { megabytes: false, zeros: true }, &mut map);
        assert_eq!((&map["falco.memory_rss_kb"], &map["scap.n_drops"]), (&2048.into(), &0.into()));
    }

    #[test]
    fn names_are_made_plain() {
        assert_eq!(plain_name("Read: of (x)"), "Read:_of_x");
        assert_eq!(plain_name("falco_rules.yaml"), "falco_rules_yaml");
    }
}
