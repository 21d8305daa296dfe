//! The settings of resolution: further outputs, and the handling of errors.

use super::extra::ExtraOutput;
use super::responses::Means;
use crate::text::SourceFile;

/// The handling of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// Stop at the first error, as Falco does.
    Stop,
    /// Continue, to find all.
    Continue,
}

/// Names of macros, lists and rules with errors: that they are missing is not reported again.
pub type Missing = rustc_hash::FxHashSet<String>;

/// The settings of a collection's resolution.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// Text that is added to outputs.
    pub extra: &'a [ExtraOutput],
    /// The files that were read.
    pub files: &'a [SourceFile],
    /// The handling of errors.
    pub on_error: OnError,
    /// The items that could not be read.
    pub missing: &'a Missing,
    /// Whether this is the last file. Correlations may name what any file defines, so they are resolved last.
    pub is_last: bool,
    /// The means of responses, if they are known.
    pub means: Option<&'a Means>,
}
