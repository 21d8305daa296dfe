//! What the engine asks of the world: two small traits.
//!
//! The engine knows no system calls. A [`Schema`] answers questions of names while rules load; an [`Event`] answers
//! questions of values while they run, by numbers that the schema gave out. Events of the inspector and JSON records
//! are two adapters of equal rank.

mod value;

pub use value::{Kind, Value};

use bumpalo::Bump;

/// A field that a schema resolved, argument and all. Dense: the first field that a schema resolves is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldId(pub u32);

/// The type of an event as a number: the index into what the rules are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u16);

/// How long the value of a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lifetime {
    /// Until the next event.
    Event,
    /// As long as the event's descriptor stays what it is.
    Fd,
    /// As long as the event's thread stays what it is (no exec, no new credentials …).
    Thread,
    /// As long as the thread and all its ancestors and leaders stay what they are.
    Lineage,
}

/// What a schema says of a field that it resolved.
#[derive(Debug, Clone, Copy)]
pub struct FieldInfo {
    /// Its number, to be given to [`Event::value`].
    pub id: FieldId,
    /// The type of its value, or of its elements.
    pub kind: Kind,
    /// Whether it is a list.
    pub list: bool,
    /// How long its value holds.
    pub lifetime: Lifetime,
    /// Whether it may not stand on the right of an operator.
    pub no_rhs: bool,
    /// Whether transformers may not be applied to it.
    pub no_transformer: bool,
    /// Whether it may only be used in conditions, not printed.
    pub filter_only: bool,
    /// How comparisons on it differ from those on others of its kind.
    pub special: Special,
}

/// Fields whose comparisons have rules of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Special {
    /// None.
    None,
    /// Matches when either end of a connection does; `!=` when both differ (`fd.ip`, `fd.port`, `fd.net`, `fd.proto`).
    AnyEnd,
    /// Matches when any ancestor does (`proc.aname` without an index).
    AnyAncestor,
    /// `evt.type`: constants are names of events, checked when rules load.
    EventType,
    /// `syscall.type`: as [`EventType`](Self::EventType), but any name is accepted.
    SyscallType,
    /// `evt.num`: takes part in the inference of event types.
    EventNumber,
    /// `evt.around[T] = D`.
    Around,
    /// The address of a name, resolved when rules load (`fd.cip.name`).
    DnsName,
}

/// Why a schema has no such field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FieldError(pub String);

/// Names, asked while rules load.
pub trait Schema {
    /// The name of the source in rules, such as `syscall`.
    fn source(&self) -> &str;

    /// Resolves a field. The same name and argument give the same number.
    ///
    /// # Errors
    /// If there is no such field, or the argument is missing or wrong, in Falco's words.
    fn field(&mut self, name: &str, arg: Option<&[u8]>) -> Result<FieldInfo, FieldError>;

    /// The length of the longest prefix of `text` that is a field with its argument, as an output template asks it:
    /// `proc.nameand` gives 9.
    fn field_prefix(&self, text: &str) -> Option<usize>;

    /// One more than the greatest key.
    fn key_count(&self) -> usize;

    /// The keys whose events have the given type name; `None` if there is no such type.
    fn keys_of(&self, event_type: &str) -> Option<Vec<Key>>;
}

/// Values, asked while rules run.
pub trait Event {
    /// Its type.
    fn key(&self) -> Key;

    /// Its number in the stream, from 1.
    fn number(&self) -> u64;

    /// When it happened, in nanoseconds since 1970.
    fn time(&self) -> u64;

    /// The value of a field. What must be built lives in `arena`, which is emptied before the next event.
    fn value<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Option<Value<'e>>;

    /// The value as text, as it is printed by `%field`: `None` prints `<NA>`.
    fn text<'e>(&'e self, field: FieldId, arena: &'e Bump) -> Option<&'e [u8]>;

    /// A number that changes whenever values of the given lifetime may have: equal stamps, equal values. `None`: there
    /// is nothing to remember by (no thread, no descriptor). The memory itself is [`memo`](Self::memo).
    fn stamp(&self, lifetime: Lifetime) -> Option<u64> {
        let _ = lifetime;
        None
    }
}
