//! An alert is a value: the rule, the event's time and number, and the fields of the output with their types.
//!
//! An [`Alert`] borrows the event and reads a value when it is first needed, once. Text and JSON are two ways to write
//! it. [`Alert::to_owned`] copies the values of its output, for queues, sinks and other threads.

use std::cell::OnceCell;
use std::fmt;

use bumpalo::Bump;

use super::owned::{Internal, Note, OwnedAlert, OwnedContent};
use super::rules::{Compiled, Origin};
use crate::event::{Event, FieldId, Value};
use crate::output::{Format, Output, Priority, json};
use crate::response::{Process, Verdict};
use crate::ruleset::{Rule, RuleId};

/// The kind of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AlertKind {
    /// A rule matched an event.
    Rule,
    /// A correlation matched several events.
    Correlation,
    /// The program itself reports something, such as dropped events.
    Internal,
}

/// An alert, with its borrows: the event, and the rule that matched.
///
/// ```
/// # use peregrine_rule_engine::engine::Config;
/// # use peregrine_rule_engine::event::json::{JsonDocument, JsonSchema};
/// # use peregrine_rule_engine::load::{Loader, Sources};
/// use peregrine_rule_engine::event::Value;
/// use peregrine_rule_engine::output::Format;
///
/// # let rules = br#"
/// # - rule: root from far away
/// #   desc: d
/// #   condition: json.value[/user] = root
/// #   output: "root logged in (from=%json.value[/from])"
/// #   priority: warning
/// #   source: login
/// # "#;
/// # let mut loader = Loader::new(Sources::new().with(JsonSchema::new("login")));
/// # let loaded = loader.load([("rules.yaml", &rules[..])]);
/// # let rules = loader.into_sources().build(loaded.into_rules(), &Config::default())?;
/// # let mut runner = rules.source::<JsonSchema>("login")?.runner();
/// # let document = JsonDocument::parse(br#"{"user": "root", "from": "192.0.2.1"}"#)?;
/// runner.process(&document, |alert| {
///     assert_eq!(alert.rule(), "root from far away");
///     assert_eq!(alert.message(), b"root logged in (from=192.0.2.1)");
///     let fields: Vec<_> = alert.fields().collect();
///     assert_eq!(fields, [("json.value[/from]", Some(Value::Bytes(b"192.0.2.1")))]);
///     assert_eq!(alert.to_string(), "00:00:00.000000000: Warning root logged in (from=192.0.2.1)");
///     let mut json = Vec::new();
///     alert.write_json(&Format::new("host"), &mut json);
///     assert!(json.starts_with(br#"{"hostname":"host","output":"00:00:00.000000000: Warning root logged in"#));
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Alert<'a> {
    content: Content<'a>,
    notes: &'a [Note],
}

#[derive(Clone, Copy)]
pub(super) enum Content<'a> {
    Rule(Matched<'a>),
    Internal(&'a Internal, &'a Bump),
}

/// A rule that matched, and the event.
#[derive(Clone, Copy)]
pub(super) struct Matched<'a> {
    pub(super) compiled: &'a std::sync::Arc<Compiled>,
    pub(super) id: RuleId,
    pub(super) event: &'a &'a dyn Event,
    pub(super) arena: &'a Bump,
    read: &'a Read<'a>,
}

