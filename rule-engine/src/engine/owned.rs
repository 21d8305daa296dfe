//! Alerts that outlive their event: for queues, sinks, other threads, and while the metadata of a container is pending.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use bumpalo::Bump;
use bytes::Bytes;

use super::alert::{Alert, AlertKind, Content, Matched};
use super::kept::KeptEvent;
pub use super::kept::OwnedValue;
use super::rules::Compiled;
use crate::event::text::{clock, iso8601};
use crate::event::{Event, FieldId};
use crate::output::{Format, Priority, json};
use crate::ruleset::RuleId;

/// The source of alerts of the program itself.
pub(super) const SOURCE: &str = "internal";

/// A field that was added to an alert after its rule matched.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    name: Cow<'static, str>,
    value: OwnedValue,
}

impl Note {
    /// Creates a note.
    pub fn new(name: impl Into<Cow<'static, str>>, value: impl Into<OwnedValue>) -> Self {
        Self { name: name.into(), value: value.into() }
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its value.
    pub fn value(&self) -> &OwnedValue {
        &self.value
    }

    pub(super) fn write_json(&self, out: &mut Vec<u8>) {
        json::string(self.name.as_bytes(), out);
        out.push(b':');
        self.value.write_json(out);
    }
}

/// Appends ` (name=value name=value)`, with values as JSON.
pub(super) fn write_pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a OwnedValue)>, out: &mut Vec<u8>) {
    out.extend_from_slice(b" (");
    for (place, (name, value)) in pairs.enumerate() {
        if place > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        value.write_json(out);
    }
    out.push(b')');
}

/// An alert of the program itself.
#[derive(Debug, Clone)]
pub(super) struct Internal {
    pub(super) rule: String,
    pub(super) priority: Priority,
    pub(super) time: u64,
    /// The time of day, if it is not that of UTC.
    clock: Option<String>,
    pub(super) output: String,
    /// Sorted by name.
    pub(super) fields: Vec<(String, OwnedValue)>,
}

impl Internal {
    pub(super) fn write_text(&self, iso_time: bool, out: &mut Vec<u8>) {
        match &self.clock {
            _ if iso_time => iso8601(self.time, "+0000", out),
            Some(text) => out.extend_from_slice(text.as_bytes()),
            None => clock(self.time, out),
        }
        out.extend_from_slice(b": ");
        out.extend_from_slice(self.priority.name().as_bytes());
        out.push(b' ');
        out.extend_from_slice(self.output.as_bytes());
        write_pairs(self.fields.iter().map(|(name, value)| (name.as_str(), value)), out);
    }

    pub(super) fn write_json(&self, format: &Format, notes: &[Note], out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"hostname\":");
        json::string(format.hostname.as_bytes(), out);
        out.extend_from_slice(b",\"output\":");
        json::string(self.output.as_bytes(), out);
        out.extend_from_slice(b",\"output_fields\":{");
        let mut first = true;
        let mut comma = |out: &mut Vec<u8>| {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
        };
        for note in notes {
            comma(out);
            note.write_json(out);
        }
        for (name, value) in &self.fields {
            comma(out);
            json::string(name.as_bytes(), out);
            out.push(b':');
            value.write_json(out);
        }
        out.extend_from_slice(b"},\"priority\":\"");
        out.extend_from_slice(self.priority.name().as_bytes());
        out.extend_from_slice(b"\",\"rule\":");
        json::string(self.rule.as_bytes(), out);
        out.extend_from_slice(b",\"source\":\"internal\",\"time\":\"");
        iso8601(self.time, "Z", out);
        out.extend_from_slice(b"\"}");
    }
}

/// The parts of an alert that are kept.
#[derive(Debug, Clone)]
pub(super) enum OwnedContent {
    Rule { compiled: Arc<Compiled>, id: RuleId, event: KeptEvent },
    Internal(Internal),
}

impl OwnedContent {
    pub(super) fn of(content: &Content<'_>) -> Self {
        match content {
            Content::Internal(own, _) => Self::Internal((*own).clone()),
            Content::Rule(matched) => {
                let fields = matched.compiled.of(matched.id).kept.iter().copied();
                // Most rules request nothing, and nobody else needs it later.
                let is_asked = !matched.compiled.rules.rule(matched.id).responses.is_empty();
                let process = if is_asked { matched.event.process() } else { None };
                let event = KeptEvent::new(matched.event, fields, matched.arena).with_process(process);
                Self::Rule { compiled: Arc::clone(matched.compiled), id: matched.id, event }
            }
        }
    }
}

