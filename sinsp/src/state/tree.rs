//! Adding and removing threads: groups, parents and children, reapers, and the stamps that follow from them.

use smallvec::smallvec;

use super::threads::Group;
use super::{State, Text, Thread, thread_flags};

impl State {
    /// Inserts a thread into the table without relatives; `false` if the table is full. A thread of the same tid is
    /// removed as if it had exited.
    pub(crate) fn add_unconnected(&mut self, mut thread: Box<Thread>) -> bool {
        let tid = thread.tid;
        if self.threads.get(tid).is_some() {
            self.remove_thread(tid);
        }
        // The leader of a group stays after its exit while there are other threads: it is replaced by the new one.
        if self.threads.get(tid).is_some() {
            self.forget(tid);
        }
        if self.threads.len() >= self.limits.threads && tid != 1 {
            self.metrics.drops_full_threadtable += 1;
            return false;
        }
        thread.stamp = self.new_stamp();
        thread.lineage = self.new_stamp();
        self.metrics.added_threads += 1;
        self.threads.insert(thread);
        true
    }

    /// Inserts a thread into the table and connects it with its relatives; `false` if the table is full.
    pub(crate) fn add_thread(&mut self, thread: Box<Thread>) -> bool {
        let tid = thread.tid;
        let added = self.add_unconnected(thread);
        if added {
            self.connect(tid);
        }
        added
    }

    /// Adds an entry for an unknown thread, so that it is not looked up again.
    pub(crate) fn add_placeholder(&mut self, tid: i64) -> bool {
        let mut thread = Box::new(Thread::new(tid));
        thread.comm = Text::new(b"<NA>");
        thread.exe = Text::new(b"<NA>");
        self.add_unconnected(thread)
    }

    /// Connects a thread with its group and its parent. Does nothing for placeholders and for a thread that is in a
    /// group already.
    pub(crate) fn connect(&mut self, tid: i64) {
        let Some(thread) = self.threads.get(tid) else { return };
        if thread.is_placeholder() || thread.grouped {
            return;
        }
        let (pid, ptid, leader, init) = (thread.pid, thread.ptid, thread.is_leader(), thread.vpid == 1);
        let alive = u64::from(!thread.is_dead());
        match self.threads.groups.get_mut(&pid) {
            Some(group) => {
                group.alive += alive;
                if leader {
                    group.threads.insert(0, tid);
                } else {
                    group.threads.push(tid);
                }
            }
            None => {
                let reaper = pid == 1 || init;
                self.threads.groups.insert(pid, Group { threads: smallvec![tid], alive, reaper });
            }
        }
        let adopts = |parent: &Thread| pid != 1 && ptid != tid && !parent.is_placeholder();
        let parent = match self.threads.get(ptid) {
            Some(parent) if adopts(parent) => Some(ptid),
            _ => None,
        };
        if let Some(thread) = self.threads.get_mut(tid) {
            thread.grouped = true;
            if pid != 1 {
                thread.ptid = 0;
            }
        }
        if let Some(parent) = parent {
            self.add_child(parent, tid);
        }
    }

    /// Makes `tid` a child of `parent`.
    fn add_child(&mut self, parent: i64, tid: i64) {
        let Some(parent_thread) = self.threads.get_mut(parent) else { return };
        let place = parent_thread.children.len();
        parent_thread.children.push(tid);
        if let Some(child) = self.threads.get_mut(tid) {
            child.ptid = parent;
            child.place = place as u32;
        }
    }

    /// Removes the child at `place` from its parent's list. The last one moves there, so that the cost does not grow
    /// with the number of children.
    fn drop_child(&mut self, parent: i64, place: usize, tid: i64) {
        let Some(parent) = self.threads.get_mut(parent) else { return };
        if parent.children.get(place) != Some(&tid) {
            return;
        }
        parent.children.swap_remove(place);
        if parent.children.capacity() > 64 && parent.children.len() < parent.children.capacity() / 8 {
            // A new vector, as in `Threads::compact`.
            let mut children = Vec::with_capacity((parent.children.len() * 2).max(8));
            children.append(&mut parent.children);
            parent.children = children;
        }
        if let Some(moved) = parent.children.get(place).copied()
            && let Some(moved) = self.threads.get_mut(moved)
        {
            moved.place = place as u32;
        }
    }

    /// Removes a thread as after its exit: its children go to a reaper; a leader stays until its group is empty.
    pub(crate) fn remove_thread(&mut self, tid: i64) {
        let Some(thread) = self.threads.get_mut(tid) else {
            self.metrics.failed_thread_lookups += 1;
            return;
        };
        if thread.is_placeholder() || !thread.grouped {
            self.forget(tid);
            return;
        }
        let (pid, leader, orphans) = (thread.pid, thread.is_leader(), !thread.children.is_empty());
        if !thread.is_dead() {
            thread.flags |= thread_flags::CLOSED;
            self.one_less_alive(pid);
        }
        if orphans {
            self.give_children_away(tid);
        }
        let alive = self.threads.groups.get(&pid).map_or(0, |group| group.alive);
        if !leader {
            self.forget(tid);
        }
        if alive == 0 {
            // The rest is the leader, or threads whose exit was lost.
            let left = self.threads.groups.get(&pid).map(|group| group.threads.clone()).unwrap_or_default();
            for tid in left {
                self.forget(tid);
            }
            self.threads.remove_group(pid);
        }
        self.metrics.removed_threads += 1;
    }

