//! A field with its argument, ready for evaluation.

use std::collections::BTreeMap;

use bumpalo::Bump;
use scap::render::Buffers;
use scap::schema::{Format, ParamType};

use super::{Arg, ArgRule, CLASSES, Example, FieldDef, FieldError, FieldFlags, Lifetime, Value, print};
use crate::Event;

/// The printed form of the time in `evt.outputtime`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OutputTime {
    /// Local hours, minutes, seconds, nanoseconds.
    #[default]
    Local,
    /// Seconds since 1970.
    Absolute,
    /// Seconds since the capture began.
    Relative,
    /// Seconds since the entry of the call; always 0, as enter events are no longer captured.
    Latency,
    /// Seconds since the previous event.
    Delta,
}

/// The available fields, and their printed forms: the built-in ones, and `static.NAME` fields that a host defines.
///
/// ```
/// use peregrine_sinsp::fields::Fields;
///
/// let fields = Fields::new().with_static("env", "prod");
/// assert!(fields.parse("static.env").is_ok());
/// assert!(fields.parse("static.zone").is_err());
/// assert_eq!(fields.parse("nose").unwrap_err().to_string(), "filter_check called with nonexistent field nose");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Fields {
    statics: BTreeMap<String, Box<[u8]>>,
    style: Style,
}

/// The printed forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Style {
    pub(crate) buffers: Buffers,
    pub(crate) time: OutputTime,
}

/// The row of every field that a host defines.
static STATIC: FieldDef = FieldDef {
    name: "static",
    kind: ParamType::CharBuf,
    format: Format::Na,
    flags: FieldFlags::FORMAT_SUGGESTED,
    lifetime: Lifetime::Event,
    doc: "",
    example: Example { at: "exec", arg: None, text: None },
    arg: ArgRule::None,
    get: |_, field, _| match &field.arg {
        Arg::Static(value) => Some(Value::Bytes(value)),
        _ => None,
    },
    text: None,
    json: None,
};

/// An upper bound of the length of a field's name together with that of an event's parameter.
const LONGEST: usize = 96;

impl Fields {
    /// Creates the built-in fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `static.NAME`, which always has the given value.
    pub fn with_static(mut self, name: &str, value: &str) -> Self {
        self.statics.insert(name.to_owned(), value.as_bytes().into());
        self
    }

    /// Sets the printed form of bytes that need not be text (`evt.buffer`, `evt.arg.data`). Conditions compare the
    /// bytes, or for `evt.arg` the form with dots.
    pub fn with_buffers(mut self, buffers: Buffers) -> Self {
        self.style.buffers = buffers;
        self
    }

    /// Sets the printed form of `evt.outputtime`.
    pub fn with_output_time(mut self, time: OutputTime) -> Self {
        self.style.time = time;
        self
    }

    /// Returns names and values of the fields that the host defined, the names without `static.`.
    pub fn statics(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.statics.iter().map(|(name, value)| (name.as_str(), &**value))
    }

    /// Parses a field with its argument.
    ///
    /// # Errors
    /// If there is no such field, or its argument is missing or invalid, in Falco's words.
    pub fn parse(&self, text: &str) -> Result<FieldRef, FieldError> {
        match self.parse_prefix(text)? {
            Some((field, len)) if len == text.len() => Ok(field),
            _ => Err(FieldError::unknown(text)),
        }
    }

    /// Returns the field of the given name with the given argument in brackets.
    ///
    /// # Errors
    /// Those of [`parse`](Self::parse).
    pub fn resolve(&self, name: &str, arg: Option<&[u8]>) -> Result<FieldRef, FieldError> {
        match arg {
            Some(arg) => self.parse(&format!("{name}[{}]", String::from_utf8_lossy(arg))),
            None => self.parse(name),
        }
    }

    /// Returns the length of the longest prefix of `text` that is a field with its argument, as for a template's `%`.
    pub fn prefix_len(&self, text: &str) -> Option<usize> {
        // A field is a word, with any text between the brackets that may follow it.
        let word = text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_')).count();
        // No name is longer than this; the text after `%` in a hostile template may be.
        let word =
            word.min(LONGEST.max(self.statics.keys().map(|name| name.len() + "static.".len()).max().unwrap_or(0)));
        let end = match text.get(word..) {
            Some(rest) if rest.starts_with('[') => rest.find(']').map_or(word, |at| word + at + 1),
            _ => word,
        };
        std::iter::once(end).chain((1..=word).rev()).find(|end| {
            text.get(..*end).is_some_and(|field| self.parse(field).is_ok_and(|field| !field.is_filter_only()))
        })
    }

    /// Returns the field at the start of `text` from the first class that has one.
    fn parse_prefix(&self, text: &str) -> Result<Option<(FieldRef, usize)>, FieldError> {
        let arg_error = |text: &str| text.starts_with("arg");
        for class in CLASSES {
            let fields = class.fields.iter().filter(|field| text.starts_with(field.name));
            if let Some(def) = fields.max_by_key(|field| field.name.len()) {
                let rest = text.get(def.name.len()..).unwrap_or_default();
                let (arg, len) = def.arg.read(def.name, rest, text)?;
                let len = def.name.len() + len;
                return Ok(Some((self.field(def, text.get(..len).unwrap_or(text), arg), len)));
            }
            if class.name == "process" && arg_error(text) {
                return Err(FieldError::new("filter error: proc.arg filter not implemented yet".into()));
            }
        }
        let Some(name) = text.strip_prefix("static.") else { return Ok(None) };
        let found = self.statics.iter().filter(|(key, _)| name.starts_with(key.as_str()));
        Ok(found.max_by_key(|(key, _)| key.len()).map(|(key, value)| {
            let len = "static.".len() + key.len();
            (self.field(&STATIC, text.get(..len).unwrap_or(text), Arg::Static(value.clone())), len)
        }))
    }

