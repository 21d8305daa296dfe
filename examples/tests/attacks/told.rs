//! Reports of attacks that cannot be prevented.

use crate::target::Target;
use std::process::Command;
use std::time::Duration;

#[test]
fn a_detector_that_was_killed_or_stopped_says_so() {
    let Some(mut target) = Target::start("") else { return };
    let signal = |target: &Target, name: &str| {
        assert!(Command::new("kill").args([name, &target.child.id().to_string()]).status().unwrap().success());
    };
    target.expect_alert("before");
    target.until("the heartbeat", |target| target.text("heartbeat").contains("\"ended\":false"));
    assert!(target.alerts("Peregrine internal: detector was killed").is_empty());
    signal(&target, "-KILL");
    target.start_again();
    target.until("an alert", |target| target.alerts("Peregrine internal: detector was killed").len() == 1);
    signal(&target, "-STOP");
    // Longer than any pause that is not reported.
    std::thread::sleep(Duration::from_secs(8));
    signal(&target, "-CONT");
    target.until("an alert", |target| target.alerts("Peregrine internal: detector was stopped").len() == 1);
    signal(&target, "-TERM");
    target.child.wait().unwrap();
    assert!(target.text("heartbeat").contains("\"ended\":true"));
}
