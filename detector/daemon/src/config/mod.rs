//! The configuration: from files and options to typed settings.
//!
//! ```text
//! main file ── ${NAME} ──┐
//! config_files ─ ${NAME} ┴─ merge by strategy ── -o key=value ── read into types ── checks
//! ```
//!
//! Each file is also checked on its own, so that a misspelt key is reported with its place even if a later file
//! overrides it. A configuration with errors is rejected as a whole, with all errors reported.

pub(crate) mod removed;

mod choices;
pub(crate) mod document;
mod environment;
mod forms;
pub(crate) mod outputs;
mod path;
pub(crate) mod responses;
pub(crate) mod setting;
pub(crate) mod settings;

use crate::interval as duration;
use document::{Node, Place, Value};
use setting::{Fault, Report, Setting};
use settings::{Config, DropAction, EngineKind, ExtraField, Plugin, Strategy};
use std::path::{Path, PathBuf};

/// Default paths of the configuration file, without `-c`.
const PLACES: &[&str] = &["/etc/peregrine/falco.yaml", "/etc/falco/falco.yaml"];

/// Settings without a configuration file: alerts to standard output, only warnings on standard error.
const BUILT_IN: &str = "\
stdout_output: {enabled: true}
log_stderr: true
log_syslog: false
log_level: notice
";

/// A configuration file that was read.
#[derive(Debug)]
pub(crate) struct ConfigSource {
    pub(crate) path: PathBuf,
    /// Problems in this file on its own.
    pub(crate) faults: Vec<Fault>,
}

/// The configuration and its files.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    /// The merged document, for `--support`.
    pub(crate) document: Node,
    /// The files, in merge order; empty for the built-in settings.
    pub(crate) files: Vec<ConfigSource>,
    /// The directories in `config_files`.
    pub(crate) folders: Vec<PathBuf>,
    /// Warnings without a file: from the command line, and from the merged configuration.
    pub(crate) warnings: Vec<Fault>,
}

