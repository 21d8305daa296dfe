//! Options of an inspector: limits, containers, and where the host's `/proc` is.

use std::ffi::c_char;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use scap::savefile;
use scap::schema::SyscallSet;
use sinsp::state::Extension;

use sinsp::{Config, ProcFs, ProcLimits};

use crate::error::Error;
use crate::handle::{borrow, optional_text, slice, text};
use crate::plugins::Plugins;
use crate::sized::{Input, grows, read};

/// A shape of cgroup path that names a container: the text between `prefix` and `suffix` at the end of the path is its id.
/// Texts are UTF-8 and NUL-terminated.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ContainerPattern {
    /// The text before the id, such as `/firecracker-`.
    pub prefix: *const c_char,
    /// The text after the id; NULL is "".
    pub suffix: *const c_char,
}

/// Options of an inspector. Set `size` to `sizeof(peregrine_inspector_options)` and everything else to zero for the
/// defaults. Everything is copied. What exceeds a limit of the state is refused and counted, never an error.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct InspectorOptions {
    /// The size of this struct, as the caller was compiled.
    pub size: usize,
    /// Maximum number of threads; 0 is 262,144.
    pub max_threads: u64,
    /// Maximum number of file descriptors of a process; 0 is 4,096.
    pub max_fds_per_process: u64,
    /// Maximum number of enter events that wait for their exit event; 0 is 4,096.
    pub max_stored_events: u64,
    /// Maximum size of the arguments of a process, in bytes; 0 is 32 KiB.
    pub max_args_bytes: u64,
    /// Maximum size of the environment of a process, in bytes; 0 is 32 KiB.
    pub max_env_bytes: u64,
    /// Maximum number of containers whose users and groups are kept; 0 is 4,096.
    pub max_user_tables: u64,
    /// Maximum number of users, and of groups, of the host or a container; 0 is 65,536.
    pub max_users_per_table: u64,
    /// Maximum size of the state that a section of a capture file holds, in bytes; 0 is 1 GiB. A capture that exceeds it is
    /// rejected.
    pub max_capture_state_bytes: u64,
    /// Maximum size of an event of a capture file, in bytes; 0 is 256 MiB. A capture that exceeds it is rejected.
    pub max_capture_event_bytes: u64,
    /// Interval between the sweeps for exited threads of a live source, in nanoseconds; 0 is 300 s.
    pub purge_interval_ns: u64,
    /// Minimum time without an event before a sweep checks a thread, in nanoseconds; 0 is 300 s.
    pub purge_idle_ns: u64,
    /// Maximum time that one look-up in `/proc` may take, in nanoseconds; 0 is 20 ms.
    pub max_proc_lookup_ns: u64,
    /// Maximum time that all look-ups in `/proc` may take in a second, in nanoseconds; 0 is 100 ms.
    pub max_proc_ns_per_second: u64,
    /// The directory that holds the host's `/proc` and `/etc`, UTF-8 and NUL-terminated. What no event reports, such as
    /// threads whose start was lost, is looked up there. NULL: `/` for a live source; no look-ups for a capture.
    pub host_root: *const c_char,
    /// Shapes of cgroup paths in addition to those of the known container engines.
    pub container_patterns: *const ContainerPattern,
    /// The number of `container_patterns`.
    pub ncontainer_patterns: usize,
    /// Names of threads (`comm`) to hide with all their descendants, UTF-8 and NUL-terminated.
    pub suppressed_comms: *const *const c_char,
    /// The number of `suppressed_comms`.
    pub nsuppressed_comms: usize,
    /// Attribute every process to the host, as Falco does without its container plugin.
    pub without_containers: bool,
    /// Track connections that are pending or failed.
    pub track_connection_status: bool,
    /// Plugins for the events of this inspector: their fields have values in rulesets with the same plugins. NULL: none.
    pub plugins: *const Plugins,
}
grows!(InspectorOptions, "peregrine_inspector_options", track_connection_status);
// SAFETY: NULL, 0 and false are valid.
unsafe impl Input for InspectorOptions {}

