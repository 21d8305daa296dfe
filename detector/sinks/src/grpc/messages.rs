//! The messages of Falco's gRPC protocol (`falco.outputs`, `falco.schema`, `falco.version`), written out in Rust so that
//! the build needs no compiler of protocol files.

use crate::Message;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The methods.
pub(super) const SUBSCRIBE: &str = "/falco.outputs.service/sub";
pub(super) const GET: &str = "/falco.outputs.service/get";
pub(super) const VERSION: &str = "/falco.version.service/version";

/// `falco.outputs.request` and `falco.version.request`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Request {}

/// `google.protobuf.Timestamp`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Timestamp {
    #[prost(int64, tag = "1")]
    pub(super) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(super) nanos: i32,
}

/// `falco.outputs.response`: an alert.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AlertMessage {
    #[prost(message, optional, tag = "1")]
    pub(super) time: Option<Timestamp>,
    /// `falco.schema.priority`, whose numbers are those of syslog.
    #[prost(int32, tag = "2")]
    pub(super) priority: i32,
    /// `falco.schema.source`; it has no numbers for most sources.
    #[prost(int32, tag = "3")]
    pub(super) source_number: i32,
    #[prost(string, tag = "4")]
    pub(super) rule: String,
    #[prost(string, tag = "5")]
    pub(super) output: String,
    #[prost(btree_map = "string, string", tag = "6")]
    pub(super) output_fields: BTreeMap<String, String>,
    #[prost(string, tag = "7")]
    pub(super) hostname: String,
    #[prost(string, repeated, tag = "8")]
    pub(super) tags: Vec<String>,
    #[prost(string, tag = "9")]
    pub(super) source: String,
}

/// `falco.version.response`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct VersionMessage {
    #[prost(string, tag = "1")]
    pub(super) version: String,
    #[prost(uint32, tag = "2")]
    pub(super) major: u32,
    #[prost(uint32, tag = "3")]
    pub(super) minor: u32,
    #[prost(uint32, tag = "4")]
    pub(super) patch: u32,
    #[prost(string, tag = "5")]
    pub(super) prerelease: String,
    #[prost(string, tag = "6")]
    pub(super) build: String,
    #[prost(uint32, tag = "7")]
    pub(super) engine_version: u32,
    #[prost(string, tag = "8")]
    pub(super) engine_fields_checksum: String,
}

impl VersionMessage {
    /// Splits a semantic version.
    pub(super) fn new(version: &str, engine_version: u32) -> Self {
        let (rest, build) = version.split_once('+').unwrap_or((version, ""));
        let (numbers, prerelease) = rest.split_once('-').unwrap_or((rest, ""));
        let mut numbers = numbers.split('.').map(|number| number.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        Self {
            version: version.to_owned(),
            major: next(),
            minor: next(),
            patch: next(),
            prerelease: prerelease.to_owned(),
            build: build.to_owned(),
            engine_version,
            engine_fields_checksum: String::new(),
        }
    }
}

/// Returns the number of a source; those without one get that of the detector's own alerts.
fn source_number(source: &str) -> i32 {
    match source {
        "syscall" => 0,
        "k8s_audit" => 1,
        _ => 2,
    }
}

impl AlertMessage {
    /// Converts an alert that is a line of JSON; one that is other text becomes an alert with that output.
    pub(super) fn of(message: &Message) -> Self {
        let priority = i32::from(message.severity);
        let Ok(Json::Object(alert)) = serde_json::from_slice(&message.text) else {
            return Self { priority, output: message.text().into_owned(), ..Self::default() };
        };
        let text = |key: &str| alert.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
        let time = text("time").parse::<jiff::Timestamp>().ok();
        let fields = alert.get("output_fields").and_then(Json::as_object);
        let tags = alert.get("tags").and_then(Json::as_array);
        Self {
            time: time.map(|time| Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() }),
            priority,
            source_number: source_number(&text("source")),
            rule: text("rule"),
            output: text("output"),
            output_fields: fields.into_iter().flatten().map(|(name, value)| (name.clone(), written(value))).collect(),
            hostname: text("hostname"),
            tags: tags.into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect(),
            source: text("source"),
        }
    }
}

fn written(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Null => "<NA>".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_has_all_its_parts() {
        let json = r#"{"hostname":"h","output":"12:00: Notice x","output_fields":{"a":"b","n":7,"m":null,"l":[1]},
            "priority":"Notice","rule":"R","source":"okta","tags":["t","u"],"time":"2026-11-22T10:00:01.000000005Z"}"#;
        let alert = AlertMessage::of(&Message::new(5, json));
        assert_eq!(alert.time, Some(Timestamp { seconds: 1_795_341_601, nanos: 5 }));
        assert_eq!((alert.priority, alert.source_number, alert.source.as_str()), (5, 2, "okta"));
        assert_eq!((alert.rule.as_str(), alert.hostname.as_str()), ("R", "h"));
        assert_eq!((alert.output.as_str(), alert.tags.join(" ").as_str()), ("12:00: Notice x", "t u"));
        let fields: Vec<_> = alert.output_fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(fields, ["a=b", "l=[1]", "m=<NA>", "n=7"]);
        assert_eq!(AlertMessage::of(&Message::new(1, "{")).output, "{");
    }

    #[test]
    fn versions_are_split() {
        let version = VersionMessage::new("0.43.1-rc2+7f", 57);
        assert_eq!((version.major, version.minor, version.patch), (0, 43, 1));
        assert_eq!((version.prerelease.as_str(), version.build.as_str()), ("rc2", "7f"));
    }
}
