//! Loading of rules: which files are read, what is appended to outputs, and the engine compiled from them.

pub(crate) mod bundle;
pub(crate) mod renamed;
pub(crate) mod slot;

use crate::alerts::noise::Noise;
use crate::cli::Options;
use crate::config::responses;
use crate::config::settings::{self, Config, ExtraField, MinPriority, RuleMatching};
use crate::names::K8S_AUDIT;
use crate::plugins::{self, Plugins};
use crate::{Fatal, log};
use peregrine_plugin_host::{PluginSchema, SyscallFields};
use rule_engine::diag::human::Style;
use rule_engine::engine::{CompiledRules, Config as EngineConfig};
use rule_engine::event::Schema;
use rule_engine::event::json::JsonSchema;
use rule_engine::event::sinsp::SinspSchema;
use rule_engine::load::{self, Loader, Sources};
use rule_engine::output::Priority;
use rule_engine::ruleset::{self, Matching, Selection, Selector};
use scap::render::Buffers;
use sinsp::fields::Fields;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// The rules that are used if neither the command line nor a configuration names any.
const BUILT_IN: (&str, &[u8]) = ("built-in rules", include_bytes!("../../rules/peregrine_rules.yaml"));

/// The contents of rules files.
#[derive(Debug, Default)]
pub(crate) struct RuleFiles {
    pub(crate) files: Vec<(PathBuf, Vec<u8>)>,
    /// The directories among the named paths.
    pub(crate) folders: Vec<PathBuf>,
    /// Reason why the rules are not those of the server's bundle, or may be older.
    pub(crate) stale: Option<String>,
}

impl RuleFiles {
    /// Returns the files of `-r`, or of the configuration, or the built-in rules if there is no configuration either.
    pub(crate) fn find(options: &Options, loaded: &crate::config::Loaded) -> Result<Self, Fatal> {
        let settings = &loaded.config.rules_bundle;
        let mut stale = None;
        if options.rules.is_empty() && !settings.url.is_empty() {
            match bundle::cached(settings) {
                Ok(files) => return Self::with_bundle(loaded, files),
                Err(why) => {
                    log::error(format!("rules_bundle: {why}"));
                    stale = Some(why);
                }
            }
        }
        let named = if options.rules.is_empty() {
            // Packages name paths that may not exist; paths of `-r` must exist.
            loaded.config.rules_files.iter().filter(|path| path.exists()).cloned().collect()
        } else {
            options.rules.clone()
        };
        if named.is_empty() {
            if loaded.files.is_empty() && loaded.config.rules_files.is_empty() {
                let files = vec![(BUILT_IN.0.into(), BUILT_IN.1.to_vec())];
                return Ok(Self { files, folders: Vec::new(), stale });
            }
            return Err(Fatal::new(
                "no rules: set at least one rules file or directory with -r, or with rules_files in the configuration",
            ));
        }
        let mut found = Self { stale, ..Self::default() };
        found.add(named)?;
        Ok(found)
    }

    /// Returns the files of a bundle, then those of the configuration, which can modify the rules of the bundle.
    pub(crate) fn with_bundle(loaded: &crate::config::Loaded, bundle: Vec<(PathBuf, Vec<u8>)>) -> Result<Self, Fatal> {
        let mut found = Self { files: bundle, ..Self::default() };
        found.add(loaded.config.rules_files.iter().filter(|path| path.exists()).cloned().collect())?;
        Ok(found)
    }

    /// Returns the files and directories that decide what is detected: those of the configuration and the rules.
    pub(crate) fn deciding<'s>(&'s self, loaded: &'s crate::config::Loaded) -> impl Iterator<Item = &'s Path> {
        let configs = loaded.files.iter().map(|file| &file.path).chain(&loaded.folders);
        let rules = self.files.iter().map(|(path, _)| path).chain(&self.folders);
        let bundle = &loaded.config.rules_bundle;
        let cache = Some(&bundle.cache).filter(|_| !bundle.url.is_empty());
        // What responses run decides what happens to processes.
        let response = &loaded.config.response;
        let programs = response.programs.iter().filter(|_| response.enabled).filter_map(|one| one.command.first());
        configs.chain(rules).chain(cache).map(PathBuf::as_path).chain(programs.map(Path::new))
    }

    fn add(&mut self, named: Vec<PathBuf>) -> Result<(), Fatal> {
        for path in named {
            if path.is_dir() {
                let entries = std::fs::read_dir(&path)
                    .map_err(|error| Fatal(format!("cannot read the directory {}: {error}", path.display())))?;
                let mut files: Vec<_> = entries
                    .flatten()
                    .map(|entry| entry.path())
                    .filter(|path| path.is_file() && is_yaml(path))
                    .collect();
                files.sort();
                files.iter().try_for_each(|file| self.read(file))?;
                self.folders.push(path);
            } else if is_yaml(&path) {
                self.read(&path)?;
            } else {
                log::warning(format!("{}: skipped, since its name ends in neither .yml nor .yaml", path.display()));
            }
        }
        Ok(())
    }