    /// Counts the exit of a thread of the process.
    pub(crate) fn one_less_alive(&mut self, pid: i64) {
        if let Some(group) = self.threads.groups.get_mut(&pid) {
            group.alive = group.alive.saturating_sub(1);
        }
    }

    /// Removes a thread from the table, its group and its parent.
    fn forget(&mut self, tid: i64) {
        self.keep_creators(tid);
        let Some(thread) = self.threads.remove(tid) else { return };
        if !thread.enter.is_empty() {
            self.metrics.held_events = self.metrics.held_events.saturating_sub(1);
        }
        if thread.grouped {
            self.drop_child(thread.ptid, thread.place as usize, tid);
            if let Some(group) = self.threads.groups.get_mut(&thread.pid) {
                if let Some(at) = group.threads.iter().position(|member| *member == tid) {
                    group.threads.remove(at);
                }
                if group.threads.is_empty() {
                    self.threads.remove_group(thread.pid);
                }
            }
        }
        for child in &thread.children {
            if let Some(child) = self.threads.get_mut(*child) {
                child.ptid = 0;
            }
            self.touch_lineage(*child);
        }
        if is_some_leader(&thread) {
            self.leaders_stamp = self.new_stamp();
        }
    }

    /// Moves the children of an exiting thread to the reaper that the kernel reported, or to the one that it would
    /// choose.
    fn give_children_away(&mut self, tid: i64) {
        self.keep_creators(tid);
        let Some(thread) = self.threads.get_mut(tid) else { return };
        let children = std::mem::take(&mut thread.children);
        let (pid, named) = (thread.pid, thread.reaper_tid);
        let known = |reaper: &&Thread| named > 0 && named != tid && !reaper.is_placeholder();
        let reaper = match self.threads.get(named).filter(known) {
            Some(reaper) => Some(reaper.tid),
            None => self.find_reaper(tid),
        };
        if let Some(reaper) = reaper.and_then(|reaper| self.threads.get(reaper)) {
            let (reaper_tid, reaper_pid) = (reaper.tid, reaper.pid);
            if reaper_pid != pid
                && let Some(group) = self.threads.groups.get_mut(&reaper_pid)
            {
                group.reaper = true;
            }
            if let Some(thread) = self.threads.get_mut(tid) {
                thread.reaper_tid = reaper_tid;
            }
        }
        for child in children {
            if let Some(child) = self.threads.get_mut(child) {
                child.ptid = 0;
            }
            if let Some(reaper) = reaper.filter(|reaper| *reaper != child) {
                self.add_child(reaper, child);
            }
            self.touch_lineage(child);
        }
    }

    /// Returns the thread that takes over orphans, as the kernel chooses it: another thread of the process, else the
    /// nearest ancestor in the same pid namespace that is a reaper.
    fn find_reaper(&self, tid: i64) -> Option<i64> {
        let thread = self.threads.get(tid)?;
        let alive_in = |group: &Group| {
            let alive = |member: &&i64| self.threads.get(**member).is_some_and(|member| !member.is_dead());
            group.threads.iter().find(|member| **member != tid && alive(member)).copied()
        };
        if let Some(sibling) = self.threads.groups.get(&thread.pid).and_then(alive_in) {
            return Some(sibling);
        }
        self.ancestors(thread)
            .take_while(|ancestor| ancestor.is_in_pidns() == thread.is_in_pidns())
            .filter_map(|ancestor| self.threads.groups.get(&ancestor.pid))
            .filter(|group| group.reaper && group.alive > 0)
            .find_map(alive_in)
    }

    /// Marks facts of a thread as changed: new stamps for it, for the threads that share them (if it is the leader),
    /// and for all descendants.
    pub(crate) fn touch(&mut self, tid: i64) {
        let Some(thread) = self.threads.get_mut(tid) else { return };
        let (pid, leader, leads) = (thread.pid, thread.is_leader(), is_some_leader(thread));
        self.stamps += 1;
        thread.stamp = self.stamps;
        self.touch_lineage(tid);
        if leads {
            self.leaders_stamp = self.new_stamp();
        }
        if leader && self.threads.groups.get(&pid).is_some_and(|group| group.threads.len() > 1) {
            let members = self.threads.groups.get(&pid).map(|group| group.threads.clone()).unwrap_or_default();
            for member in members.into_iter().filter(|member| *member != tid) {
                self.stamps += 1;
                if let Some(member) = self.threads.get_mut(member) {
                    member.stamp = self.stamps;
                }
                self.touch_lineage(member);
            }
        }
    }

    /// Gives new lineage stamps to a thread and all its descendants.
    pub(crate) fn touch_lineage(&mut self, tid: i64) {
        let start = self.stamps;
        let Some(thread) = self.threads.get_mut(tid) else { return };
        self.stamps += 1;
        thread.lineage = self.stamps;
        if thread.children.is_empty() {
            return;
        }
        let mut todo = thread.children.clone();
        while let Some(tid) = todo.pop() {
            let Some(thread) = self.threads.get_mut(tid) else { continue };
            // Invalid input can make circles.
            if thread.lineage > start {
                continue;
            }
            self.stamps += 1;
            thread.lineage = self.stamps;
            todo.extend_from_slice(&thread.children);
        }
    }
}

/// Returns whether other threads may refer to the thread as the leader of their session or process group.
fn is_some_leader(thread: &Thread) -> bool {
    thread.tid == thread.pgid || thread.tid == thread.sid || thread.vtid == thread.vpgid
}
