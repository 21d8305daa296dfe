//! What an event is, where it comes from and how it is stored.
//!
//! A *capture* is a stream of events (system calls, process exits, signals) and the state of the machine when it
//! began. This crate holds the [schema] of all events, a view on one event's bytes ([`Event`]), the `.scap` files in
//! which captures are kept, the `/proc` snapshot that starts a live one, and the [`Source`] trait behind which the
//! rest of the suite does not care where events come from.
//!
//! Bytes are borrowed, never copied: a source lends an [`Event`] until its next one is asked for. Any byte string is
//! acceptable input; what cannot be understood is an [`Error`] that names the place, never a panic.
#![forbid(unsafe_code)]

pub mod event;
pub mod host;
pub mod render;
pub mod savefile;
pub mod schema;
pub mod source;
pub mod text;

mod error;

pub use error::{Error, Result};
pub use event::{Event, EventBuilder, Param};
pub use host::HostState;
pub use schema::{EventCode, ParamType};
pub use source::{Next, Source, SourceStats};
