//! Rule files in, rules and diagnostics out.
//!
//! Files are first loaded as Falco does: each is read and, with all before it, resolved, and loading ends at the first
//! error. That gives the results that tools know. If there was an error, all files are loaded once more without
//! stopping, so that people see every error at once.

mod build;
mod correlate;
mod describe;

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use serde_json::{Value, json};

pub use crate::resolve::{ENGINE_VERSION, ExtraField, ExtraOutput, Means, Sources};
pub use describe::describe;

use crate::diag::human::{self, Style};
use crate::diag::{Code, Context, Diagnostic, FileId, FileReport, SourceFile, Spot, falco};
use crate::lower::Condition;
use crate::output::Template;
use crate::resolve::{Collection, Missing, OnError, Resolved, Setting, resolve, source_file};
use crate::response::Response;
use crate::source::item::{Step, Version};
use crate::source::read::read;
use crate::source::schema;
use crate::source::yaml::Documents;

/// The plugins of Falco that are part of these libraries, by name and version, for rules that require them: fields of
/// containers, Kubernetes audit events, and fields of JSON.
pub const BUILT_IN_PLUGINS: [(&str, &str); 3] = [CONTAINER_PLUGIN, K8S_AUDIT_PLUGIN, JSON_PLUGIN];
/// The plugin of the fields of containers and pods.
pub const CONTAINER_PLUGIN: (&str, &str) = ("container", "0.7.1");
/// The plugin of Kubernetes audit events.
pub const K8S_AUDIT_PLUGIN: (&str, &str) = ("k8saudit", "0.18.0");
/// The plugin of fields of events that are JSON.
pub const JSON_PLUGIN: (&str, &str) = ("json", "0.7.4");

/// Loads rule files.
#[derive(Debug)]
pub struct Loader {
    sources: Sources,
    extra: Vec<ExtraOutput>,
    means: Option<Means>,
}

/// A rule, ready to be run.
#[derive(Debug)]
#[non_exhaustive]
pub struct LoadedRule {
    /// Its name.
    pub name: String,
    /// The source of its events.
    pub source: String,
    /// Its place in the order of evaluation.
    pub index: usize,
    /// The condition.
    pub condition: Condition,
    /// The output.
    pub template: Template,
    /// Further output fields.
    pub extra: Vec<(ExtraField, Template)>,
    /// The description of the rule.
    pub desc: String,
    /// Its severity, from 0 (emergency) to 7 (debug).
    pub priority: u8,
    /// Its tags, sorted.
    pub tags: Vec<String>,
    /// Whether it is enabled.
    pub enabled: bool,
    /// Whether it raises no alert itself: it is only used by correlations.
    pub building_block: bool,
    /// The responses that it requests.
    pub responses: Vec<Response>,
    /// Whether a match starts a recording.
    pub capture: bool,
    /// The length of the recording in milliseconds; 0: as configured.
    pub capture_duration: u32,
}

/// The result of loading.
#[derive(Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// The files.
    pub files: Vec<SourceFile>,
    /// The report of Falco, file by file.
    pub reports: Vec<FileReport>,
    /// All diagnostics, for people.
    pub diagnostics: Vec<Diagnostic>,
    /// The definitions.
    pub collection: Collection,
    /// The rules, macros and lists as resolved after the last file.
    pub resolved: Resolved,
}

impl Loader {
    /// Creates a loader of rules about these sources.
    pub fn new(sources: Sources) -> Self {
        Self { sources, extra: Vec::new(), means: None }
    }

    /// Adds text to outputs.
    #[must_use]
    pub fn extra_output(mut self, extra: Vec<ExtraOutput>) -> Self {
        self.extra = extra;
        self
    }

    /// Sets what responses can use: a response with anything else is an error then.
    #[must_use]
    pub fn means(mut self, means: Means) -> Self {
        self.means = Some(means);
        self
    }

    /// Returns the sources.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Returns the sources, to be queried further.
    pub fn sources_mut(&mut self) -> &mut Sources {
        &mut self.sources
    }

    /// Returns the sources, with their compiled rules.
    pub fn into_sources(self) -> Sources {
        self.sources
    }

