//! The stateful inspector: threads, descriptors, users, containers, and the fields that rules name.
//!
//! An [`Inspector`] takes events from any [`scap::Source`], keeps the [`State`] of the machine that they tell of, and
//! lends each [`Event`] with the thread and the descriptor that it is about.
#![forbid(unsafe_code)]

pub mod config;
pub mod fields;
pub mod format;
pub mod state;

mod error;
mod event;
mod inspector;
mod observer;
mod parse;
mod proc;
mod suppress;

pub use config::Config;
pub use error::{Error, Result};
pub use event::{Event, Facts};
pub use inspector::{Inspector, Next};
pub use observer::Observer;
pub use proc::Proc;
/// The crate below: sources, captures, and the table of events.
pub use scap;
pub use state::State;
