//! The parts of keys and of outputs, once their fields are resolved.

use crate::event::{FieldId, FieldInfo, Kind as ValueKind, Scope};

/// A part of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPart {
    /// A field.
    Field {
        /// Its name.
        name: String,
        /// Its number in the schema of its source.
        id: FieldId,
        /// Whether an event without it takes part.
        optional: bool,
        /// The type of its values.
        class: Class,
    },
    /// A scope of processes.
    Processes(Scope),
    /// A part of the key of the correlation that the member is.
    Inner(u16, Class),
}

/// Types of values that can be compared with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Text or bytes.
    Text,
    /// A number.
    Number,
    /// An address.
    Address,
    /// A boolean.
    Truth,
    /// A list.
    List,
    /// A process.
    Process,
}

impl Class {
    pub(crate) fn of(info: &FieldInfo) -> Self {
        match info.kind {
            _ if info.list => Self::List,
            ValueKind::Bool => Self::Truth,
            ValueKind::Ipv4Addr | ValueKind::Ipv6Addr | ValueKind::IpAddr | ValueKind::IpNet => Self::Address,
            ValueKind::Double => Self::Number,
            kind if kind.number().is_some() => Self::Number,
            _ => Self::Text,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "a number",
            Self::Address => "an address",
            Self::Truth => "a truth",
            Self::List => "a list",
            Self::Process => "a process",
        }
    }
}

impl KeyPart {
    /// Returns the same text for parts with the same meaning in two sets of rules: fields have other numbers in each.
    pub(crate) fn meaning(&self) -> String {
        match self {
            Self::Field { name, optional, class, .. } => format!("{name} {optional} {class:?}"),
            Self::Processes(scope) => format!("{scope:?}"),
            Self::Inner(place, class) => format!("inner {place} {class:?}"),
        }
    }

    pub(crate) fn class(&self) -> Class {
        match self {
            Self::Field { class, .. } | Self::Inner(_, class) => *class,
            Self::Processes(_) => Class::Process,
        }
    }
}

/// The event of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The last of a member.
    Member(u16),
    /// The first of all.
    First,
    /// The last of all.
    Last,
}

/// A piece of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Text.
    Text(String),
    /// A field of a step.
    Field {
        /// As it is written.
        name: String,
        /// The event that it is of.
        which: Which,
        /// For each member the place among what is kept of its events.
        places: Box<[Option<u16>]>,
    },
    /// The number of events.
    Count,
    /// The timespan, as it is written.
    Span(String),
    /// The time of the first event.
    FirstTime,
    /// The time of the last event.
    LastTime,
    /// The name.
    Name,
    /// A part of the key.
    Key {
        /// Its name.
        name: String,
        /// Its place.
        place: u16,
    },
}

impl Piece {
    /// Returns the name of the printed value; `None` for text.
    pub fn name(&self) -> Option<String> {
        Some(match self {
            Self::Text(_) => return None,
            Self::Field { name, .. } => name.clone(),
            Self::Count => "correlation.count".to_owned(),
            Self::Span(_) => "correlation.span".to_owned(),
            Self::FirstTime => "correlation.first".to_owned(),
            Self::LastTime => "correlation.last".to_owned(),
            Self::Name => "correlation.name".to_owned(),
            Self::Key { name, .. } => format!("correlation.{name}"),
        })
    }
}
