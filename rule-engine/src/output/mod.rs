//! The outputs of rules: templates, and alerts as text and JSON in Falco's format.

mod alert;
pub(crate) mod json;
mod priority;
mod template;

pub use alert::{ExtraField, Format, Output};
pub use priority::{Priority, UnknownPriority};
pub use template::{Formatter, Template, TemplateError};
