//! The errors of the inspector.

/// The result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The reason why the inspector cannot continue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An error of the source.
    #[error(transparent)]
    Source(#[from] scap::Error),
    /// An error of the extension when it was opened.
    #[error(transparent)]
    Extension(Box<dyn std::error::Error + Send + Sync>),
}