/// The options of a caller, checked and copied.
#[derive(Debug, Default)]
pub(crate) struct Setup {
    pub(crate) config: Config,
    pub(crate) limits: savefile::Limits,
    pub(crate) host_root: Option<PathBuf>,
    proc_limits: ProcLimits,
    /// The plugins, initialized.
    pub(crate) extension: Option<Arc<dyn Extension>>,
    /// The system calls that they parse.
    pub(crate) parsed: SyscallSet,
}

/// Overwrites a default with a number that is not 0.
fn set(limit: &mut usize, number: u64) {
    if number > 0 {
        *limit = usize::try_from(number).unwrap_or(usize::MAX);
    }
}

/// Overwrites a default with a time that is not 0.
fn set_time(limit: &mut Duration, nanoseconds: u64) {
    if nanoseconds > 0 {
        *limit = Duration::from_nanos(nanoseconds);
    }
}

impl Setup {
    /// Reads the options of an inspector. `live` says that its events are those of this host.
    ///
    /// # Safety
    /// `options` is NULL or valid for reading, and so is everything that it points at.
    pub(crate) unsafe fn read(options: *const InspectorOptions, live: bool) -> Result<Self, Error> {
        let mut setup = Self::default();
        // SAFETY: guaranteed by the caller.
        let Some(options) = (unsafe { read(options) })? else { return Ok(setup) };
        setup.numbers(&options);
        // SAFETY: guaranteed by the caller.
        let root = unsafe { optional_text(options.host_root, "host_root") }?;
        setup.host_root = (!root.is_empty()).then(|| PathBuf::from(root));
        // SAFETY: guaranteed by the caller.
        for pattern in unsafe { slice(options.container_patterns, options.ncontainer_patterns, "container_patterns") }?
        {
            // SAFETY: guaranteed by the caller.
            let prefix = unsafe { text(pattern.prefix, "prefix of a container pattern") }?.to_owned();
            // SAFETY: guaranteed by the caller.
            let suffix = unsafe { optional_text(pattern.suffix, "suffix of a container pattern") }?.to_owned();
            setup.config.container_patterns.push(sinsp::ContainerPattern::new(prefix, suffix));
        }
        // SAFETY: guaranteed by the caller.
        for comm in unsafe { slice(options.suppressed_comms, options.nsuppressed_comms, "suppressed_comms") }? {
            // SAFETY: guaranteed by the caller.
            let comm = unsafe { text(*comm, "a name in suppressed_comms") }?;
            setup.config.suppressed_comms.push(comm.as_bytes().into());
        }
        if !options.plugins.is_null() {
            // SAFETY: guaranteed by the caller.
            (setup.extension, setup.parsed) = unsafe { borrow(options.plugins) }?.extension(live)?;
        }
        Ok(setup)
    }

    fn numbers(&mut self, options: &InspectorOptions) {
        let limits = &mut self.config.limits;
        set(&mut limits.threads, options.max_threads);
        set(&mut limits.fds_per_process, options.max_fds_per_process);
        set(&mut limits.stored_events, options.max_stored_events);
        set(&mut limits.args_bytes, options.max_args_bytes);
        set(&mut limits.env_bytes, options.max_env_bytes);
        set(&mut limits.user_tables, options.max_user_tables);
        set(&mut limits.users_per_table, options.max_users_per_table);
        self.config.containers = !options.without_containers;
        self.config.track_connection_status = options.track_connection_status;
        if options.purge_interval_ns > 0 {
            self.config.purge_interval_ns = options.purge_interval_ns;
        }
        if options.purge_idle_ns > 0 {
            self.config.purge_idle_ns = options.purge_idle_ns;
        }
        if options.max_capture_state_bytes > 0 {
            self.limits.state = options.max_capture_state_bytes;
        }
        if options.max_capture_event_bytes > 0 {
            self.limits.event = u32::try_from(options.max_capture_event_bytes).unwrap_or(u32::MAX);
        }
        set_time(&mut self.proc_limits.lookup, options.max_proc_lookup_ns);
        set_time(&mut self.proc_limits.per_second, options.max_proc_ns_per_second);
    }

    /// Returns the `/proc` to look up what no event reports.
    pub(crate) fn proc(&self) -> Option<ProcFs> {
        self.host_root.as_ref().map(|root| ProcFs::with_limits(root, self.proc_limits))
    }
}
