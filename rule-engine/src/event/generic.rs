//! The fields of class `evt` that events of every source have, but for those of system calls, whose inspector knows more.

use bumpalo::Bump;

use super::text::{clock as time_of_day, iso8601};
use super::{FieldId, FieldInfo, Key, Kind, Print, Special, Value};

/// The type that all events of a source have if it has no types itself.
const EVENT_TYPE: &str = "pluginevent";
/// The key of that type.
pub const KEY: Key = Key(0);

/// Returns the keys of a type of events, for [`Schema::keys_of`](super::Schema::keys_of) of such a source.
pub fn keys_of(event_type: &str) -> Option<&'static [Key]> {
    (event_type == EVENT_TYPE).then_some(&[KEY])
}

/// A field that events of every source have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GenericField {
    /// `evt.num`
    Number,
    /// `evt.time` and others that show the time as text.
    Time(Clock),
    /// `evt.rawtime` and its parts.
    RawTime(Part),
    /// `evt.reltime` and its parts.
    RelTime(Part),
    /// `evt.source`
    Source,
    /// `evt.pluginname`
    PluginName,
    /// `evt.plugininfo`
    PluginInfo,
    /// `evt.hostname`
    Hostname,
    /// `evt.is_async`
    IsAsync,
    /// `evt.asynctype`
    AsyncType,
}

/// Text format of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The time of the day, with nanoseconds.
    Day,
    /// The time of the day, in seconds.
    DaySeconds,
    /// Date and time as in ISO 8601, with nanoseconds.
    Iso,
    /// Date and time with a space between them and nanoseconds.
    Date,
    /// Date and time with a space between them, in seconds.
    DateSeconds,
}

/// The part of a time in nanoseconds that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it, in nanoseconds.
    All,
    /// Whole seconds.
    Seconds,
    /// The nanoseconds after the whole seconds.
    Rest,
}

/// Parts of generic fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The number of the event, from 1.
    pub number: u64,
    /// The time of the event, in nanoseconds since 1970.
    pub time: u64,
    /// The time of the first event, in nanoseconds since 1970.
    pub start: u64,
}

const ROWS: &[(&str, GenericField, Kind, Print)] = &[
    ("evt.num", GenericField::Number, Kind::UInt64, Print::Dec),
    ("evt.time", GenericField::Time(Clock::Day), Kind::CharBuf, Print::None),
    ("evt.time.s", GenericField::Time(Clock::DaySeconds), Kind::CharBuf, Print::None),
    ("evt.time.iso8601", GenericField::Time(Clock::Iso), Kind::CharBuf, Print::None),
    ("evt.datetime", GenericField::Time(Clock::Date), Kind::CharBuf, Print::None),
    ("evt.datetime.s", GenericField::Time(Clock::DateSeconds), Kind::CharBuf, Print::None),
    ("evt.rawtime", GenericField::RawTime(Part::All), Kind::AbsTime, Print::Dec),
    ("evt.rawtime.s", GenericField::RawTime(Part::Seconds), Kind::AbsTime, Print::Dec),
    ("evt.rawtime.ns", GenericField::RawTime(Part::Rest), Kind::AbsTime, Print::PaddedDec),
    ("evt.reltime", GenericField::RelTime(Part::All), Kind::RelTime, Print::PaddedDec),
    ("evt.reltime.s", GenericField::RelTime(Part::Seconds), Kind::RelTime, Print::Dec),
    ("evt.reltime.ns", GenericField::RelTime(Part::Rest), Kind::RelTime, Print::PaddedDec),
    ("evt.source", GenericField::Source, Kind::CharBuf, Print::None),
    ("evt.pluginname", GenericField::PluginName, Kind::CharBuf, Print::None),
    ("evt.plugininfo", GenericField::PluginInfo, Kind::CharBuf, Print::None),
    ("evt.hostname", GenericField::Hostname, Kind::CharBuf, Print::None),
    ("evt.is_async", GenericField::IsAsync, Kind::Bool, Print::None),
    ("evt.asynctype", GenericField::AsyncType, Kind::CharBuf, Print::None),
];

impl GenericField {
    /// Returns the field of a name, the kind of its value, and how its numbers are printed. None takes an argument.
    pub fn named(name: &str) -> Option<(Self, Kind, Print)> {
        let &(_, field, kind, print) = ROWS.iter().find(|(known, ..)| *known == name)?;
        Some((field, kind, print))
    }

