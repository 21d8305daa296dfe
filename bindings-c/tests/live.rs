//! Live events through the C interface: only with the feature `live`, and only where live capture is possible.
#![cfg(feature = "live")]

mod support;

use std::process::Command;

use support::{Language, program};

/// The exit code by which the C test says that live capture is not possible.
const SKIPPED: i32 = 77;

#[test]
fn c_sees_the_calls_of_its_own_program() {
    let mut command = Command::new(program("tests/c/live.c", Language::C));
    support::settings(command.arg("sees_what_this_program_does"), "live");
    let done = command.output().expect("run");
    let said = String::from_utf8_lossy(&done.stderr);
    if done.status.code() == Some(SKIPPED) {
        testkit::skip!(BPF, "{said}");
    }
    assert!(done.status.success(), "{}: {said}", done.status);
}
