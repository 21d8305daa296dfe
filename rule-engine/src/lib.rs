//! Falco-compatible conditions and rules: text in, alerts out.
//!
//! ```text
//! YAML -> source -> syntax -> resolve -> lower -> vm -> ruleset -> output
//!         items     trees     typed      program        index      alerts
//! ```
#![forbid(unsafe_code)]

pub mod event;
pub mod syntax;
