//! Events made of named values: for tests, for fuzzing, and for hosts whose events are neither system calls nor JSON.
//!
//! ```
//! use peregrine_rule_engine::event::record::{Record, RecordSchema};
//! use peregrine_rule_engine::event::{Kind, Value};
//! use peregrine_rule_engine::filter::Filter;
//!
//! let mut schema = RecordSchema::new("door", ["open", "close"])
//!     .field("door.name", Kind::CharBuf)
//!     .field("door.badge", Kind::UInt64);
//! let mut filter = Filter::compile("evt.type = open and door.name startswith lab and door.badge < 100", &mut schema)?;
//! let event = Record::new(&schema, "open")
//!     .with("door.name", Value::Bytes(b"lab 7"))
//!     .with("door.badge", Value::U64(42));
//! assert!(filter.matches(&event));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::borrow::Cow;

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

use super::{Event, FieldError, FieldId, FieldInfo, Key, Kind, Lifetime, Print, Schema, Special, Value};
use crate::vm::eval::number_text;

/// The fields and the types of events of a source.
#[derive(Debug, Clone)]
pub struct RecordSchema {
    source: String,
    types: Vec<String>,
    fields: Vec<FieldInfo>,
}

impl RecordSchema {
    /// A source whose events have the given types; `evt.type`, `evt.num` and `evt.time` are fields of all of them.
    pub fn new<T: Into<String>>(source: impl Into<String>, types: impl IntoIterator<Item = T>) -> Self {
        let types = types.into_iter().map(Into::into).collect();
        let schema = Self { source: source.into(), types, fields: Vec::new() };
        schema
            .field_with("evt.type", Kind::CharBuf, |info| info.special = Special::EventType)
            .field_with("evt.num", Kind::UInt64, |info| info.special = Special::EventNumber)
            .field("evt.time", Kind::CharBuf)
    }

    /// Adds a field that holds until the next event.
    #[must_use]
    pub fn field(self, name: impl Into<Cow<'static, str>>, kind: Kind) -> Self {
        self.field_with(name, kind, |_| {})
    }

    /// Adds a field, and lets `change` say what is special about it.
    #[must_use]
    pub fn field_with(
        mut self,
        name: impl Into<Cow<'static, str>>,
        kind: Kind,
        change: impl FnOnce(&mut FieldInfo),
    ) -> Self {
        let mut info = FieldInfo::plain(FieldId(self.fields.len() as u32), name, kind);
        change(&mut info);
        self.fields.push(info);
        self
    }

    /// The number and the kind of a field.
    pub fn find(&self, name: &str) -> Option<&FieldInfo> {
        self.fields.iter().find(|info| info.name == name)
    }
}

impl Schema for RecordSchema {
    fn source(&self) -> &str {
        &self.source
    }

    fn field(&mut self, name: &str, arg: Option<&[u8]>) -> Result<FieldInfo, FieldError> {
        // An argument is a part of the name: `proc.aname[2]` is a field of its own.
        let full = match arg {
            None => name.to_owned(),
            Some(arg) => format!("{name}[{}]", String::from_utf8_lossy(arg)),
        };
        self.find(&full).cloned().ok_or_else(|| FieldError::nonexistent(name, arg))
    }

    fn is_field(&self, text: &str) -> bool {
        self.find(text).is_some()
    }

    fn field_names(&self) -> Vec<Cow<'static, str>> {
        self.fields.iter().map(|info| info.name.clone()).collect()
    }

    fn key_count(&self) -> usize {
        self.types.len()
    }

    fn keys_of(&self, event_type: &str) -> Option<Cow<'_, [Key]>> {
        let place = self.types.iter().position(|name| name == event_type)?;
        Some(Cow::Owned(vec![Key(place as u16)]))
    }

    fn type_names(&self, keys: &[Key]) -> Vec<String> {
        let mut names: Vec<String> =
            keys.iter().filter_map(|key| self.types.get(usize::from(key.0)).cloned()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn constant(&self, field: FieldId, key: Key) -> Option<Value<'_>> {
        let info = self.fields.get(field.0 as usize)?;
        (info.special == Special::EventType).then_some(())?;
        Some(Value::Bytes(self.types.get(usize::from(key.0))?.as_bytes()))
    }
}

/// An event.
#[derive(Debug, Clone)]
pub struct Record<'s> {
    schema: &'s RecordSchema,
    key: Key,
    number: u64,
    time: u64,
    values: Vec<Option<Value<'s>>>,
    stamps: Option<(u128, u128)>,
}

impl<'s> Record<'s> {
    /// An event of a type (of the first one, if there is no such), with number 1 at time 0.
    pub fn new(schema: &'s RecordSchema, event_type: &str) -> Self {
        let key = schema.types.iter().position(|name| name == event_type).unwrap_or(0);
        let values = vec![None; schema.fields.len()];
        Self { schema, key: Key(key as u16), number: 1, time: 0, values, stamps: None }
    }

    /// Gives it a value; a field that the schema has not is left out.
    #[must_use]
    pub fn with(mut self, field: &str, value: Value<'s>) -> Self {
        if let Some(info) = self.schema.find(field) {
            self.values[info.id.0 as usize] = Some(value);
        }
        self
    }

    /// Its number from 1, and its time in nanoseconds since 1970.
    #[must_use]
    pub fn at(self, number: u64, time: u64) -> Self {
        Self { number, time, ..self }
    }

    /// What values of its thread and of its lineage are remembered by; see [`Event::stamp`].
    #[must_use]
    pub fn stamped(self, thread: u128, lineage: u128) -> Self {
        Self { stamps: Some((thread, lineage)), ..self }
    }
}

impl Event for Record<'_> {
    fn key(&self) -> Key {
        self.key
    }

    fn number(&self) -> u64 {
        self.number
    }

    fn time(&self) -> u64 {
        self.time
    }

    fn value<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Option<Value<'e>> {
        match field.0 {
            0 => Some(Value::Bytes(self.schema.types.get(usize::from(self.key.0))?.as_bytes())),
            1 => Some(Value::U64(self.number)),
            2 => {
                let mut out = Vec::with_capacity(20);
                crate::output::time::clock(self.time, &mut out);
                Some(Value::Bytes(arena.alloc_slice_copy(&out)))
            }
            other => *self.values.get(other as usize)?,
        }
    }

    fn text<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Option<&'e [u8]> {
        let print = self.schema.fields.get(field.0 as usize)?.print;
        Some(text(self.value(field, arena)?, print, arena))
    }

    fn json<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Option<Value<'e>> {
        self.value(field, arena)
    }

    fn stamp(&self, lifetime: Lifetime) -> Option<u128> {
        let (thread, lineage) = self.stamps?;
        match lifetime {
            Lifetime::Thread => Some(thread),
            Lifetime::Lineage => Some(lineage),
            Lifetime::Event | Lifetime::Fd => None,
        }
    }
}

fn text<'e>(value: Value<'e>, print: Print, arena: &'e Bump) -> &'e [u8] {
    match value {
        Value::Bytes(text) => text,
        Value::Bool(truth) => {
            if truth {
                b"true"
            } else {
                b"false"
            }
        }
        Value::Ip(ip) => arena.alloc_str(&ip.to_string()).as_bytes(),
        Value::List(items) => {
            let mut out = BumpVec::new_in(arena);
            out.push(b'(');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(self::text(*item, print, arena));
            }
            out.push(b')');
            out.into_bump_slice()
        }
        number => number_text(number, print, arena).unwrap_or_default(),
    }
}
