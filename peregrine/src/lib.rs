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
//! With the feature `plugins`, the rules and detectors of a program use plugins that were built for Falco: their fields,
//! and events of their own sources.
//!
//! Rules may request a response, such as to kill a process: an alert then has a [`Verdict`]. It is a proposal; nothing here
//! acts.
//!
//! The libraries below remain accessible: [`scap`] reads and writes captures, [`sinsp`] is the state, [`rule_engine`]
//! compiles and evaluates.
#![forbid(unsafe_code)]

mod detector;
mod engine;
mod error;
mod found;
mod json;
#[cfg(feature = "plugins")]
mod plugin_detector;
#[cfg(feature = "plugins")]
mod plugins;
mod rules;

#[cfg(feature = "live")]
pub use bpf;
#[cfg(feature = "plugins")]
pub use peregrine_plugin_host as plugin_host;
pub use rule_engine;
pub use scap;
pub use sinsp;

pub use detector::Detector;
pub use engine::Engine;
pub use error::{Error, Problem, Report};
pub use found::Step;
pub use json::JsonDetector;
#[cfg(feature = "plugins")]
pub use plugin_detector::PluginDetector;
#[cfg(feature = "plugins")]
pub use plugins::Plugins;
pub use rule_engine::engine::{Alert, AlertKind, Note, OwnedAlert, OwnedValue};
pub use rule_engine::event::Value;
pub use rule_engine::output::{Format, Priority};
pub use rule_engine::response::Verdict;
pub use rules::{Rules, RulesBuilder};