/// The values read from the event so far.
struct Read<'a> {
    values: &'a [OnceCell<Option<Value<'a>>>],
    /// Time, priority and message; the place where the message begins.
    line: [OnceCell<(&'a [u8], usize)>; 2],
}

impl<'a> Matched<'a> {
    pub(super) fn new(
        compiled: &'a std::sync::Arc<Compiled>,
        id: RuleId,
        event: &'a &'a dyn Event,
        arena: &'a Bump,
    ) -> Self {
        let values = arena.alloc_slice_fill_with(compiled.of(id).rows.len(), |_| OnceCell::new());
        let read = arena.alloc(Read { values, line: [OnceCell::new(), OnceCell::new()] });
        Self { compiled, id, event, arena, read }
    }

    fn rule(&self) -> &'a Rule {
        self.compiled.rules.rule(self.id)
    }

    fn output(&self) -> &'a Output {
        &self.rule().output
    }

    fn value(&self, row: usize) -> Option<Value<'a>> {
        let cell = self.read.values.get(row)?;
        *cell.get_or_init(|| match &self.compiled.of(self.id).rows.get(row)?.origin {
            Origin::Field(field) => self.event.json(*field, self.arena),
            Origin::Extra(extra) => {
                let mut text = Vec::new();
                self.output().extra.get(*extra)?.template.render(self.event, self.arena, &mut text);
                Some(Value::Bytes(self.arena.alloc_slice_copy(&text)))
            }
            Origin::Missing => None,
        })
    }

    /// Returns time, priority and message, and the place where the message begins.
    fn line(&self, iso8601: bool) -> (&'a [u8], usize) {
        *self.read.line[usize::from(iso8601)].get_or_init(|| {
            let mut line = Vec::with_capacity(256);
            self.compiled.times.write(self.event, iso8601, self.arena, &mut line);
            line.extend_from_slice(b": ");
            line.extend_from_slice(self.output().priority.name().as_bytes());
            line.push(b' ');
            let start = line.len();
            match self.read.line[usize::from(!iso8601)].get() {
                Some((other, start)) => line.extend_from_slice(&other[*start..]),
                None => self.output().message.render(self.event, self.arena, &mut line),
            }
            (&*self.arena.alloc_slice_copy(&line), start)
        })
    }
}

impl<'a> Alert<'a> {
    pub(super) fn new(content: Content<'a>, notes: &'a [Note]) -> Self {
        Self { content, notes }
    }

    /// Returns its kind.
    pub fn kind(&self) -> AlertKind {
        match self.content {
            Content::Rule(matched) => matched.compiled.kind(),
            Content::Internal(..) => AlertKind::Internal,
        }
    }

