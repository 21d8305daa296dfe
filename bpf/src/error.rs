//! Errors that keep the probe from running, each in one sentence that says what to do.

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The reason why the probe does not run.
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
    /// The verifier rejected a program without which there are no events.
    #[error("the verifier rejected the BPF program {0}: please report this with the output of `uname -r`")]
    Refused(Refused),
    /// The size of a ring is invalid.
    #[error("invalid ring size of {0} bytes: use a power of two of at least two pages")]
    RingSize(usize),
    /// The name of a call is unknown.
    #[error("unknown system call: {0}")]
    UnknownCall(String),
    /// The initial state cannot be read.
    #[error("failed to read the initial process state: {0}")]
    Host(#[source] scap::Error),
    /// Nothing can be denied in the kernel.
    #[error("{0}")]
    Lsm(String),
    /// Events cannot be left out in the kernel, by the way in which arguments are guarded.
    #[error("no events are left out in the kernel: {0}")]
    Plan(String),
    /// libbpf failed.
    #[error("{context}: {source}")]
    Bpf {
        /// The failed operation.
        context: String,
        /// The error of libbpf.
        #[source]
        source: libbpf_rs::Error,
    },
    /// An operation of the system failed.
    #[error("{context}: {source}")]
    Io {
        /// The failed operation.
        context: String,
        /// The error of the system.
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

/// A program that the kernel rejected, and its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// The program's name.
    pub program: String,
    /// The last line of the kernel's verifier, or the error of libbpf.
    pub reason: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.program, self.reason)
    }
}
