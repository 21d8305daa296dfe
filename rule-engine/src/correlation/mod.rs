//! Correlations: the order of events, and their number.
//!
//! A rule is about one event. A *correlation* is about several: steps in an order ([`plan::Kind::Sequence`]), or a
//! number of events, values or different rules within a timespan ([`plan::Kind::Window`]). Its *members* are rules,
//! inline steps and other correlations; events belong together that have one *key*.
//!
//! ```text
//! event -> rules that match -> hits -> Correlator -> matches -> alerts
//!                                        ^  |
//!                                        +--+ matches that other correlations name
//! ```
//!
//! Order and time are those of the events, never the clock of the host: a replay has the same results as the live run.
//! Partial matches are bounded in bytes, the oldest are dropped first and counted. The meaning of each construct, and
//! its reason, is in `docs/correlation.md`.

pub mod captured;
mod correlator;
mod entry;
pub mod key;
pub mod naive;
pub mod outcome;
pub mod parts;
pub mod plan;
mod store;
mod subject;

pub use correlator::Correlator;
pub use entry::Entry;
pub use outcome::{Effect, End, Ended, Outcome};
pub use plan::{JUMP, LATENESS, MAX_COUNT, MAX_DEPTH, MAX_MEMBERS, MAX_STEPS, Plan};
pub use store::Counters;
pub use subject::{Hit, Match, Subject};
