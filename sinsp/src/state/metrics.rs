//! What the state engine counts.

/// Counters since the start, but for [`threads`](Self::threads), [`fds`](Self::fds) and
/// [`held_events`](Self::held_events), which are how many there are now.
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
    /// Descriptors in all tables now; a table that forks still share counts for each of them.
    pub fds: u64,
    /// Look-ups of an event's descriptor that found the same one as the look-up before.
    pub cached_fd_lookups: u64,
    /// Those that found another one.
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
    /// Idle threads that were read anew, because another thread has their number.
    pub healed_threads: u64,
    /// Arguments that were cut because they were too long.
    pub cut_args: u64,
    /// Environments that were cut because they were too long.
    pub cut_envs: u64,
    /// Users and groups of containers that were refused, because there were too many or those of too many containers.
    pub drops_full_user_tables: u64,
    /// Containers whose users were forgotten, because nobody lives there.
    pub purged_user_tables: u64,
}
