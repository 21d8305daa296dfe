//! Identities that outlive the table: the process of a thread, its creators, and its session.
//!
//! The parent of a thread is the one of now: when it exits, the kernel passes its children to a reaper, and a process
//! that forks twice and exits in between is a child of init. The *creator* of a process never changes. So each process
//! keeps the identities of its creators from its start on, and that of its session from `setsid` on. Both are inherited,
//! and neither requires that the other processes are alive.

use std::slice;
use std::sync::Arc;

use smallvec::SmallVec;

use super::{Ancestors, State, Thread};

/// The number of creators that are kept of a process: the nearest.
pub const MAX_CREATORS: usize = 64;

/// A process, identified so that no later process with its id is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProcessId {
    /// Its id, in the host's pid namespace.
    pub pid: i64,
    /// The time of its start, in nanoseconds since 1970; 0 if unknown, as of processes that are older than a capture.
    pub start: u64,
}

/// The beginning of a process, as it is kept. Processes with one creator and one session share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Its creators, if its start was seen or its parent has exited.
    creators: Option<Arc<[ProcessId]>>,
    /// The leader of its session, if that is known.
    session: Option<ProcessId>,
}

/// Iterator over the creators of a process; see [`State::creators`].
#[derive(Debug, Clone)]
pub struct Creators<'a> {
    state: &'a State,
    kept: slice::Iter<'a, ProcessId>,
    /// The ancestors that are left to walk, of processes whose start was not seen.
    ancestors: Option<Ancestors<'a>>,
    left: usize,
}

impl Iterator for Creators<'_> {
    type Item = ProcessId;

    fn next(&mut self) -> Option<ProcessId> {
        self.left = self.left.checked_sub(1)?;
        if let Some(next) = self.kept.next() {
            return Some(*next);
        }
        let ancestor = self.ancestors.as_mut()?.next().filter(|ancestor| !ancestor.is_placeholder())?;
        if let Some(kept) = self.state.process_leader(ancestor).kept_creators() {
            (self.kept, self.ancestors) = (kept.iter(), None);
        }
        Some(self.state.process(ancestor))
    }
}

impl Thread {
    fn kept_creators(&self) -> Option<&Arc<[ProcessId]>> {
        self.origin.as_ref()?.creators.as_ref()
    }

    fn kept_session(&self) -> Option<ProcessId> {
        self.origin.as_ref()?.session
    }
}

impl State {
    /// Returns the leader of a thread's process, or the thread if that was never seen.
    fn process_leader<'a>(&'a self, thread: &'a Thread) -> &'a Thread {
        self.leader(thread).unwrap_or(thread)
    }

    /// Returns the process of a thread.
    pub fn process(&self, thread: &Thread) -> ProcessId {
        ProcessId { pid: thread.pid, start: self.process_leader(thread).clone_ts }
    }

    /// Iterates over the creator of the thread's process, the creator of that one, and so on: the nearest
    /// [`MAX_CREATORS`]. They may have exited, and the parent may be another process by now.
    pub fn creators<'a>(&'a self, thread: &'a Thread) -> Creators<'a> {
        let leader = self.process_leader(thread);
        let (kept, ancestors) = match leader.kept_creators() {
            Some(kept) => (&kept[..], None),
            None => (&[][..], Some(self.ancestors(leader))),
        };
        Creators { state: self, kept: kept.iter(), ancestors, left: MAX_CREATORS }
    }

    /// Returns the leader of the thread's session, which may have exited; `None` if the session is unknown.
    pub fn session(&self, thread: &Thread) -> Option<ProcessId> {
        let leader = self.process_leader(thread);
        leader.kept_session().or_else(|| self.find_session(leader))
    }

