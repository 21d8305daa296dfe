//! Errors in the configuration of a sink.

use std::path::{Path, PathBuf};

/// Reason why a sink cannot be created from its configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL is not an http or https URL.
    #[error("'{0}' is not a valid http or https URL")]
    Url(String),
    /// A header is invalid.
    #[error("'{name}: {value}' is not a valid header")]
    Header {
        /// Name of the header.
        name: String,
        /// Value of the header.
        value: String,
    },
    /// The name of an index is invalid.
    #[error("'{0}' is not a valid index name")]
    Index(String),
    /// The address of a syslog daemon is invalid.
    #[error("invalid address '{0}': expected udp://host:port, tcp://host:port or the path of a socket")]
    SyslogAddress(String),
    /// The address of the gRPC server is invalid, or lacks certificates.
    #[error("'{0}' is not unix:///path, nor host:port with certificates")]
    GrpcAddress(String),
    /// Brokers or topic are missing.
    #[error("brokers and a topic are required")]
    NoBrokers,
    /// The client's runtime cannot be created.
    #[error("cannot create the client's runtime: {0}")]
    Runtime(std::io::Error),
    /// A certificate or key cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Path of the file.
        path: PathBuf,
        /// The I/O error.
        source: std::io::Error,
    },
    /// A file contains no certificate.
    #[error("no certificate found in {}", path.display())]
    NoCertificate {
        /// Path of the file.
        path: PathBuf,
    },
    /// A directory contains no CA certificates.
    #[error("no CA certificates found in {}", folder.display())]
    NoAuthorities {
        /// Path of the directory.
        folder: PathBuf,
    },
    /// A key is invalid.
    #[error("{}: {reason}", path.display())]
    Key {
        /// Path of the file.
        path: PathBuf,
        /// The error.
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
