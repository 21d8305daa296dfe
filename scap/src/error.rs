//! What can go wrong while reading or writing a capture.

/// Result of this crate's calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a capture cannot be read, written or taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("{context}: {source}")]
    Io {
        /// What was being done, with the name of the file where there is one.
        context: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The bytes are not what the format says.
    #[error("{what} at offset {offset}")]
    Format {
        /// What is wrong, in the words of the format.
        what: String,
        /// Where, in bytes from the start of the decompressed capture.
        offset: u64,
    },
    /// One event's bytes do not hold together.
    #[error("invalid event: {0}")]
    Event(#[from] crate::event::EventError),
    /// A trace written as text is not understood.
    #[error(transparent)]
    Text(#[from] TextError),
    /// The source can not do what is asked of it.
    #[error("{0}")]
    Unsupported(String),
}

impl Error {
    /// An I/O error with the words that say what was being done.
    pub fn io(context: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io { context: context.into(), source }
    }

    /// A fault in the format at `offset`.
    pub fn format(what: impl Into<String>, offset: u64) -> Self {
        Self::Format { what: what.into(), offset }
    }
}

/// Where text is not a trace, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct TextError {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What was expected there.
    pub message: String,
}
