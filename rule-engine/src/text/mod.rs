//! The text of rule files and conditions, and places in it.
//!
//! The floor under [`diag`](crate::diag), [`source`](crate::source) and [`syntax`](crate::syntax): all of them point at
//! places, and places need none of them.

mod file;
mod place;
mod raw;

pub use file::{SourceFile, Text};
pub(crate) use place::Lines;
pub use place::{FileId, Mark, Position, Spot};
pub use raw::{from_bytes, shown, to_bytes};
