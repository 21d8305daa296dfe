//! What was found while rules were loaded.

use super::codes::{Code, Severity};
use super::context::Context;
use crate::text::Spot;

/// One fault.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// What kind.
    pub code: Code,
    /// In words; those of Falco where it has the fault too.
    pub message: String,
    /// Where, as Falco tells it.
    pub context: Context,
    /// The deprecated field that it is about.
    pub deprecated_field: Option<&'static str>,
    /// The words in the file that are at fault, for people.
    pub spot: Option<Spot>,
    /// How those words came to be there: a list, a macro, an earlier definition.
    pub notes: Vec<(String, Option<Spot>)>,
    /// What may help.
    pub hint: Option<String>,
    /// The keys of the item, if it is about one that is missing.
    pub(crate) keys: Vec<String>,
}

impl Diagnostic {
    /// A fault without a spot, notes or hint.
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

    /// Adds what may help.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Option<String>>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Whether it refuses the rules.
    pub fn is_error(&self) -> bool {
        self.code.severity() == Severity::Error
    }
}

/// What was found in one file, in the order in which it was found.
#[derive(Debug, Clone, Default)]
pub struct FileReport {
    /// The name of the file.
    pub name: String,
    /// Everything found.
    pub diagnostics: Vec<Diagnostic>,
    /// What the schema of rule files says: `None` if the file holds no document, an empty list if all is well.
    pub schema: Option<Vec<String>>,
}

impl FileReport {
    /// Whether no error was found.
    pub fn is_successful(&self) -> bool {
        !self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// The errors.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(|d| d.is_error())
    }

    /// The warnings.
    pub fn warnings(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(|d| !d.is_error())
    }
}
