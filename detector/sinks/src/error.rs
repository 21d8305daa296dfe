//! Why an output cannot be set up.

use std::path::{Path, PathBuf};

/// The reason why an output cannot be set up as its configuration says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL is not one of http or https.
    #[error("'{0}' is no URL of http or https")]
    Url(String),
    /// A header cannot be sent.
    #[error("'{name}: {value}' is no header")]
    Header {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// The name of an index is invalid.
    #[error("'{0}' is no name of an index")]
    Index(String),
    /// The address of a syslog daemon is invalid.
    #[error("'{0}' is neither udp://host:port, tcp://host:port nor the path of a socket")]
    SyslogAddress(String),
    /// Brokers or topic are missing.
    #[error("brokers and a topic must be named")]
    NoBrokers,
    /// A client has no runtime.
    #[error("no runtime for the client: {0}")]
    Runtime(std::io::Error),
    /// A certificate or key cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file has no certificate.
    #[error("no certificate in {}", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// A directory has no certificates of authorities.
    #[error("no certificates of authorities in {}", folder.display())]
    NoAuthorities {
        /// The directory.
        folder: PathBuf,
    },
    /// A key is invalid.
    #[error("{}: {reason}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// TLS cannot be set up.
    #[error("{0}")]
    Tls(String),
}

impl Error {
    pub(crate) fn key(path: &Path, error: impl std::fmt::Display) -> Self {
        Self::Key { path: path.to_owned(), reason: error.to_string() }
    }
}
