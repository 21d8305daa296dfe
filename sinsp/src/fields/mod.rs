//! Fields: the names that rules use for facts of an event, such as `proc.name` and `fd.sip`.
//!
//! Everything about a field is in one row of a table: name, kind, print format, marks, lifetime, a getter, a line of
//! documentation and an example that is run as a test. Listings, documentation, completion and the rule engine's schema
//! all use the same rows. A class has a file or a folder; [`CLASSES`] lists them in the order in which they are
//! searched for a name.
//!
//! [`FieldRef::parse`] converts a name with its argument to a value with a function and its arguments; nothing is
//! looked up by name after that. A field has three forms: the [`value`](FieldRef::value) that conditions compare, the
//! [`text`](FieldRef::text) that `%field` prints, and the [`json`](FieldRef::json) form. They borrow from the event and
//! the state, or are built in the arena that the caller empties before the next event.
//!
//! ```
//! use peregrine_sinsp::fields::{FieldRef, Lifetime, prefix_len};
//!
//! let field = FieldRef::parse("proc.aname[2]").expect("a field");
//! assert_eq!(field.def().name, "proc.aname");
//! assert_eq!(field.lifetime(), Lifetime::Lineage);
//! assert_eq!(prefix_len("proc.nameand"), Some(9));
//! assert!(FieldRef::parse("proc.nose").is_err());
//! ```

mod arg;
mod flags;
pub(crate) mod macros;
mod print;
mod value;

mod field;
mod list;
mod page;
mod shape;

use bumpalo::Bump;
use scap::schema::{Format, ParamType};

use crate::Event;
pub(crate) use arg::{Arg, ArgRule, PathEnd};
pub use evt::{MayBeCut, has_cut_parameter, utc_offset};
pub use field::{FieldRef, Fields, OutputTime, prefix_len};
pub use flags::FieldFlags;
pub use list::{ListOptions, ListedClass, ListedField, Listing, listing};
pub use page::page;
pub use shape::{Item, Shape};
pub use value::{Value, write_json_text};

mod container;
mod evt;
mod fd;
mod fdlist;
mod fs_path;
mod group;
mod proc;
mod user;
mod util;

/// The built-in classes of fields, in the order in which they are searched for a name.
pub static CLASSES: &[&Class] = &[
    &evt::generic::EVT,
    &evt::EVT,
    &proc::PROCESS,
    &user::USER,
    &group::GROUP,
    &fd::FD,
    &fs_path::FS_PATH,
    &util::UTIL,
    &fdlist::FDLIST,
    &container::CONTAINER,
];

/// A group of fields about one subject.
#[derive(Debug)]
#[non_exhaustive]
pub struct Class {
    /// Its name in listings.
    pub name: &'static str,
    /// A short text that distinguishes classes of the same name; may be empty.
    pub short: &'static str,
    /// The subject of its fields; empty for a class that listings hide.
    pub doc: &'static str,
    /// Its fields.
    pub fields: &'static [FieldDef],
}

/// The lifetime of a field's value. It is conservative: a value never changes while its stamp does not, but it may stay
/// the same when the stamp changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lifetime {
    /// Until the next event.
    Event,
    /// As long as the event's file descriptor does not change.
    Fd,
    /// As long as the event's thread does not change.
    Thread,
    /// As long as the thread and all its ancestors do not change.
    Lineage,
    /// As long as these and the leaders of the thread's session and process group do not change.
    Leaders,
}

/// One field: a row of the table.
#[derive(Clone, Copy)]
pub struct FieldDef {
    /// Its name.
    pub name: &'static str,
    /// The type of its value, or of the elements of its list.
    pub kind: ParamType,
    /// The printed format of a number.
    pub format: Format,
    /// Its marks.
    pub flags: FieldFlags,
    /// The lifetime of a value.
    pub lifetime: Lifetime,
    /// Its description in one line.
    pub doc: &'static str,
    /// An example of its value.
    pub example: Example,
    pub(crate) arg: ArgRule,
    pub(crate) get: Get,
    pub(crate) text: Option<GetText>,
    pub(crate) json: Option<Get>,
}

impl std::fmt::Debug for FieldDef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FieldDef").field("name", &self.name).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// An example of a field: the text that it prints at an event of the example session (`testdata/traces/session.txt`).
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Example {
    /// The name of the event.
    pub at: &'static str,
    /// The argument, as it follows the name: `[2]`, `.name`.
    pub arg: Option<&'static str>,
    /// The text; `None` if the field has no value.
    pub text: Option<&'static str>,
}

/// Returns the value of a field.
pub(crate) type Get = for<'e> fn(&'e Event<'e>, &'e FieldRef, &'e Bump) -> Option<Value<'e>>;
/// Returns the text of a field whose text is not its value.
pub(crate) type GetText = for<'e> fn(&'e Event<'e>, &'e FieldRef, &'e Bump) -> Option<&'e [u8]>;

/// Returns nothing, for fields that are only compared.
pub(crate) fn none<'e>(_: &'e Event<'e>, _: &'e FieldRef, _: &'e Bump) -> Option<&'e [u8]> {
    None
}

/// The reason why a text is not a field, in Falco's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FieldError {
    message: String,
    kind: FieldErrorKind,
    field: String,
}

/// The kind of a [`FieldError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldErrorKind {
    /// There is no field of that name.
    Unknown,
    /// The argument is missing.
    MissingArgument,
    /// The argument is invalid.
    BadArgument,
}

impl FieldError {
    pub(crate) fn new(message: String) -> Self {
        Self { message, kind: FieldErrorKind::BadArgument, field: String::new() }
    }

    pub(crate) fn missing(message: String) -> Self {
        Self { message, kind: FieldErrorKind::MissingArgument, field: String::new() }
    }

    pub(crate) fn unknown(text: &str) -> Self {
        let message = format!("filter_check called with nonexistent field {text}");
        Self { message, kind: FieldErrorKind::Unknown, field: text.to_owned() }
    }

    /// Returns the kind of the error.
    pub fn kind(&self) -> FieldErrorKind {
        self.kind
    }

    /// Returns the text that is not a field, if it is unknown.
    pub fn unknown_field(&self) -> Option<&str> {
        self.is_unknown().then_some(self.field.as_str())
    }

    /// Returns whether there is no field of that name, as opposed to a field with an invalid argument.
    pub fn is_unknown(&self) -> bool {
        self.kind == FieldErrorKind::Unknown
    }
}
