//! SQL over captures of system calls, by DataFusion.
//!
//! A `Session` has the tables of `peregrine_tables` straight from captures: only the columns that a query names are
//! extracted, and the predicates that a condition of rules can express are one, which is evaluated before. Parquet files
//! and datasets of these tables are queried by the same session; with the feature `ballista`, on several machines.
//!
//! Without the feature `engine` the crate is empty: DataFusion takes minutes to build.
#![forbid(unsafe_code)]

#[cfg(feature = "engine")]
mod capture;
#[cfg(feature = "ballista")]
mod cluster;
#[cfg(feature = "engine")]
mod error;
#[cfg(feature = "engine")]
mod names;
#[cfg(feature = "engine")]
mod parquet;
#[cfg(feature = "engine")]
mod pushdown;
#[cfg(feature = "engine")]
mod scan;
#[cfg(feature = "engine")]
mod session;
#[cfg(feature = "engine")]
mod table;
#[cfg(feature = "engine")]
mod turns;
#[cfg(feature = "engine")]
mod union;

#[cfg(feature = "engine")]
pub use capture::{Capture, Note};
#[cfg(feature = "engine")]
pub use error::{Error, Place};
#[cfg(feature = "engine")]
pub use session::{Options, Session, Sink};
