//! What can go wrong while inspecting.

/// Result of this crate's calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the inspector cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The source of events is broken.
    #[error(transparent)]
    Source(#[from] scap::Error),
}
