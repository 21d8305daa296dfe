//! Tests of rules as files: rule files, events, and the alerts that they must raise.
//!
//! ```yaml
//! rules: [my_rules.yaml]            # beside this file; a block of text is rules themselves
//! state: |                          # what each test begins with
//!   thread tid=7 pid=7 ptid=1 comm="cat" exe="cat" exepath="/usr/bin/cat" cwd="/"
//! tests:
//!   - test: the password hashes are read
//!     events: |
//!       tid=7 openat fd=3 dirfd=AT_FDCWD name="/etc/shadow" flags=O_RDONLY
//!     alerts:
//!       - rule: Sensitive credential file read
//!         fields: {fd.name: /etc/shadow}
//!   - test: any other file may be read
//!     events: |
//!       tid=7 openat fd=3 dirfd=AT_FDCWD name="/etc/hosts" flags=O_RDONLY
//!     alerts: none
//! ```
//!
//! Every key is documented in `docs/rule-tests.md`. A [`Suite`] is a parsed file; [`Suite::run`] runs it. The caller
//! provides rule files and events: a [`Replay`] reads files, has the sources, and plays events through rules. There is
//! one for system calls ([`SinspReplay`](sinsp::SinspReplay)); JSON records are played here.
//!
//! Alerts are compared in order, all with all: an unexpected one is as wrong as a missing one. Errors in a file are
//! reported as those of rule files: with place, excerpt and hint.

mod alerts;
mod document;
mod run;
#[cfg(feature = "sinsp")]
pub mod sinsp;

pub use alerts::{Difference, Raised};
pub use run::{Outcome, Summary, Verdict};

use crate::diag::human::{self, Style};
use crate::diag::{SourceFile, Spot};
use crate::engine::{Alert, CompiledRules};
use crate::load::Sources;
use crate::ruleset::Selection;
use crate::source::item::Written;

/// An error in a file of tests.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// The message.
    pub message: String,
    /// The place in the file.
    pub spot: Option<Spot>,
    /// A hint.
    pub hint: Option<String>,
}

impl Fault {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), spot: None, hint: None }
    }

    fn at(mut self, spot: Spot) -> Self {
        self.spot = Some(spot);
        self
    }

    fn hint(mut self, hint: impl Into<Option<String>>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Formats it for people: the message, the place and the hint.
    pub fn render(&self, file: &SourceFile, style: Style) -> String {
        human::render_fault(&self.message, self.spot, self.hint.as_deref(), file, style)
    }
}

/// Events of a test, the input of a [`Replay`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Events<'t> {
    /// State and events as text, in the form of `scap::text`.
    Trace(&'t str),
    /// A capture, by its name in the test.
    Capture(&'t str),
}

/// The reason why events cannot be played.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlayError {
    /// The message.
    pub message: String,
    /// Line and column in a trace, from 1.
    pub place: Option<(usize, usize)>,
}

/// The environment of tests, provided by the caller.
pub trait Replay {
    /// Returns the sources of rules.
    fn sources(&mut self) -> Sources;

    /// Reads a file that is named in a test.
    ///
    /// # Errors
    /// If it cannot be read.
    fn read(&mut self, path: &str) -> std::io::Result<Vec<u8>>;

    /// Plays events through rules and reports every alert with the number of its event.
    ///
    /// # Errors
    /// If the events are invalid, or there is no source for them.
    fn play(
        &mut self,
        events: Events<'_>,
        rules: &CompiledRules,
        raised: &mut dyn FnMut(u64, Alert<'_>),
    ) -> Result<(), PlayError>;
}

/// A file of tests.
#[derive(Debug)]
pub struct Suite {
    file: SourceFile,
    settings: Vec<Setting>,
    tests: Vec<Test>,
}

/// The rules of some tests, and their options.
#[derive(Debug, Clone)]
struct Setting {
    /// Files, or rules themselves if they contain a line end. None: the rules that the runner was given.
    rules: Option<Vec<Written>>,
    selections: Vec<Selection>,
    first: bool,
    priority: crate::output::Priority,
}

/// One test.
#[derive(Debug)]
struct Test {
    name: Written,
    setting: usize,
    given: Given,
    /// Rules by name or pattern; alerts of others are ignored. Empty: all rules.
    only: Vec<Written>,
    alerts: Vec<alerts::Expected>,
}

/// The input of a test.
#[derive(Debug)]
enum Given {
    Trace { state: Option<Written>, events: Written },
    Capture(Written),
    Records { source: Written, records: Vec<Written> },
}

impl Suite {
    /// Reads a file of tests.
    ///
    /// # Errors
    /// Returns all errors, with the file, so that they can be shown.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self, (SourceFile, Vec<Fault>)> {
        let file = crate::resolve::source_file(name, bytes);
        let mut reading = document::Reading::default();
        reading.read(&file);
        if reading.faults.is_empty() {
            Ok(Self { file, settings: reading.settings, tests: reading.tests })
        } else {
            Err((file, reading.faults))
        }
    }

    /// Returns the file, for excerpts.
    pub fn file(&self) -> &SourceFile {
        &self.file
    }

    /// Returns the names of the tests, in their order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.tests.iter().map(|test| test.name.text.as_str())
    }
}