    /// Loads files, each a name and its bytes, in their order.
    pub fn load<'f>(&mut self, files: impl IntoIterator<Item = (&'f str, &'f [u8])>) -> Loaded {
        let files: Vec<SourceFile> = files.into_iter().map(|(name, bytes)| source_file(name, bytes)).collect();
        let pass = self.pass(&files, OnError::Stop);
        let failed = pass.reports.iter().any(|report| !report.is_successful());
        let mut all = Gathered::default();
        let mut gather = |more: Vec<Diagnostic>| more.into_iter().for_each(|one| all.add(one));
        if failed {
            let again = self.pass(&files, OnError::Continue);
            gather(again.reports.into_iter().flat_map(|report| report.diagnostics).collect());
        }
        let first = |report: &FileReport| report.errors().next().cloned();
        gather(pass.reports.iter().filter_map(first).collect());
        if !failed {
            gather(pass.reports.iter().flat_map(|report| report.diagnostics.iter().cloned()).collect());
        }
        // Errors first, then the order of the files.
        let mut all = all.diagnostics;
        all.sort_by_key(|d| (!d.is_error(), d.context.file, d.spot.map_or(0, |spot| spot.start)));
        Loaded { files, reports: pass.reports, diagnostics: all, collection: pass.collection, resolved: pass.resolved }
    }

    fn pass(&mut self, files: &[SourceFile], on_error: OnError) -> Pass {
        let mut collection = Collection::default();
        let mut missing = Missing::default();
        let mut reports = Vec::new();
        let mut last: Option<Resolved> = None;
        self.sources.begin();
        for (at, file) in files.iter().enumerate() {
            let read = Read::new(FileId(at), file);
            let mut report = FileReport { name: file.name.to_string(), schema: read.schema, ..FileReport::default() };
            let complete = self.collect(&mut collection, read.items, on_error, &mut report.diagnostics, &mut missing);
            collection.settle();
            // Stopping at the first error, each file must be valid with those before it; else only the whole counts.
            let due = match on_error {
                OnError::Stop => complete,
                OnError::Continue => at + 1 == files.len(),
            };
            if due {
                let is_last = at + 1 == files.len();
                let setting = Setting {
                    extra: &self.extra,
                    files,
                    on_error,
                    missing: &missing,
                    is_last,
                    means: self.means.as_ref(),
                };
                let previous = last.take().filter(|old| !old.diagnostics.iter().any(Diagnostic::is_error));
                let resolved = resolve(&collection, &mut self.sources, setting, previous);
                report.diagnostics.extend(resolved.diagnostics.iter().cloned());
                last = Some(resolved);
            }
            reports.push(report);
        }
        let nothing = || Resolved {
            lists: Vec::new(),
            macros: Vec::new(),
            rules: Vec::new(),
            correlations: Vec::new(),
            diagnostics: Vec::new(),
        };
        Pass { reports, collection, resolved: last.unwrap_or_else(nothing) }
    }

    /// Adds the items of a file. Returns false if an error ended it.
    fn collect(
        &mut self,
        collection: &mut Collection,
        items: Vec<Vec<Step>>,
        on_error: OnError,
        out: &mut Vec<Diagnostic>,
        missing: &mut Missing,
    ) -> bool {
        let mut complete = true;
        for steps in items {
            for step in steps {
                let Err(fault) = collection.take(step, &mut self.sources, out) else { continue };
                missing.extend(fault.context.locations.iter().map(|location| location.item.clone()));
                out.push(*fault);
                complete = false;
                if on_error == OnError::Stop {
                    return false;
                }
                break;
            }
        }
        complete
    }
}

/// Diagnostics, each once, in order. They are found by the properties that make two of them the same, since there may
/// be many.
#[derive(Debug, Default)]
struct Gathered {
    diagnostics: Vec<Diagnostic>,
    /// Places in the list, by code, message and context, and by code, message, spot and item.
    by_context: HashMap<u64, Vec<usize>>,
    by_spot: HashMap<u64, Vec<usize>>,
    hasher: RandomState,
    /// The number of comparisons.
    #[cfg(test)]
    compared: usize,
}

impl Gathered {
    fn add(&mut self, one: Diagnostic) {
        let item = one.context.item();
        let context = self.hasher.hash_one((one.code, &one.message, &one.context));
        let spot = self.hasher.hash_one((one.code, &one.message, one.spot, &item));
        let alike = |at: &usize| {
            let there = &self.diagnostics[*at];
            let said = there.code == one.code && there.message == one.message;
            said && (there.context == one.context || there.spot == one.spot && there.context.item() == item)
        };
        let candidates = || self.by_context.get(&context).into_iter().chain(self.by_spot.get(&spot)).flatten();
        #[cfg(test)]
        {
            self.compared += candidates().count();
        }
        if candidates().any(alike) {
            return;
        }
        let at = self.diagnostics.len();
        self.by_context.entry(context).or_default().push(at);
        self.by_spot.entry(spot).or_default().push(at);
        self.diagnostics.push(one);
    }
}

/// One pass through all files.
struct Pass {
    reports: Vec<FileReport>,
    collection: Collection,
    resolved: Resolved,
}

/// A file, read.
struct Read {
    schema: Option<Vec<String>>,
    items: Vec<Vec<Step>>,
}

