//! Limits and switches of the inspector.

/// Bounds on what the state engine keeps. What is over a bound is refused and counted, never an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Threads in the table.
    pub threads: usize,
    /// Descriptors of one process.
    pub fds_per_process: usize,
    /// Entry events kept at any time.
    pub stored_events: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { threads: 262_144, fds_per_process: 4096, stored_events: 4096 }
    }
}
