//! Runtime detection for Linux: [Falco](https://falco.org) rules over system calls, captures and JSON.
//!
//! ```no_run
//! use peregrine::{Detector, Rules};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let rules = Rules::builder().file("rules.yaml")?.build()?;
//! let mut detector = Detector::capture("attack.scap", &rules)?;
//! while let Some(alert) = detector.next()? {
//!     println!("{alert}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`Rules`] are compiled once and shared by all threads. A [`Detector`] reads events, keeps the state of the host that
//! they describe, and evaluates the rules: one for each thread, over a capture, a live probe (feature `live`) or any
//! [`scap::Source`]. [`Rules::json`] evaluates rules about JSON, such as Kubernetes audit records. An [`Alert`] is a
//! value with typed fields; it displays as Falco's line of text and is written as Falco's JSON.
//!
//! The libraries below remain accessible: [`scap`] reads and writes captures, [`sinsp`] is the state, [`rule_engine`]
//! compiles and evaluates.
#![forbid(unsafe_code)]

mod detector;
mod engine;
mod error;
mod json;
mod rules;

#[cfg(feature = "live")]
pub use bpf;
pub use rule_engine;
pub use scap;
pub use sinsp;

pub use detector::{Detector, Step};
pub use engine::Engine;
pub use error::{Error, Problem, Report};
pub use json::JsonDetector;
pub use rule_engine::engine::{Alert, AlertKind, Note, OwnedAlert, OwnedValue};
pub use rule_engine::event::Value;
pub use rule_engine::output::{Format, Priority};
pub use rules::{Rules, RulesBuilder};
