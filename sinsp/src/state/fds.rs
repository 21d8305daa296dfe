//! The file descriptors of threads: look-up, change, limits.

use std::sync::Arc;

use super::{Fd, FdTable, State, Thread, thread_flags};

impl State {
    /// Returns the file descriptors of a thread, mutably. A table that forks share is copied.
    pub(crate) fn fds_mut(&mut self, tid: i64) -> Option<&mut FdTable> {
        let mut slot = self.threads.place(tid);
        let thread = self.threads.at(slot)?;
        if thread.flags & thread_flags::CLONE_FILES != 0 {
            slot = self.threads.place(self.leader(thread)?.tid);
        }
        let thread = self.threads.at_mut(slot)?;
        let table = Arc::make_mut(&mut thread.fds);
        if std::mem::take(&mut thread.fds_forked) {
            table.rerank();
        }
        Some(table)
    }

    /// Returns a file descriptor, mutably: it gets a new stamp.
    pub(crate) fn fd_mut(&mut self, tid: i64, num: i64) -> Option<&mut Fd> {
        let stamp = self.new_stamp();
        let fd = self.fds_mut(tid)?.get_mut(num)?;
        fd.stamp = stamp;
        Some(fd)
    }

    /// Inserts a new file descriptor at a number, replacing an existing one; `false` if the table is full or there is
    /// none. The thread's last file descriptor is this one either way.
    pub(crate) fn add_fd(&mut self, tid: i64, num: i64, mut fd: Fd) -> bool {
        fd.stamp = self.new_stamp();
        self.add_shared_fd(tid, num, Arc::new(fd))
    }

    /// Inserts an entry that another number or table has as well, like [`add_fd`](Self::add_fd).
    pub(crate) fn add_shared_fd(&mut self, tid: i64, num: i64, fd: Arc<Fd>) -> bool {
        let limit = self.limits.fds_per_process;
        let Some(table) = self.fds_mut(tid) else { return false };
        let added = if num < 0 {
            None
        } else if table.len() >= limit && table.get(num).is_none() {
            self.metrics.drops_full_fdtable += 1;
            None
        } else {
            Some(table.insert(num, fd).is_none())
        };
        if added == Some(true) {
            self.metrics.added_fds += 1;
        }
        if let Some(thread) = self.threads.get_mut(tid) {
            thread.last_fd = num;
        }
        added.is_some()
    }

    /// Forgets what was at a number, for a file descriptor that is not kept. The thread's last file descriptor is this one.
    #[cold]
    pub(crate) fn leave_out_fd(&mut self, tid: i64, num: i64) {
        if self.fds_mut(tid).is_some_and(|table| table.remove(num).is_some()) {
            self.metrics.removed_fds += 1;
        }
        if let Some(thread) = self.threads.get_mut(tid) {
            thread.last_fd = num;
        }
    }

    /// Removes a file descriptor.
    pub(crate) fn remove_fd(&mut self, tid: i64, num: i64) {
        let removed = self.fds_mut(tid).is_some_and(|table| table.remove(num).is_some());
        if removed {
            self.metrics.removed_fds += 1;
        } else {
            self.metrics.failed_fd_lookups += 1;
        }
    }

    /// Retains the file descriptors for which `keep` returns true.
    pub(crate) fn retain_fds(&mut self, tid: i64, keep: impl Fn(i64, &Fd) -> bool) {
        let Some(thread) = self.threads.get(tid) else { return };
        // Nearly every exec keeps all: avoids the copy of a shared table.
        if self.fds(thread).is_none_or(|table| table.iter().all(|(num, fd)| keep(num, fd))) {
            return;
        }
        if let Some(table) = self.fds_mut(tid) {
            let before = table.len();
            table.retain(keep);
            let removed = before - table.len();
            self.metrics.removed_fds += removed as u64;
        }
    }

    /// Returns the table for a fork of `thread`: the same entries, nothing copied; and whether its order is that of the
    /// table reversed.
    pub(crate) fn inherited_fds(&self, thread: &Thread) -> (Arc<FdTable>, bool) {
        let owner = if thread.flags & thread_flags::CLONE_FILES == 0 { Some(thread) } else { self.leader(thread) };
        owner.map(|owner| (owner.fds.clone(), !owner.fds_forked)).unwrap_or_default()
    }

    /// Returns the file descriptors of a thread, in the order of listings: roughly, the newest first.
    pub fn listed_fds<'a>(&'a self, thread: &'a Thread) -> impl Iterator<Item = &'a Fd> {
        let owner = if thread.flags & thread_flags::CLONE_FILES == 0 { Some(thread) } else { self.leader(thread) };
        let listed =
            |owner: &'a Thread| owner.fds.listed(owner.fds_forked).into_iter().filter_map(|num| owner.fds.get(num));
        owner.into_iter().flat_map(listed)
    }
}
