//! Removal of threads whose end was lost.

use super::State;

impl State {
    /// Removes placeholders, and threads that were not heard of for `idle_ns` and that `is_alive` does not know.
    pub(crate) fn purge(&mut self, now: u64, idle_ns: u64, mut is_alive: impl FnMut(i64) -> bool) {
        let mut gone = Vec::new();
        for thread in self.threads.iter() {
            let idle = now.saturating_sub(thread.last_access_ts) > idle_ns;
            if thread.is_placeholder() || idle && !is_alive(thread.tid) {
                gone.push(thread.tid);
            }
        }
        for tid in gone {
            self.remove_thread(tid);
            self.metrics.purged_threads += 1;
        }
    }
}
