//! Workloads shared by benchmarks: captures, sets of rules, and cases for counting instructions.

pub mod capture;
pub mod cases;
pub mod correlations;
pub mod generated;
pub mod grid;

use std::path::PathBuf;

/// Returns the folder of the comparison data.
pub fn shared() -> PathBuf {
    testkit::shared_path()
}

/// Returns the path of the default rules.
pub fn default_rules() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../detector/daemon/rules/peregrine_rules.yaml"))
}
