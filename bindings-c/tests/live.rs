//! Live events by way of C: only with the feature `live`, and only where this machine can be opened.
#![cfg(feature = "live")]

mod support;

use std::process::Command;

use support::{Language, program};

/// How the C test says that this machine cannot be opened.
const SKIPPED: i32 = 77;

#[test]
fn c_sees_what_its_own_program_does() {
    let mut command = Command::new(program("tests/c/live.c", Language::C));
    support::settings(command.arg("sees_what_this_program_does"), "live");
    let done = command.output().expect("run");
    let said = String::from_utf8_lossy(&done.stderr);
    if done.status.code() == Some(SKIPPED) {
        testkit::skip!(BPF, "{said}");
    }
    assert!(done.status.success(), "{}: {said}", done.status);
}
