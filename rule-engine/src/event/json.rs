//! Events that are JSON objects: `json.value[/pointer]`, its older name `jevt.value`, and the fields that events of all
//! sources have.
//!
//! Events of a source such as Kubernetes audit records have a table of fields in addition; see
//! [`JsonSchema::k8s_audit`].

use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::Arc;

use bumpalo::Bump;
use serde_json::Value as Json;

pub use super::field::{Argument, JsonField};
use super::field::{FieldGetter, FieldTable, text};
use super::generic::{self, GenericField, GenericGetter, Moment, Origin};
use super::text::value_text;
use super::{
    Event, EventSchema, FieldError, FieldId, FieldInfo, Key, Kind, ResolvedFields, Schema, Value, split_argument,
};

/// A field with its argument.
#[derive(Debug, Clone)]
enum Getter {
    /// A field of events of any source.
    Generic(GenericGetter),
    /// `json.rawtime`: the time as text.
    RawTime,
    /// The parts of a JSON pointer.
    Pointer(Vec<String>),
    Whole,
    /// A field of the table of the source.
    Table(Arc<dyn FieldGetter>),
}

/// The fields that every JSON event has.
const JSON_FIELDS: &[(&str, Argument, &str)] = &[
    (
        "json.value",
        Argument::Key,
        "The value at a JSON pointer, such as `json.value[/user/name]`; in a pointer `~1` means `/` and `~0` means `~`.",
    ),
    ("json.obj", Argument::None, "The whole event, as JSON."),
    ("json.rawtime", Argument::None, "The time of the event, as `evt.rawtime`."),
    ("jevt.value", Argument::Key, "The old name of `json.value`."),
    ("jevt.obj", Argument::None, "The old name of `json.obj`."),
    ("jevt.rawtime", Argument::None, "The old name of `json.rawtime`."),
];

/// The names of JSON events of one source.
#[derive(Debug, Clone)]
pub struct JsonSchema {
    source: String,
    hostname: String,
    table: Option<&'static dyn FieldTable>,
    fields: ResolvedFields<Getter>,
}

impl JsonSchema {
    /// Creates a source of JSON objects.
    pub fn new(source: impl Into<String>) -> Self {
        Self { source: source.into(), hostname: String::new(), table: None, fields: ResolvedFields::default() }
    }

    /// Returns the schema of a source whose events have the fields of a table too.
    pub(super) fn with_table(source: &str, table: &'static dyn FieldTable) -> Self {
        Self { table: Some(table), ..Self::new(source) }
    }

    /// Sets the value of `evt.hostname`.
    #[must_use]
    pub fn hostname(mut self, hostname: impl Into<String>) -> Self {
        self.hostname = hostname.into();
        self
    }

    /// Returns the fields of every JSON event, `json.*` and `jevt.*`. In addition, events have those of the class `evt`.
    pub fn json_fields() -> impl Iterator<Item = JsonField> {
        JSON_FIELDS.iter().map(|&(name, argument, doc)| JsonField { name, doc, list: false, argument })
    }

    /// Returns the getter and the description of a field, which has no number yet.
    fn find(&self, name: &str, arg: Option<&[u8]>) -> Result<(Getter, FieldInfo), FieldError> {
        let text = |getter| Ok((getter, FieldInfo::plain(FieldId(0), name.to_owned(), Kind::CharBuf)));
        if arg.is_none() {
            let plugin = self.table.map_or("json", |table| table.plugin());
            let origin = Origin { source: &self.source, plugin, hostname: &self.hostname };
            if let Some((getter, info)) = GenericGetter::named(name, origin) {
                return Ok((Getter::Generic(getter), info));
            }
            match name {
                "json.obj" | "jevt.obj" => return text(Getter::Whole),
                "json.rawtime" | "jevt.rawtime" => return text(Getter::RawTime),
                _ => {}
            }
        }
        if matches!(name, "json.value" | "jevt.value") {
            Argument::Key.check(name, arg)?;
            let arg = arg.unwrap_or_default();
            let pointer = String::from_utf8_lossy(arg);
            let pointer = pointer.strip_prefix('/').unwrap_or(&pointer);
            let parts = if arg.is_empty() {
                Vec::new()
            } else {
                pointer.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect()
            };
            return text(Getter::Pointer(parts));
        }
        if let Some(table) = self.table
            && let Some(field) = table.find(name)
        {
            field.argument.check(name, arg)?;
            if let Some(getter) = table.getter(name, arg) {
                let (getter, mut info) = text(Getter::Table(getter.into()))?;
                info.list = field.list;
                return Ok((getter, info));
            }
        }
        Err(FieldError::nonexistent(name, arg))
    }
}

impl Schema for JsonSchema {
    fn source(&self) -> &str {
        &self.source
    }

