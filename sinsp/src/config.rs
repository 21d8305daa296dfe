//! Limits and switches of the inspector.

use crate::text::Text;

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
    /// Bytes of the arguments of one process.
    pub args_bytes: usize,
    /// Bytes of the environment of one process.
    pub env_bytes: usize,
    /// Containers whose users and groups are kept.
    pub user_tables: usize,
    /// Users of one container or the host; and groups.
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

/// How an inspector works.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Bounds on what is kept.
    pub limits: Limits,
    /// Whether connections are followed in their failures too, with a status `pending` or `failed`.
    pub track_connection_status: bool,
    /// Threads with such a name, and all that descend from them, are not shown and not followed.
    pub suppressed_comms: Vec<Text>,
    /// Whether the containers that threads live in are told by their cgroups. Without, all is on the host, as in Falco
    /// without its container plugin.
    pub containers: bool,
    /// Shapes of cgroup paths of containers beside those of the engines that are known.
    pub container_patterns: Vec<ContainerPattern>,
    /// How often idle threads are looked for on a live source, in nanoseconds.
    pub purge_interval_ns: u64,
    /// How long a thread must have been idle to be looked for, in nanoseconds.
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

/// A shape of the cgroup paths of containers that is not built in: the text between `prefix` and `suffix` at the end of
/// a path is the id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerPattern {
    /// The text before the id, such as `/firecracker-`.
    pub prefix: String,
    /// The text after it; may be empty.
    pub suffix: String,
}

impl ContainerPattern {
    /// Returns the id in a path of this shape.
    pub(crate) fn id<'a>(&self, path: &'a [u8]) -> Option<&'a [u8]> {
        let path = path.strip_suffix(self.suffix.as_bytes())?;
        let at = memchr::memmem::rfind(path, self.prefix.as_bytes())? + self.prefix.len();
        path.get(at..).filter(|id| !id.is_empty())
    }
}