/// An alert that owns its values. Copies are cheap and share the rendered text: each [`Format`] once.
///
/// ```
/// use peregrine_rule_engine::engine::OwnedAlert;
/// use peregrine_rule_engine::output::{Format, Priority};
///
/// let alert = OwnedAlert::internal("Events dropped", Priority::Warning, 7, "Events dropped. 3 of them")
///     .with_field("n_drops", 3u64);
/// let text = alert.render(&Format::new("host"));
/// assert_eq!(&text[..], b"00:00:00.000000007: Warning Events dropped. 3 of them (n_drops=3)");
/// ```
#[derive(Debug, Clone)]
pub struct OwnedAlert {
    data: Arc<Data>,
}

#[derive(Debug)]
struct Data {
    content: OwnedContent,
    notes: Vec<Note>,
    rendered: Mutex<Vec<(Format, Bytes)>>,
}

impl Clone for Data {
    fn clone(&self) -> Self {
        Self { content: self.content.clone(), notes: self.notes.clone(), rendered: Mutex::default() }
    }
}

impl OwnedAlert {
    pub(super) fn new(content: OwnedContent, notes: Vec<Note>) -> Self {
        Self { data: Arc::new(Data { content, notes, rendered: Mutex::default() }) }
    }

    /// Creates an alert of the program itself, from the source `internal`. `time` is in nanoseconds since 1970.
    pub fn internal(rule: impl Into<String>, priority: Priority, time: u64, output: impl Into<String>) -> Self {
        let (rule, output) = (rule.into(), output.into());
        let own = Internal { rule, priority, time, clock: None, output, fields: Vec::new() };
        Self::new(OwnedContent::Internal(own), Vec::new())
    }

    /// Adds a field to an alert of the program itself; to that of a rule, a note.
    #[must_use]
    pub fn with_field(mut self, name: impl Into<String>, value: impl Into<OwnedValue>) -> Self {
        let (name, value) = (name.into(), value.into());
        let data = self.change();
        match &mut data.content {
            OwnedContent::Internal(own) => {
                let place = own.fields.partition_point(|(known, _)| *known < name);
                own.fields.insert(place, (name, value));
            }
            OwnedContent::Rule { .. } => data.notes.push(Note::new(name, value)),
        }
        self
    }

    /// Sets the time of day of an alert of the program itself, as the line of text shows it.
    #[must_use]
    pub fn with_clock(mut self, text: impl Into<String>) -> Self {
        if let OwnedContent::Internal(own) = &mut self.change().content {
            own.clock = Some(text.into());
        }
        self
    }

    /// Adds a note.
    pub fn add_note(&mut self, note: Note) {
        self.change().notes.push(note);
    }

    /// Returns the part that can be changed; rendered text is discarded.
    fn change(&mut self) -> &mut Data {
        let data = Arc::make_mut(&mut self.data);
        data.rendered.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
        data
    }

    /// Copies the values of some fields from another event. Returns false if the rules are others.
    pub(super) fn replace<E: Event>(
        &mut self,
        compiled: &Arc<Compiled>,
        event: &E,
        wanted: impl Fn(FieldId) -> bool,
    ) -> bool {
        match &mut self.change().content {
            OwnedContent::Rule { compiled: own, event: kept, .. } if Arc::ptr_eq(own, compiled) => {
                kept.replace(event, wanted, &Bump::new());
                true
            }
            _ => false,
        }
    }

    /// Borrows it as an alert. Values that must be built live in `arena`.
    pub fn view<'a>(&'a self, arena: &'a Bump) -> Alert<'a> {
        let content = match &self.data.content {
            OwnedContent::Internal(own) => Content::Internal(own, arena),
            OwnedContent::Rule { compiled, id, event } => {
                let event: &'a dyn Event = event;
                Content::Rule(Matched::new(compiled, *id, arena.alloc(event), arena))
            }
        };
        Alert::new(content, &self.data.notes)
    }

    /// Returns its kind.
    pub fn kind(&self) -> AlertKind {
        match &self.data.content {
            OwnedContent::Internal(_) => AlertKind::Internal,
            OwnedContent::Rule { compiled, .. } => compiled.kind(),
        }
    }