    /// Returns the names of all of them.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ROWS.iter().map(|(name, ..)| *name)
    }

    /// Returns whether it shows the time as text; the JSON of an alert has its nanoseconds instead.
    pub fn is_clock(self) -> bool {
        matches!(self, Self::Time(_))
    }

    /// Returns the value of a field that depends on nothing but number and time; `None` for the others. No event is
    /// asynchronous unless its source says so.
    pub fn value(self, at: Moment, arena: &Bump) -> Option<Value<'_>> {
        Some(match self {
            Self::Number => Value::U64(at.number),
            Self::Time(clock) => Value::Bytes(clock.text(at.time, arena)),
            Self::RawTime(part) => Value::U64(part.of(at.time)),
            Self::RelTime(part) => Value::U64(part.of(at.time.saturating_sub(at.start))),
            Self::IsAsync => Value::Bool(false),
            Self::Source | Self::PluginName | Self::PluginInfo | Self::Hostname | Self::AsyncType => return None,
        })
    }
}

/// Reader of a generic field, for one source.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum GenericGetter {
    /// A field that depends on number and time of the event alone.
    Moment(GenericField),
    /// A text that all events of the source have.
    Text(String),
    /// The text that the source has for an event, `evt.plugininfo`.
    Info,
    /// No event has the field.
    Missing,
}

/// The names that all events of a source share.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The name of the source, `evt.source`.
    pub source: &'a str,
    /// The name of its plugin, `evt.pluginname`.
    pub plugin: &'a str,
    /// The name of the host, `evt.hostname`.
    pub hostname: &'a str,
}

impl GenericGetter {
    /// Returns the getter and the description of a field. The number of the description is not assigned yet.
    pub fn named(name: &str, origin: Origin<'_>) -> Option<(Self, FieldInfo)> {
        let (field, kind, print) = GenericField::named(name)?;
        let mut info = FieldInfo::plain(FieldId(0), name.to_owned(), kind);
        info.print = print;
        if field == GenericField::Number {
            info.special = Special::EventNumber;
        }
        let getter = match field {
            GenericField::Source => Self::Text(origin.source.to_owned()),
            GenericField::PluginName => Self::Text(origin.plugin.to_owned()),
            GenericField::Hostname => Self::Text(origin.hostname.to_owned()),
            GenericField::PluginInfo => Self::Info,
            GenericField::AsyncType => Self::Missing,
            other => Self::Moment(other),
        };
        Some((getter, info))
    }

    /// Returns the value of the field for an event, whose `info` is worked out only if that is the field.
    pub fn value<'e>(
        &'e self,
        at: Moment,
        arena: &'e Bump,
        info: impl FnOnce() -> Option<Value<'e>>,
    ) -> Option<Value<'e>> {
        match self {
            Self::Moment(field) => field.value(at, arena),
            Self::Text(text) => Some(Value::Bytes(text.as_bytes())),
            Self::Info => info(),
            Self::Missing => None,
        }
    }

    /// Returns whether it shows the time as text; the JSON of an alert has its nanoseconds instead.
    pub fn is_clock(&self) -> bool {
        matches!(self, Self::Moment(field) if field.is_clock())
    }
}

impl Part {
    fn of(self, nanoseconds: u64) -> u64 {
        match self {
            Self::All => nanoseconds,
            Self::Seconds => nanoseconds / 1_000_000_000,
            Self::Rest => nanoseconds % 1_000_000_000,
        }
    }
}

impl Clock {
    fn text(self, nanoseconds: u64, arena: &Bump) -> &[u8] {
        let mut out = Vec::with_capacity(40);
        let suffix = if self == Self::Iso { "+0000" } else { "" };
        match self {
            Self::Day | Self::DaySeconds => time_of_day(nanoseconds, &mut out),
            Self::Iso | Self::Date | Self::DateSeconds => iso8601(nanoseconds, suffix, &mut out),
        }
        if matches!(self, Self::Date | Self::DateSeconds) {
            out[10] = b' ';
        }
        if matches!(self, Self::DaySeconds | Self::DateSeconds) {
            out.truncate(out.len() - 10);
        }
        arena.alloc_slice_copy(&out)
    }
}
