//! Correlations: what comes after what, and how often.
//!
//! A rule is about one event. A *correlation* is about several: steps in an order ([`plan::Kind::Sequence`]), or so many
//! events, values or different rules within a timespan ([`plan::Kind::Window`]). Its *members* are rules, inline steps
//! and other correlations; events belong together that have one *key*.
//!
//! ```text
//! event -> rules that match -> hits -> Correlator -> matches -> alerts
//!                                        ^  |
//!                                        +--+ matches that other correlations name
//! ```
//!
//! Order and time are those of the events, never the clock of the machine: a replay gives what the live run gave. Partial
//! matches are bounded in bytes, the oldest are dropped first and counted. What each construct means, and why, is in
//! `docs/correlation.md`.

pub mod captured;
mod correlator;
pub mod key;
pub mod naive;
pub mod parts;
pub mod plan;
mod store;
mod subject;

pub use correlator::Correlator;
pub use plan::{LATENESS, MAX_COUNT, MAX_DEPTH, MAX_MEMBERS, MAX_STEPS, Plan};
pub use store::{Counters, Entry};
pub use subject::{Hit, Match, Subject};