    /// Returns the name of the rule.
    pub fn rule(&self) -> &str {
        match &self.data.content {
            OwnedContent::Internal(own) => &own.rule,
            OwnedContent::Rule { compiled, id, .. } => compiled.rules.rule(*id).name(),
        }
    }

    /// Returns the priority.
    pub fn priority(&self) -> Priority {
        match &self.data.content {
            OwnedContent::Internal(own) => own.priority,
            OwnedContent::Rule { compiled, id, .. } => compiled.rules.rule(*id).output.priority,
        }
    }

    /// Returns the time of the event, in nanoseconds since 1970.
    pub fn time(&self) -> u64 {
        match &self.data.content {
            OwnedContent::Internal(own) => own.time,
            OwnedContent::Rule { event, .. } => event.time(),
        }
    }

    /// Returns the source of the event.
    pub fn source(&self) -> &str {
        match &self.data.content {
            OwnedContent::Internal(_) => SOURCE,
            OwnedContent::Rule { compiled, id, .. } => &compiled.rules.rule(*id).output.source,
        }
    }

    /// Returns it in a format. It is rendered once, for all copies.
    pub fn render(&self, format: &Format) -> Bytes {
        let mut rendered = self.data.rendered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, text)) = rendered.iter().find(|(known, _)| known == format) {
            return text.clone();
        }
        let mut text = Vec::with_capacity(512);
        self.view(&Bump::new()).write(format, &mut text);
        let text = Bytes::from(text);
        rendered.push((format.clone(), text.clone()));
        text
    }
}

/// Falco's line of text, with the time of day.
impl std::fmt::Display for OwnedAlert {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.view(&Bump::new()).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Config;
    use crate::event::json::{JsonDocument, JsonSchema};
    use crate::load::{Loader, Sources};

    fn alert(output: &str) -> OwnedAlert {
        let rules = format!(
            "- {{rule: r, desc: d, condition: 'json.value[/a] = x', output: '{output}', priority: NOTICE, source: s}}"
        );
        let mut loader = Loader::new(Sources::new().with(JsonSchema::new("s")));
        let loaded = loader.load([("rules.yaml", rules.as_bytes())]);
        let rules = loader.into_sources().build(loaded.into_rules(), &Config::default()).expect("rules");
        let document = JsonDocument::parse(br#"{"a": "x"}"#).expect("JSON").at(3, 7, 0);
        let mut owned = Vec::new();
        rules.source::<JsonSchema>("s").expect("the source").runner().process(&document, |alert| {
            owned.push(alert.to_owned());
        });
        owned.remove(0)
    }

    #[test]
    fn notes_are_the_first_fields() {
        let mut alert = alert("a %json.value[/a] \"output_fields\":{");
        let json = Format { json: true, include_tags: false, ..Format::new("h") };
        let plain = alert.render(&json);
        alert.add_note(Note::new("state_uncertain", true));
        alert.add_note(Note::new("suppressed", 3u64));
        assert_eq!(
            alert.render(&Format::new("h")),
            "00:00:00.000000007: Notice a x \\\"output_fields\\\":{ (state_uncertain=true suppressed=3)"
        );
        let text = String::from_utf8(alert.render(&json).to_vec()).expect("UTF-8");
        let fields = r#""output_fields":{"state_uncertain":true,"suppressed":3,"evt.time":7,"json.value[/a]":"x"},"#;
        assert!(text.contains(fields), "{text}");
        let without = r#""output_fields":{"evt.time":7,"json.value[/a]":"x"},"#;
        assert_eq!(plain, text.replace(fields, without));
        let bare = Format { include_output_fields: false, include_output: false, ..json };
        assert_eq!(
            alert.render(&bare),
            r#"{"state_uncertain":true,"suppressed":3,"hostname":"h","priority":"Notice","rule":"r","source":"s","time":"1970-01-01T00:00:00.000000007Z"}"#
        );
    }

    #[test]
    fn rendered_text_is_shared_until_the_alert_changes() {
        let mut alert = alert("a");
        let format = Format::new("h");
        let copy = alert.clone();
        assert_eq!(alert.render(&format).as_ptr(), copy.render(&format).as_ptr());
        alert.add_note(Note::new("n", 1u64));
        assert_eq!(copy.render(&format), "00:00:00.000000007: Notice a");
        assert_eq!(alert.render(&format), "00:00:00.000000007: Notice a (n=1)");
        fn is_shared<T: Send + Sync>(_: &T) {}
        is_shared(&alert);
    }
}