    /// Returns the session of a process that was not seen starting.
    fn find_session(&self, leader: &Thread) -> Option<ProcessId> {
        let sid = leader.sid;
        if sid < 0 || leader.is_placeholder() {
            return None;
        }
        // Its number is that of the host, or of the pid namespace in which `setsid` was called.
        if leader.tid == sid || leader.vtid == sid {
            return Some(self.process(leader));
        }
        let is_in_it = |other: &&Thread| other.sid == sid && !other.is_placeholder();
        let parent = self.parent(leader).filter(is_in_it);
        let of_parent = parent.and_then(|parent| self.process_leader(parent).kept_session());
        let named = || self.threads.get(sid).filter(is_in_it).map(|named| self.process(named));
        Some(of_parent.or_else(named).unwrap_or(ProcessId { pid: sid, start: 0 }))
    }

    /// Keeps the session of a process that was not seen starting, while its leader may be alive.
    pub(super) fn keep_session(&mut self, tid: i64) {
        let Some(thread) = self.threads.get(tid).filter(|thread| thread.is_leader()) else { return };
        let session = self.find_session(thread);
        let creators = thread.kept_creators().cloned();
        self.set_origin(tid, creators, session);
    }

    /// Makes the process of a thread the leader of a session.
    pub(crate) fn begin_session(&mut self, tid: i64) {
        let Some(thread) = self.threads.get(tid).filter(|thread| !thread.is_placeholder()) else { return };
        let leader = self.process_leader(thread);
        let (leader, creators, session) = (leader.tid, leader.kept_creators().cloned(), self.process(leader));
        self.set_origin(leader, creators, Some(session));
    }

    fn set_origin(&mut self, tid: i64, creators: Option<Arc<[ProcessId]>>, session: Option<ProcessId>) {
        if let Some(thread) = self.threads.get_mut(tid) {
            thread.origin = Some(Arc::new(Origin { creators, session }));
        }
    }

    /// Keeps the creators and the session of a process that the process of another thread has begun.
    pub(crate) fn descend(&mut self, tid: i64, creator: i64) {
        if self.threads.get(tid).is_none_or(|thread| !thread.is_leader()) {
            return;
        }
        let Some(creator) = self.threads.get(creator).filter(|creator| !creator.is_placeholder()) else { return };
        let (leader, session) = (self.process_leader(creator), self.session(creator));
        // The youngest sibling has most likely the same, unless it is an orphan that was passed on.
        let siblings = creator.children.iter().rev().take(2).filter(|sibling| **sibling != tid);
        let shared = siblings.filter_map(|sibling| self.threads.get(*sibling)?.origin.as_ref()).find(|origin| {
            let creator = origin.creators.as_deref().and_then(<[ProcessId]>::first);
            origin.session == session && creator == Some(&self.process(leader))
        });
        let origin = shared.cloned();
        let origin = origin.unwrap_or_else(|| Arc::new(Origin { creators: Some(self.offspring(leader)), session }));
        if let Some(thread) = self.threads.get_mut(tid) {
            thread.origin = Some(origin);
        }
    }

    /// Keeps the creators of the children of a thread that were not seen starting, before they lose it as their parent.
    pub(super) fn keep_creators(&mut self, tid: i64) {
        let Some(thread) = self.threads.get(tid).filter(|thread| !thread.is_placeholder()) else { return };
        let unseen = |child: &&i64| self.threads.get(**child).is_some_and(|child| child.kept_creators().is_none());
        let children: SmallVec<[i64; 8]> = thread.children.iter().filter(unseen).copied().collect();
        if children.is_empty() {
            return;
        }
        let creators = self.offspring(thread);
        for child in children {
            let session = self.threads.get(child).and_then(|child| self.session(child));
            self.set_origin(child, Some(Arc::clone(&creators)), session);
        }
    }

    /// Returns the creators of the children of a thread's process.
    fn offspring(&self, thread: &Thread) -> Arc<[ProcessId]> {
        let all = std::iter::once(self.process(thread)).chain(self.creators(thread));
        let creators: SmallVec<[ProcessId; MAX_CREATORS]> = all.take(MAX_CREATORS).collect();
        Arc::from(&creators[..])
    }
}
