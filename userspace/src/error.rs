//! Errors that keep a command or process from being traced, each in one sentence that says what to do.

use std::io;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The reason why nothing is traced.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Neither a command nor a process was given.
    #[error("the source without privileges needs a command to run or the pid of a process")]
    Nothing,
    /// The command cannot be run.
    #[error("can't run {command}: {source}")]
    Command {
        /// The program.
        command: String,
        /// The error of the system.
        source: io::Error,
    },
    /// The process cannot be traced.
    #[error(
        "can't trace process {pid}: {source} (it must be yours, have no other tracer, and kernel.yama.ptrace_scope must \
         allow it)"
    )]
    Attach {
        /// The process.
        pid: i32,
        /// The error of the system.
        source: io::Error,
    },
    /// The initial state cannot be read.
    #[error("failed to read the initial process state: {0}")]
    Host(#[source] scap::Error),
    /// An operation of the system failed.
    #[error("{context}: {source}")]
    Io {
        /// The failed operation.
        context: &'static str,
        /// The error of the system.
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn io(context: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { context, source }
    }
}

impl From<Error> for scap::Error {
    fn from(error: Error) -> Self {
        Self::Unsupported(error.to_string())
    }
}
