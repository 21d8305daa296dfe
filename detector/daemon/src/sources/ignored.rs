//! System calls that are not captured by default.
//!
//! Calls that move bytes are so frequent that capturing them costs more than everything else together, and few rules
//! need them. They are excluded unless the state follows them (messages carry addresses and file descriptors).

use scap::schema::SyscallSet;

/// Returns the calls that only `base_syscalls.all` enables.
pub(crate) fn ignored() -> SyscallSet {
    SyscallSet::io().difference(SyscallSet::state())
}

/// Returns the names of the calls in a set, sorted, each once.
pub(crate) fn names(set: SyscallSet) -> Vec<&'static str> {
    let mut names: Vec<_> = set.iter().filter_map(|code| code.info()).map(|call| call.name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Returns the text of `-i`.
pub(crate) fn ignored_text() -> String {
    let lines: String = names(ignored()).iter().map(|name| format!("- {name}\n")).collect();
    format!("Ignored syscall(s):\n{lines}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_calls_are_ignored_but_not_those_of_the_state() {
        let ignored = names(ignored());
        for name in ["read", "write", "pread64", "sendfile", "preadv", "writev"] {
            assert!(ignored.contains(&name), "{name}");
        }
        for name in ["openat", "recvmsg", "sendmsg", "execve", "getpid", "dup"] {
            assert!(!ignored.contains(&name), "{name}");
        }
        assert!(ignored_text().contains("\n- read\n"));
    }
}
