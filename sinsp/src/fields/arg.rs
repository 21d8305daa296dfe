//! The arguments of fields: `[2]`, `[HOME]`, `.name`.
//!
//! An argument is parsed once, when a rule is loaded, into the form that the getter needs; the name of an event's
//! parameter, for instance, becomes its index in each event type.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use scap::schema::{EVENTS, EventCode, ParamInfo};

use super::FieldError;

/// The form of a field's argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ArgRule {
    /// No argument.
    None,
    /// `[N]`, or none.
    Index,
    /// `[N]`, or none; the text in the brackets must be a number.
    Fd,
    /// `[N]` or `[NAME]`, or none.
    Name,
    /// `[N]` or `.NAME`: a parameter of an event.
    Param,
    /// `.NAME`: a parameter of an event.
    RawParam,
    /// `.src` or `.dst`, or none.
    PathEnd,
    /// `.CODE` or `.NAME`: an event type.
    EventType,
    /// `.NAME`, of letters and underscores: a cgroup subsystem.
    Cgroup,
    /// `[T]`: a time in nanoseconds.
    Time,
    /// `[KEY]`: any text.
    Key,
    /// `[N]` or `[KEY]`.
    IndexOrKey,
    /// No argument; the field counts its evaluations.
    Counter,
}

/// A parsed argument.
#[derive(Debug, Clone)]
pub(crate) enum Arg {
    None,
    Index(i64),
    Name(Box<[u8]>),
    Param(Box<ParamIndex>),
    Path(PathEnd),
    Codes(u32, u32),
    Time(u64),
    Counter(Counter),
    /// The value of a field that the configuration defines.
    Static(Box<[u8]>),
}

/// The path of a call with two paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathEnd {
    Source,
    Destination,
}

/// The number of evaluations of a field. Clones share the count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counter(Arc<AtomicU64>);

impl Counter {
    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// The index of the parameter of a given name in each event type.
#[derive(Debug, Clone)]
pub(crate) struct ParamIndex {
    index: Vec<u8>,
    /// The first declaration of that name, which gives the type for conditions.
    pub(crate) info: &'static ParamInfo,
}

impl ParamIndex {
    const ABSENT: u8 = u8::MAX;

    fn new(info: &'static ParamInfo) -> Self {
        let of = |event: &scap::schema::EventInfo| {
            event.param_index(info.name).and_then(|index| u8::try_from(index).ok()).unwrap_or(Self::ABSENT)
        };
        Self { index: EVENTS.iter().map(of).collect(), info }
    }

