//! Compiled rules from files and text, shared by all threads.

use std::path::Path;
use std::sync::Arc;

use rule_engine::engine::{CompiledRules, Config};
use rule_engine::event::Schema;
use rule_engine::event::json::JsonSchema;
use rule_engine::event::sinsp::SinspSchema;
use rule_engine::load::{Loader, Sources};
use rule_engine::output::Priority;
use rule_engine::resolve::ExtraOutput;
use rule_engine::ruleset::{Matching, Selection, Selector};
use sinsp::fields::Fields;

use crate::{Error, JsonDetector, Report};

/// The name of the source of system calls.
pub(crate) const SYSCALL: &str = "syscall";

/// Compiled rules. Copies share them; they can be sent to other threads.
#[derive(Debug, Clone)]
pub struct Rules {
    compiled: CompiledRules,
    report: Arc<Report>,
}

/// Collects rules, and how they are compiled.
#[derive(Debug, Default)]
#[must_use]
pub struct RulesBuilder {
    files: Vec<(String, Vec<u8>)>,
    json_sources: Vec<String>,
    suggested_output: bool,
    config: Config,
}

impl Rules {
    /// Starts a set of rules.
    pub fn builder() -> RulesBuilder {
        RulesBuilder::default()
    }

    /// Returns the warnings: the rules can be run, but are probably not meant so.
    pub fn warnings(&self) -> &Report {
        &self.report
    }

    /// Returns the compiled rules of all sources.
    pub fn compiled(&self) -> &CompiledRules {
        &self.compiled
    }

    /// Creates the detector of a source of JSON documents: `k8s_audit`, or one that the builder added.
    ///
    /// # Errors
    /// If there is no such source of JSON.
    pub fn json(&self, source: &str) -> Result<JsonDetector, Error> {
        Ok(JsonDetector::new(&self.compiled.source::<JsonSchema>(source)?))
    }
}

impl RulesBuilder {
    /// Adds a rules file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn file(mut self, path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let text = std::fs::read(path).map_err(|source| Error::Rules { path: path.to_owned(), source })?;
        self.files.push((path.display().to_string(), text));
        Ok(self)
    }

    /// Adds the text of a rules file; messages call it `name`.
    pub fn text(mut self, name: impl Into<String>, text: impl Into<Vec<u8>>) -> Self {
        self.files.push((name.into(), text.into()));
        self
    }

    /// Adds a source of JSON documents, whose rules name fields such as `json.value[/user]`.
    pub fn json_source(mut self, name: impl Into<String>) -> Self {
        self.json_sources.push(name.into());
        self
    }

    /// Sets the minimum priority; rules below it are disabled.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.config.priority = priority;
        self
    }

    /// Raises an alert for every rule that matches an event, instead of the first only.
    pub fn match_all(mut self) -> Self {
        self.config.evaluation.matching = Matching::All;
        self
    }

    /// Enables the rules whose names match a pattern, in which `*` is any text. Switches act in their order.
    pub fn enable(self, pattern: impl Into<String>) -> Self {
        self.switch(pattern.into(), true)
    }

    /// Disables the rules whose names match a pattern, in which `*` is any text. Switches act in their order.
    pub fn disable(self, pattern: impl Into<String>) -> Self {
        self.switch(pattern.into(), false)
    }

    fn switch(mut self, pattern: String, enable: bool) -> Self {
        self.config.selections.push(Selection { rules: Selector::Pattern(pattern), enable });
        self
    }

    /// Adds the fields that the source of system calls suggests to every output, such as those of the container.
    pub fn suggested_output(mut self) -> Self {
        self.suggested_output = true;
        self
    }

    /// Compiles the rules.
    ///
    /// # Errors
    /// If there is any error in any file: all errors and warnings are in the report.
    pub fn build(self) -> Result<Rules, Report> {
        let syscalls = SinspSchema::new(Fields::new()).async_event("container");
        let extra = |piece: std::borrow::Cow<'static, str>| ExtraOutput {
            source: Some(SYSCALL.to_owned()),
            format: Some(piece.into_owned()),
            ..ExtraOutput::default()
        };
        let extra = if self.suggested_output {
            syscalls.suggested_output().into_iter().map(extra).collect()
        } else {
            Vec::new()
        };
        let sources = Sources::new().with(syscalls).with(JsonSchema::k8s_audit());
        let sources = self.json_sources.into_iter().fold(sources, |all, name| all.with(JsonSchema::new(name)));
        let mut loader = Loader::new(sources).extra_output(extra);
        let loaded = loader.load(self.files.iter().map(|(name, text)| (name.as_str(), text.as_slice())));
        let report = Report::new(&loaded);
        if !loaded.is_successful() {
            return Err(report);
        }
        let compiled = loader.into_sources().build(loaded.into_rules(), &self.config).map_err(Report::plain)?;
        Ok(Rules { compiled, report: Arc::new(report) })
    }
}
