//! Shared parts of the tests of the programs.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod service;

#[allow(unused_imports, reason = "each test file uses a part of it")]
pub(crate) use testkit::port;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Returns the root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns the bundled capture.
pub(crate) fn bundled() -> PathBuf {
    root().join("testdata/captures/attack-a.scap")
}

/// Returns Falco's own data, or records a skip.
#[track_caller]
pub(crate) fn shared() -> Option<PathBuf> {
    testkit::shared()
}

/// Result of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs the detector.
pub(crate) fn peregrine<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peregrine"));
    command.args(args).env("FALCO_HOSTNAME", "test").env("TZ", "UTC");
    ran(&command.output().expect("the program starts"))
}

fn ran(output: &Output) -> Ran {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    // A death by signal has no code; it must not look like any.
    Ran { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}

/// Returns the options that replay a capture.
pub(crate) fn replay(capture: &Path) -> Vec<String> {
    let capture = format!("engine.replay.capture_file={}", capture.display());
    ["-o", "engine.kind=replay", "-o", &capture].map(str::to_owned).to_vec()
}

/// Returns the alerts among lines of JSON.
pub(crate) fn alerts(out: &str) -> Vec<serde_json::Value> {
    out.lines().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).expect("JSON")).collect()
}