    fn field(&self, def: &'static FieldDef, text: &str, arg: Arg) -> FieldRef {
        let (kind, format) = match (&arg, def.arg) {
            (Arg::Param(param), ArgRule::RawParam) => (param.info.ty, param.info.format),
            _ => (def.kind, def.format),
        };
        FieldRef { def, text: text.into(), arg, kind, format, style: self.style }
    }
}

/// Returns the length of the longest prefix of `text` that is a built-in field with its argument.
pub fn prefix_len(text: &str) -> Option<usize> {
    Fields::new().prefix_len(text)
}

/// A field with its argument.
#[derive(Debug, Clone)]
pub struct FieldRef {
    def: &'static FieldDef,
    text: Box<str>,
    pub(crate) arg: Arg,
    pub(crate) kind: ParamType,
    format: Format,
    pub(crate) style: Style,
}

impl FieldRef {
    /// Parses a built-in field with its argument; for fields that a host defines see [`Fields`].
    ///
    /// # Errors
    /// If there is no such field, or its argument is missing or invalid, in Falco's words.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        Fields::new().parse(text)
    }

    /// Returns the row of the table.
    pub fn def(&self) -> &'static FieldDef {
        self.def
    }

    /// Returns the field as it was written, with its argument.
    pub fn name(&self) -> &str {
        &self.text
    }

    /// Returns the type of its constants: that of the row, or for `evt.rawarg` of the parameter.
    pub fn kind(&self) -> ParamType {
        self.kind
    }

    /// Returns the lifetime of a value.
    pub fn lifetime(&self) -> Lifetime {
        self.def.lifetime
    }

    /// Returns whether it has several values that are compared as a list.
    pub fn is_list(&self) -> bool {
        self.def.flags.contains(FieldFlags::IS_LIST)
    }

    /// Returns whether it cannot be printed. The networks can, though their mark says otherwise.
    pub fn is_filter_only(&self) -> bool {
        self.def.flags.contains(FieldFlags::FILTER_ONLY) && self.def.name == "evt.around"
    }

    /// Returns whether [`value`](Self::value) is the list of all ancestors' values, one of which must satisfy a
    /// condition.
    pub fn is_any_ancestor(&self) -> bool {
        self.def.flags.contains(FieldFlags::NO_RHS.with(FieldFlags::ARG_ALLOWED))
            && !self.is_list()
            && matches!(self.arg, Arg::None)
    }

    /// Returns whether [`value`](Self::value) is the list of the values of both ends of a connection.
    pub fn is_any_end(&self) -> bool {
        matches!(self.def.name, "fd.ip" | "fd.port" | "fd.net" | "fd.proto")
    }

    /// Returns the value that conditions compare; `None` if it does not have one. Fields for which
    /// [`is_any_ancestor`](Self::is_any_ancestor) or [`is_any_end`](Self::is_any_end) is true return a list.
    #[inline]
    pub fn value<'e>(&'e self, event: &'e Event<'e>, arena: &'e Bump) -> Option<Value<'e>> {
        (self.def.get)(event, self, arena)
    }

    /// Returns whether [`number`](Self::number) can return a number.
    pub fn is_numbered(&self) -> bool {
        self.def.name == "evt.arg" && matches!(self.arg, Arg::Param(_))
    }

    /// Returns the number that the value is the name of (flags, modes), if it is such a name: among events of one type,
    /// equal numbers have equal values, and the number is found faster.
    pub fn number(&self, event: &Event<'_>) -> Option<u32> {
        use ParamType as T;
        let Arg::Param(param) = &self.arg else { return None };
        let (raw, index) = (event.raw(), param.of(event.code())?);
        let ty = raw.info()?.params.get(index)?.ty;
        // A value of another length is invalid for the type.
        match (ty, raw.raw(index)?) {
            (T::Flags32 | T::EnumFlags32 | T::Mode, [a, b, c, d]) => Some(u32::from_le_bytes([*a, *b, *c, *d])),
            (T::Flags16 | T::EnumFlags16, [a, b]) => Some(u16::from_le_bytes([*a, *b]).into()),
            (T::Flags8 | T::EnumFlags8, [a]) => Some((*a).into()),
            _ => None,
        }
    }

    /// Returns the text that `%field` prints; `None` prints `<NA>`.
    pub fn text<'e>(&'e self, event: &'e Event<'e>, arena: &'e Bump) -> Option<&'e [u8]> {
        if let Some(text) = self.def.text {
            return text(event, self, arena);
        }
        Some(print::text(self.value(event, arena)?, self.kind, self.format, arena))
    }

    /// Returns the value as it is written in JSON (with [`Value::write_json`]): numbers as numbers, except those
    /// printed in hexadecimal or octal, which are text; addresses as text; times of the day as nanoseconds since 1970;
    /// an empty list is null.
    pub fn json<'e>(&'e self, event: &'e Event<'e>, arena: &'e Bump) -> Option<Value<'e>> {
        if let Some(json) = self.def.json {
            return json(event, self, arena);
        }
        if let Some(text) = self.def.text {
            return text(event, self, arena).map(Value::Bytes);
        }
        match self.value(event, arena)? {
            Value::List([]) => None,
            value => Some(print::json(value, self.kind, self.format, arena)),
        }
    }
}
