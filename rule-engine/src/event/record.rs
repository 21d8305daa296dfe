//! Events made of named values: for tests, for fuzzing, and for hosts whose events are neither system calls nor JSON.
//!
//! ```
//! use peregrine_rule_engine::event::record::{RecordError, RecordSchema};
//! use peregrine_rule_engine::event::{Kind, Value};
//! use peregrine_rule_engine::filter::Filter;
//!
//! let schema = RecordSchema::new("door", ["open", "close"])
//!     .field("door.name", Kind::CharBuf)
//!     .field("door.badge", Kind::UInt64);
//! let condition = "evt.type = open and door.name startswith lab and door.badge < 100";
//! let mut filter = Filter::compile(condition, schema.clone())?;
//!
//! let record = schema.record("open").with("door.name", Value::Bytes(b"lab 7")).with("door.badge", Value::U64(42));
//! assert!(filter.try_matches(&record)?);
//!
//! // Names can be looked up once, for many records.
//! let (open, name) = (schema.event_type("open").unwrap(), schema.handle("door.name").unwrap());
//! let record = schema.record_of(open).set(name, Value::Bytes(b"lab 7"));
//! assert!(!filter.try_matches(&record)?);
//!
//! // What is misspelt, and a record of another schema, is an error.
//! assert_eq!(filter.try_matches(&schema.record("opened")), Err(RecordError::UnknownType("opened".into())));
//! let record = schema.record("open").with("door.nmae", Value::Bytes(b"lab 7"));
//! assert_eq!(filter.try_matches(&record), Err(RecordError::UnknownField("door.nmae".into())));
//! let other = RecordSchema::new("door", ["open"]);
//! assert_eq!(filter.try_matches(&other.record("open")), Err(RecordError::ForeignSchema));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::borrow::Cow;
use std::sync::Arc;

use bumpalo::Bump;

use super::text::value_text;
use super::{
    Event, EventSchema, FieldError, FieldId, FieldInfo, Key, Kind, Lifetime, Schema, SchemaId, Special, Value,
};

/// The fields and the types of events of a source. Copies are the same schema, and cheap.
#[derive(Debug, Clone)]
pub struct RecordSchema {
    id: SchemaId,
    names: Arc<Names>,
}

#[derive(Debug, Clone)]
struct Names {
    source: String,
    types: Vec<String>,
    fields: Vec<FieldInfo>,
}

/// A type of events of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordType {
    schema: SchemaId,
    key: Key,
}

/// A field of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordField {
    schema: SchemaId,
    field: FieldId,
}

/// The reason why a record is not an event of a schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The schema does not have that type of events.
    #[error("unknown event type `{0}`")]
    UnknownType(String),
    /// The schema does not have that field.
    #[error("unknown field `{0}`")]
    UnknownField(String),
    /// The record, or the handle of one of its fields, belongs to another schema.
    #[error("the record was made for another schema")]
    ForeignSchema,
}

impl RecordSchema {
    /// Creates a source whose events have the given types; `evt.type`, `evt.num` and `evt.time` are fields of all of
    /// them.
    pub fn new<T: Into<String>>(source: impl Into<String>, types: impl IntoIterator<Item = T>) -> Self {
        let types = types.into_iter().map(Into::into).collect();
        let names = Names { source: source.into(), types, fields: Vec::new() };
        Self { id: SchemaId::new(), names: Arc::new(names) }
            .field_with("evt.type", Kind::CharBuf, |info| info.special = Special::EventType)
            .field_with("evt.num", Kind::UInt64, |info| info.special = Special::EventNumber)
            .field("evt.time", Kind::CharBuf)
    }

    /// Adds a field whose value is valid until the next event.
    #[must_use]
    pub fn field(self, name: impl Into<Cow<'static, str>>, kind: Kind) -> Self {
        self.field_with(name, kind, |_| {})
    }

    /// Adds a field, whose description `change` may alter. The result is a new schema.
    #[must_use]
    pub fn field_with(
        mut self,
        name: impl Into<Cow<'static, str>>,
        kind: Kind,
        change: impl FnOnce(&mut FieldInfo),
    ) -> Self {
        let names = Arc::make_mut(&mut self.names);
        let mut info = FieldInfo::plain(FieldId(names.fields.len() as u32), name, kind);
        change(&mut info);
        names.fields.push(info);
        Self { id: SchemaId::new(), ..self }
    }

    /// Returns the description of a field.
    pub fn find(&self, name: &str) -> Option<&FieldInfo> {
        self.names.fields.iter().find(|info| info.name == name)
    }

    /// Looks up a field once, for [`Record::set`].
    pub fn handle(&self, name: &str) -> Option<RecordField> {
        Some(RecordField { schema: self.id, field: self.find(name)?.id })
    }

    /// Looks up a type of events once, for [`record_of`](Self::record_of).
    pub fn event_type(&self, name: &str) -> Option<RecordType> {
        let place = self.names.types.iter().position(|known| known == name)?;
        Some(RecordType { schema: self.id, key: Key(place as u16) })
    }

