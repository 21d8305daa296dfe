//! `events.h`: codes, numbers of parameters, and the family under which a drop is counted.

use scap::schema::EVENTS;
use std::fmt::Write as _;

/// The families of the drop counters, in the order of their numbers.
pub(super) const FAMILIES: &[&str] = &[
    "other",
    "open",
    "open_enter",
    "close",
    "clone_fork",
    "execve",
    "exit",
    "connect",
    "connect_enter",
    "dir_file",
    "io",
    "net",
    "identity",
    "memory",
    "sched",
    "signal",
    "generic",
];

/// The calls whose arguments are recorded at entry as well. An entry that is lost counts under the family of the call's
/// event, with `_enter`.
pub(super) const ENTERED: &[&str] = &["open", "openat", "openat2", "creat", "connect"];

/// The causes of drops, in the order of their numbers.
pub(super) const CAUSES: &[&str] = &["buffer", "scratch", "no_ring", "too_large"];

/// Returns the family of the event whose constant is `constant`.
pub(super) fn family(constant: &str) -> &'static str {
    if let Some((_, exit)) = super::syscalls::entered().map(|row| row.events).find(|(enter, _)| *enter == constant) {
        let name = format!("{}_enter", family(exit));
        return FAMILIES.iter().find(|family| **family == name).unwrap_or(&"other");
    }
    let stem = constant.trim_end_matches("_X").trim_end_matches("_E");
    match stem {
        "OPEN" | "OPENAT_2" | "OPENAT2" | "CREAT" | "OPEN_BY_HANDLE_AT" => "open",
        "CLOSE" | "CLOSE_RANGE" => "close",
        "CLONE_20" | "CLONE3" | "FORK_20" | "VFORK_20" => "clone_fork",
        "EXECVE_19" | "EXECVEAT" => "execve",
        "PROCEXIT_1" => "exit",
        "CONNECT" => "connect",
        "SCHEDSWITCH_6" => "sched",
        "SIGNALDELIVER" | "KILL" | "TKILL" | "TGKILL" => "signal",
        "GENERIC" => "generic",
        _ => {
            let Some(info) = EVENTS.iter().find(|info| info.constant == constant) else { return "other" };
            use scap::schema::Category;
            match info.category.subject() {
                Category::FILE => "dir_file",
                Category::IO_READ | Category::IO_WRITE => "io",
                Category::NET => "net",
                Category::USER => "identity",
                Category::MEMORY => "memory",
                _ => "other",
            }
        }
    }
}

/// Returns the text of `events.h`.
pub(super) fn header() -> String {
    let mut out = super::c_header("Event codes, numbers of parameters, and the family that a lost event counts under.");
    out.push_str("enum family {\n");
    for name in FAMILIES {
        let _ = writeln!(out, "\tFAMILY_{},", name.to_uppercase());
    }
    out.push_str("\tFAMILIES,\n};\n\nenum cause {\n");
    for name in CAUSES {
        let _ = writeln!(out, "\tCAUSE_{},", name.to_uppercase());
    }
    out.push_str("\tCAUSES,\n};\n\n");
    for info in EVENTS.iter().filter(|info| info.is_live()) {
        let name = info.constant;
        let family = family(name).to_uppercase();
        let _ = writeln!(out, "#define EV_{name} {}\n#define EV_{name}_PARAMS {}", info.code.0, info.params.len());
        let _ = writeln!(out, "#define EV_{name}_FAMILY FAMILY_{family}");
    }
    out
}
