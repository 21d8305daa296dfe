//! The interface between the engine and its events: three small traits.
//!
//! The engine is independent of system calls. A [`Schema`] resolves names while rules load; an [`Event`] returns values
//! while they run, by the numbers that the schema assigned. An [`EventSchema`] makes those events: whatever is compiled
//! against a schema owns it, accepts the [`Input`](EventSchema::Input) that the caller has, and makes the event itself,
//! so that an event can never be read with the numbers of another schema. System calls ([`sinsp`]), JSON ([`json`]) and
//! records of named values ([`record`]) are three adapters of equal rank.

mod field;
pub mod generic;
mod hosts;
pub mod json;
mod k8s_audit;
pub mod record;
mod resolved;
mod scope;
#[cfg(feature = "sinsp")]
pub mod sinsp;
pub mod text;
mod value;

pub use hosts::{Host, Hosts};
pub use resolved::{ResolvedFields, split_argument};
pub use scope::{Identity, Scope, ScopeSource};
pub use value::{Kind, Value};

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};

use bumpalo::Bump;

use crate::response::Process;

/// A field that a schema resolved, argument and all. Dense: the first field that a schema resolves is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldId(pub u32);

/// The type of an event as a number: the index of the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u16);

/// The life time of a field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Lifetime {
    /// Until the next event.
    Event,
    /// As long as the event's file descriptor is unchanged.
    Fd,
    /// As long as the event's thread is unchanged (no exec, no new credentials …).
    Thread,
    /// As long as the thread and all its ancestors and leaders are unchanged.
    Lineage,
}

/// The format of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Print {
    /// Not at all: such fields hold text, and a number made of them (`len`) prints as `<NA>`.
    None,
    /// In decimal digits.
    Dec,
    /// In upper-case hexadecimal digits.
    Hex,
    /// In octal digits.
    Oct,
    /// In at least nine decimal digits.
    PaddedDec,
}

/// The description of a resolved field.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FieldInfo {
    /// Its number, to be given to [`Event::value`].
    pub id: FieldId,
    /// Its name without the argument, as messages print it: `evt.rawarg` for `evt.rawarg.flags`.
    pub name: Cow<'static, str>,
    /// The type of its value, or of its elements.
    pub kind: Kind,
    /// Whether it is a list.
    pub list: bool,
    /// The format of its numbers.
    pub print: Print,
    /// The life time of its value.
    pub lifetime: Lifetime,
    /// Whether it is invalid on the right of an operator.
    pub no_rhs: bool,
    /// Whether transformers may not be applied to it.
    pub no_transformer: bool,
    /// The special rules of its comparisons.
    pub special: Special,
    /// Whether [`Event::number_of`] may return a number for it.
    pub numbered: bool,
}

impl FieldInfo {
    /// Returns a plain field whose value is valid until the next event.
    pub fn plain(id: FieldId, name: impl Into<Cow<'static, str>>, kind: Kind) -> Self {
        let print = if kind.number().is_some() || kind == Kind::Double { Print::Dec } else { Print::None };
        Self {
            id,
            name: name.into(),
            kind,
            list: false,
            print,
            lifetime: Lifetime::Event,
            no_rhs: false,
            no_transformer: false,
            special: Special::None,
            numbered: false,
        }
    }
}

/// Special rules of a field's comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Special {
    /// None.
    None,
    /// Matches when either end of a connection does; `!=` when both differ (`fd.ip`, `fd.port`, `fd.net`, `fd.proto`).
    /// The value is a list of the ends, empty where the file descriptor is not a connection.
    AnyEnd,
    /// Matches when any ancestor does (`proc.aname` without an index). The value is a list of those of the ancestors.
    AnyAncestor,
    /// `evt.type`: constants are names of events, checked when rules load.
    EventType,
    /// `syscall.type`: as [`EventType`](Self::EventType), but any name is accepted.
    SyscallType,
    /// `evt.num`: takes part in the inference of event types.
    EventNumber,
    /// `evt.rawarg`: its numbers are never members of a set.
    RawArg,
    /// `evt.around[T] = D`. The value is the T of the argument.
    Around,
    /// The address of a name (`fd.cip.name`): constants are resolved when rules load. The value is a list of the
    /// address, empty where the file descriptor is not a connection.
    DnsName,
}

/// The reason why a schema does not have a field. Printed in Falco's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// There is no field of that name, or its argument is invalid.
    #[error("filter_check called with nonexistent field {field}")]
    Unknown {
        /// The field as it was written, argument and all.
        field: String,
    },
    /// The argument is missing.
    #[error("{message}")]
    MissingArgument {
        /// The name of the field.
        field: String,
        /// The reason, in Falco's words.
        message: String,
    },
    /// The argument is invalid, or the field has none.
    #[error("{message}")]
    BadArgument {
        /// The name of the field.
        field: String,
        /// The reason, in Falco's words.
        message: String,
    },
    /// The field can be compared but not printed.
    #[error("{field} is filter only and cannot be used as a display field")]
    FilterOnly {
        /// The name of the field.
        field: String,
    },
}

