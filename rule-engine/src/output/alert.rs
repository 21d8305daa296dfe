//! The output of a rule that matches.

use super::priority::Priority;
use super::template::Template;

/// The format of alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the configuration")]
pub struct Format {
    /// JSON, or a line of text.
    pub json: bool,
    /// JSON has `output`: the line of text.
    pub include_output: bool,
    /// JSON has `tags`.
    pub include_tags: bool,
    /// JSON has `message`: the text without time and priority.
    pub include_message: bool,
    /// JSON has `output_fields`.
    pub include_output_fields: bool,
    /// The time is a date and a time in UTC, or the local time of day.
    pub iso8601: bool,
    /// The name of this host.
    pub hostname: String,
}

impl Format {
    /// Returns the settings that Falco comes with, for a host.
    pub fn new(hostname: impl Into<String>) -> Self {
        Self {
            json: false,
            include_output: true,
            include_tags: true,
            include_message: false,
            include_output_fields: true,
            iso8601: false,
            hostname: hostname.into(),
        }
    }

    setters! {
        /// Sets whether alerts are JSON (no).
        json: bool;
        /// Sets whether JSON has `output` (yes).
        include_output: bool;
        /// Sets whether JSON has `tags` (yes).
        include_tags: bool;
        /// Sets whether JSON has `message` (no).
        include_message: bool;
        /// Sets whether JSON has `output_fields` (yes).
        include_output_fields: bool;
        /// Sets whether the time is a date and a time in UTC (no).
        iso8601: bool;
    }
}

/// An output field in addition to those of the message.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExtraField {
    /// Its key.
    pub key: String,
    /// Its value.
    pub template: Template,
    /// Whether the value is that of the field `key`, with its type, instead of the text of the template.
    pub raw: bool,
}

/// The output of a rule: everything that does not depend on the event.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Output {
    /// The name of the rule.
    pub rule: String,
    /// Severity.
    pub priority: Priority,
    /// The source of its events.
    pub source: String,
    /// Its tags; in alerts they are sorted, each once.
    pub tags: Vec<String>,
    /// Its message.
    pub message: Template,
    /// Further output fields, in order.
    pub extra: Vec<ExtraField>,
}

impl Output {
    /// Creates an output without tags and further fields.
    pub fn new(rule: impl Into<String>, priority: Priority, source: impl Into<String>, message: Template) -> Self {
        Self { rule: rule.into(), priority, source: source.into(), tags: Vec::new(), message, extra: Vec::new() }
    }
}
