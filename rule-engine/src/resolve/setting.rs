//! What resolution works under: further outputs, and what a fault leads to.

use super::extra::ExtraOutput;
use crate::text::SourceFile;

/// How to go about faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// Stop at the first error, as Falco does.
    Stop,
    /// Go on, to find all.
    Continue,
}

/// Names of macros, lists and rules that were at fault when they were read: that they are missing is no news.
pub type Missing = rustc_hash::FxHashSet<String>;

/// What a collection is resolved with.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// Text that is added to outputs.
    pub extra: &'a [ExtraOutput],
    /// The files that were read.
    pub files: &'a [SourceFile],
    /// How to go about faults.
    pub on_error: OnError,
    /// What could not be read.
    pub missing: &'a Missing,
    /// Whether no file follows. Correlations may name what any file defines, so they are resolved last.
    pub is_last: bool,
}
