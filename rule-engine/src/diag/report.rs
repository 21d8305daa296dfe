//! The diagnostics of loading rules.

use super::codes::{Code, Severity};
use super::context::Context;
use crate::text::{FileId, Mark, SourceFile, Spot};

/// One error or warning.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// Its kind.
    pub code: Code,
    /// Its message; that of Falco where it has the same diagnostic.
    pub message: String,
    /// Its context, as Falco reports it.
    pub context: Context,
    /// The deprecated field that it is about.
    pub deprecated_field: Option<&'static str>,
    /// The invalid words in the file, for people.
    pub spot: Option<Spot>,
    /// The origin of those words: a list, a macro, an earlier definition.
    pub notes: Vec<(String, Option<Spot>)>,
    /// A hint.
    pub hint: Option<String>,
    /// The keys of the item, if it is about a missing one.
    pub(crate) keys: Vec<String>,
}

impl Diagnostic {
    /// Creates a diagnostic without a spot, notes or hint.
    pub fn new(code: Code, message: impl Into<String>, context: Context) -> Self {
        Self {
            code,
            message: message.into(),
            context,
            deprecated_field: None,
            spot: None,
            notes: Vec::new(),
            hint: None,
            keys: Vec::new(),
        }
    }

    /// Points at a part of a file.
    #[must_use]
    pub fn at(mut self, spot: impl Into<Option<Spot>>) -> Self {
        self.spot = spot.into().or(self.spot);
        self
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Option<String>>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Returns the name of the file and the place in it, for people. `files` are those that were loaded.
    pub fn place<'f>(&self, files: &'f [SourceFile]) -> (&'f str, Mark) {
        let name = |id: FileId| files.get(id.0).map(|file| &*file.name);
        match self.spot {
            Some(spot) if spot.file.0 < files.len() => {
                let file = &files[spot.file.0];
                (&file.name, file.text.mark(spot.start))
            }
            _ => (name(self.context.file).unwrap_or_default(), self.context.innermost().mark),
        }
    }

    /// Returns whether it rejects the rules.
    pub fn is_error(&self) -> bool {
        self.code.severity() == Severity::Error
    }
}

/// The diagnostics of one file, in the order in which they were found.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct FileReport {
    /// The name of the file.
    pub name: String,
    /// All diagnostics.
    pub diagnostics: Vec<Diagnostic>,
    /// The messages of the schema of rule files: `None` if the file contains no document, an empty list if all is well.
    pub schema: Option<Vec<String>>,
}

impl FileReport {
    /// Returns whether no error was found.
    pub fn is_successful(&self) -> bool {
        !self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// Returns the errors.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(|d| d.is_error())
    }

    /// Returns the warnings.
    pub fn warnings(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(|d| !d.is_error())
    }
}
