//! Differences between the events of this source and those of the probe, with their reasons.

use crate::live::Live;

/// The beginning of what a case reports, and the reason.
const DIFFERENCES: &[(&str, &str)] = &[
    ("OPEN_E(2): no event", ENTRY),
    ("OPENAT_2_E(306): no event", ENTRY),
    ("OPENAT2_E(326): no event", ENTRY),
    ("CREAT_E(58): no event", ENTRY),
    ("CONNECT_E(22): no event", ENTRY),
    ("a bind mount: ", "/proc names a file by its mount, not where the mount comes from"),
    ("a tree that is not mounted: ", "a link of /proc does not tell it from a path below the root"),
    ("a text in a page that others have: Some(true)", "who else can write a page is not asked"),
    ("SOCKETPAIR_X.source: ", ADDRESSES),
    ("SOCKETPAIR_X.peer: ", ADDRESSES),
    ("the descriptor ", "file descriptors that come with a message are not read: the state looks them up"),
    ("CLONE_20_X.ptid: ", CREATOR),
    ("FORK_20_X.ptid: ", CREATOR),
    ("VFORK_20_X.ptid: ", CREATOR),
    ("CLONE3_X.ptid: ", CREATOR),
    ("SIGNALDELIVER_E of 9: no event", "no tracer sees a signal that kills at once"),
    ("a trap by seccomp: 0 events", OWN_FILTER),
    ("the end of the process by seccomp: 0 events", OWN_FILTER),
    ("the end of the thread by seccomp: 0 events", OWN_FILTER),
    ("an error by seccomp: 0 events", OWN_FILTER),
];

const ENTRY: &str = "events at entry are there to notice a change of arguments, which a tracer cannot see either";
const ADDRESSES: &str = "the kernel's addresses of sockets are unknown";
const CREATOR: &str = "the parent in /proc is a process, not the thread of it that made the child";
const OWN_FILTER: &str = "the answer of a program's own seccomp filter precedes the one that stops it for the tracer";

/// Compares what the cases report with the list: what it lacks, and a row that is not reported, are errors.
pub(crate) fn compare(live: Live) {
    let (cases, found) = live.into_faults();
    let unknown: Vec<_> =
        found.iter().filter(|found| !DIFFERENCES.iter().any(|(known, _)| found.starts_with(known))).collect();
    let gone: Vec<_> =
        DIFFERENCES.iter().filter(|(known, _)| !found.iter().any(|found| found.starts_with(known))).collect();
    println!("{cases} cases, {} differences of which {} are not listed", found.len(), unknown.len());
    for difference in &unknown {
        println!("NOT LISTED {difference}");
    }
    assert!(unknown.is_empty() && gone.is_empty(), "not listed: {unknown:#?}\nlisted, but equal by now: {gone:#?}");
}
