//! What the state engine counts.

/// Counters since the start, but for [`threads`](Self::threads), which is how many there are now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Threads in the table now.
    pub threads: u64,
    /// Look-ups of an event's thread that found the same one as last time.
    pub cached_thread_lookups: u64,
    /// Those that had to search.
    pub noncached_thread_lookups: u64,
    /// Those that found nothing.
    pub failed_thread_lookups: u64,
    /// Threads added.
    pub added_threads: u64,
    /// Threads removed.
    pub removed_threads: u64,
    /// Threads refused because the table was full.
    pub drops_full_threadtable: u64,
    /// Look-ups of an event's descriptor that found it.
    pub noncached_fd_lookups: u64,
    /// Those that found nothing.
    pub failed_fd_lookups: u64,
    /// Descriptors added.
    pub added_fds: u64,
    /// Descriptors removed.
    pub removed_fds: u64,
    /// Descriptors refused because the process had too many.
    pub drops_full_fdtable: u64,
    /// Entry events kept until their exit.
    pub stored_events: u64,
    /// Entry events held now.
    pub held_events: u64,
    /// Entry events that could not be kept.
    pub store_drops: u64,
    /// Entry events found by their exit.
    pub retrieved_events: u64,
    /// Exits that found no entry event.
    pub retrieve_drops: u64,
    /// Parameters that did not hold what the schema says, and were treated as absent.
    pub bad_params: u64,
    /// Idle threads that were removed.
    pub purged_threads: u64,
}
