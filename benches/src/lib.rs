//! Workloads shared by benchmarks: captures, sets of rules, and cases for counting instructions.

pub mod capture;
pub mod cases;
pub mod generated;
pub mod grid;

use std::path::PathBuf;

/// Where the data beside the repository is, if it is: `PEREGRINE_SHARED` says otherwise.
pub fn shared() -> PathBuf {
    std::env::var_os("PEREGRINE_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")), PathBuf::from)
}

/// The default rules.
pub fn default_rules() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/peregrine/rules/peregrine_rules.yaml"))
}