    /// Returns the index of the parameter in events of type `code`.
    #[inline]
    pub(crate) fn of(&self, code: EventCode) -> Option<usize> {
        match self.index.get(usize::from(code.0)) {
            Some(&Self::ABSENT) | None => None,
            Some(&index) => Some(usize::from(index)),
        }
    }
}

impl ArgRule {
    /// Parses the argument of the field `name` at the start of `rest`, and returns it with its length in bytes. `whole`
    /// is the field and all that follows, for messages.
    pub(crate) fn read(self, name: &str, rest: &str, whole: &str) -> Result<(Arg, usize), FieldError> {
        let missing = || FieldError::missing(format!("filter syntax error: {whole}"));
        Ok(match self {
            Self::None => (Arg::None, 0),
            Self::Counter => (Arg::Counter(Counter::default()), 0),
            Self::Index => match bracketed(rest).and_then(|text| Some((number(text)?, text.len() + 2))) {
                // -1 has always meant "none".
                Some((-1, len)) => (Arg::None, len),
                Some((number, len)) => (Arg::Index(number), len),
                None => (Arg::None, 0),
            },
            Self::Fd => match bracketed(rest) {
                Some(text) => (Arg::Index(number(text).ok_or_else(|| not_a_number(text))?), text.len() + 2),
                None => (Arg::None, 0),
            },
            Self::Name => match bracketed(rest) {
                Some(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                    (Arg::Index(number(text).unwrap_or(i64::from(i32::MAX))), text.len() + 2)
                }
                Some(text) if !text.is_empty() => (Arg::Name(text.as_bytes().into()), text.len() + 2),
                Some(text) => (Arg::None, text.len() + 2),
                None => (Arg::None, 0),
            },
            Self::Param | Self::RawParam if rest.starts_with('[') => {
                if self == Self::RawParam {
                    return Err(FieldError::new("evt.arg fields must be expressed explicitly".into()));
                }
                let text = bracketed(rest).ok_or_else(missing)?;
                (Arg::Index(number(text).ok_or_else(|| not_a_number(text))?), text.len() + 2)
            }
            Self::Param | Self::RawParam => {
                let text = rest.strip_prefix('.').ok_or_else(missing)?;
                let info =
                    longest_param(text).ok_or_else(|| FieldError::new(format!("unknown event argument {text}")))?;
                (Arg::Param(Box::new(ParamIndex::new(info))), info.name.len() + 1)
            }
            Self::PathEnd if rest.starts_with(".src") => (Arg::Path(PathEnd::Source), 4),
            Self::PathEnd if rest.starts_with(".dst") => (Arg::Path(PathEnd::Destination), 4),
            Self::PathEnd => (Arg::Path(PathEnd::Source), 0),
            Self::EventType => {
                let text = rest.strip_prefix('.').ok_or_else(missing)?;
                if let Some(code) = number(text).and_then(|number| u32::try_from(number).ok()) {
                    (Arg::Codes(code, code), text.len() + 1)
                } else if let Some(code) = EventCode::with_name(text).next() {
                    (Arg::Codes(code.0.into(), u32::from(code.0) + 1), text.len() + 1)
                } else {
                    return Err(FieldError::unknown(whole));
                }
            }
            Self::Cgroup => {
                let text = rest.strip_prefix('.').ok_or_else(missing)?;
                let len = text.bytes().take_while(|byte| byte.is_ascii_alphabetic() || *byte == b'_').count();
                let (subsystem, _) = text.split_at_checked(len).unwrap_or((text, ""));
                (Arg::Name(subsystem.as_bytes().into()), len + 1)
            }
            Self::Time => {
                if rest.starts_with('.') {
                    return Err(FieldError::new(format!("wrong syntax for {name}")));
                }
                let text = bracketed(rest).ok_or_else(missing)?;
                (Arg::Time(number(text).ok_or_else(|| not_a_number(text))? as u64), text.len() + 2)
            }
            Self::Key | Self::IndexOrKey => {
                let text = match (rest.strip_prefix('['), bracketed(rest)) {
                    (Some(_), Some(text)) => text,
                    (Some(_), None) => {
                        return Err(FieldError::new(format!(
                            "filter '{whole}': {name} has unbalanced argument brackets"
                        )));
                    }
                    (None, _) => {
                        return Err(FieldError::missing(format!(
                            "filter '{whole}': {name} requires an argument but none provided"
                        )));
                    }
                };
                let is_index = self == Self::IndexOrKey
                    && (text == "0" || !text.starts_with('0'))
                    && text.bytes().all(|byte| byte.is_ascii_digit());
                match text.parse::<u64>() {
                    Ok(index) if is_index => (Arg::Index(i64::try_from(index).unwrap_or(i64::MAX)), text.len() + 2),
                    _ => (Arg::Name(text.as_bytes().into()), text.len() + 2),
                }
            }
        })
    }
}

/// Returns the text between `[` at the start and the next `]`.
fn bracketed(rest: &str) -> Option<&str> {
    rest.strip_prefix('[')?.split_once(']').map(|(text, _)| text)
}

/// Parses a decimal number as `scanf` does: spaces and a sign may come first, leading zeros are allowed. A number that
/// is too large becomes the greatest one, so that it is never reached.
fn number(text: &str) -> Option<i64> {
    let text = text.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.strip_prefix('+').unwrap_or(text).parse().unwrap_or(i64::MAX))
}

fn not_a_number(text: &str) -> FieldError {
    FieldError::new(format!("{text} is not a valid number"))
}

/// Returns the first parameter of any event with the longest name that `text` starts with.
fn longest_param(text: &str) -> Option<&'static ParamInfo> {
    let mut longest: Option<&'static ParamInfo> = None;
    for param in EVENTS.iter().flat_map(|event| event.params) {
        if text.starts_with(param.name) && longest.is_none_or(|found| param.name.len() > found.name.len()) {
            longest = Some(param);
        }
    }
    longest
}
