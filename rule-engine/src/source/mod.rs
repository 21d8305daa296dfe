//! Rule files as written: YAML with marks, and the items in it.
//!
//! ```text
//! bytes --decode--> text --yaml--> documents --read--> steps (item.rs)
//! ```

pub mod correlation;
pub mod item;
pub mod read;
mod read_correlation;
mod read_response;
mod read_rule;
pub mod schema;
pub mod span;
pub mod yaml;

pub use read_rule::PRIORITIES;
pub(crate) use read_rule::{MAY_APPEND, MAY_REPLACE};
pub use yaml::Style;
