//! Memory that a user takes from the detector.

use crate::target::{NOBODY, Target, result_of};
use std::os::unix::fs::PermissionsExt;

/// Processes, each of which has [`crate::attacker::OPEN_FILES`] files open.
const PROCESSES: u64 = 40;
/// The memory that the detector may need for them: paths of nearly 4 KB that it remembers, and the processes. All
/// 40,000 paths would take 145 MB.
const MOST_KB: u64 = 100 << 10;

fn resident_kb(target: &Target) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", target.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

#[test]
fn long_names_of_many_files_take_a_bounded_amount_of_memory() {
    let Some(target) = Target::start("") else { return };
    std::fs::create_dir(target.path("deep")).unwrap();
    std::fs::set_permissions(target.path("deep"), PermissionsExt::from_mode(0o777)).unwrap();
    target.expect_alert("before");
    let before = resident_kb(&target);
    let directory = target.path("deep").display().to_string();
    let mut holding = Vec::new();
    for process in 0..PROCESSES {
        holding.push(target.attack(NOBODY, &format!("names {directory} {process}")));
    }
    let done = |process: u64| target.path("deep").join(format!("done-{process}")).exists();
    target.until("all files are open", |_| (0..PROCESSES).all(done));
    // The detector has read all of that.
    target.expect_alert("meanwhile");
    let taken = resident_kb(&target).saturating_sub(before);
    println!("{PROCESSES} processes with long names: {taken} KB");
    for process in holding {
        result_of(process);
    }
    assert!(taken < MOST_KB, "{taken} KB");
    target.expect_alert("afterwards");
}
