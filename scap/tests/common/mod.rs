//! What the integration tests share.

#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

use std::path::PathBuf;

#[path = "../../../fuzz/src/generate.rs"]
pub mod generate;
#[path = "../../../fuzz/src/oracle.rs"]
pub mod oracle;

/// The data that stands beside the repository, where it does.
pub fn shared() -> Option<PathBuf> {
    let path = std::env::var_os("PEREGRINE_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")), PathBuf::from);
    let there = path.join("data/captures").is_dir();
    if !there {
        println!("skipped: {} does not hold the captures", path.display());
    }
    there.then_some(path)
}

/// Every capture that there is.
pub fn captures() -> Vec<PathBuf> {
    let Some(shared) = shared() else { return Vec::new() };
    let mut paths = Vec::new();
    for folder in ["upstream", "recorded"] {
        for entry in std::fs::read_dir(shared.join("data/captures").join(folder)).expect("the folder is there") {
            paths.push(entry.expect("an entry").path());
        }
    }
    paths.sort();
    paths
}
