//! Compiled rules from files and text, shared by all threads.

use std::path::Path;
use std::sync::Arc;

use rule_engine::engine::{CompiledRules, Config, SourceRules};
use rule_engine::event::Schema;
use rule_engine::event::json::JsonSchema;
use rule_engine::event::sinsp::SinspSchema;
use rule_engine::load::ExtraOutput;
use rule_engine::load::{Loader, Sources};
use rule_engine::output::Priority;
use rule_engine::ruleset::{Matching, Selection, Selector};
use scap::schema::SyscallSet;
use sinsp::fields::Fields;
use sinsp::state::Extension;

use crate::{Error, Report};

/// The name of the source of system calls.
pub(crate) const SYSCALL: &str = "syscall";
const K8S_AUDIT: &str = "k8s_audit";

/// Compiled rules. Copies share them; they can be sent to other threads.
#[derive(Debug, Clone)]
pub struct Rules {
    compiled: CompiledRules,
    syscalls: Arc<SourceRules<SinspSchema>>,
    report: Arc<Report>,
    #[cfg(feature = "plugins")]
    plugins: crate::Plugins,
}

/// Collects rules, and how they are compiled.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct RulesBuilder {
    files: Vec<(String, Vec<u8>)>,
    json_sources: Vec<String>,
    suggested_output: bool,
    config: Config,
    #[cfg(feature = "plugins")]
    plugins: crate::Plugins,
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

    /// Returns the compiled rules about system calls.
    pub fn syscalls(&self) -> &Arc<SourceRules<SinspSchema>> {
        &self.syscalls
    }

    /// Returns the system calls that the rules and the state of the host need: what a live source has to capture.
    pub fn captured(&self) -> SyscallSet {
        // It has the ends of processes, without which the state would grow forever.
        SinspSchema::syscalls(self.syscalls.rules().keys()).union(SyscallSet::state())
    }

    /// Initializes the plugins for an inspector, and returns the system calls that they parse.
    pub(crate) fn extension(&self, live: bool) -> Result<(Option<Arc<dyn Extension>>, SyscallSet), Error> {
        #[cfg(feature = "plugins")]
        if let Some(plugins) = self.plugins.extension(live)? {
            let parsed = plugins.parsed_syscalls();
            return Ok((Some(plugins), parsed));
        }
        let _ = live;
        Ok((None, SyscallSet::new()))
    }

    /// Returns the plugins that the rules were compiled with.
    #[cfg(feature = "plugins")]
    pub fn plugins(&self) -> &crate::Plugins {
        &self.plugins
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

    /// Returns whether there is a source of that name: `syscall`, `k8s_audit`, or one that was added.
    pub fn has_source(&self, name: &str) -> bool {
        matches!(name, SYSCALL | K8S_AUDIT)
            || self.json_sources.iter().any(|source| source == name)
            || self.has_plugin_source(name)
    }

    /// Sets the plugins whose fields and event sources the rules use, in place of those that were set before. The rules
    /// may require versions of them.
    #[cfg(feature = "plugins")]
    pub fn plugins(mut self, plugins: &crate::Plugins) -> Self {
        self.plugins = plugins.clone();
        self
    }

    fn has_plugin_source(&self, name: &str) -> bool {
        #[cfg(feature = "plugins")]
        if self.plugins.sources().any(|source| source == name) {
            return true;
        }
        let _ = name;
        false
    }

    /// Returns the schema of system calls.
    fn syscalls(&self) -> SinspSchema {
        let schema = SinspSchema::new(Fields::new()).async_event("container");
        #[cfg(feature = "plugins")]
        let schema = self.plugins.extend(schema);
        schema
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

    fn switch(self, pattern: String, enable: bool) -> Self {
        self.select(Selection { rules: Selector::Pattern(pattern), enable })
    }

    /// Enables or disables rules, by name, pattern or tags. Switches act in their order.
    pub fn select(mut self, selection: Selection) -> Self {
        self.config.selections.push(selection);
        self
    }

    /// Sets the most memory for partial matches of correlations, in bytes (16 MiB).
    pub fn correlation_memory(mut self, bytes: usize) -> Self {
        self.config.correlation_memory = bytes;
        self
    }

    /// Adds the fields that the source of system calls suggests to every output, such as those of the container.
    pub fn suggested_output(mut self) -> Self {
        self.suggested_output = true;
        self
    }

    /// Compiles the rules. The builder can build again, for instance after more was added to a copy of it.
    ///
    /// # Errors
    /// If there is any error in any file: all errors and warnings are in the report.
    pub fn build(&self) -> Result<Rules, Report> {
        let syscalls = self.syscalls();
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
        let mut names = vec![SYSCALL, K8S_AUDIT];
        let mut sources = Sources::new().with(syscalls);
        if !self.has_plugin_source(K8S_AUDIT) {
            sources = sources.with(JsonSchema::k8s_audit());
        }
        #[cfg(feature = "plugins")]
        let mut sources = self.plugins.schemas().fold(sources, Sources::with);
        for name in &self.json_sources {
            if names.contains(&name.as_str()) || self.has_plugin_source(name) {
                return Err(Report::plain(format!("there are two sources called `{name}`")));
            }
            names.push(name);
            sources = sources.with(JsonSchema::new(name.clone()));
        }
        let mut loader = Loader::new(sources).extra_output(extra);
        let loaded = loader.load(self.files.iter().map(|(name, text)| (name.as_str(), text.as_slice())));
        #[cfg(feature = "plugins")]
        self.plugins.check_versions(&loaded).map_err(Report::plain)?;
        let report = Report::new(&loaded);
        if !loaded.is_successful() {
            return Err(report);
        }
        let compiled = loader.into_sources().build(loaded.into_rules(), &self.config).map_err(Report::plain)?;
        let syscalls = compiled.source(SYSCALL).map_err(Report::plain)?;
        Ok(Rules {
            compiled,
            syscalls,
            report: Arc::new(report),
            #[cfg(feature = "plugins")]
            plugins: self.plugins.clone(),
        })
    }
}