    fn field(&mut self, name: &str, arg: Option<&[u8]>) -> Result<FieldInfo, FieldError> {
        if let Some(info) = self.fields.known(name, arg) {
            return Ok(info.clone());
        }
        let (getter, info) = self.find(name, arg)?;
        Ok(self.fields.add(name, arg, getter, info).clone())
    }

    fn scope(&self, scope: super::Scope) -> super::ScopeSource {
        self.table.map_or(super::ScopeSource::None, |table| table.scope(scope))
    }

    fn field_names(&self) -> Vec<Cow<'static, str>> {
        let of_table = self.table.map(|table| table.rows()).unwrap_or_default();
        let of_json = Self::json_fields().chain(of_table).map(|row| row.name);
        GenericField::names().chain(of_json).map(Cow::Borrowed).collect()
    }

    fn is_field(&self, text: &str) -> bool {
        split_argument(text).is_some_and(|(name, arg)| self.find(name, arg).is_ok())
    }

    fn field_name(&self, field: FieldId) -> String {
        self.fields.name(field)
    }

    fn key_count(&self) -> usize {
        1
    }

    fn keys_of(&self, event_type: &str) -> Option<Cow<'_, [Key]>> {
        generic::keys_of(event_type).map(Cow::Borrowed)
    }

    fn has_event_types(&self) -> bool {
        false
    }
}

/// The reason why bytes are not a JSON event.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// They are not JSON.
    #[error("invalid JSON: {0}")]
    Syntax(#[from] serde_json::Error),
    /// They are JSON, but not an object or an array.
    #[error("neither an object nor an array")]
    Scalar,
}

/// A parsed JSON document, without a schema yet: rules, filters and templates make their events of it.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonDocument {
    root: Json,
    number: u64,
    time: u64,
    start: u64,
}

impl JsonDocument {
    /// Parses a document: number 1, at time 0.
    ///
    /// # Errors
    /// If `bytes` are not a JSON object or array.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        let root: Json = serde_json::from_slice(bytes)?;
        if !root.is_object() && !root.is_array() {
            return Err(JsonError::Scalar);
        }
        Ok(Self { root, number: 1, time: 0, start: 0 })
    }

    /// Returns the JSON.
    pub fn root(&self) -> &Json {
        &self.root
    }

    /// Sets its number from 1, its time, and the time of the first event, in nanoseconds since 1970.
    #[must_use]
    pub fn at(self, number: u64, time: u64, start: u64) -> Self {
        Self { number, time, start, ..self }
    }

    /// Returns its time, in nanoseconds since 1970.
    pub fn time(&self) -> u64 {
        self.time
    }
}

/// A JSON document, with the schema that numbered its fields.
#[derive(Debug, Clone, Copy)]
pub struct JsonEvent<'a> {
    schema: &'a JsonSchema,
    document: &'a JsonDocument,
}

impl EventSchema for JsonSchema {
    type Input<'a> = &'a JsonDocument;
    type Event<'a> = JsonEvent<'a>;
    type Error = Infallible;

    fn event<'a>(&'a self, document: &'a JsonDocument) -> Result<JsonEvent<'a>, Infallible> {
        Ok(JsonEvent { schema: self, document })
    }
}

impl JsonEvent<'_> {
    /// Returns the whole document.
    fn whole<'e>(&self, arena: &'e Bump) -> Option<Value<'e>> {
        let pretty = serde_json::to_vec_pretty(&self.document.root).ok()?;
        Some(Value::Bytes(arena.alloc_slice_copy(&pretty)))
    }
}

impl Event for JsonEvent<'_> {
    fn key(&self) -> Key {
        generic::KEY
    }

    fn number(&self) -> u64 {
        self.document.number
    }

    fn time(&self) -> u64 {
        self.document.time
    }

    fn value<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Option<Value<'e>> {
        Some(match self.schema.fields.getter(field)? {
            Getter::Generic(field) => {
                let JsonDocument { number, time, start, .. } = *self.document;
                return field.value(Moment { number, time, start }, arena, || self.whole(arena));
            }
            Getter::RawTime => Value::Bytes(arena.alloc_str(&self.document.time.to_string()).as_bytes()),
            Getter::Pointer(parts) => {
                let found = parts.iter().try_fold(&self.document.root, |json, part| match json {
                    Json::Object(fields) => fields.get(part),
                    Json::Array(items) => items.get(part.parse::<usize>().ok()?),
                    _ => None,
                });
                Value::Bytes(text(found?, arena))
            }
            Getter::Whole => return self.whole(arena),
            Getter::Table(field) => return field.value(&self.document.root, arena),
        })
    }

    fn text<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Option<&'e [u8]> {
        let print = self.schema.fields.info(field)?.print;
        value_text(self.value(field, arena)?, print, arena)
    }

    fn json<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Option<Value<'e>> {
        match self.schema.fields.getter(field)? {
            Getter::Generic(field) if field.is_clock() => Some(Value::U64(self.document.time)),
            _ => self.value(field, arena),
        }
    }
}
