//! The configuration of the inspector.

use crate::text::Text;

/// Limits of the state. What exceeds a limit is dropped and counted, never an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The number of threads in the table.
    pub threads: usize,
    /// The number of file descriptors of one process.
    pub fds_per_process: usize,
    /// The number of enter events stored at any time.
    pub stored_events: usize,
    /// The size of the arguments of one process, in bytes.
    pub args_bytes: usize,
    /// The size of the environment of one process, in bytes.
    pub env_bytes: usize,
    /// The number of containers whose users and groups are kept.
    pub user_tables: usize,
    /// The number of users of one container or the host; the same for groups.
    pub users_per_table: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            threads: 262_144,
            fds_per_process: 4096,
            stored_events: 4096,
            args_bytes: 32 << 10,
            env_bytes: 32 << 10,
            user_tables: 4096,
            users_per_table: 65_536,
        }
    }
}

/// The configuration of an inspector.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Limits of the state.
    pub limits: Limits,
    /// Whether failed and pending connections are tracked too, with a status `pending` or `failed`.
    pub track_connection_status: bool,
    /// Names of threads that are suppressed with all their descendants: their events are neither shown nor tracked.
    pub suppressed_comms: Vec<Text>,
    /// Whether the containers of threads are determined from their cgroups. If not, everything is on the host, as in
    /// Falco without its container plugin.
    pub containers: bool,
    /// Forms of cgroup paths of containers in addition to those of the known engines.
    pub container_patterns: Vec<ContainerPattern>,
    /// The interval of the check for idle threads on a live source, in nanoseconds.
    pub purge_interval_ns: u64,
    /// The time after which a thread counts as idle, in nanoseconds.
    pub purge_idle_ns: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            track_connection_status: false,
            suppressed_comms: Vec::new(),
            containers: true,
            container_patterns: Vec::new(),
            purge_interval_ns: 300_000_000_000,
            purge_idle_ns: 300_000_000_000,
        }
    }
}

/// A form of the cgroup paths of containers that is not built in: the text between `prefix` and `suffix` at the end of
/// a path is the id.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContainerPattern {
    /// The text before the id, such as `/firecracker-`.
    pub prefix: String,
    /// The text after it; may be empty.
    pub suffix: String,
}

impl ContainerPattern {
    /// Creates a pattern of what is before and behind the id.
    pub fn new(prefix: impl Into<String>, suffix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), suffix: suffix.into() }
    }

    /// Returns the id in a path of this form.
    pub(crate) fn id<'a>(&self, path: &'a [u8]) -> Option<&'a [u8]> {
        let path = path.strip_suffix(self.suffix.as_bytes())?;
        let at = memchr::memmem::rfind(path, self.prefix.as_bytes())? + self.prefix.len();
        path.get(at..).filter(|id| !id.is_empty())
    }
}
