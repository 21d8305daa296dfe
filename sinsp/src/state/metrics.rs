//! The counters of the state engine.

/// Counters since the start, except [`threads`](Self::threads), [`fds`](Self::fds) and
/// [`held_events`](Self::held_events), which are current numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Threads currently in the table.
    pub threads: u64,
    /// Look-ups of an event's thread that found the same one as before.
    pub cached_thread_lookups: u64,
    /// Look-ups of an event's thread that had to search.
    pub noncached_thread_lookups: u64,
    /// Look-ups of an event's thread that found nothing.
    pub failed_thread_lookups: u64,
    /// Threads added.
    pub added_threads: u64,
    /// Threads removed.
    pub removed_threads: u64,
    /// Threads dropped because the table was full.
    pub drops_full_threadtable: u64,
    /// File descriptors currently in all tables; a table that forks still share counts for each of them.
    pub fds: u64,
    /// Look-ups of an event's file descriptor that found the same one as the look-up before.
    pub cached_fd_lookups: u64,
    /// Look-ups of an event's file descriptor that found another one.
    pub noncached_fd_lookups: u64,
    /// Look-ups of an event's file descriptor that found nothing.
    pub failed_fd_lookups: u64,
    /// File descriptors added.
    pub added_fds: u64,
    /// File descriptors removed.
    pub removed_fds: u64,
    /// File descriptors dropped because the process had too many, or because too many of all have long paths.
    pub drops_full_fdtable: u64,
    /// Enter events stored until their exit.
    pub stored_events: u64,
    /// Enter events currently stored.
    pub held_events: u64,
    /// Enter events that could not be stored.
    pub store_drops: u64,
    /// Enter events found by their exit.
    pub retrieved_events: u64,
    /// Exits that found no enter event.
    pub retrieve_drops: u64,
    /// Parameters that are invalid by the schema, and were treated as absent.
    pub bad_params: u64,
    /// Idle threads that were removed.
    pub purged_threads: u64,
    /// Idle threads that were read again, because another thread has their number.
    pub healed_threads: u64,
    /// Arguments that were cut because they were too long.
    pub cut_args: u64,
    /// Environments that were cut because they were too long.
    pub cut_envs: u64,
    /// Users and groups of containers that were dropped, because there were too many or those of too many containers.
    pub drops_full_user_tables: u64,
    /// Containers whose users were removed because no thread lives in them.
    pub purged_user_tables: u64,
}