impl Read {
    fn new(id: FileId, file: &SourceFile) -> Self {
        let context = Context::file(id, Arc::clone(&file.name));
        let fault = |diagnostic: Diagnostic| Self { schema: None, items: vec![vec![Step::Fault(diagnostic)]] };
        let documents = match Documents::read(&file.text) {
            Ok(documents) => documents,
            Err(error) => {
                let mark = error.mark;
                let message =
                    format!("yaml-cpp: error at line {}, column {}: {}", mark.line + 1, mark.column + 1, error.message);
                let start = file.text.offset(mark);
                let context = context.within(crate::diag::Place::ValueFor, "", mark);
                return fault(
                    Diagnostic::new(Code::YamlParse, message, context)
                        .at(Spot { file: id, start, end: start + 1 })
                        .hint(error.hint),
                );
            }
        };
        match schema::validate(&documents) {
            Ok(schema) => Self { schema, items: read(&documents, id, &context) },
            Err(message) => fault(Diagnostic::new(Code::YamlParse, message, context)),
        }
    }
}

impl Loaded {
    /// Returns whether there is no error.
    pub fn is_successful(&self) -> bool {
        self.reports.iter().all(FileReport::is_successful)
    }

    /// Returns the rules, in the order of evaluation.
    pub fn into_rules(self) -> Vec<LoadedRule> {
        let Self { collection, resolved, .. } = self;
        let mut collected: Vec<Option<_>> = collection.rules.into_all().map(Some).collect();
        let rule = |rule: crate::resolve::ResolvedRule| {
            let item = collected.get_mut(rule.index)?.take()?.rule;
            Some(LoadedRule {
                name: item.name,
                source: item.source.text,
                index: rule.index,
                condition: rule.condition,
                template: rule.template,
                extra: rule.extra,
                desc: item.desc,
                priority: item.priority,
                tags: item.tags,
                enabled: item.enabled,
                building_block: item.building_block,
                responses: item.responses.into_iter().map(|asked| asked.response).collect(),
                capture: item.capture,
                capture_duration: item.capture_duration,
            })
        };
        resolved.rules.into_iter().filter_map(rule).collect()
    }

    /// Returns `falco_load_results`, as Falco prints it.
    pub fn falco_json(&self) -> Value {
        json!(self.reports.iter().map(|report| falco::json(report, &self.files)).collect::<Vec<_>>())
    }

    /// Returns the summary that Falco prints on standard output without JSON, and the texts with warnings that it logs.
    pub fn falco_text(&self) -> (String, Vec<String>) {
        let mut logged = Vec::new();
        let mut summary = String::new();
        for report in &self.reports {
            if !summary.is_empty() {
                summary.push('\n');
            }
            let whole = falco::text(report, &self.files);
            let warned = report.warnings().any(|warning| warning.code.is_falcos());
            if report.is_successful() && warned {
                summary.push_str(&format!("{}: Ok, with warnings", crate::text::shown(&report.name)));
                logged.push(whole);
            } else {
                summary.push_str(&whole);
            }
        }
        (summary, logged)
    }

    /// Returns all errors and warnings, for people.
    pub fn render(&self, style: Style) -> String {
        human::render_all(&self.diagnostics, &self.files, style)
    }

    /// Checks whether the plugins that the rules require are loaded: each by name and version.
    ///
    /// # Errors
    /// The missing plugin, in Falco's words.
    pub fn check_plugins(&self, plugins: &[(&str, &str)]) -> Result<(), String> {
        check_plugins(&self.collection, plugins)
    }
}

fn check_plugins(collection: &Collection, plugins: &[(&str, &str)]) -> Result<(), String> {
    'each: for alternatives in &collection.plugins {
        for wanted in alternatives {
            let Some((name, version)) = plugins.iter().find(|(name, _)| *name == wanted.name) else { continue };
            let Some(have) = Version::parse(version) else {
                return Err(format!("Plugin '{name}' has invalid version string '{version}'"));
            };
            if !Version::parse(&wanted.version).is_some_and(|wanted| have.satisfies(wanted)) {
                return Err(format!(
                    "Plugin '{name}' version '{version}' is not compatible with required plugin version '{}'",
                    wanted.version
                ));
            }
            continue 'each;
        }
        let list: Vec<String> = alternatives.iter().map(|one| format!("{} (>= {})", one.name, one.version)).collect();
        return Err(format!("Plugin requirement not satisfied, must load one of: {}", list.join(", ")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of many errors is loaded in a time that grows linearly.
    #[test]
    fn the_same_error_is_found_without_looking_at_all() {
        let name: Arc<str> = "rules.yaml".into();
        let diagnostic = |number: usize| {
            let mark = crate::text::Mark { offset: number, line: number, column: 0 };
            let context = Context::file(FileId(0), Arc::clone(&name)).within(crate::diag::Place::Rule, "r", mark);
            let spot = Spot { file: FileId(0), start: number, end: number + 1 };
            Diagnostic::new(Code::YamlValidate, "Item has no mapping", context).at(spot)
        };
        let mut all = Gathered::default();
        for _ in 0..2 {
            (0..20_000).for_each(|number| all.add(diagnostic(number)));
        }
        assert_eq!(all.diagnostics.len(), 20_000);
        assert!(all.compared <= 80_000, "{} comparisons", all.compared);
    }
}