    /// Returns the name of the rule.
    pub fn rule(&self) -> &'a str {
        match self.content {
            Content::Rule(matched) => &matched.output().rule,
            Content::Internal(own, _) => &own.rule,
        }
    }

    /// Returns the rule that matched.
    pub fn definition(&self) -> Option<&'a Rule> {
        match self.content {
            Content::Rule(matched) => Some(matched.rule()),
            Content::Internal(..) => None,
        }
    }

    /// Returns the place of the rule that matched among the rules of its source; `None` for a correlation, which has no
    /// single source.
    pub fn rule_id(&self) -> Option<RuleId> {
        match self.content {
            Content::Rule(matched) => matched.compiled.steps.is_none().then_some(matched.id),
            Content::Internal(..) => None,
        }
    }

    /// Returns the time of the event, in nanoseconds since 1970.
    pub fn time(&self) -> u64 {
        match self.content {
            Content::Rule(matched) => matched.event.time(),
            Content::Internal(own, _) => own.time,
        }
    }

    /// Returns the number of the event in its stream, from 1; 0 if there is no event.
    pub fn event_number(&self) -> u64 {
        match self.content {
            Content::Rule(matched) => matched.event.number(),
            Content::Internal(..) => 0,
        }
    }

    /// Returns the priority.
    pub fn priority(&self) -> Priority {
        match self.content {
            Content::Rule(matched) => matched.output().priority,
            Content::Internal(own, _) => own.priority,
        }
    }

    /// Returns the source of the event, such as `syscall`.
    pub fn source(&self) -> &'a str {
        match self.content {
            Content::Rule(matched) => &matched.output().source,
            Content::Internal(..) => super::owned::SOURCE,
        }
    }

    /// Returns the tags of the rule, sorted, each once.
    pub fn tags(&self) -> &'a [String] {
        match self.content {
            Content::Rule(matched) => &matched.compiled.of(matched.id).tags,
            Content::Internal(..) => &[],
        }
    }

    /// Returns the output without time and priority.
    pub fn message(&self) -> &'a [u8] {
        match self.content {
            Content::Rule(matched) => {
                let iso8601 = matched.read.line[1].get().is_some();
                let (line, start) = matched.line(iso8601);
                &line[start..]
            }
            Content::Internal(own, _) => own.output.as_bytes(),
        }
    }

    /// Returns the fields of the output with their values, in the order of the output.
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, Option<Value<'a>>)> + use<'a> {
        let content = self.content;
        let count = match content {
            Content::Rule(matched) => matched.compiled.of(matched.id).rows.len(),
            Content::Internal(own, _) => own.fields.len(),
        };
        (0..count).filter_map(move |row| match content {
            Content::Rule(matched) => Some((&*matched.compiled.of(matched.id).rows.get(row)?.name, matched.value(row))),
            Content::Internal(own, arena) => {
                let (name, value) = own.fields.get(row)?;
                Some((name.as_str(), Some(value.borrow(arena))))
            }
        })
    }

    /// Returns the value of a field of the output; `None` if it has no value, or is not in the output.
    pub fn field(&self, name: &str) -> Option<Value<'a>> {
        self.fields().find(|(known, _)| *known == name)?.1
    }

    /// Returns the process of the event; of a correlation, that of its last event. `None` if the event has none, or it is
    /// not known. An [`OwnedAlert`] has kept it if its rule requests a response.
    pub fn process(&self) -> Option<Process> {
        match self.content {
            Content::Rule(matched) => matched.event.process(),
            Content::Internal(..) => None,
        }
    }

    /// Returns what the rule requests, and for which process; `None` if it requests nothing. This is a proposal: nothing is
    /// done.
    pub fn verdict(&self) -> Option<Verdict<'a>> {
        let responses = &self.definition()?.responses;
        (!responses.is_empty()).then(|| Verdict { responses, process: self.process() })
    }

    /// Returns the notes: fields added after the rule matched.
    pub fn notes(&self) -> &'a [Note] {
        self.notes
    }

    /// Appends the text of one of the fields that [`Config::fields`](super::Config::fields) names, as an output prints
    /// it. Returns false if the source of the alert does not have that field.
    pub fn write_field(&self, name: &str, out: &mut Vec<u8>) -> bool {
        let Content::Rule(matched) = self.content else { return false };
        match matched.compiled.watched.iter().find(|(known, _)| known == name) {
            Some((_, template)) => {
                template.render(matched.event, matched.arena, out);
                true
            }
            None => false,
        }
    }

    /// Appends it in a format, without a line end.
    pub fn write(&self, format: &Format, out: &mut Vec<u8>) {
        self.write_with_notes(self.notes, format, out);
    }

    /// Appends it in a format, with these notes instead of its own ones.
    pub fn write_with_notes(&self, notes: &[Note], format: &Format, out: &mut Vec<u8>) {
        if format.json {
            self.json_with_notes(notes, format, out);
        } else {
            self.text_with_notes(notes, format, out);
        }
    }

    /// Appends it as Falco's line of text: time, priority, message. Notes are in parentheses at its end.
    pub fn write_text(&self, format: &Format, out: &mut Vec<u8>) {
        self.text_with_notes(self.notes, format, out);
    }

    /// Appends it as Falco's JSON. Notes are the first of `output_fields`.
    pub fn write_json(&self, format: &Format, out: &mut Vec<u8>) {
        self.json_with_notes(self.notes, format, out);
    }

    fn text_with_notes(&self, notes: &[Note], format: &Format, out: &mut Vec<u8>) {
        let start = out.len();
        match self.content {
            Content::Rule(matched) => json::escape(matched.line(format.iso8601).0, out),
            Content::Internal(own, _) => own.write_text(format.iso8601, out),
        }
        if !notes.is_empty() {
            super::owned::write_pairs(notes.iter().map(|note| (note.name(), note.value())), out);
        }
        json::hide_controls(start, out);
    }

    fn json_with_notes(&self, notes: &[Note], format: &Format, out: &mut Vec<u8>) {
        let matched = match self.content {
            Content::Rule(matched) => matched,
            Content::Internal(own, _) => return own.write_json(format, notes, out),
        };
        let output = matched.output();
        out.push(b'{');
        if !format.include_output_fields {
            for note in notes {
                note.write_json(out);
                out.push(b',');
            }
        }
        out.extend_from_slice(b"\"hostname\":");
        json::string(format.hostname.as_bytes(), out);
        let (line, start) =
            if format.include_message || format.include_output { matched.line(format.iso8601) } else { (&[][..], 0) };
        if format.include_message {
            out.extend_from_slice(b",\"message\":");
            json::string(&line[start..], out);
        }
        if format.include_output {
            out.extend_from_slice(b",\"output\":");
            json::string(line, out);
        }
        if format.include_output_fields {
            out.extend_from_slice(b",\"output_fields\":");
            write_fields(matched, notes, format.iso8601, out);
        }
        out.extend_from_slice(b",\"priority\":\"");
        out.extend_from_slice(output.priority.name().as_bytes());
        out.extend_from_slice(b"\",\"rule\":");
        json::string(output.rule.as_bytes(), out);
        out.extend_from_slice(b",\"source\":");
        json::string(output.source.as_bytes(), out);
        if let Some(field) = matched.compiled.steps
            && let Some(steps) = matched.event.text(field, matched.arena)
        {
            out.extend_from_slice(b",\"steps\":");
            out.extend_from_slice(steps);
        }
        if format.include_tags {
            out.extend_from_slice(b",\"tags\":[");
            for (place, tag) in self.tags().iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                json::string(tag.as_bytes(), out);
            }
            out.push(b']');
        }
        out.extend_from_slice(b",\"time\":\"");
        crate::event::text::iso8601(matched.event.time(), "Z", out);
        out.extend_from_slice(b"\"}");
    }

    /// Copies it, with the values of all fields of its output.
    pub fn to_owned(&self) -> OwnedAlert {
        OwnedAlert::new(OwnedContent::of(&self.content), self.notes.to_vec())
    }
}

