//! The errors of reading and writing a capture.

/// The result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The reason why a capture cannot be read, written or started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An error of the operating system.
    #[error("{context}: {source}")]
    Io {
        /// The operation that failed, with the name of the file where there is one.
        context: String,
        /// The error that the system returned.
        #[source]
        source: std::io::Error,
    },
    /// Bytes that are not valid in the format.
    #[error("{what} at offset {offset}")]
    Format {
        /// The problem, in the words of the format.
        what: String,
        /// The place, in bytes from the start of the decompressed capture.
        offset: u64,
    },
    /// An event whose bytes are not valid.
    #[error("invalid event: {0}")]
    Event(#[from] crate::event::EventError),
    /// Text that is not a valid trace.
    #[error(transparent)]
    Text(#[from] TextError),
    /// An operation that the source does not support.
    #[error("{0}")]
    Unsupported(String),
}

impl Error {
    /// Returns an I/O error with the operation that failed.
    pub fn io(context: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io { context: context.into(), source }
    }

    /// Returns an error in the format at `offset`.
    pub fn format(what: impl Into<String>, offset: u64) -> Self {
        Self::Format { what: what.into(), offset }
    }
}

/// The place of an error in the text of a trace, and what was expected there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
#[non_exhaustive]
pub struct TextError {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// The expectation that the text does not meet.
    pub message: String,
}