impl FieldError {
    /// Returns the error for a name that is unknown, or whose argument is invalid.
    pub fn nonexistent(name: &str, arg: Option<&[u8]>) -> Self {
        Self::Unknown { field: resolved::with_argument(name, arg) }
    }

    /// Returns the field as it was written.
    pub fn field(&self) -> &str {
        match self {
            Self::Unknown { field }
            | Self::MissingArgument { field, .. }
            | Self::BadArgument { field, .. }
            | Self::FilterOnly { field } => field,
        }
    }

    /// Returns a hint, given the fields that the schema has.
    pub fn hint(&self, schema: &dyn Schema) -> Option<String> {
        match self {
            Self::Unknown { field } => near_field(schema, field),
            Self::MissingArgument { field, .. } => Some(format!("`{field}` requires an argument: `{field}[…]`")),
            Self::BadArgument { .. } | Self::FilterOnly { .. } => None,
        }
    }
}

/// Returns a hint for a text that is not a field of a schema.
pub(crate) fn near_field(schema: &dyn Schema, text: &str) -> Option<String> {
    let names = schema.field_names();
    let name = text.split('[').next().unwrap_or(text);
    if names.iter().any(|known| known == name) {
        return Some(if name == text {
            format!("`{name}` requires an argument: `{name}[…]`")
        } else {
            format!("the argument of `{name}` is invalid")
        });
    }
    crate::diag::did_you_mean(name, names.iter().map(|name| &**name))
}

/// Returns a hint for a text that is not a type of events of a schema.
pub(crate) fn near_event_type(schema: &dyn Schema, text: &str) -> Option<String> {
    let keys: Vec<Key> = (0..schema.key_count()).filter_map(|key| u16::try_from(key).ok().map(Key)).collect();
    let names = schema.type_names(&keys);
    crate::diag::did_you_mean(text, names.iter().map(String::as_str))
}

/// Names, looked up while rules load.
pub trait Schema: std::any::Any + Send + Sync {
    /// Returns the name of the source in rules, such as `syscall`.
    fn source(&self) -> &str;

    /// Resolves a field for a condition. The same name and argument give the same number.
    ///
    /// # Errors
    /// If there is no such field, or the argument is missing or wrong, in Falco's words.
    fn field(&mut self, name: &str, arg: Option<&[u8]>) -> Result<FieldInfo, FieldError>;

    /// Resolves a field for an output. Such a number is passed to [`Event::text`] and [`Event::json`], and, under a
    /// transformer, to [`Event::value`].
    ///
    /// # Errors
    /// As [`field`](Self::field); fields that cannot be printed do not exist here.
    fn print_field(&mut self, name: &str, arg: Option<&[u8]>) -> Result<FieldInfo, FieldError> {
        self.field(name, arg)
    }

    /// Returns whether a name (with an argument between brackets, perhaps) is that of a field; nothing is resolved.
    fn is_field(&self, text: &str) -> bool;

    /// Returns the names of all fields, for hints.
    fn field_names(&self) -> Vec<Cow<'static, str>> {
        Vec::new()
    }

    /// Returns the names of the types of events with these keys, sorted, each once.
    fn type_names(&self, keys: &[Key]) -> Vec<String> {
        let _ = keys;
        Vec::new()
    }

    /// Returns the name of a field that was numbered, with its argument, for people.
    fn field_name(&self, field: FieldId) -> String {
        format!("#{}", field.0)
    }

    /// Returns one more than the greatest key.
    fn key_count(&self) -> usize;

    /// Returns the keys whose events have the given type name; `None` if there is no such type.
    fn keys_of(&self, event_type: &str) -> Option<Cow<'_, [Key]>>;

    /// Returns whether a condition is indexed by its event types. If not, all of its rules see all keys.
    fn has_event_types(&self) -> bool {
        true
    }

    /// Returns the keys that every rule sees, whatever its condition says of event types.
    fn common_keys(&self) -> Vec<Key> {
        Vec::new()
    }

    /// Returns the value of a field, if it is the same for all events of a key: tests with a known result are left out.
    fn constant(&self, field: FieldId, key: Key) -> Option<Value<'_>> {
        let _ = (field, key);
        None
    }

    /// Returns a host, for constants of [`Special::DnsName`] fields. Its addresses may become known later.
    fn host(&mut self, name: &str) -> Host {
        Host::unknown(name)
    }

    /// Returns the function for the offset of local time from UTC in seconds, given the seconds since 1970: outputs use
    /// it for the time of day.
    fn utc_offset(&self) -> fn(i64) -> i64 {
        |_| 0
    }

    /// Returns how events belong to a scope of correlations. The result for [`Scope::Host`] is not used.
    fn scope(&self, scope: Scope) -> ScopeSource {
        let _ = scope;
        ScopeSource::None
    }

    /// Returns the output fields that this source suggests for every alert, as pieces of a template, such as
    /// `container_id=%container.id`.
    fn suggested_output(&self) -> Vec<Cow<'static, str>> {
        Vec::new()
    }
}

