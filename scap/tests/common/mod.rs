//! Helpers of the integration tests.

#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

use std::path::PathBuf;

#[path = "../../../fuzz/src/generate.rs"]
pub mod generate;
#[path = "../../../fuzz/src/oracle.rs"]
pub mod oracle;

/// Returns every available capture: those of the repository, and those beside it.
pub fn captures() -> Vec<PathBuf> {
    let mut folders = vec![testkit::testdata("captures")];
    if let Some(shared) = testkit::shared() {
        folders.extend(["recorded", "upstream"].map(|folder| shared.join("data/captures").join(folder)));
    }
    let mut paths = Vec::<PathBuf>::new();
    for folder in folders {
        for entry in std::fs::read_dir(folder).expect("the folder is there") {
            let path = entry.expect("an entry").path();
            let known = paths.iter().any(|known| known.file_name() == path.file_name());
            if !known && path.extension().is_some_and(|extension| extension == "scap") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    paths
}
