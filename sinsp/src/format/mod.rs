//! Lines of output from events: `%evt.num %proc.name %-style templates`.
//!
//! A template is text in which `%FIELD` stands for the value of a field, `%20FIELD` for the same cut or filled to 20
//! characters, and `%transformer(FIELD…)` for what a transformer makes of it. Of what follows a `%` the longest start
//! that is a field is taken: `%proc.nameand` prints `proc.name`, then `and`. A `*` before all says that an event is
//! printed even if some field has no value; `<NA>` stands for it.
//!
//! ```
//! use bumpalo::Bump;
//! use peregrine_sinsp::{Inspector, format::Template, fields::Fields};
//!
//! let trace = "thread tid=7 pid=7 ptid=1 comm=\"cat\" cwd=\"/\"\n\
//!              tid=7 openat fd=3 dirfd=AT_FDCWD name=\"etc/passwd\" flags=O_RDONLY\n";
//! let template = Template::parse("%6proc.name|%toupper(fd.name)", &Fields::new()).expect("a template");
//! let mut inspector = Inspector::new(scap::text::Trace::parse(trace).expect("a trace"));
//! let (arena, mut out) = (Bump::new(), Vec::new());
//! inspector.for_each(|event| { template.write(&event, &arena, &mut out); }).expect("no fault");
//! assert_eq!(out, b"cat   |/ETC/PASSWD");
//! ```

mod parse;
mod transform;

use bumpalo::Bump;

use crate::Event;
use crate::fields::{FieldError, FieldRef, Value, write_json_text};
use transform::{Call, List};

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// There is nothing in it.
    #[error("empty formatting token")]
    Empty,
    /// A `%` is the last character.
    #[error("invalid formatting syntax: formatting cannot end with a %")]
    EndsWithPercent,
    /// A width is the last word.
    #[error("invalid formatting syntax: formatting cannot end with a number")]
    EndsWithNumber,
    /// What follows a `%` is no field.
    #[error("unknown filter: {0}")]
    Field(#[from] FieldError),
    /// What follows a `%` cannot be read, or a transformer does not fit what it is applied to.
    #[error("unknown filter: {0}")]
    Syntax(String),
}

/// A template, ready to print events.
#[derive(Debug, Clone)]
pub struct Template {
    parts: Vec<Part>,
    /// Every field that occurs, once, in the order of names.
    fields: Vec<FieldRef>,
    /// Whether an event is printed only if all fields have a value.
    strict: bool,
}

#[derive(Debug, Clone)]
enum Part {
    Text(Box<[u8]>),
    Value { expr: Expr, width: usize },
}

/// What stands after a `%`, or in the parentheses of a transformer.
#[derive(Debug, Clone)]
enum Expr {
    Field(FieldRef),
    Text(Box<[u8]>),
    Call(Box<Call>),
}

/// What is printed for a field without a value.
const MISSING: &[u8] = b"<NA>";

impl Template {
    /// The longest width that a field is filled to.
    const WIDEST: usize = 4096;

    /// The names of the fields that occur, each once, in alphabetical order.
    pub fn field_names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(FieldRef::name)
    }

    /// Appends the event, and says whether it did: not where a field has no value and the template does not begin
    /// with a `*`.
    pub fn write<'e>(&'e self, event: &'e Event<'e>, arena: &'e Bump, out: &mut Vec<u8>) -> bool {
        let before = out.len();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Value { expr, width } => {
                    let text = match expr.text(event, arena) {
                        Some(text) => text,
                        None if self.strict => {
                            out.truncate(before);
                            return false;
                        }
                        None => MISSING,
                    };
                    match *width {
                        0 => out.extend_from_slice(text),
                        width => {
                            out.extend_from_slice(text.get(..width).unwrap_or(text));
                            out.resize(out.len() + width.saturating_sub(text.len()), b' ');
                        }
                    }
                }
            }
        }
        true
    }

    /// Appends the event as a JSON object of all fields that occur, and says whether it did, as [`write`](Self::write).
    /// Fields under a transformer stand for themselves; those without a value are null.
    pub fn write_json<'e>(&'e self, event: &'e Event<'e>, arena: &'e Bump, out: &mut Vec<u8>) -> bool {
        let before = out.len();
        out.push(b'{');
        for (i, field) in self.fields.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            write_json_text(field.name().as_bytes(), out);
            out.push(b':');
            match field.json(event, arena) {
                Some(value) => value.write_json(out),
                None if self.strict => {
                    out.truncate(before);
                    return false;
                }
                None => out.extend_from_slice(b"null"),
            }
        }
        out.push(b'}');
        true
    }
}

impl Expr {
    /// What is printed.
    fn text<'e>(&'e self, event: &'e Event<'e>, arena: &'e Bump) -> Option<&'e [u8]> {
        match self {
            Self::Field(field) => field.text(event, arena),
            Self::Text(text) => Some(text),
            Self::Call(call) => match call.value(event, arena)? {
                Value::Bytes(text) => Some(text),
                Value::List(values) => Some(transform::list_text(values, arena)),
                // A transformer that counts has no print format: its number prints as missing.
                _ => None,
            },
        }
    }

    /// What a transformer around it sees.
    fn value<'e>(&'e self, event: &'e Event<'e>, arena: &'e Bump) -> Option<Value<'e>> {
        match self {
            Self::Field(field) => field.value(event, arena),
            Self::Text(text) => Some(Value::Bytes(text)),
            Self::Call(call) => call.value(event, arena),
        }
    }

    /// Whether it has several values.
    fn is_list(&self) -> bool {
        match self {
            Self::Field(field) => field.is_list(),
            Self::Text(_) => false,
            Self::Call(call) => call.is_list(),
        }
    }

    fn push_fields(&self, fields: &mut Vec<FieldRef>) {
        match self {
            Self::Field(field) => fields.push(field.clone()),
            Self::Text(_) => {}
            Self::Call(call) => call.operands().for_each(|operand| operand.push_fields(fields)),
        }
    }
}

impl List {
    fn items(&self) -> &[Expr] {
        match self {
            Self::One(expr) => std::slice::from_ref(expr),
            Self::Many(items) => items,
        }
    }
}