/// A schema that makes its events: rules, filters and templates are compiled against it, and own it.
///
/// ```
/// use peregrine_rule_engine::event::json::{JsonDocument, JsonSchema};
/// use peregrine_rule_engine::filter::Filter;
///
/// // Two filters number their fields differently, and each makes its own event of the same document.
/// let document = JsonDocument::parse(br#"{"user": "root", "from": "10.1.2.3"}"#)?;
/// let mut user = Filter::compile("json.value[/user] = root", JsonSchema::new("login"))?;
/// let mut from = Filter::compile("json.value[/from] startswith 10.", JsonSchema::new("login"))?;
/// assert!(user.matches(&document) && from.matches(&document));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// There is no way to evaluate an event that another schema made:
///
/// ```compile_fail
/// use peregrine_rule_engine::event::EventSchema;
/// use peregrine_rule_engine::event::json::{JsonDocument, JsonSchema};
/// use peregrine_rule_engine::filter::Filter;
///
/// let document = JsonDocument::parse(br#"{"user": "root"}"#).unwrap();
/// let mut filter = Filter::compile("json.value[/user] = root", JsonSchema::new("login")).unwrap();
/// let other = JsonSchema::new("login");
/// let event = other.event(&document).unwrap();
/// filter.matches(&event);
/// ```
pub trait EventSchema: Schema + Sized {
    /// The input of the caller: a system call, a JSON document, a record.
    type Input<'a>;

    /// The event that is made of it.
    type Event<'a>: Event;

    /// The reason why an input is rejected; [`Infallible`](std::convert::Infallible) where its type rules that out.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Makes an event, whose fields are read by the numbers of this schema.
    ///
    /// # Errors
    /// If the input was made for another schema and its type does not show it; see [`SchemaId`].
    fn event<'a>(&'a self, input: Self::Input<'a>) -> Result<Self::Event<'a>, Self::Error>;
}

/// The identity of a schema, for inputs whose type does not show for which schema they were made: each carries the
/// identity of its schema, and [`EventSchema::event`] compares the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SchemaId(u64);

impl SchemaId {
    /// Returns an identity that no other schema of this process has.
    #[allow(clippy::new_without_default, reason = "a default value would be the same each time")]
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Values, queried while rules run.
pub trait Event {
    /// Returns its type.
    fn key(&self) -> Key;

    /// Returns its number in the stream, from 1.
    fn number(&self) -> u64;

    /// Returns its time, in nanoseconds since 1970.
    fn time(&self) -> u64;

    /// Returns the value of a field. Values that must be built live in `arena`, which is emptied before the next event.
    fn value<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Option<Value<'e>>;

    /// Returns the number that the value of a field is the name of, such as flags of a call: among events of one type,
    /// equal numbers have equal values. `Some` where it is found faster than the value, so that results are cached by
    /// it.
    fn number_of(&self, field: FieldId) -> Option<u32> {
        let _ = field;
        None
    }

    /// Returns the value as text, as `%field` prints it: `None` prints `<NA>`.
    fn text<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Option<&'e [u8]>;

    /// Returns the value as the JSON of an alert has it: `None` is null.
    fn json<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Option<Value<'e>>;

    /// Returns a number that changes whenever values of the given lifetime may have changed: equal stamps, equal
    /// values. It is never reused, so that a cached result cannot be mistaken for that of another thread that got the
    /// id of the first. Never 0. A lineage is a thread with its ancestors: the stamp of the lineage changes whenever
    /// that of the thread does, and no two threads share one. `None`: nothing can be cached.
    fn stamp(&self, lifetime: Lifetime) -> Option<u128> {
        let _ = lifetime;
        None
    }

    /// Returns the process of the event; `None` for an event of none, or if it is not known.
    fn process(&self) -> Option<Process> {
        None
    }

    /// Calls `each` with the processes that the event belongs to by a scope: for [`Scope::Tree`] its process and then
    /// those that created it, the nearest first; for others one. None if they are not known.
    fn identities(&self, scope: Scope, each: &mut dyn FnMut(Identity)) {
        let _ = (scope, each);
    }
}

impl<E: Event + ?Sized> Event for &E {
    fn key(&self) -> Key {
        (**self).key()
    }

    fn number(&self) -> u64 {
        (**self).number()
    }

    fn time(&self) -> u64 {
        (**self).time()
    }

    fn value<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Option<Value<'e>> {
        (**self).value(field, arena)
    }

    fn number_of(&self, field: FieldId) -> Option<u32> {
        (**self).number_of(field)
    }

    fn text<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Option<&'e [u8]> {
        (**self).text(field, arena)
    }

    fn json<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Option<Value<'e>> {
        (**self).json(field, arena)
    }

    fn identities(&self, scope: Scope, each: &mut dyn FnMut(Identity)) {
        (**self).identities(scope, each);
    }

    fn stamp(&self, lifetime: Lifetime) -> Option<u128> {
        (**self).stamp(lifetime)
    }

    fn process(&self) -> Option<Process> {
        (**self).process()
    }
}
