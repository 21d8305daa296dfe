//! A match of a correlation as an event: the fields that outputs use.

use std::borrow::Cow;

use bumpalo::Bump;

use super::correlations::{CorrelationInfo, Correlations};
use crate::correlation::parts::{Piece, Which};
use crate::correlation::{Entry, Match, captured, key};
use crate::event::text::{clock, iso8601};
use crate::event::{Event, FieldError, FieldId, FieldInfo, Key, Kind, Schema, Value};
use crate::output::json;
use crate::response::Process;

/// The kind of a match's field.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// The number of the last event.
    Number,
    /// The time of the day.
    Clock,
    /// Date and time.
    Iso8601,
    /// The steps, as JSON.
    Steps,
    /// The output of a piece.
    Piece(Piece),
}

/// The fields that all matches have.
pub(super) const FIELDS: [(&str, What); 4] = [
    ("evt.num", What::Number),
    ("evt.time", What::Clock),
    ("evt.time.iso8601", What::Iso8601),
    ("correlation.steps", What::Steps),
];

/// A field of matches.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: String,
    /// The correlation whose output names it; `None`: all have it.
    pub(crate) plan: Option<u32>,
    pub(crate) what: What,
}

/// The names of fields of matches, while outputs are compiled: those of one correlation at a time.
#[derive(Debug, Default)]
pub(crate) struct MatchSchema {
    pub(crate) fields: Vec<Field>,
    pub(crate) current: u32,
}

impl MatchSchema {
    fn find(&self, name: &str) -> Option<usize> {
        let is_it = |field: &Field| field.name == name && field.plan.is_none_or(|plan| plan == self.current);
        self.fields.iter().position(is_it)
    }
}

impl Schema for MatchSchema {
    fn source(&self) -> &str {
        "correlation"
    }

    fn field(&mut self, name: &str, arg: Option<&[u8]>) -> Result<FieldInfo, FieldError> {
        let full = match arg {
            None => Cow::Borrowed(name),
            Some(arg) => Cow::Owned(format!("{name}[{}]", String::from_utf8_lossy(arg))),
        };
        let place = self.find(&full).ok_or_else(|| FieldError::nonexistent(name, arg))?;
        let kind = if matches!(self.fields[place].what, What::Number) { Kind::UInt64 } else { Kind::CharBuf };
        Ok(FieldInfo::plain(FieldId(place as u32), full.into_owned(), kind))
    }

    fn is_field(&self, text: &str) -> bool {
        self.find(text).is_some()
    }

    fn key_count(&self) -> usize {
        1
    }

    fn keys_of(&self, _: &str) -> Option<Cow<'_, [Key]>> {
        None
    }

    fn field_name(&self, field: FieldId) -> String {
        self.fields.get(field.0 as usize).map_or_else(String::new, |field| field.name.clone())
    }
}

/// A match that owns its parts.
#[derive(Debug)]
pub(super) struct FoundMatch {
    pub(super) plan: u32,
    key: Box<[u8]>,
    time: u64,
    number: u64,
    count: u64,
    first: u64,
    last: u64,
    steps: Vec<Entry>,
}

impl FoundMatch {
    pub(super) fn new(found: &Match<'_>) -> Self {
        Self {
            plan: found.plan,
            key: found.key.into(),
            time: found.time,
            number: found.number,
            count: found.count,
            first: found.first,
            last: found.last,
            steps: found.steps.to_vec(),
        }
    }
}

/// A match, as an event.
pub(super) struct MatchEvent<'a> {
    pub(super) set: &'a Correlations,
    pub(super) found: &'a FoundMatch,
    /// The event that completed it.
    pub(super) event: &'a dyn Event,
}

/// Returns the text and the JSON value of a field.
type Both<'e> = (Option<&'e [u8]>, Option<Value<'e>>);

