//! What can keep the probe from running, each in one sentence that says what to do.

/// Result of this crate's calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the probe does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A capability is missing.
    #[error("the probe needs {0}: run as root, or give the program {0} (setcap, or the container's capabilities)")]
    Capability(&'static str),
    /// The kernel carries no type information.
    #[error("{0} is missing: the probe needs a kernel built with CONFIG_DEBUG_INFO_BTF")]
    NoBtf(&'static str),
    /// The kernel is too old.
    #[error("Linux {0} is too old for the probe: 5.8 or later is needed")]
    OldKernel(String),
    /// Lockdown keeps BPF from reading the kernel.
    #[error("the kernel's lockdown mode is \"{0}\": the probe can only run with \"none\" or \"integrity\"")]
    Lockdown(String),
    /// The kernel refused a program without which there are no events.
    #[error("the kernel refused the program {0}: please report this with the output of `uname -r`")]
    Refused(Refused),
    /// The size of a ring is not possible.
    #[error("a ring of {0} bytes is not possible: give a power of two of at least two pages")]
    RingSize(usize),
    /// A name is no call's.
    #[error("there is no system call named {0}")]
    UnknownCall(String),
    /// The machine's state cannot be read.
    #[error("reading the machine's state: {0}")]
    Host(#[source] scap::Error),
    /// libbpf failed.
    #[error("{context}: {source}")]
    Bpf {
        /// What was being done.
        context: String,
        /// What libbpf said.
        #[source]
        source: libbpf_rs::Error,
    },
    /// The system failed.
    #[error("{context}: {source}")]
    Io {
        /// What was being done.
        context: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn bpf(context: impl Into<String>) -> impl FnOnce(libbpf_rs::Error) -> Self {
        let context = context.into();
        move |source| Self::Bpf { context, source }
    }

    pub(crate) fn io(context: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let context = context.into();
        move |source| Self::Io { context, source }
    }
}

impl From<Error> for scap::Error {
    fn from(error: Error) -> Self {
        Self::Unsupported(error.to_string())
    }
}

/// A program that the kernel refused, and its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The program's name.
    pub program: String,
    /// The last line that the kernel's verifier wrote, or libbpf's complaint.
    pub reason: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.program, self.reason)
    }
}