    /// Reads exactly these files.
    pub(crate) fn exactly(paths: &[PathBuf]) -> Result<Self, Fatal> {
        let mut found = Self::default();
        paths.iter().try_for_each(|path| found.read(path))?;
        Ok(found)
    }

    fn read(&mut self, path: &Path) -> Result<(), Fatal> {
        let bytes = std::fs::read(path)
            .map_err(|error| Fatal(format!("cannot read the rules file {}: {error}", path.display())))?;
        self.files.push((path.to_path_buf(), bytes));
        Ok(())
    }

    /// Loads the rules, also if they have errors.
    pub(crate) fn load(&self, options: &Options, config: &Config, plugins: &Plugins) -> Rules {
        let syscalls = syscalls(config, plugins);
        let hostname = crate::host::hostname();
        let audit = plugins.has_built_in(K8S_AUDIT).then(|| JsonSchema::k8s_audit().hostname(&hostname));
        let of_plugins: Vec<_> =
            plugins.sources.iter().map(|source| PluginSchema::new(source).hostname(&hostname)).collect();
        let mut schemas: Vec<&dyn Schema> = vec![&syscalls];
        schemas.extend(of_plugins.iter().map(|schema| schema as &dyn Schema));
        let extra = extra_outputs(options, config, &schemas);
        let mut sources = Sources::new().with(syscalls);
        if let Some(audit) = audit {
            sources = sources.with(audit);
        }
        let sources = of_plugins.into_iter().fold(sources, Sources::with);
        let mut loader = Loader::new(sources).extra_output(extra);
        if let Some(means) = responses::means(config) {
            loader = loader.means(means);
        }
        let names: Vec<String> = self.files.iter().map(|(path, _)| path.display().to_string()).collect();
        let files = names.iter().zip(&self.files).map(|(name, (_, bytes))| (name.as_str(), bytes.as_slice()));
        let mut loaded = loader.load(files);
        renamed::add_hints(&mut loaded);
        let plugins = plugins.versions();
        for found in loaded.diagnostics.iter_mut().filter(|found| found.message.starts_with("Unknown source ")) {
            found.hint = plugins::advice(&plugins, &found.message).or(found.hint.take());
        }
        Rules { loaded, sources: loader.into_sources(), plugins }
    }
}

pub(crate) fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// Returns the schema of system calls, with the fields that the configuration and plugins define.
pub(crate) fn syscalls(config: &Config, plugins: &Plugins) -> SinspSchema {
    let schema = SinspSchema::new(fields(config)).async_event("container");
    let Some(set) = &plugins.syscalls else { return schema };
    set.async_events().fold(schema, SinspSchema::async_event).with_added(Box::new(SyscallFields::new(set)))
}

/// Returns the fields, including those that the configuration defines.
pub(crate) fn fields(config: &Config) -> Fields {
    let buffers = if config.buffer_format_base64 { Buffers::Base64 } else { Buffers::Dots };
    let statics = config.static_fields.iter();
    statics.fold(Fields::new().with_buffers(buffers), |fields, (name, value)| fields.with_static(name, value))
}

