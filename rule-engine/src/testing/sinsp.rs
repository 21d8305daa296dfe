//! Tests of rules about system calls: traces and captures, played through the inspector.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sinsp::scap::{Source, savefile, text::Trace};
use sinsp::{Inspector, fields::Fields};

use super::{Events, PlayError, Replay};
use crate::engine::{Alert, CompiledRules};
use crate::event::json::JsonSchema;
use crate::event::sinsp::SinspSchema;
use crate::load::Sources;

/// A replay of rule files and captures in a folder; captures whose names end in `.trace` are text. The sources are system calls and Kubernetes audit records.
///
/// ```
/// use peregrine_rule_engine::testing::sinsp::SinspReplay;
/// use peregrine_rule_engine::testing::{Suite, Verdict};
///
/// let suite = Suite::read("shadow.yaml", br#"
/// rules: |
///   - rule: Password hashes
///     desc: somebody reads them
///     condition: evt.type = openat and fd.name = /etc/shadow
///     output: "%proc.name reads %fd.name"
///     priority: WARNING
/// tests:
///   - test: cat reads the password hashes
///     events: |
///       thread tid=7 comm="cat"
///       tid=7 openat fd=3 dirfd=AT_FDCWD name="/etc/shadow" flags=O_RDONLY
///     alerts:
///       - rule: Password hashes
///         output: cat reads
/// "#).expect("a test file");
/// let summary = suite.run(&mut SinspReplay::new("."), &[], |test| assert_eq!(test.verdict, Verdict::Passed));
/// assert_eq!((summary.passed, summary.failed), (1, 0));
/// ```
#[derive(Debug, Clone)]
pub struct SinspReplay {
    folder: PathBuf,
    statics: Vec<(String, String)>,
}

impl SinspReplay {
    /// Resolves names of files from `folder` on.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), statics: Vec::new() }
    }

    /// Adds a field `static.NAME`, as a configuration does.
    #[must_use]
    pub fn with_static(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.statics.push((name.into(), value.into()));
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(Path::new(name))
    }
}

impl Replay for SinspReplay {
    fn sources(&mut self) -> Sources {
        let fields = self.statics.iter().fold(Fields::new(), |fields, (name, value)| fields.with_static(name, value));
        let calls = SinspSchema::new(fields).async_event("container").without_host_names();
        Sources::new().with(calls).with(JsonSchema::k8s_audit())
    }

    fn read(&mut self, path: &str) -> std::io::Result<Vec<u8>> {
        std::fs::read(self.path(path))
    }

    fn play(
        &mut self,
        events: Events<'_>,
        rules: &CompiledRules,
        raised: &mut dyn FnMut(u64, Alert<'_>),
    ) -> Result<(), PlayError> {
        match events {
            Events::Trace(text) => {
                let trace = Trace::parse(text)
                    .map_err(|error| PlayError { message: error.message, place: Some((error.line, error.column)) })?;
                play(trace, rules, raised)
            }
            Events::Capture(name) => {
                let opened = |error| plain(&format!("the capture cannot be opened: {error}"));
                let mut file = File::open(self.path(name)).map_err(opened)?;
                if name.ends_with(".trace") {
                    let mut text = String::new();
                    file.read_to_string(&mut text).map_err(opened)?;
                    let trace = Trace::parse(&text).map_err(|error| plain(&error))?;
                    return play(trace, rules, raised);
                }
                play(savefile::Reader::new(file).map_err(|error| plain(&error))?, rules, raised)
            }
        }
    }
}

fn plain(error: &dyn std::fmt::Display) -> PlayError {
    PlayError { message: error.to_string(), place: None }
}

fn play<S: Source>(source: S, rules: &CompiledRules, raised: &mut dyn FnMut(u64, Alert<'_>)) -> Result<(), PlayError> {
    let Some(rules) = rules.of_type::<SinspSchema>().next() else {
        return Err(plain(&"there is no source of system calls"));
    };
    let mut runner = rules.runner();
    let played = Inspector::new(source).for_each(|event| runner.process(&event, |alert| raised(event.num(), alert)));
    played.map_err(|error| plain(&error))
}
