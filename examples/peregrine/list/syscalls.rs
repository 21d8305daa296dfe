//! Sets of system calls: those that the state needs, and those left out unless asked for.
//!
//! Calls that move bytes are so frequent that capturing them costs more than everything else together, and few rules
//! look at them. They are left out unless the state itself follows them (messages carry addresses and descriptors).

use scap::schema::{Category, EventFlags, SYSCALLS, SyscallFlags, SyscallInfo};

fn event_flags(call: &SyscallInfo) -> EventFlags {
    let (enter, exit) = match call.events {
        Some(pair) => pair,
        None => return EventFlags::default(),
    };
    let flags = |code: scap::EventCode| code.info().map(|info| info.flags).unwrap_or_default();
    flags(enter) | flags(exit)
}

/// Whether the state engine must see the call.
pub(crate) fn changes_state(call: &SyscallInfo) -> bool {
    event_flags(call).contains(EventFlags::MODIFIES_STATE) || call.flags.contains(SyscallFlags::NEVER_DROP)
}

/// Whether the call reads or writes through a descriptor.
fn moves_bytes(call: &SyscallInfo) -> bool {
    let subject = call.events.and_then(|(_, exit)| exit.info()).map(|info| info.category.subject());
    subject.is_some_and(|subject| subject == Category::IO_READ || subject == Category::IO_WRITE)
}

/// Whether the call is left out unless asked for.
pub(crate) fn is_ignored(call: &SyscallInfo) -> bool {
    moves_bytes(call) && !changes_state(call)
}

/// The text of `-i`.
pub(crate) fn ignored_text() -> String {
    let mut names: Vec<_> = SYSCALLS.iter().filter(|call| is_ignored(call)).map(|call| call.name).collect();
    names.sort_unstable();
    names.dedup();
    let mut text = String::from("Ignored syscall(s):\n");
    for name in names {
        text += &format!("- {name}\n");
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str) -> &'static SyscallInfo {
        SYSCALLS.iter().find(|call| call.name == name).unwrap()
    }

    #[test]
    fn bytes_are_left_out_but_not_what_the_state_needs() {
        for name in ["read", "write", "pread64", "sendfile", "preadv", "writev"] {
            assert!(is_ignored(call(name)), "{name}");
        }
        for name in ["openat", "recvmsg", "sendmsg", "execve", "getpid", "dup"] {
            assert!(!is_ignored(call(name)), "{name}");
        }
        for name in ["execve", "openat", "connect", "close"] {
            assert!(changes_state(call(name)), "{name}");
        }
        assert!(ignored_text().contains("\n- read\n"));
    }
}
