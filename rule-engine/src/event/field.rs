//! Fields by name: their arguments between brackets, and tables of fields over places in a JSON document.

use bumpalo::Bump;
use serde_json::Value as Json;

use super::{FieldError, Scope, ScopeSource, Value};

/// The argument of a field between brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Argument {
    /// None.
    None,
    /// An index, optional.
    Index,
    /// An index, required.
    RequiredIndex,
    /// A key, required.
    Key,
    /// A key, optional.
    OptionalKey,
}

impl Argument {
    /// Checks the argument of a field.
    ///
    /// # Errors
    /// If it is missing, not allowed, or not an index, in the words of Falco's plugins.
    pub fn check(self, name: &str, arg: Option<&[u8]>) -> Result<(), FieldError> {
        let shown = |arg: &[u8]| String::from_utf8_lossy(arg).into_owned();
        match (self, arg) {
            (Self::Key | Self::RequiredIndex, None) => Err(FieldError::MissingArgument {
                field: name.to_owned(),
                message: format!("filter '{name}': {name} requires an argument but none provided"),
            }),
            (Self::None, Some(arg)) => {
                let arg = shown(arg);
                let message = format!(
                    "filter '{name}[{arg}]': {name} does not allow nor require an argument but one is provided: {arg}"
                );
                Err(FieldError::BadArgument { field: name.to_owned(), message })
            }
            (Self::Index | Self::RequiredIndex, Some(arg)) => {
                let problem = if !arg.iter().all(u8::is_ascii_digit) {
                    "not composed only by digits"
                } else if arg.is_empty() || arg.len() > 1 && arg[0] == b'0' {
                    "starting with 0"
                } else if shown(arg).parse::<u64>().is_err() {
                    "not representable on 64 bit"
                } else {
                    return Ok(());
                };
                let arg = shown(arg);
                let message = format!("filter {name}[{arg}] {name} has an invalid index argument {problem}: {arg}");
                Err(FieldError::BadArgument { field: name.to_owned(), message })
            }
            _ => Ok(()),
        }
    }
}

/// A field of JSON events, for listings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct JsonField {
    /// Its name.
    pub name: &'static str,
    /// Its description.
    pub doc: &'static str,
    /// Whether it is a list.
    pub list: bool,
    /// Its argument between brackets.
    pub argument: Argument,
}

/// The fields of the JSON documents of one source, such as Kubernetes audit records.
pub(super) trait FieldTable: std::fmt::Debug + Send + Sync {
    /// Returns the value of `evt.pluginname`.
    fn plugin(&self) -> &'static str;

    /// Returns the fields, in the order of listings.
    fn rows(&self) -> Vec<JsonField>;

    /// Returns a field by its name.
    fn find(&self, name: &str) -> Option<JsonField>;

    /// Returns the getter of a field with an argument that was checked.
    fn getter(&self, name: &str, arg: Option<&[u8]>) -> Option<Box<dyn FieldGetter>>;

    /// Returns how the documents belong to a scope of correlations.
    fn scope(&self, scope: Scope) -> ScopeSource {
        let _ = scope;
        ScopeSource::None
    }
}

/// A field of a table with its argument.
pub(super) trait FieldGetter: std::fmt::Debug + Send + Sync {
    /// Returns the value of the field in a document.
    fn value<'e>(&self, root: &'e Json, arena: &'e Bump) -> Option<Value<'e>>;
}

/// Returns the text of a JSON value: that of a string as it is, anything else as JSON.
pub(super) fn text<'e>(json: &'e Json, arena: &'e Bump) -> &'e [u8] {
    match json {
        Json::String(text) => text.as_bytes(),
        other => arena.alloc_str(&other.to_string()).as_bytes(),
    }
}
