//! The end of a thread.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use scap::schema::param::procexit_1_e as p;

use super::ctx::Ctx;
use crate::state::thread_flags;

/// Marks the thread as dead. It is removed before the next event, so that fields of this one can still use it.
pub(super) fn exit(ctx: &mut Ctx<'_, '_>) {
    let reaper = ctx.i64(p::reaper_tid);
    let has_reaper = ctx.event.nparams() > p::reaper_tid;
    let Some(thread) = ctx.thread_mut() else { return };
    let (pid, was_dead, grouped) = (thread.pid, thread.is_dead(), thread.grouped);
    thread.flags |= thread_flags::CLOSED;
    // The kernel reports the reaper only if there are children.
    if !thread.children.is_empty() {
        thread.reaper_tid = match reaper {
            Some(reaper) => reaper,
            None if has_reaper => thread.reaper_tid,
            None => -1,
        };
    }
    if grouped && !was_dead {
        ctx.state.one_less_alive(pid);
    }
    ctx.later.thread = Some(ctx.tid);
}

/// Recently removed threads. The exit of a child can come before its parent's clone returns: the parent must not add it
/// again.
#[derive(Debug)]
pub(crate) struct Recent {
    by_thread: HashMap<(i64, i64), u64, FxBuildHasher>,
    ring: Vec<(i64, i64, u64)>,
    next: usize,
}

impl Default for Recent {
    /// Allocates everything it will ever need: long-lived memory that is allocated in a burst lies above what the burst
    /// frees, which then cannot be returned to the system.
    fn default() -> Self {
        let mut by_thread = HashMap::default();
        by_thread.reserve(Self::LEN);
        Self { by_thread, ring: Vec::with_capacity(Self::LEN), next: 0 }
    }
}

impl Recent {
    const LEN: usize = 8192;
    const AGE: u64 = 2_000_000_000;

    /// Records that a child of `parent` was removed.
    pub(super) fn record(&mut self, tid: i64, parent: i64, ts: u64) {
        if self.ring.len() < Self::LEN {
            self.ring.push((tid, parent, ts));
        } else {
            let (old, old_parent, old_ts) = std::mem::replace(&mut self.ring[self.next], (tid, parent, ts));
            self.next = (self.next + 1) % Self::LEN;
            if self.by_thread.get(&(old, old_parent)) == Some(&old_ts) {
                self.by_thread.remove(&(old, old_parent));
            }
        }
        self.by_thread.insert((tid, parent), ts);
    }

    /// Returns whether a child of `parent` was removed less than two seconds ago.
    pub(super) fn contains(&self, tid: i64, parent: i64, ts: u64) -> bool {
        self.by_thread.get(&(tid, parent)).is_some_and(|then| ts >= *then && ts - then < Self::AGE)
    }
}