impl MatchEvent<'_> {
    fn info(&self) -> &CorrelationInfo {
        &self.set.rows[self.found.plan as usize]
    }

    fn read<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Both<'e> {
        let same = |text: &'e [u8]| (Some(text), Some(Value::Bytes(text)));
        let time = |time: u64| {
            let mut text = Vec::with_capacity(32);
            iso8601(time, "Z", &mut text);
            arena.alloc_slice_copy(&text)
        };
        let number = |number: u64| (Some(arena.alloc_str(&number.to_string()).as_bytes()), Some(Value::U64(number)));
        let Some(field) = self.set.fields.get(field.0 as usize) else { return (None, None) };
        match &field.what {
            What::Number => number(self.found.number),
            What::Clock => {
                let offset = (self.info().utc_offset)((self.found.time / 1_000_000_000) as i64);
                let local = self.found.time.saturating_add_signed(offset.saturating_mul(1_000_000_000));
                let mut text = Vec::with_capacity(32);
                clock(local, &mut text);
                (Some(arena.alloc_slice_copy(&text)), Some(Value::U64(self.found.time)))
            }
            What::Iso8601 => {
                let mut text = Vec::with_capacity(32);
                iso8601(self.found.time, "+0000", &mut text);
                (Some(arena.alloc_slice_copy(&text)), Some(Value::U64(self.found.time)))
            }
            What::Steps => {
                let mut text = Vec::new();
                self.write_steps(arena, &mut text);
                (Some(arena.alloc_slice_copy(&text)), None)
            }
            What::Piece(piece) => match piece {
                Piece::Text(_) => (None, None),
                Piece::Count => number(self.found.count),
                Piece::Span(text) => same(text.as_bytes()),
                Piece::FirstTime => same(time(self.found.first)),
                Piece::LastTime => same(time(self.found.last)),
                Piece::Name => same(self.set.plans[self.found.plan as usize].name.as_bytes()),
                Piece::Key { place, .. } => {
                    let value = key::values(&self.found.key, arena).nth(usize::from(*place)).flatten();
                    (value.and_then(|value| key::text(value, arena)), value)
                }
                Piece::Field { which, places, .. } => self.step_field(*which, places, arena),
            },
        }
    }

    fn step_field<'e>(&'e self, which: Which, places: &[Option<u16>], arena: &'e Bump) -> Both<'e> {
        let steps = &self.found.steps;
        let step = match which {
            Which::First => steps.first(),
            Which::Last => steps.last(),
            Which::Member(member) => steps.iter().rev().find(|step| step.member == member),
        };
        let place = step.and_then(|step| Some((step, (*places.get(usize::from(step.member))?)?)));
        let kept = place.and_then(|(step, place)| captured::read(step.captured(), arena).nth(usize::from(place)));
        kept.map_or((None, None), |kept| (kept.text, kept.value))
    }

    /// Appends the steps as JSON: each with its number, its time and its fields.
    fn write_steps(&self, arena: &Bump, out: &mut Vec<u8>) {
        out.push(b'[');
        for (place, step) in self.found.steps.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            let Some(member) = self.info().members.get(usize::from(step.member)) else { continue };
            out.extend_from_slice(b"{\"evt.num\":");
            out.extend_from_slice(step.number.to_string().as_bytes());
            out.extend_from_slice(b",\"output_fields\":{");
            for (at, (name, kept)) in member.fields.iter().zip(captured::read(step.captured(), arena)).enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                json::string(name.as_bytes(), out);
                out.push(b':');
                json::value(kept.value, out);
            }
            out.push(b'}');
            if !member.rule.is_empty() {
                out.extend_from_slice(b",\"rule\":");
                json::string(member.rule.as_bytes(), out);
            }
            out.extend_from_slice(b",\"step\":");
            json::string(member.name.as_bytes(), out);
            out.extend_from_slice(b",\"time\":\"");
            iso8601(step.time, "Z", out);
            out.extend_from_slice(b"\"}");
        }
        out.push(b']');
    }
}

impl Event for MatchEvent<'_> {
    fn key(&self) -> Key {
        Key(0)
    }

    fn number(&self) -> u64 {
        self.found.number
    }

    fn time(&self) -> u64 {
        self.found.time
    }

    fn value<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Option<Value<'e>> {
        self.read(field, arena).1
    }

    fn text<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Option<&'e [u8]> {
        self.read(field, arena).0
    }

    fn json<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Option<Value<'e>> {
        self.read(field, arena).1
    }

    /// A match that is complete because nothing happened is found at an event of anybody.
    fn process(&self) -> Option<Process> {
        let is_last = self.event.number() == self.found.number && self.event.time() == self.found.time;
        if is_last { self.event.process() } else { None }
    }
}
