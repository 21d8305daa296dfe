//! Diagnostics: errors and warnings about rules, their places, and hints.
//!
//! A [`Diagnostic`] has a [`Code`] and a [`Context`] as Falco has them, so that tools which read Falco's output read
//! ours ([`falco`]); and for people a spot in the file, notes on the way to it through macros and lists, and a hint
//! ([`human`]).

pub mod codes;
mod context;
pub mod falco;
mod hint;
pub mod human;
mod report;

pub use crate::text::{FileId, Mark, SourceFile, Spot};
pub use codes::{Code, Severity};
pub use context::{Context, Location, Place};
pub(crate) use hint::Hints;
pub use hint::{did_you_mean, nearest};
pub use report::{Diagnostic, FileReport};
