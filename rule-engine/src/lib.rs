//! Falco-compatible conditions and rules: text in, alerts out.
//!
//! ```text
//! YAML -> source -> syntax -> resolve -> lower -> vm -> ruleset -> output
//!         items     trees     typed      program        index      alerts
//! ```
#![forbid(unsafe_code)]

pub mod diag;
pub mod engine;
pub mod event;
pub mod explain;
pub mod filter;
pub mod load;
pub mod lower;
pub mod output;
pub mod resolve;
pub mod ruleset;
pub mod source;
pub mod syntax;
pub mod testing;
pub mod vm;
