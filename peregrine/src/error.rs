//! The errors of the facade.

use std::fmt;
use std::path::PathBuf;

use rule_engine::diag::Diagnostic;
use rule_engine::diag::human::Style;
use rule_engine::load::Loaded;

/// An error of a detector.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A rules file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Rules {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// A capture cannot be opened.
    #[error(transparent)]
    Capture(#[from] scap::Error),
    /// The inspector, or its source, failed.
    #[error(transparent)]
    Inspector(#[from] sinsp::Error),
    /// The rules have no such source.
    #[error(transparent)]
    Source(#[from] rule_engine::engine::SourceError),
    /// A document is not a JSON object or array.
    #[error(transparent)]
    Json(#[from] rule_engine::event::json::JsonError),
    /// The probe cannot be loaded.
    #[cfg(feature = "live")]
    #[error(transparent)]
    Live(#[from] bpf::Error),
}

/// The errors and warnings of rules. It displays as text with excerpts of the files.
#[derive(Debug, Clone)]
pub struct Report {
    diagnostics: Vec<Diagnostic>,
    text: String,
}

impl Report {
    pub(crate) fn new(loaded: &Loaded) -> Self {
        let text = loaded.render(Style::default()).trim_end().to_owned();
        Self { diagnostics: loaded.diagnostics.clone(), text }
    }

    pub(crate) fn plain(text: impl fmt::Display) -> Self {
        Self { diagnostics: Vec::new(), text: text.to_string() }
    }

    /// Returns the errors and warnings, errors first.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Report {}
