//! The traced threads, and their processes.

use std::collections::HashMap;
use std::os::fd::OwnedFd;

use crate::call::Call;

/// A traced thread.
#[derive(Debug, Default)]
pub(crate) struct Tracee {
    /// Its process.
    pub(crate) pid: i32,
    /// The parent of its process.
    pub(crate) parent: i32,
    /// The call that it is in, if that is selected.
    pub(crate) call: Option<Call>,
    /// Whether a file that the call is to create was there before.
    pub(crate) existed: bool,
    /// The name of the file that the call executes.
    pub(crate) exec_name: Vec<u8>,
    /// Refers to its process, once it was needed.
    pub(crate) pidfd: Option<OwnedFd>,
}

#[derive(Debug, Default)]
struct Process {
    threads: u32,
    /// Whether another process has the same memory.
    shares: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Tracees {
    threads: HashMap<i32, Tracee>,
    processes: HashMap<i32, Process>,
}

impl Tracees {
    pub(crate) fn is_empty(&self) -> bool {
        self.threads.is_empty()
    }

    pub(crate) fn get_mut(&mut self, tid: i32) -> Option<&mut Tracee> {
        self.threads.get_mut(&tid)
    }

    pub(crate) fn contains(&self, tid: i32) -> bool {
        self.threads.contains_key(&tid)
    }

    /// Adds a thread of the process `pid`, whose parent is `parent`.
    pub(crate) fn insert(&mut self, tid: i32, pid: i32, parent: i32) {
        self.processes.entry(pid).or_default().threads += 1;
        self.threads.insert(tid, Tracee { pid, parent, ..Tracee::default() });
    }

    /// Removes a thread.
    pub(crate) fn remove(&mut self, tid: i32) -> Option<Tracee> {
        let tracee = self.threads.remove(&tid)?;
        if let Some(process) = self.processes.get_mut(&tracee.pid) {
            process.threads -= 1;
            if process.threads == 0 {
                self.processes.remove(&tracee.pid);
            }
        }
        Some(tracee)
    }

    /// Takes note that two processes have the same memory.
    pub(crate) fn share(&mut self, one: i32, other: i32) {
        for pid in [one, other] {
            if let Some(process) = self.processes.get_mut(&pid) {
                process.shares = true;
            }
        }
    }

    /// A process has executed a program: its memory is its own again.
    pub(crate) fn executed(&mut self, pid: i32) {
        if let Some(process) = self.processes.get_mut(&pid) {
            process.shares = false;
        }
    }

    /// Returns whether nobody but one thread can change the memory of a process.
    pub(crate) fn is_single(&self, pid: i32) -> bool {
        self.processes.get(&pid).is_some_and(|process| process.threads == 1 && !process.shares)
    }

    /// Returns whether a process has a thread.
    pub(crate) fn has_process(&self, pid: i32) -> bool {
        self.processes.contains_key(&pid)
    }

    /// Returns a process whose parent was `pid`.
    pub(crate) fn child_of(&self, pid: i32) -> Option<i32> {
        self.threads.values().find(|tracee| tracee.parent == pid && tracee.pid != pid).map(|tracee| tracee.pid)
    }

    /// The parent of a process has ended; this is the new one.
    pub(crate) fn adopt(&mut self, old: i32, new: i32) {
        self.threads.values_mut().filter(|tracee| tracee.parent == old).for_each(|tracee| tracee.parent = new);
    }

    pub(crate) fn processes(&self) -> impl Iterator<Item = i32> + '_ {
        self.processes.keys().copied()
    }

    pub(crate) fn threads(&self) -> impl Iterator<Item = i32> + '_ {
        self.threads.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_single_with_one_thread_and_its_own_memory() {
        let mut tracees = Tracees::default();
        tracees.insert(10, 10, 1);
        assert!(tracees.is_single(10));
        tracees.insert(11, 10, 1);
        assert!(!tracees.is_single(10));
        tracees.remove(11);
        assert!(tracees.is_single(10));
        tracees.insert(12, 12, 10);
        tracees.share(10, 12);
        assert!(!tracees.is_single(12) && !tracees.is_single(10));
        tracees.executed(12);
        assert!(tracees.is_single(12));
        assert_eq!(tracees.child_of(10), Some(12));
        tracees.remove(10);
        tracees.adopt(10, 1);
        assert_eq!((tracees.child_of(10), tracees.child_of(1)), (None, Some(12)));
    }
}
