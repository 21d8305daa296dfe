//! The table of threads.
//!
//! Threads lie in slots; a hash of tids finds the slot, and the slot of the last look-up is remembered, because events
//! come in runs. Groups (processes) are stored separately: a leader can die before its threads.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use super::Thread;

/// The threads of one process.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// The threads that are in the table, the leader first if it is there.
    pub(crate) threads: SmallVec<[i64; 2]>,
    /// The number of them that have not exited.
    pub(crate) alive: u64,
    /// Whether orphans below are reparented to it.
    pub(crate) reaper: bool,
}

/// The size below which tables are not shrunk.
const SMALL: usize = 512;

/// The position of a thread in the table, valid until a thread is added or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(u32);

impl Slot {
    /// The slot for no thread.
    pub(crate) const NONE: Self = Self(u32::MAX);
}

/// The table of threads.
#[derive(Debug, Default)]
pub(crate) struct Threads {
    by_tid: HashMap<i64, u32, FxBuildHasher>,
    slots: Vec<Option<Box<Thread>>>,
    free: Vec<u32>,
    last: Option<(i64, u32)>,
    pub(crate) groups: HashMap<i64, Group, FxBuildHasher>,
}

impl Threads {
    pub(crate) fn len(&self) -> usize {
        self.by_tid.len()
    }

    #[inline]
    fn slot(&self, tid: i64) -> Option<u32> {
        match self.last {
            Some((last, slot)) if last == tid => Some(slot),
            _ => self.by_tid.get(&tid).copied(),
        }
    }

    #[inline]
    pub(crate) fn get(&self, tid: i64) -> Option<&Thread> {
        self.slots.get(self.slot(tid)? as usize)?.as_deref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, tid: i64) -> Option<&mut Thread> {
        let slot = self.slot(tid)?;
        self.slots.get_mut(slot as usize)?.as_deref_mut()
    }

    /// Returns the slot of a thread.
    #[inline]
    pub(crate) fn place(&self, tid: i64) -> Slot {
        self.slot(tid).map_or(Slot::NONE, Slot)
    }

    /// Returns the slot of a thread if it was looked up last.
    #[inline]
    pub(crate) fn cached(&self, tid: i64) -> Option<Slot> {
        self.last.filter(|(last, _)| *last == tid).map(|(_, slot)| Slot(slot))
    }

    /// Returns the slot of a thread, and remembers it: for the thread of an event.
    pub(crate) fn remember(&mut self, tid: i64) -> Option<Slot> {
        let slot = *self.by_tid.get(&tid)?;
        self.last = Some((tid, slot));
        Some(Slot(slot))
    }

    /// Returns the thread in a slot.
    #[inline]
    pub(crate) fn at(&self, slot: Slot) -> Option<&Thread> {
        self.slots.get(slot.0 as usize)?.as_deref()
    }

    /// Returns the thread in a slot, mutably.
    #[inline]
    pub(crate) fn at_mut(&mut self, slot: Slot) -> Option<&mut Thread> {
        self.slots.get_mut(slot.0 as usize)?.as_deref_mut()
    }

    /// Inserts a thread into the table, and returns a previous one with the same tid.
    pub(crate) fn insert(&mut self, thread: Box<Thread>) -> Option<Box<Thread>> {
        let tid = thread.tid;
        if let Some(slot) = self.slot(tid) {
            return self.slots[slot as usize].replace(thread);
        }
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(thread);
                slot
            }
            None => {
                self.slots.push(Some(thread));
                (self.slots.len() - 1) as u32
            }
        };
        self.by_tid.insert(tid, slot);
        None
    }

    pub(crate) fn remove(&mut self, tid: i64) -> Option<Box<Thread>> {
        let slot = self.by_tid.remove(&tid)?;
        if self.last.is_some_and(|(last, _)| last == tid) {
            self.last = None;
        }
        self.free.push(slot);
        let thread = self.slots[slot as usize].take();
        // Frees memory after a burst; a table whose size varies a little stays unchanged.
        if self.by_tid.len() < self.by_tid.capacity() / 8 {
            self.by_tid.shrink_to(SMALL);
        }
        if self.free.len() > SMALL && self.free.len() > self.slots.len() / 8 * 7 {
            self.compact();
        }
        thread
    }

    /// Moves the threads together, so that the freed slots can be released.
    fn compact(&mut self) {
        // A new vector, not a shorter one: that would stay where it is, above memory which is free by now.
        let mut slots = Vec::with_capacity(self.by_tid.len());
        slots.extend(std::mem::take(&mut self.slots).into_iter().filter(Option::is_some));
        self.slots = slots;
        self.free = Vec::new();
        self.last = None;
        for (slot, thread) in self.slots.iter().enumerate() {
            if let Some(thread) = thread {
                self.by_tid.insert(thread.tid, slot as u32);
            }
        }
    }

    /// Removes a process.
    pub(crate) fn remove_group(&mut self, pid: i64) {
        self.groups.remove(&pid);
        if self.groups.len() < self.groups.capacity() / 8 {
            self.groups.shrink_to(SMALL);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Thread> {
        self.slots.iter().filter_map(Option::as_deref)
    }

    pub(crate) fn tids(&self) -> Vec<i64> {
        let mut tids: Vec<i64> = self.by_tid.keys().copied().collect();
        tids.sort_unstable();
        tids
    }
}