    /// Starts an event of a type, with number 1 at time 0.
    pub fn record(&self, event_type: &str) -> Record<'_> {
        match self.event_type(event_type) {
            Some(event_type) => self.record_of(event_type),
            None => Record { error: Some(RecordError::UnknownType(event_type.to_owned())), ..self.blank(Key(0)) },
        }
    }

    /// Starts an event of a type that was looked up, with number 1 at time 0.
    pub fn record_of(&self, event_type: RecordType) -> Record<'_> {
        let error = (event_type.schema != self.id).then_some(RecordError::ForeignSchema);
        Record { error, ..self.blank(event_type.key) }
    }

    fn blank(&self, key: Key) -> Record<'_> {
        let values = vec![None; self.names.fields.len()];
        Record { schema: self, key, number: 1, time: 0, values, stamps: None, error: None }
    }
}

impl EventSchema for RecordSchema {
    type Input<'a> = &'a Record<'a>;
    type Event<'a> = &'a Record<'a>;
    type Error = RecordError;

    fn event<'a>(&'a self, record: &'a Record<'a>) -> Result<&'a Record<'a>, RecordError> {
        match &record.error {
            Some(error) => Err(error.clone()),
            None if record.schema.id == self.id => Ok(record),
            None => Err(RecordError::ForeignSchema),
        }
    }
}

impl Schema for RecordSchema {
    fn source(&self) -> &str {
        &self.names.source
    }

    fn field(&mut self, name: &str, arg: Option<&[u8]>) -> Result<FieldInfo, FieldError> {
        // An argument is a part of the name: `proc.aname[2]` is a separate field.
        self.find(&super::resolved::with_argument(name, arg)).cloned().ok_or_else(|| FieldError::nonexistent(name, arg))
    }

    fn is_field(&self, text: &str) -> bool {
        self.find(text).is_some()
    }

    fn field_names(&self) -> Vec<Cow<'static, str>> {
        self.names.fields.iter().map(|info| info.name.clone()).collect()
    }

    fn key_count(&self) -> usize {
        self.names.types.len()
    }

    fn keys_of(&self, event_type: &str) -> Option<Cow<'_, [Key]>> {
        let place = self.names.types.iter().position(|name| name == event_type)?;
        Some(Cow::Owned(vec![Key(place as u16)]))
    }

    fn type_names(&self, keys: &[Key]) -> Vec<String> {
        let mut names: Vec<String> =
            keys.iter().filter_map(|key| self.names.types.get(usize::from(key.0)).cloned()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn constant(&self, field: FieldId, key: Key) -> Option<Value<'_>> {
        let info = self.names.fields.get(field.0 as usize)?;
        (info.special == Special::EventType).then_some(())?;
        Some(Value::Bytes(self.names.types.get(usize::from(key.0))?.as_bytes()))
    }
}

/// An event of named values. An error in it (a name that the schema does not have) is returned by the call that
/// evaluates it.
#[derive(Debug, Clone)]
pub struct Record<'s> {
    schema: &'s RecordSchema,
    key: Key,
    number: u64,
    time: u64,
    values: Vec<Option<Value<'s>>>,
    stamps: Option<(u128, u128)>,
    /// The first error.
    error: Option<RecordError>,
}

impl<'s> Record<'s> {
    /// Sets the value of a field.
    #[must_use]
    pub fn with(mut self, field: &str, value: Value<'s>) -> Self {
        match self.schema.handle(field) {
            Some(field) => return self.set(field, value),
            None => self.error = self.error.or_else(|| Some(RecordError::UnknownField(field.to_owned()))),
        }
        self
    }

    /// Sets the value of a field that was looked up.
    #[must_use]
    pub fn set(mut self, field: RecordField, value: Value<'s>) -> Self {
        match self.values.get_mut(field.field.0 as usize) {
            Some(slot) if field.schema == self.schema.id => *slot = Some(value),
            _ => self.error = self.error.or(Some(RecordError::ForeignSchema)),
        }
        self
    }

    /// Sets its number from 1, and its time in nanoseconds since 1970.
    #[must_use]
    pub fn at(self, number: u64, time: u64) -> Self {
        Self { number, time, ..self }
    }

    /// Sets the stamps by which results of its thread and of its lineage are cached; see [`Event::stamp`].
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
            0 => Some(Value::Bytes(self.schema.names.types.get(usize::from(self.key.0))?.as_bytes())),
            1 => Some(Value::U64(self.number)),
            2 => {
                let mut out = Vec::with_capacity(20);
                super::text::clock(self.time, &mut out);
                Some(Value::Bytes(arena.alloc_slice_copy(&out)))
            }
            other => *self.values.get(other as usize)?,
        }
    }

    fn text<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Option<&'e [u8]> {
        let print = self.schema.names.fields.get(field.0 as usize)?.print;
        value_text(self.value(field, arena)?, print, arena)
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
