//! Plugins: the built-in replacements of some of Falco's, and those that are loaded from shared objects.
//!
//! An entry of `plugins` whose `library_path` names a file is loaded from it. Where there is no such file, an entry of a
//! built-in name is the built-in one; so a configuration of Falco's works with and without Falco's libraries. Fields of
//! containers are always the built-in ones, also where the configuration names a file for that plugin.

use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use peregrine_plugin_host::{Configured, Library, Log, LogLine, Severity, SourcePlugins, SyscallPlugins};

use rule_engine::load;

use crate::config::settings::{Config, Plugin};
use crate::names::{CONTAINER_PLUGIN, K8S_AUDIT, K8S_AUDIT_PLUGIN};
use crate::{Fatal, log};

/// A built-in source or extractor that rules can require as a plugin.
#[derive(Debug)]
pub(crate) struct BuiltIn {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) does: &'static str,
    /// Whether it is enabled without configuration.
    pub(crate) always: bool,
    /// The event source that it provides, if any.
    pub(crate) source: Option<&'static str>,
}

/// The built-in plugins.
pub(crate) const BUILT_IN: &[BuiltIn] = &[
    BuiltIn {
        name: CONTAINER_PLUGIN,
        version: load::CONTAINER_PLUGIN.1,
        does: "fields of containers and Kubernetes pods",
        always: true,
        source: None,
    },
    BuiltIn {
        name: K8S_AUDIT_PLUGIN,
        version: load::K8S_AUDIT_PLUGIN.1,
        does: "Kubernetes audit events, from a webhook or from files",
        always: false,
        source: Some(K8S_AUDIT),
    },
    BuiltIn {
        name: load::JSON_PLUGIN.0,
        version: load::JSON_PLUGIN.1,
        does: "fields of events that are JSON",
        always: false,
        source: None,
    },
];

/// Directories of relative paths of libraries; the first that has the file is used.
const FOLDERS: &[&str] = &["/usr/share/peregrine/plugins", "/usr/share/falco/plugins"];

/// The plugins of a configuration.
#[derive(Debug, Default)]
pub(crate) struct Plugins {
    /// Those that are built in and enabled.
    pub(crate) built_in: Vec<&'static BuiltIn>,
    /// Those that were loaded from files, in the order of the configuration.
    pub(crate) libraries: Vec<Library>,
    /// One for each source of events that they provide.
    pub(crate) sources: Vec<Arc<SourcePlugins>>,
    /// Those for system calls, if there are any.
    pub(crate) syscalls: Option<Arc<SourcePlugins>>,
}

/// The plugins of the configurations so far. A library stays in the process once it is loaded, and rules that are loaded
/// again must know the plugins whose events are evaluated.
static LOADED: Mutex<Vec<(Vec<Plugin>, Arc<Plugins>)>> = Mutex::new(Vec::new());

impl Plugins {
    /// Returns the plugins of a configuration; libraries are loaded the first time.
    ///
    /// # Errors
    ///
    /// If a plugin is neither built in nor in a file, cannot be loaded, or does not fit to the others.
    pub(crate) fn of(config: &Config) -> Result<Arc<Self>, Fatal> {
        let selected: Vec<Plugin> = config.selected_plugins().into_iter().cloned().collect();
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, plugins)) = loaded.iter().find(|(known, _)| *known == selected) {
            return Ok(Arc::clone(plugins));
        }
        let plugins = Arc::new(Self::load(&selected)?);
        loaded.push((selected, Arc::clone(&plugins)));
        Ok(plugins)
    }

    fn load(selected: &[Plugin]) -> Result<Self, Fatal> {
        let mut built_in: Vec<_> = BUILT_IN.iter().filter(|plugin| plugin.always).collect();
        let mut configured = Vec::new();
        for plugin in selected {
            let known = BUILT_IN.iter().find(|known| known.name == plugin.name);
            let path = path(plugin)?;
            match (known, path) {
                (Some(known), _) if known.always => {}
                (Some(known), None) => built_in.push(known),
                (None, None) => return Err(missing(plugin)),
                (known, Some(path)) => configured.push(load(plugin, &path, known.is_some())?),
            }
        }
        let sources = SourcePlugins::combine(&configured).map_err(Fatal::new)?;
        if let Some(source) =
            sources.iter().find(|source| built_in.iter().any(|known| known.source == Some(source.source())))
        {
            let (plugin, source) = (source.provider(), source.source());
            return Err(Fatal(format!(
                "plugin {plugin}: event source `{source}` is provided by a built-in plugin already"
            )));
        }
        let syscalls = SourcePlugins::of_syscalls(&configured).map_err(Fatal::new)?;
        let libraries = configured.into_iter().map(|plugin| plugin.library).collect();
        Ok(Self { built_in, libraries, sources, syscalls })
    }

    /// Returns names and versions, for rules that require plugins.
    pub(crate) fn versions(&self) -> Vec<(String, String)> {
        let built_in = self.built_in.iter().map(|plugin| (plugin.name.to_owned(), plugin.version.to_owned()));
        let libraries = self.libraries.iter().map(Library::info);
        built_in.chain(libraries.map(|info| (info.name.clone(), info.version.to_string()))).collect()
    }

    /// Returns whether a built-in plugin provides a source of events.
    pub(crate) fn has_built_in(&self, source: &str) -> bool {
        self.built_in.iter().any(|plugin| plugin.source == Some(source))
    }
}

