//! Privileges of code that takes over the program.

use crate::target::{NOBODY, Target};
use std::fs;

fn status<'t>(text: &'t str, name: &str) -> &'t str {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or_default().trim()
}

#[test]
fn privileges_are_dropped_after_the_start() {
    let Some(target) = Target::start("") else { return };
    target.get("/healthz");
    let process = format!("/proc/{}", target.child.id());
    let text = fs::read_to_string(format!("{process}/status")).unwrap();
    assert_eq!((status(&text, "NoNewPrivs"), status(&text, "Seccomp")), ("1", "2"), "{text}");
    let limits = fs::read_to_string(format!("{process}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    let all = |name: &str| u64::from_str_radix(status(&text, name), 16).unwrap();
    // Neither SYS_ADMIN (21), SYS_MODULE (16), NET_ADMIN (12), SETUID (7) nor SYS_BOOT (22).
    for name in ["CapEff", "CapPrm", "CapBnd"] {
        assert_eq!(all(name) & (1 << 21 | 1 << 16 | 1 << 12 | 1 << 7 | 1 << 22), 0, "{name} {:x}", all(name));
    }
    let nice = |task: &str| -> i32 {
        let stat = fs::read_to_string(format!("{task}/stat")).unwrap();
        stat.rsplit(") ").next().unwrap().split(' ').nth(16).unwrap().parse().unwrap()
    };
    assert_eq!(nice(&process), -15);
    let (mut web, mut outputs) = (0, 0);
    for task in fs::read_dir(format!("{process}/task")).unwrap() {
        let task = task.unwrap().path().display().to_string();
        if fs::read_to_string(format!("{task}/comm")).unwrap().trim() == "web" {
            let text = fs::read_to_string(format!("{task}/status")).unwrap();
            assert_eq!((status(&text, "CapEff"), status(&text, "CapPrm")), ("0000000000000000", "0000000000000000"));
            assert_eq!(nice(&task), -5);
            web += 1;
        }
        if fs::read_to_string(format!("{task}/comm")).unwrap().starts_with("stdout") {
            let text = fs::read_to_string(format!("{task}/status")).unwrap();
            // DAC_OVERRIDE (1) and DAC_READ_SEARCH (2).
            let left = u64::from_str_radix(status(&text, "CapEff"), 16).unwrap();
            assert_eq!(left & !(1 << 1 | 1 << 2), 0, "{left:x}");
            outputs += 1;
        }
    }
    assert!(web > 0 && outputs > 0, "{web} {outputs}");
    // Its memory and environment are nobody else's.
    assert_eq!(target.attack_result(NOBODY, &format!("read {process}/environ")), "Some(PermissionDenied)");
}

/// As in a container whose session was begun outside it: the IDs of the session and of the parent are 0 there.
#[test]
fn a_session_from_outside_the_pid_namespace_is_no_obstacle() {
    let Some(target) = Target::start_in_a_pid_namespace() else { return };
    target.get("/healthz");
}