/// Returns the notes, then the fields and the time by their names.
fn write_fields(matched: Matched<'_>, notes: &[Note], iso8601: bool, out: &mut Vec<u8>) {
    let mut open = b'{';
    for note in notes {
        out.push(std::mem::replace(&mut open, b','));
        note.write_json(out);
    }
    let fields = matched.compiled.of(matched.id);
    let (time, field) = matched.compiled.times.field(iso8601);
    let mut pair = |name: &str, value: Option<Value<'_>>| {
        out.push(std::mem::replace(&mut open, b','));
        json::string(name.as_bytes(), out);
        out.push(b':');
        json::value(value, out);
    };
    let mut has_time = false;
    for &row in &fields.sorted {
        let Some(name) = fields.rows.get(row).map(|row| &*row.name) else { continue };
        if !has_time && name >= time {
            has_time = true;
            if name != time {
                pair(time, time_value(matched, field));
            }
        }
        pair(name, matched.value(row));
    }
    if !has_time {
        pair(time, time_value(matched, field));
    }
    if open == b'{' {
        out.push(b'{');
    }
    out.push(b'}');
}

fn time_value<'a>(matched: Matched<'a>, field: Option<FieldId>) -> Option<Value<'a>> {
    match field {
        Some(field) => matched.event.json(field, matched.arena),
        None => Some(Value::U64(matched.event.time())),
    }
}

/// Falco's line of text, with the time of day.
impl fmt::Display for Alert<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Vec::with_capacity(256);
        self.write_text(&Format::new(""), &mut line);
        f.write_str(&String::from_utf8_lossy(&line))
    }
}

impl fmt::Debug for Alert<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alert")
            .field("kind", &self.kind())
            .field("rule", &self.rule())
            .field("time", &self.time())
            .field("event_number", &self.event_number())
            .field("fields", &self.fields().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
