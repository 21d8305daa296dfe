//! Removes stale entries: threads whose end was lost, users of containers without threads.
//!
//! Whether a thread is alive is queried from the host, so a sweep first collects the idle threads, and then checks them
//! a few at a time: a host with a hundred thousand idle threads must not delay events.

use hashbrown::HashSet;
use rustc_hash::FxBuildHasher;

use super::{State, Text};

/// The fate of an idle thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is alive.
    Alive,
    /// It is gone.
    Gone,
    /// Another thread has its number.
    Another,
}

impl State {
    /// Returns placeholders, and threads without events for `idle_ns`.
    pub(crate) fn idle_threads(&self, now: u64, idle_ns: u64) -> Vec<i64> {
        let idle = |thread: &&super::Thread| thread.is_placeholder() || thread.is_idle(now, idle_ns);
        self.threads.iter().filter(idle).map(|thread| thread.tid).collect()
    }

    /// Removes a thread that a sweep found to be gone.
    pub(crate) fn remove_purged(&mut self, tid: i64) {
        self.remove_thread(tid);
        self.metrics.purged_threads += 1;
    }

    /// Removes the users of containers without threads.
    pub(crate) fn forget_users(&mut self) {
        if self.users.is_empty() {
            return;
        }
        let key = |thread: &super::Thread| (thread.container_id.clone(), thread.container_owner);
        let inhabited: HashSet<(Text, u32), FxBuildHasher> = self.threads.iter().map(key).collect();
        let before = self.users.len();
        self.users.retain(|key, _| inhabited.contains(&(key.id.clone(), key.owner)));
        let gone = before - self.users.len();
        if gone > 0 {
            self.metrics.purged_user_tables += gone as u64;
            self.users_stamp = self.new_stamp();
        }
    }
}