/// Returns what `append_output` and `-p` add to the outputs of rules.
fn extra_outputs(options: &Options, config: &Config, schemas: &[&dyn Schema]) -> Vec<load::ExtraOutput> {
    let mut all = Vec::new();
    for entry in &config.append_output {
        let some = |text: &String| (!text.is_empty()).then(|| text.clone());
        let template = load::ExtraOutput {
            source: some(&entry.r#match.source),
            tags: entry.r#match.tags.clone(),
            rule: some(&entry.r#match.rule),
            ..load::ExtraOutput::default()
        };
        if !entry.extra_output.is_empty() {
            all.push(load::ExtraOutput { format: Some(entry.extra_output.clone()), ..template.clone() });
        }
        if entry.suggested_output {
            for schema in schemas {
                if template.source.as_deref().is_some_and(|wanted| wanted != schema.source()) {
                    continue;
                }
                for piece in schema.suggested_output() {
                    let source = Some(schema.source().to_owned());
                    all.push(load::ExtraOutput { source, format: Some(piece.into_owned()), ..template.clone() });
                }
            }
        }
        let fields = entry.extra_fields.iter().map(|field| match field {
            ExtraField::Raw(name) => load::ExtraField { name: name.clone(), format: format!("%{name}"), raw: true },
            ExtraField::Formatted { name, format } => {
                load::ExtraField { name: name.clone(), format: format.clone(), raw: false }
            }
        });
        all.push(load::ExtraOutput { fields: fields.collect(), ..template });
    }
    if let Some(format) = &options.print {
        log::warning("-p is deprecated; use -o append_output[]=...");
        // The fields that these formats added are part of the suggested output today.
        if !["c", "container", "k", "kubernetes"].contains(&format.as_str()) {
            all.push(load::ExtraOutput { format: Some(format.clone()), ..load::ExtraOutput::default() });
        }
    }
    all
}

/// Loaded rules, valid or not.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) loaded: load::Loaded,
    pub(crate) sources: Sources,
    /// Names and versions of the plugins.
    plugins: Vec<(String, String)>,
}

impl Rules {
    /// Returns all problems for people: with place and excerpt.
    pub(crate) fn faults(&self) -> String {
        let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        self.loaded.render(Style { colour }).trim_end().to_owned()
    }

    /// Checks that the plugins which the rules require are available.
    pub(crate) fn check_plugins(&self) -> Result<(), Fatal> {
        let plugins: Vec<_> = self.plugins.iter().map(|(name, version)| (name.as_str(), version.as_str())).collect();
        self.loaded.check_plugins(&plugins).map_err(|error| match plugins::advice(&self.plugins, &error) {
            Some(advice) => Fatal(format!("{error}; {advice}")),
            None => Fatal(error),
        })
    }

    /// Returns the description of all rules, or of one.
    pub(crate) fn describe(&mut self, rule: Option<&str>) -> Result<serde_json::Value, Fatal> {
        load::describe(&self.loaded, &mut self.sources, rule).map_err(|error| match rule.and_then(renamed::rule) {
            Some(hint) => Fatal(format!("{error}; {hint}")),
            None => Fatal(error),
        })
    }

    /// Compiles the rules of each source.
    ///
    /// # Errors
    ///
    /// If the rules have an error, or a plugin that they require is missing.
    pub(crate) fn engine(self, config: &Config) -> Result<CompiledRules, Fatal> {
        self.check()?;
        let matching = match config.rule_matching {
            RuleMatching::First => Matching::First,
            RuleMatching::All => Matching::All,
        };
        let engine = EngineConfig::default()
            .evaluation(ruleset::Config::default().matching(matching))
            .priority(priority(config.priority))
            .selections(selections(&config.rules))
            .fields(Noise::fields(&config.noise_control.rules))
            .correlation_memory(usize::try_from(config.correlations.memory_bytes).unwrap_or(usize::MAX));
        // Everything else has been checked with the rules.
        let rules = self
            .sources
            .build(self.loaded.into_rules(), &engine)
            .map_err(|error| Fatal(format!("noise_control.rules: key: {error}")))?;
        renamed::warnings(config, &rules).iter().for_each(log::warning);
        // All sources are of one host.
        if let Some(correlations) = rules.correlations() {
            correlations.share();
        }
        Ok(rules)
    }

    /// Checks that the rules can run, and logs warnings.
    pub(crate) fn check(&self) -> Result<(), Fatal> {
        // A missing plugin causes many other errors, so it alone is reported.
        self.check_plugins()?;
        if !self.loaded.is_successful() {
            return Err(Fatal(self.faults()));
        }
        if !self.loaded.diagnostics.is_empty() {
            log::warning(format!("rules:\n{}", self.faults()));
        }
        Ok(())
    }
}

/// Returns the engine's priority of a setting.
pub(crate) fn priority(priority: MinPriority) -> Priority {
    match priority {
        MinPriority::Emergency => Priority::Emergency,
        MinPriority::Alert => Priority::Alert,
        MinPriority::Critical => Priority::Critical,
        MinPriority::Error => Priority::Error,
        MinPriority::Warning => Priority::Warning,
        MinPriority::Notice => Priority::Notice,
        MinPriority::Informational | MinPriority::Info => Priority::Informational,
        MinPriority::Debug => Priority::Debug,
    }
}

fn selections(rules: &[settings::RuleSelection]) -> Vec<Selection> {
    let mut selections = Vec::new();
    for entry in rules {
        for (able, enable) in [(&entry.enable, true), (&entry.disable, false)] {
            let Some(able) = able else { continue };
            let verb = if enable { "Enabling" } else { "Disabling" };
            if !able.rule.is_empty() {
                log::info(format!("{verb} rules with name: {}", able.rule));
                selections.push(Selection { rules: Selector::Pattern(able.rule.clone()), enable });
            }
            if !able.tag.is_empty() {
                log::info(format!("{verb} rules with tag: {}", able.tag));
                selections.push(Selection { rules: Selector::Tags(vec![able.tag.clone()]), enable });
            }
        }
    }
    selections
}

/// Formats the description of rules and correlations for people: names and descriptions, in two columns.
pub(crate) fn description_text(described: &serde_json::Value) -> String {
    const NAME: usize = 50;
    const WIDTH: usize = 110 - NAME - 1;
    let row = |name: &str, text: &str| format!("{name:NAME$} {text}\n");
    let mut out = row("Rule", "Description") + &row("----", "-----------");
    for rule in ["rules", "correlations"].into_iter().flat_map(|kind| described[kind].as_array()).flatten() {
        let info = &rule["info"];
        let (mut text, mut used) = (String::new(), 0);
        for word in info["description"].as_str().unwrap_or_default().split_whitespace() {
            let length = word.chars().count() + 1;
            if used + length > WIDTH {
                text += &format!("\n{:1$}", "", NAME + 1);
                used = 0;
            }
            used += length;
            text += word;
            text.push(' ');
        }
        out += &row(info["name"].as_str().unwrap_or_default(), &(text + "\n"));
    }
    out
}
