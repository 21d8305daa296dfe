//! The builder of a source.

use std::ffi::OsString;
use std::path::PathBuf;

use scap::procfs;
use scap::schema::SyscallSet;

/// The builder of a source: the traced command or process and its settings; [`open`](Self::open) starts it.
#[derive(Debug, Clone)]
pub struct Builder {
    pub(crate) command: Vec<OsString>,
    pub(crate) pid: Option<i32>,
    pub(crate) selection: SyscallSet,
    pub(crate) snaplen: usize,
    pub(crate) host_root: PathBuf,
    pub(crate) proc_scan: Option<procfs::Config>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            command: Vec::new(),
            pid: None,
            selection: SyscallSet::all(),
            snaplen: 80,
            host_root: PathBuf::from("/"),
            proc_scan: Some(procfs::Config::default()),
        }
    }
}

impl Builder {
    /// Returns a builder that captures all calls.
    pub fn new() -> Self {
        Self::default()
    }

    /// The command to run, with its arguments. Without a `/` in its name it is found by `PATH`. It has our standard
    /// input, output and error, and our process group.
    #[must_use]
    pub fn command(mut self, command: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.command = command.into_iter().map(Into::into).collect();
        self
    }

    /// The process to attach to, if there is no command: all its threads, and the children that it makes from now on. A
    /// filter cannot be given to a running process, so each of its calls stops, whatever is selected.
    #[must_use]
    pub fn pid(mut self, pid: i32) -> Self {
        self.pid = Some(pid);
        self
    }

    /// The selected calls; those that create processes and execute programs should be among them
    /// ([`SyscallSet::state`]). The end of processes is always reported.
    #[must_use]
    pub fn select(mut self, selection: SyscallSet) -> Self {
        self.selection = selection;
        self
    }

    /// The most bytes that are kept of data that is read and written.
    #[must_use]
    pub fn snaplen(mut self, bytes: usize) -> Self {
        self.snaplen = bytes.min(crate::memory::MAX_BYTES);
        self
    }

    /// The directory that contains the host's `/proc` and `/etc`; default `/`.
    #[must_use]
    pub fn host_root(mut self, root: impl Into<PathBuf>) -> Self {
        self.host_root = root.into();
        self
    }

    /// The reading of the initial state from `/proc`; `None` for not at all.
    #[must_use]
    pub fn proc_scan(mut self, scan: Option<procfs::Config>) -> Self {
        self.proc_scan = scan;
        self
    }
}
