//! The error that ends the program.

/// Reason why the program exits with a failure, as one text for the user.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Fatal(pub(crate) String);

impl Fatal {
    pub(crate) fn new(text: impl std::fmt::Display) -> Self {
        Self(text.to_string())
    }
}
