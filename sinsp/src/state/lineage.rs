//! Lineage: parents, ancestors, leaders of sessions and process groups.

use super::{State, Thread};

impl State {
    /// Returns the parent of a thread.
    #[inline]
    pub fn parent(&self, thread: &Thread) -> Option<&Thread> {
        self.threads.get(thread.ptid)
    }

    /// Returns the process `n` steps up: 0 is the thread's own leader, 1 the leader of its parent's process, and so on.
    pub fn ancestor<'a>(&'a self, thread: &'a Thread, n: usize) -> Option<&'a Thread> {
        let mut leader = self.leader(thread)?;
        for _ in 0..n {
            leader = self.leader(self.parent(leader)?)?;
        }
        Some(leader)
    }

    /// Iterates over parent, grandparent and so on; ends if the chain is a circle.
    pub fn ancestors<'a>(&'a self, thread: &Thread) -> Ancestors<'a> {
        Ancestors { state: self, next: thread.ptid, mark: thread.tid, steps: 0, limit: 1 }
    }

    /// Returns the leader of the thread's session, or if it is gone the oldest ancestor in the same session.
    pub fn session_leader<'a>(&'a self, thread: &'a Thread) -> Option<&'a Thread> {
        self.oldest(thread, |thread| thread.sid, true)
    }

    /// Returns the leader of the thread's process group, or if it is gone the oldest ancestor in the same group.
    pub fn group_leader<'a>(&'a self, thread: &'a Thread) -> Option<&'a Thread> {
        self.oldest(thread, |thread| thread.pgid, false)
    }

    /// Returns the process group's leader by the numbers of the thread's pid namespace; see
    /// [`group_leader`](Self::group_leader).
    pub fn virtual_group_leader<'a>(&'a self, thread: &'a Thread) -> Option<&'a Thread> {
        self.oldest(thread, |thread| thread.vpgid, true)
    }

    fn oldest<'a>(&'a self, thread: &'a Thread, id: impl Fn(&Thread) -> i64, inner: bool) -> Option<&'a Thread> {
        let wanted = id(thread);
        if wanted == -1 {
            return None;
        }
        // A number of another pid namespace cannot be looked up in our table.
        if (!inner || !thread.is_in_pidns())
            && let Some(leader) = self.threads.get(wanted)
        {
            return Some(leader);
        }
        self.ancestors(thread).take_while(|ancestor| id(ancestor) == wanted).last()
    }
}

/// Iterator over the ancestors of a thread; see [`State::ancestors`].
#[derive(Debug, Clone)]
pub struct Ancestors<'a> {
    state: &'a State,
    next: i64,
    // Brent's algorithm to find circles: a mark that is set again after 1, 2, 4 … steps.
    mark: i64,
    steps: u32,
    limit: u32,
}

impl<'a> Iterator for Ancestors<'a> {
    type Item = &'a Thread;

    fn next(&mut self) -> Option<&'a Thread> {
        if self.next == self.mark {
            return None;
        }
        let thread = self.state.thread(self.next)?;
        self.steps += 1;
        if self.steps == self.limit {
            self.mark = thread.tid;
            self.limit = self.limit.saturating_mul(2);
            self.steps = 0;
        }
        self.next = thread.ptid;
        Some(thread)
    }
}
