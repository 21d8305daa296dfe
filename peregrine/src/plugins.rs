//! Plugins that were built for Falco, in the rules and detectors of a program.

use std::fmt;
use std::sync::Arc;

use peregrine_plugin_host::{
    Configured, Error as PluginError, Library, Log, PluginSchema, PluginSource, SourcePlugins, SyscallFields,
    SyscallPlugins,
};
use rule_engine::engine::SourceError;
use rule_engine::event::sinsp::SinspSchema;
use rule_engine::load::{BUILT_IN_PLUGINS, Loaded};

use crate::Error;

/// Loaded plugins that fit together, with their configurations. Copies share them.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use peregrine::plugin_host::{Configured, Library};
/// use peregrine::{Plugins, Rules};
///
/// let cloudtrail = Library::load("/usr/share/falco/plugins/libcloudtrail.so")?;
/// let plugins = Plugins::new(&[Configured::new(cloudtrail, "{}", "s3://bucket/logs")])?;
/// let rules = Rules::builder().plugins(&plugins).file("aws_cloudtrail_rules.yaml")?.build()?;
/// let mut detector = rules.plugin_source("aws_cloudtrail")?;
/// while let Some(alert) = detector.next()? {
///     println!("{alert}");
/// }
/// # Ok(())
/// # }
/// ```
///
/// The plugins for system calls are used by a [`Detector`](crate::Detector) of these rules without more. The code of a
/// plugin runs in this process with all of its privileges.
#[derive(Clone, Default)]
pub struct Plugins(Arc<Inner>);

#[derive(Default)]
struct Inner {
    libraries: Vec<Library>,
    sources: Vec<Arc<SourcePlugins>>,
    syscalls: Option<Arc<SourcePlugins>>,
    log: Option<Log>,
}

impl Plugins {
    /// Combines plugins. What they log is dropped.
    ///
    /// # Errors
    /// If two of them provide the same thing, or one is of no use with the others.
    pub fn new(plugins: &[Configured]) -> Result<Self, Error> {
        Self::combine(plugins, None)
    }

    /// Combines plugins, and passes on what they log, from any thread.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_log(plugins: &[Configured], log: Log) -> Result<Self, Error> {
        Self::combine(plugins, Some(log))
    }

    fn combine(plugins: &[Configured], log: Option<Log>) -> Result<Self, Error> {
        let sources = SourcePlugins::combine(plugins)?;
        let syscalls = SourcePlugins::of_syscalls(plugins)?;
        let libraries = plugins.iter().map(|plugin| plugin.library.clone()).collect();
        Ok(Self(Arc::new(Inner { libraries, sources, syscalls, log })))
    }

    /// Returns the names of the event sources that the plugins provide.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.0.sources.iter().map(|source| source.source())
    }

    /// Returns the plugins, in the order in which they were given.
    pub fn libraries(&self) -> &[Library] {
        &self.0.libraries
    }

    /// Initializes the plugins for system calls, for one inspector: they are passed to
    /// [`InspectorBuilder::extension`](sinsp::InspectorBuilder::extension). `live` says that its events are those of this
    /// host, as they happen. `None` if no plugin is for system calls. A [`Detector`](crate::Detector) does this itself.
    ///
    /// # Errors
    /// If a plugin rejects its configuration, or does not understand the events.
    pub fn extension(&self, live: bool) -> Result<Option<Arc<SyscallPlugins>>, Error> {
        let Some(set) = &self.0.syscalls else { return Ok(None) };
        Ok(Some(SyscallPlugins::init(set, &self.log(), live)?))
    }

    /// Initializes the plugins of an event source and opens it: for events without a detector, such as those of
    /// [`Engine::process_plugin`](crate::Engine::process_plugin).
    ///
    /// # Errors
    /// If there is no such source, or a plugin rejects its configuration or cannot open the source.
    pub fn open(&self, source: &str) -> Result<PluginSource, Error> {
        let set = self.0.sources.iter().find(|set| set.source() == source).ok_or_else(|| SourceError::Unknown {
            name: source.to_owned(),
            known: self.sources().collect::<Vec<_>>().join(", "),
        })?;
        Ok(PluginSource::open(set, &self.log())?)
    }

    fn log(&self) -> Log {
        self.0.log.clone().unwrap_or_else(|| Arc::new(|_| ()))
    }

    /// Adds the fields and events of plugins for system calls to their schema.
    pub(crate) fn extend(&self, schema: SinspSchema) -> SinspSchema {
        let Some(set) = &self.0.syscalls else { return schema };
        set.async_events().fold(schema, SinspSchema::async_event).with_added(Box::new(SyscallFields::new(set)))
    }

    /// Returns the schemas of the sources that the plugins provide.
    pub(crate) fn schemas(&self) -> impl Iterator<Item = PluginSchema> {
        self.0.sources.iter().map(PluginSchema::new)
    }

    /// Checks the versions that rules require, if there are plugins.
    pub(crate) fn check_versions(&self, loaded: &Loaded) -> Result<(), String> {
        if self.0.libraries.is_empty() {
            return Ok(());
        }
        let infos = self.0.libraries.iter().map(Library::info);
        let own: Vec<_> = infos.map(|info| (info.name.as_str(), info.version.to_string())).collect();
        let own = own.iter().map(|(name, version)| (*name, version.as_str()));
        loaded.check_plugins(&own.chain(BUILT_IN_PLUGINS).collect::<Vec<_>>())
    }

    /// Checks that other rules have the same plugins.
    pub(crate) fn check_same(&self, others: &Self) -> Result<(), Error> {
        let none = self.0.libraries.is_empty() && others.0.libraries.is_empty();
        if none || Arc::ptr_eq(&self.0, &others.0) { Ok(()) } else { Err(PluginError::ForeignEvent.into()) }
    }
}

impl fmt::Debug for Plugins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.libraries.iter().map(|library| &library.info().name).collect();
        f.debug_tuple("Plugins").field(&names).finish()
    }
}