/// Reason why the configuration could not be loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("Could not find configuration file at {0}")]
    Missing(PathBuf),
    #[error("{0}")]
    Document(#[from] document::ParseError),
    #[error("{0}")]
    Option(#[from] path::OptionError),
    #[error("{place}: {text}")]
    Include { place: Place, text: String },
    #[error("{}", lines(.0))]
    Faults(Vec<Fault>),
}

fn lines(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Loads the configuration of `-c`, or of a default path, or the built-in one, and applies the options.
///
/// # Errors
///
/// If a file cannot be read or parsed, an option is malformed, or the value of a setting is invalid.
pub(crate) fn load(file: Option<&Path>, options: &[String]) -> Result<Loaded, ConfigError> {
    let usual = || PLACES.iter().map(PathBuf::from).find(|path| path.is_file());
    match file.map(Path::to_path_buf) {
        Some(path) if !path.is_file() => Err(ConfigError::Missing(path)),
        Some(path) => load_file(&path, options),
        None => match usual() {
            Some(path) => load_file(&path, options),
            None => {
                let root = document::parse("built-in settings", BUILT_IN)?;
                finish(root, Vec::new(), Vec::new(), options)
            }
        },
    }
}

fn load_file(path: &Path, options: &[String]) -> Result<Loaded, ConfigError> {
    let mut root = read(path)?;
    let mut files = vec![check_file(path, &root)];
    let mut folders = Vec::new();
    // `-o config_files` must apply before the files are read; all options are applied again below.
    let mut includes = Node::empty_map(root.place.clone());
    if let Some(node) = root.entry("config_files") {
        *includes.entry_mut("config_files", &root.place) = node.clone();
    }
    for option in options.iter().filter(|option| path::is_below(option, "config_files")) {
        path::apply(&mut includes, option)?;
    }
    let includes = Config::read(&includes, "", &mut Report::default()).unwrap_or_default().config_files;
    for include in includes {
        if same_file(&include.path, path) {
            let text = format!("config_files includes the main configuration file {} itself", path.display());
            return Err(ConfigError::Include { place: root.place.clone(), text });
        }
        // A missing path is skipped, like a missing rules file: packages name optional places.
        let found = if include.path.is_dir() {
            folders.push(include.path.clone());
            files_in(&include.path)
        } else {
            include.path.is_file().then(|| include.path.clone()).into_iter().collect()
        };
        for found in found {
            let node = read(&found)?;
            files.push(check_file(&found, &node));
            merge(&mut root, node, include.strategy)?;
        }
    }
    finish(root, files, folders, options)
}

fn finish(
    mut root: Node,
    files: Vec<ConfigSource>,
    folders: Vec<PathBuf>,
    options: &[String],
) -> Result<Loaded, ConfigError> {
    for option in options {
        path::apply(&mut root, option)?;
    }
    let mut report = Report::default();
    deprecated(&mut root, &mut report);
    let mut config = Config::read(&root, "", &mut report).unwrap_or_default();
    // Problems inside a file have been reported with that file.
    report.warnings.retain(|fault| fault.place.line == 0 || fault.key == "rules_file");
    refuse_options(&mut report);
    check(&mut config, &root, &mut report);
    if !report.errors.is_empty() {
        return Err(ConfigError::Faults(report.errors));
    }
    Ok(Loaded { config, document: root, files, folders, warnings: report.warnings })
}

/// Makes errors of the warnings about options. A file may be for another version; what somebody has just written is
/// meant, and to go on without it could mean to watch this host instead of a capture.
fn refuse_options(report: &mut Report) {
    for mut fault in std::mem::take(&mut report.warnings) {
        if fault.place.line > 0 || fault.key == "rules_file" {
            report.warnings.push(fault);
            continue;
        }
        for rest in [setting::USING_DEFAULT, setting::USING_FIRST] {
            fault.text = fault.text.trim_end_matches(rest).to_owned();
        }
        report.errors.push(fault);
    }
}

fn read(path: &Path) -> Result<Node, ConfigError> {
    let mut root = document::read(path)?;
    root.each_scalar(&mut |text| environment::expand(text, &|name| std::env::var(name).ok()));
    Ok(root)
}

fn check_file(path: &Path, root: &Node) -> ConfigSource {
    let mut report = Report::default();
    let mut root = root.clone();
    deprecated(&mut root, &mut Report::default());
    Config::read(&root, "", &mut report);
    report.errors.append(&mut report.warnings);
    ConfigSource { path: path.to_path_buf(), faults: report.errors }
}

/// Returns the regular files in a directory, sorted by name.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

fn same_file(one: &Path, other: &Path) -> bool {
    one == other || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Merges a further file into the previous ones. Only top-level keys are compared.
fn merge(root: &mut Node, file: Node, strategy: Strategy) -> Result<(), ConfigError> {
    let place = file.place.clone();
    let Value::Map(entries) = file.value else {
        return Err(ConfigError::Include { place, text: "must be a mapping".into() });
    };
    for (key, node) in entries {
        if key.name == "config_files" {
            let text = "config_files is only valid in the main configuration file".into();
            return Err(ConfigError::Include { place: key.place, text });
        }
        let exists = root.entry(&key.name).is_some();
        let target = root.entry_mut(&key.name, &key.place);
        match (strategy, node.value) {
            (Strategy::AddOnly, _) if exists => {}
            (Strategy::Append, Value::List(items)) if exists => match &mut target.value {
                Value::List(list) => list.extend(items),
                Value::Null => target.value = Value::List(items),
                _ => {
                    let before = target.clone();
                    target.value = Value::List([before].into_iter().chain(items).collect());
                }
            },
            (_, value) => *target = Node { value, place: node.place },
        }
    }
    Ok(())
}

/// Accepts the deprecated name of `rules_files`.
fn deprecated(root: &mut Node, report: &mut Report) {
    let Value::Map(entries) = &mut root.value else { return };
    let both = entries.iter().any(|(key, _)| key.name == "rules_files");
    if let Some((key, _)) = entries.iter_mut().find(|(key, _)| key.name == "rules_file") {
        if both {
            report.fail(&key.place, "rules_file", "both 'rules_files' and 'rules_file' are set");
        }
        report.warn(&key.place, "rules_file", "is deprecated; use rules_files");
        key.name = "rules_files".into();
    }
}

/// Checks what types alone cannot express.
fn check(config: &mut Config, root: &Node, report: &mut Report) {
    let place = |path: &str| {
        let mut node = root;
        for name in path.split('.') {
            match node.entry(name) {
                Some(below) => node = below,
                None => break,
            }
        }
        node.place.clone()
    };
    let mut fail = |path: &str, text: &str| report.fail(&place(path), path, text);
    if config.engine.kind == EngineKind::Replay && config.engine.replay.capture_file.as_os_str().is_empty() {
        fail("engine.replay.capture_file", "engine.kind is 'replay', but no capture file is set");
    }
    let traced = &config.engine.userspace;
    if config.engine.kind == EngineKind::Userspace && traced.command.is_empty() && traced.pid == 0 {
        fail("engine.userspace", "engine.kind is 'userspace', but neither a command nor a pid is set");
    }
    for (path, why) in config.outputs.check() {
        fail(&path, why);
    }
    if config.outputs_spool.max_size_mb == 0 {
        fail("outputs_spool.max_size_mb", "must be greater than 0");
    }
    for (index, quiet) in config.noise_control.rules.iter().enumerate() {
        if let Err(error) = duration::parse(&quiet.window) {
            fail("noise_control.rules", &format!("[{index}].window: {error}"));
        }
    }
    if config.noise_control.rate < 0.0 {
        fail("noise_control.rate", "must not be negative");
    }
    if config.noise_control.rate > 0.0 && config.noise_control.max_burst == 0 {
        fail("noise_control.max_burst", "must be greater than 0");
    }
    if !config.rules_bundle.url.is_empty() {
        if config.rules_bundle.public_key.is_empty() {
            fail("rules_bundle.public_key", "is required to verify the bundle's signature");
        }
        if let Err(error) = duration::parse(&config.rules_bundle.interval) {
            fail("rules_bundle.interval", &error);
        }
        if !config.rules_bundle.max_age.is_empty()
            && let Err(error) = duration::parse(&config.rules_bundle.max_age)
        {
            fail("rules_bundle.max_age", &error);
        }
    }
    if config.webserver.listen_address.trim().parse::<std::net::IpAddr>().is_err() {
        fail("webserver.listen_address", &format!("'{}' is not a valid IP address", config.webserver.listen_address));
    }
    if config.protection.priority > 20 {
        fail("protection.priority", "must be at most 20");
    }
    for (path, why) in responses::check(config) {
        fail(path, &why);
    }
    let drops = &mut config.syscall_event_drops;
    if drops.actions.is_empty() {
        drops.actions.push(DropAction::Ignore);
    }
    if drops.actions.contains(&DropAction::Ignore)
        && (drops.actions.contains(&DropAction::Log) || drops.actions.contains(&DropAction::Alert))
    {
        fail("syscall_event_drops.actions", "'ignore' cannot be combined with 'log' or 'alert'");
    }
    if !(0.0..=1.0).contains(&drops.threshold) {
        fail("syscall_event_drops.threshold", "must be between 0 and 1");
    }
    if config.syscall_event_timeouts.max_consecutives == 0 {
        fail("syscall_event_timeouts.max_consecutives", "must be greater than 0");
    }
    for (name, size) in [
        ("capture.max_file_size_mb", config.capture.max_file_size_mb),
        ("capture.max_daily_size_mb", config.capture.max_daily_size_mb),
    ] {
        if size > 1_048_576 {
            fail(name, "must be at most 1048576");
        }
    }
    for (index, entry) in config.append_output.iter().enumerate() {
        let mut names = Vec::new();
        for field in &entry.extra_fields {
            let (ExtraField::Raw(name) | ExtraField::Formatted { name, .. }) = field;
            if names.contains(&name) {
                fail("append_output", &format!("[{index}].extra_fields: '{name}' is given twice"));
            }
            names.push(name);
        }
    }
    if let Some(names) = &config.load_plugins {
        let defined = |name: &String| config.plugins.iter().any(|plugin| plugin.name == *name);
        for name in names.iter().filter(|name| !defined(name)) {
            fail("load_plugins", &format!("plugin '{name}' is not defined under plugins"));
        }
    }
    if !config.rule_files.is_empty() {
        report.warn(&place("rule_files"), "rule_files", "is ignored; use rules_files");
    }
    if let Some(text) = config.outputs.syslog.doubt() {
        report.warn(&place("syslog_output.format"), "syslog_output.format", text);
    }
    if config.engine.kind == EngineKind::Kmod {
        let text = "the kernel module is not supported; using the modern_ebpf probe instead";
        report.warn(&place("engine.kind"), "engine.kind", text);
    }
    for entry in config.append_output.iter().filter(|entry| !entry.r#match.rule.is_empty()) {
        let tags = entry.r#match.tags.join(", ");
        if !tags.is_empty() {
            let text = format!(
                "matches the rule '{}' only if it has all of the tags {tags}; usually, set either a rule or tags",
                entry.r#match.rule
            );
            report.warn(&place("append_output"), "append_output", text);
        }
    }
}

impl Loaded {
    /// Returns the number of problems in the files and options, each of which has been reported.
    pub(crate) fn problems(&self) -> usize {
        self.files.iter().map(|file| file.faults.len()).sum::<usize>() + self.warnings.len()
    }
}

impl Config {
    /// Returns the plugins to load, in order: those of `load_plugins`, or all if that key is absent.
    pub(crate) fn selected_plugins(&self) -> Vec<&Plugin> {
        match &self.load_plugins {
            None => self.plugins.iter().collect(),
            Some(names) => {
                names.iter().filter_map(|name| self.plugins.iter().find(|plugin| plugin.name == *name)).collect()
            }
        }
    }
}

/// Returns the JSON schema of the configuration.
pub(crate) fn schema() -> serde_json::Value {
    let mut definitions = serde_json::Map::new();
    let root = Config::schema(&mut definitions);
    definitions.sort_keys();
    let mut schema = serde_json::json!({"$schema": "http://json-schema.org/draft-06/schema#"});
    schema["$ref"] = root["$ref"].clone();
    schema["definitions"] = definitions.into();
    schema
}

#[cfg(test)]
mod tests;