/// Returns how to load the built-in plugins that a text names by their names or their source, if there are any that are not
/// among those loaded, which are given by name and version.
pub(crate) fn advice(loaded: &[(String, String)], text: &str) -> Option<String> {
    let words = || text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let named = |plugin: &BuiltIn| words().any(|word| word == plugin.name || Some(word) == plugin.source);
    let missing =
        BUILT_IN.iter().filter(|plugin| named(plugin) && loaded.iter().all(|(other, _)| other != plugin.name));
    let options: Vec<_> = missing.map(|plugin| format!("-o 'plugins[]={{name: {}}}'", plugin.name)).collect();
    (!options.is_empty())
        .then(|| format!("this is built in; load it with plugins in the configuration, or {}", options.join(" ")))
}

/// The log of plugins as lines of this program's.
pub(crate) fn log_to() -> Log {
    Arc::new(|LogLine { plugin, component, message, severity, .. }| {
        let part = component.map(|component| format!(" ({component})")).unwrap_or_default();
        let line = format!("plugin {plugin}{part}: {message}");
        match severity {
            Severity::Fatal | Severity::Critical | Severity::Error => log::error(line),
            Severity::Warning => log::warning(line),
            Severity::Notice => log::notice(line),
            Severity::Info => log::info(line),
            Severity::Debug | Severity::Trace => log::debug(line),
        }
    })
}

/// Initializes the plugins for system calls. `live` says that the events are those of this host.
///
/// # Errors
///
/// If a plugin rejects its configuration, or does not understand the events.
pub(crate) fn of_syscalls(plugins: Option<&Arc<SourcePlugins>>, live: bool) -> Result<Extension, Fatal> {
    plugins.map(|plugins| SyscallPlugins::init(plugins, &log_to(), live).map_err(Fatal::new)).transpose()
}

/// The plugins of an inspector, if there are any.
pub(crate) type Extension = Option<Arc<SyscallPlugins>>;

/// Returns the file of a plugin; `None` if there is none.
///
/// # Errors
///
/// If the path leads out of the folders of plugins.
fn path(plugin: &Plugin) -> Result<Option<PathBuf>, Fatal> {
    let path = &plugin.library_path;
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    if path.is_absolute() {
        return Ok(path.is_file().then(|| path.clone()));
    }
    if path.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
        let (name, path) = (&plugin.name, path.display());
        return Err(Fatal(format!("plugin {name}: library_path {path} leads out of the folder of plugins")));
    }
    Ok(FOLDERS.iter().map(|folder| Path::new(folder).join(path)).find(|path| path.is_file()))
}

fn load(plugin: &Plugin, path: &Path, built_in: bool) -> Result<Configured, Fatal> {
    let library = Library::load(path).map_err(Fatal::new)?;
    let info = library.info();
    if info.name != plugin.name {
        let (name, path, own) = (&plugin.name, path.display(), &info.name);
        return Err(Fatal(format!(
            "plugin {name}: {path} is the plugin `{own}`; write that name in the configuration"
        )));
    }
    let instead = if built_in { " in place of the built-in one" } else { "" };
    log::info(format!("plugin {} {}: loaded {}{instead}", info.name, info.version, path.display()));
    let (init_config, open_params) = (plugin.init_config.0.clone(), plugin.open_params.clone());
    Ok(Configured::new(library, init_config, open_params))
}

fn missing(plugin: &Plugin) -> Fatal {
    let built_in: Vec<_> = BUILT_IN.iter().map(|plugin| plugin.name).collect();
    let place = match &plugin.library_path {
        path if path.as_os_str().is_empty() => "set its library_path".to_owned(),
        path if path.is_absolute() => format!("{} does not exist", path.display()),
        path => format!("{} is neither in {}", path.display(), FOLDERS.join(" nor in ")),
    };
    Fatal(format!(
        "plugin '{}' is not built in and {place}; the built-in plugins are {}",
        plugin.name,
        built_in.join(", ")
    ))
}
