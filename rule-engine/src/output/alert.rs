//! Alerts: what is written when a rule matches.

use std::collections::BTreeMap;

use bumpalo::Bump;

use super::json;
use super::priority::Priority;
use super::template::{Template, TemplateError};
use crate::event::text as time;
use crate::event::{Event, FieldId, Schema, Value};

/// What alerts look like.
#[derive(Debug, Clone)]
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
    /// The time is a date and a time in UTC, or the local time of the day.
    pub iso8601: bool,
    /// The name of this host.
    pub hostname: String,
}

impl Format {
    /// The settings that Falco comes with, for a host.
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
}

/// An output field beside those of the message.
#[derive(Debug, Clone)]
pub struct ExtraField {
    /// Its key.
    pub key: String,
    /// Its value.
    pub template: Template,
    /// Whether the value is that of the field `key`, with its type, and not the text of the template.
    pub raw: bool,
}

/// The output of a rule: everything that does not depend on the event.
#[derive(Debug, Clone)]
pub struct Output {
    /// The name of the rule.
    pub rule: String,
    /// How grave it is.
    pub priority: Priority,
    /// The source of its events.
    pub source: String,
    /// Its tags; alerts have them sorted, each once.
    pub tags: Vec<String>,
    /// Its message.
    pub message: Template,
    /// Further output fields, in order.
    pub extra: Vec<ExtraField>,
    /// The values that make alerts of the rule alike.
    pub key: Option<Template>,
}

/// Writes alerts of one source.
#[derive(Debug)]
pub struct Writer {
    format: Format,
    time: Template,
}

impl Writer {
    /// A writer of alerts in `format`, for events of `schema`.
    ///
    /// # Errors
    /// If the schema has no field for the time.
    pub fn new(format: Format, schema: &mut dyn Schema) -> Result<Self, TemplateError> {
        let time = Template::parse(if format.iso8601 { "%evt.time.iso8601" } else { "%evt.time" }, schema)?;
        Ok(Self { format, time })
    }

    /// The fields that the alert of a rule is made of.
    pub fn fields_of(&self, output: &Output) -> impl Iterator<Item = FieldId> {
        let extra = output.extra.iter().flat_map(|extra| extra.template.field_ids());
        let key = output.key.iter().flat_map(Template::field_ids);
        self.time.field_ids().chain(output.message.field_ids()).chain(extra).chain(key)
    }

    /// Appends the alert of a rule for an event, without a line end.
    pub fn write<E: Event>(&self, output: &Output, event: &E, arena: &Bump, out: &mut Vec<u8>) {
        // Time, priority and message; the message begins at `start`.
        let mut line = Vec::with_capacity(256);
        self.time.render(event, arena, &mut line);
        line.extend_from_slice(b": ");
        line.extend_from_slice(output.priority.name().as_bytes());
        line.push(b' ');
        let start = line.len();
        output.message.render(event, arena, &mut line);
        if !self.format.json {
            json::escape(&line, out);
            return;
        }
        out.extend_from_slice(b"{\"hostname\":");
        json::string(self.format.hostname.as_bytes(), out);
        if self.format.include_message {
            out.extend_from_slice(b",\"message\":");
            json::string(&line[start..], out);
        }
        if self.format.include_output {
            out.extend_from_slice(b",\"output\":");
            json::string(&line, out);
        }
        if self.format.include_output_fields {
            out.extend_from_slice(b",\"output_fields\":");
            self.fields(output, event, arena, out);
        }
        out.extend_from_slice(b",\"priority\":\"");
        out.extend_from_slice(output.priority.name().as_bytes());
        out.extend_from_slice(b"\",\"rule\":");
        json::string(output.rule.as_bytes(), out);
        out.extend_from_slice(b",\"source\":");
        json::string(output.source.as_bytes(), out);
        if self.format.include_tags {
            let tags: std::collections::BTreeSet<&str> = output.tags.iter().map(String::as_str).collect();
            out.extend_from_slice(b",\"tags\":[");
            for (place, tag) in tags.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                json::string(tag.as_bytes(), out);
            }
            out.push(b']');
        }
        out.extend_from_slice(b",\"time\":\"");
        time::iso8601(event.time(), "Z", out);
        out.extend_from_slice(b"\"}");
    }

    fn fields<E: Event>(&self, output: &Output, event: &E, arena: &Bump, out: &mut Vec<u8>) {
        enum Shown<'e> {
            Value(Option<Value<'e>>),
            Text(Vec<u8>),
        }
        let mut fields: BTreeMap<&str, Shown<'_>> = BTreeMap::new();
        output.message.json(event, arena, |name, value| {
            fields.insert(name, Shown::Value(value));
        });
        self.time.json(event, arena, |name, value| {
            fields.insert(name, Shown::Value(value));
        });
        for extra in &output.extra {
            if extra.raw {
                let mut wanted = None;
                extra.template.json(event, arena, |name, value| {
                    if name == extra.key {
                        wanted = value;
                    }
                });
                fields.insert(&extra.key, Shown::Value(wanted));
            } else {
                let mut text = Vec::new();
                extra.template.render(event, arena, &mut text);
                fields.insert(&extra.key, Shown::Text(text));
            }
        }
        out.push(b'{');
        for (place, (name, shown)) in fields.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            json::string(name.as_bytes(), out);
            out.push(b':');
            match shown {
                Shown::Value(value) => json::value(*value, out),
                Shown::Text(text) => json::string(text, out),
            }
        }
        out.push(b'}');
    }
}
