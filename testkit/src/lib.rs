//! Shared code of the workspace's tests: the comparison data, and a record of skips.
//!
//! The test harness shows `ok` for a test that returns early, whatever it prints. A test that cannot run here calls
//! [`skip!`] with the [`Need`] that is not met: the skip is appended to a file in the target folder, which
//! `make test` prints at its end, and it is a failure where [`REQUIRE`] names the need. Continuous integration
//! requires every need that its machine meets ([`Need::is_met`]), so that nothing that could run is skipped there.

mod needs;
mod port;
mod record;
mod sdk;
mod until;

pub use needs::*;
pub use port::port;
pub use record::{Skip, forget, read};
pub use sdk::{c_plugin, example_plugin, sdk_plugin, sdk_runner};
pub use until::until;

use std::fmt::Display;
use std::path::PathBuf;

/// The environment variable that names the folder of the comparison data.
pub const SHARED: &str = "PEREGRINE_SHARED";
/// The environment variable with the needs that must be met, separated by commas, or `all`.
pub const REQUIRE: &str = "PEREGRINE_REQUIRE";

/// Returns the root of the workspace.
pub fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}

/// Returns a file or folder of `testdata`.
pub fn testdata(name: &str) -> PathBuf {
    root().join("testdata").join(name)
}

/// Returns the lines of a compressed file of `testdata`, which are JSON.
///
/// # Panics
///
/// If the file is not there or not sound: it is part of the repository.
pub fn json_lines(name: &str) -> Vec<serde_json::Value> {
    let path = testdata(name);
    let file = std::fs::File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let text = std::io::read_to_string(flate2::read::GzDecoder::new(file));
    let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(parse).collect()
}

/// Returns where the comparison data is expected: `../shared` beside the checkout, or where [`SHARED`] points.
pub fn shared_path() -> PathBuf {
    std::env::var_os(SHARED).map_or_else(|| root().join("../shared"), PathBuf::from)
}

/// Returns the folder of the comparison data, or records a skip.
#[track_caller]
pub fn shared() -> Option<PathBuf> {
    let path = shared_path();
    if DATA.is_met() {
        return Some(path);
    }
    skip(&DATA, format_args!("no comparison data in {} ({SHARED} names another folder)", path.display()));
    None
}

/// Records that the current test, or a part of it, cannot run because `need` is not met.
///
/// # Panics
///
/// If [`REQUIRE`] names the need: what is required may not be skipped.
#[track_caller]
pub fn skip(need: &Need, why: impl Display) {
    let why = why.to_string();
    record::append(need, &why);
    let required = std::env::var(REQUIRE).unwrap_or_default();
    assert!(!need.is_required_by(&required), "{REQUIRE}={required}, but skipped for want of {}: {why}", need.name);
}

/// Records a skip and returns from the test: `skip!(DATA)` gives the need's own words as the reason,
/// `skip!(BPF, "{error}")` a reason of the test.
#[macro_export]
macro_rules! skip {
    ($need:ident) => {{
        $crate::skip(&$crate::$need, $crate::$need.missing);
        return;
    }};
    ($need:ident, $($why:tt)+) => {{
        $crate::skip(&$crate::$need, format_args!($($why)+));
        return;
    }};
}

/// Returns from the test with a recorded skip unless the need is met.
#[macro_export]
macro_rules! need {
    ($need:ident) => {
        if !$crate::$need.is_met() {
            $crate::skip!($need);
        }
    };
}
