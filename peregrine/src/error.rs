//! The errors of the facade.

use std::fmt;
use std::path::PathBuf;

use rule_engine::diag::human::Style;
use rule_engine::diag::{Diagnostic, SourceFile};
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
    /// A plugin cannot be loaded or used.
    #[cfg(feature = "plugins")]
    #[error(transparent)]
    Plugin(#[from] peregrine_plugin_host::Error),
}

/// An error or a warning about rules, with its place. It displays as one line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// Whether it is an error, which rejects the rules, or a warning.
    pub is_error: bool,
    /// Falco's code, such as `LOAD_ERR_COMPILE_CONDITION`.
    pub code: &'static str,
    /// The message, in Falco's words.
    pub message: String,
    /// A hint, such as a field of a similar name.
    pub hint: Option<String>,
    /// The name of the file or text.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The byte in the line, from 1.
    pub column: usize,
}

impl Problem {
    fn new(diagnostic: &Diagnostic, files: &[SourceFile]) -> Self {
        let (file, mark) = diagnostic.place(files);
        Self {
            is_error: diagnostic.is_error(),
            code: diagnostic.code.name(),
            message: diagnostic.message.clone(),
            hint: diagnostic.hint.clone(),
            file: file.to_owned(),
            line: mark.line + 1,
            column: mark.column + 1,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, message, hint, .. } = self;
        write!(f, "{file}:{line}:{column}: {message}")?;
        hint.iter().try_for_each(|hint| write!(f, "; {hint}"))
    }
}

/// All errors and warnings about rules. It displays as text with excerpts of the files.
#[derive(Debug, Clone, Default)]
pub struct Report {
    problems: Vec<Problem>,
    text: String,
    json: String,
}

impl Report {
    pub(crate) fn new(loaded: &Loaded) -> Self {
        Self {
            problems: loaded.diagnostics.iter().map(|one| Problem::new(one, &loaded.files)).collect(),
            text: loaded.render(Style::default()),
            json: loaded.falco_json().to_string(),
        }
    }

    /// Creates the report of an error that is of no file.
    pub(crate) fn plain(text: impl fmt::Display) -> Self {
        Self { problems: Vec::new(), text: text.to_string(), json: "[]".to_owned() }
    }

    /// Returns the errors and warnings, errors first.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Returns the text with excerpts of the files, each line with its end.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the result as JSON: the array that Falco calls `falco_load_results`.
    pub fn falco_json(&self) -> &str {
        &self.json
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text.trim_end())
    }
}

impl std::error::Error for Report {}
