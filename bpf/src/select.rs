//! The selected events: a set of system calls and tracepoints, by their code in the schema.
//!
//! The set is a plain value, so that a rule engine can compute it and pass it to a source, at the start or later.

use crate::generated::{IA32, IA32_ONLY, NUMBERS, SOCKETCALL};
use crate::{Error, Result};
use scap::schema::{EventCode, Role, SYSCALLS, SyscallCode, SyscallFlags};

const WORDS: usize = 8;
/// Bits in a byte of the table of interest: selected as a 64-bit call; a 32-bit number whose call is selected.
const NATIVE: u8 = 1;
const IA32_CALL: u8 = 2;
/// Reported by the generic event.
const GENERIC: u8 = 4;
/// The 32-bit number of socketcall, which may be any socket call.
const IA32_SOCKETCALL: usize = 102;

/// A set of system calls and tracepoints.
///
/// ```
/// use peregrine_bpf::Selection;
/// use scap::schema::SyscallCode;
///
/// let mut selection = Selection::state();
/// selection.insert(SyscallCode::PTRACE);
/// assert!(selection.contains(SyscallCode::EXECVE) && selection.contains(SyscallCode::PTRACE));
/// assert!(!selection.contains(SyscallCode::READ));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection([u64; WORDS]);

/// The tracepoints, which have codes among the calls.
const TRACEPOINTS: [SyscallCode; 5] = [
    SyscallCode::SCHED_PROCESS_EXIT,
    SyscallCode::SCHED_SWITCH,
    SyscallCode::PAGE_FAULT_USER,
    SyscallCode::PAGE_FAULT_KERNEL,
    SyscallCode::SIGNAL_DELIVER,
];

impl Selection {
    /// Returns a set with the end of processes only, which any state needs.
    pub fn none() -> Self {
        let mut set = Self([0; WORDS]);
        set.insert(SyscallCode::SCHED_PROCESS_EXIT);
        set
    }

    /// Returns every call, the end of processes and delivered signals; not the scheduler's switches or page faults,
    /// which are as many as everything else together.
    pub fn all() -> Self {
        let mut set = Self::none();
        for row in SYSCALLS {
            if !TRACEPOINTS.contains(&row.code) {
                set.insert(row.code);
            }
        }
        set.insert(SyscallCode::SIGNAL_DELIVER);
        set
    }

    /// Returns the events that change the state of processes and file descriptors.
    pub fn state() -> Self {
        let mut set = Self::none();
        for row in SYSCALLS {
            let role = row.events.map_or(Role::None, |(_, exit)| exit.role());
            if row.flags.contains(SyscallFlags::NEVER_DROP)
                || matches!(role, Role::Opens | Role::Connects | Role::Accepts)
            {
                set.insert(row.code);
            }
        }
        for code in [
            SyscallCode::SETUID,
            SyscallCode::SETGID,
            SyscallCode::SETRESUID,
            SyscallCode::SETRESGID,
            SyscallCode::SETREUID,
            SyscallCode::SETREGID,
            SyscallCode::SETSID,
            SyscallCode::SETPGID,
            SyscallCode::CAPSET,
            SyscallCode::FCNTL,
            SyscallCode::MEMFD_CREATE,
            SyscallCode::PIDFD_OPEN,
            SyscallCode::PIDFD_GETFD,
            SyscallCode::IO_URING_SETUP,
        ] {
            set.insert(code);
        }
        set
    }

    /// Returns the calls (or tracepoints) with the given names, and the end of processes.
    ///
    /// # Errors
    /// If a name is unknown.
    pub fn named(names: &[&str]) -> Result<Self> {
        let mut set = Self::none();
        for name in names {
            set.insert(SyscallCode::from_name(name).ok_or_else(|| Error::UnknownCall((*name).into()))?);
        }
        Ok(set)
    }

    /// Adds one.
    pub fn insert(&mut self, code: SyscallCode) {
        if let Some(word) = self.0.get_mut(usize::from(code.0) / 64) {
            *word |= 1 << (code.0 % 64);
        }
    }

    /// Removes one.
    pub fn remove(&mut self, code: SyscallCode) {
        if let Some(word) = self.0.get_mut(usize::from(code.0) / 64) {
            *word &= !(1 << (code.0 % 64));
        }
    }

    /// Returns whether it is in the set.
    pub fn contains(&self, code: SyscallCode) -> bool {
        self.0.get(usize::from(code.0) / 64).is_some_and(|word| word >> (code.0 % 64) & 1 == 1)
    }

    /// Returns the codes in the set.
    pub fn iter(&self) -> impl Iterator<Item = SyscallCode> + '_ {
        SYSCALLS.iter().map(|row| row.code).filter(|code| self.contains(*code))
    }

    /// Returns the probe's table of interest.
    pub(crate) fn interest(&self) -> [u8; NUMBERS] {
        let mut table = [0; NUMBERS];
        for row in SYSCALLS {
            if let Some(nr) = row.x86_64
                && self.contains(row.code)
            {
                table[usize::from(nr)] |= NATIVE;
                if row.events.is_none_or(|(_, exit)| exit == EventCode::GENERIC_X || exit == EventCode::GENERIC_E) {
                    table[usize::from(nr)] |= GENERIC;
                }
            }
        }
        for (nr, code, _) in IA32_ONLY {
            if self.contains(SyscallCode(*code)) || self.contains(SyscallCode(*code).native()) {
                table[usize::from(*nr)] |= NATIVE;
            }
        }
        let wanted = |table: &[u8; NUMBERS], nr: u16| table.get(usize::from(nr)).is_some_and(|byte| byte & NATIVE != 0);
        for (nr, native) in IA32.iter().enumerate() {
            if wanted(&table, *native) {
                table[nr] |= IA32_CALL;
            }
        }
        if SOCKETCALL.iter().any(|nr| wanted(&table, *nr)) {
            table[IA32_SOCKETCALL] |= IA32_CALL;
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_32_bit_number_is_wanted_when_its_call_is() {
        let table = Selection::named(&["openat"]).expect("a call").interest();
        assert_eq!(table[257], NATIVE, "openat of x86_64");
        assert_eq!(table[295], IA32_CALL, "openat of ia32, preadv of x86_64");
        assert_eq!(table[0], 0);
    }

    #[test]
    fn socketcall_hides_socket_calls() {
        assert_eq!(Selection::named(&["connect"]).expect("a call").interest()[102] & IA32_CALL, IA32_CALL);
        assert_eq!(Selection::named(&["openat"]).expect("a call").interest()[102] & IA32_CALL, 0);
    }
}
