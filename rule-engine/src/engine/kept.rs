//! The values of some fields of an event, copied, so that an alert can be written when the event itself is gone.

use std::net::IpAddr;

use bumpalo::Bump;

use crate::event::{Event, FieldId, Key, Value};
use crate::output::json;
use crate::response::Process;

/// A [`Value`] that owns its bytes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum OwnedValue {
    /// A boolean.
    Bool(bool),
    /// A signed number.
    I64(i64),
    /// An unsigned number.
    U64(u64),
    /// A number with a fraction.
    F64(f64),
    /// Text or bytes.
    Bytes(Box<[u8]>),
    /// An address.
    Ip(IpAddr),
    /// Several values of one kind.
    List(Box<[Self]>),
}

impl From<bool> for OwnedValue {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<i64> for OwnedValue {
    fn from(number: i64) -> Self {
        Self::I64(number)
    }
}

impl From<u64> for OwnedValue {
    fn from(number: u64) -> Self {
        Self::U64(number)
    }
}

impl From<f64> for OwnedValue {
    fn from(number: f64) -> Self {
        Self::F64(number)
    }
}

impl From<&str> for OwnedValue {
    fn from(text: &str) -> Self {
        Self::Bytes(text.as_bytes().into())
    }
}

impl From<String> for OwnedValue {
    fn from(text: String) -> Self {
        Self::Bytes(text.into_bytes().into())
    }
}

impl From<Value<'_>> for OwnedValue {
    fn from(value: Value<'_>) -> Self {
        Self::new(value)
    }
}

impl OwnedValue {
    fn new(value: Value<'_>) -> Self {
        match value {
            Value::Bool(truth) => Self::Bool(truth),
            Value::I64(number) => Self::I64(number),
            Value::U64(number) => Self::U64(number),
            Value::F64(number) => Self::F64(number),
            Value::Bytes(bytes) => Self::Bytes(bytes.into()),
            Value::Ip(ip) => Self::Ip(ip),
            Value::List(items) => Self::List(items.iter().map(|item| Self::new(*item)).collect()),
        }
    }

    /// Borrows it. A list is built in `arena`.
    pub fn borrow<'e>(&'e self, arena: &'e Bump) -> Value<'e> {
        match self {
            Self::Bool(truth) => Value::Bool(*truth),
            Self::I64(number) => Value::I64(*number),
            Self::U64(number) => Value::U64(*number),
            Self::F64(number) => Value::F64(*number),
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::Ip(ip) => Value::Ip(*ip),
            Self::List(items) => Value::List(arena.alloc_slice_fill_iter(items.iter().map(|item| item.borrow(arena)))),
        }
    }
}

impl OwnedValue {
    pub(super) fn write_json(&self, out: &mut Vec<u8>) {
        json::value(Some(self.borrow(&Bump::new())), out);
    }
}

/// All values of an event's field.
#[derive(Debug, Clone, PartialEq)]
struct Kept {
    field: FieldId,
    value: Option<OwnedValue>,
    text: Option<Box<[u8]>>,
    json: Option<OwnedValue>,
}

impl Kept {
    fn new<E: Event>(event: &E, field: FieldId, arena: &Bump) -> Self {
        Self {
            field,
            value: event.value(field, arena).map(OwnedValue::new),
            text: event.text(field, arena).map(Into::into),
            json: event.json(field, arena).map(OwnedValue::new),
        }
    }
}

/// An event kept for later. Fields that were not kept have no value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct KeptEvent {
    key: Key,
    number: u64,
    time: u64,
    /// Sorted by field.
    fields: Vec<Kept>,
    /// The process, if it is kept.
    process: Option<Box<Process>>,
}

impl KeptEvent {
    /// Copies the values of these fields.
    pub(super) fn new<E: Event>(event: &E, fields: impl IntoIterator<Item = FieldId>, arena: &Bump) -> Self {
        let mut fields: Vec<FieldId> = fields.into_iter().collect();
        fields.sort_unstable();
        fields.dedup();
        let fields = fields.into_iter().map(|field| Kept::new(event, field, arena)).collect();
        Self { key: event.key(), number: event.number(), time: event.time(), fields, process: None }
    }

    /// Also keeps the process.
    pub(super) fn with_process(self, process: Option<Process>) -> Self {
        Self { process: process.map(Box::new), ..self }
    }

    /// Copies the values of those kept fields that `wanted` names from another event.
    pub(super) fn replace<E: Event>(&mut self, from: &E, wanted: impl Fn(FieldId) -> bool, arena: &Bump) {
        for kept in self.fields.iter_mut().filter(|kept| wanted(kept.field)) {
            *kept = Kept::new(from, kept.field, arena);
        }
    }

    fn find(&self, field: FieldId) -> Option<&Kept> {
        let place = self.fields.binary_search_by_key(&field, |kept| kept.field).ok()?;
        self.fields.get(place)
    }
}

impl Event for KeptEvent {
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
        Some(self.find(field)?.value.as_ref()?.borrow(arena))
    }

    fn text<'e>(&'e self, field: FieldId, _: &'e Bump) -> Option<&'e [u8]> {
        self.find(field)?.text.as_deref()
    }

    fn json<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Option<Value<'e>> {
        Some(self.find(field)?.json.as_ref()?.borrow(arena))
    }

    fn process(&self) -> Option<Process> {
        self.process.as_deref().cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use crate::event::record::RecordSchema;

    #[test]
    fn values_of_every_kind_are_kept() {
        let items = [Value::U64(1), Value::Bytes(b"x")];
        let all = [
            ("a.bool", Kind::Bool, Value::Bool(true)),
            ("a.int", Kind::Int64, Value::I64(-1)),
            ("a.uint", Kind::UInt64, Value::U64(7)),
            ("a.text", Kind::CharBuf, Value::Bytes(b"text")),
            ("a.ip", Kind::IpAddr, Value::Ip([10, 0, 0, 1].into())),
            ("a.list", Kind::CharBuf, Value::List(&items)),
        ];
        let schema =
            all.iter().fold(RecordSchema::new("a", ["b"]), |schema, (name, kind, _)| schema.field(*name, *kind));
        let event = all.iter().fold(schema.record("b").at(3, 4), |event, (name, _, value)| event.with(name, *value));
        let ids: Vec<FieldId> = all.iter().filter_map(|(name, ..)| Some(schema.find(name)?.id)).collect();
        let arena = Bump::new();
        let kept = KeptEvent::new(&event, ids.iter().rev().copied(), &arena);
        assert_eq!((kept.key(), kept.number(), kept.time()), (event.key(), 3, 4));
        for id in ids {
            assert_eq!(format!("{:?}", kept.value(id, &arena)), format!("{:?}", event.value(id, &arena)));
            assert_eq!(format!("{:?}", kept.json(id, &arena)), format!("{:?}", event.json(id, &arena)));
            assert_eq!(kept.text(id, &arena), event.text(id, &arena));
        }
        assert!(kept.value(FieldId(99), &arena).is_none());
    }
}
