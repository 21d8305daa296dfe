//! Selection of the event sources: those of the configuration, except those that the command line disables.

pub(crate) mod audit;
pub(crate) mod containers;
pub(crate) mod ignored;
#[cfg(feature = "live")]
pub(crate) mod live;
pub(crate) mod no_driver;
pub(crate) mod plan;
pub(crate) mod plugin;
pub(crate) mod replay;
pub(crate) mod replayed;
#[cfg(feature = "live")]
pub(crate) mod selection;
#[cfg(feature = "live")]
pub(crate) mod traced;
pub(crate) mod watchdog;

use crate::Fatal;
use crate::cli::Options;
use crate::config::settings::{Config, EngineKind};
use crate::names::{K8S_AUDIT, SYSCALL};
use crate::plugins::Plugins;
use peregrine_plugin_host::SourcePlugins;
use std::sync::Arc;

/// The enabled sources.
#[derive(Debug)]
pub(crate) struct Enabled {
    pub(crate) syscall: bool,
    pub(crate) audit: Option<audit::Settings>,
    /// Those that plugins provide.
    pub(crate) plugins: Vec<Arc<SourcePlugins>>,
    /// Those whose events a capture may have.
    pub(crate) replayed: Vec<Arc<SourcePlugins>>,
    /// The plugins for system calls.
    pub(crate) syscall_plugins: Option<Arc<SourcePlugins>>,
}

impl Enabled {
    /// Returns the enabled sources. A replay has the events of its file only.
    ///
    /// # Errors
    ///
    /// If the command line names an unknown source, or disables all sources.
    pub(crate) fn select(options: &Options, config: &Config, plugins: &Plugins) -> Result<Self, Fatal> {
        if config.engine.kind == EngineKind::Replay {
            let (replayed, syscall_plugins) = (plugins.sources.clone(), plugins.syscalls.clone());
            return Ok(Self { syscall: true, audit: None, plugins: Vec::new(), replayed, syscall_plugins });
        }
        let audit = if plugins.has_built_in(K8S_AUDIT) { audit::Settings::read(config)? } else { None };
        let mut known = vec![SYSCALL];
        known.extend(audit.as_ref().map(|_| K8S_AUDIT));
        known.extend(plugins.sources.iter().map(|source| source.source()));
        for (names, verb) in [(&options.enable_sources, "enable"), (&options.disable_sources, "disable")] {
            if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
                return Err(Fatal(format!("cannot {verb} the unknown event source '{name}'")));
            }
        }
        let used = |name: &str| {
            let named = |names: &[String]| names.iter().any(|named| named == name);
            (options.enable_sources.is_empty() || named(&options.enable_sources)) && !named(&options.disable_sources)
        };
        let syscall_plugins = plugins.syscalls.clone().filter(|_| used(SYSCALL));
        let plugins = plugins.sources.iter().filter(|source| used(source.source())).cloned().collect();
        let (syscall, audit) = (used(SYSCALL), audit.filter(|_| used(K8S_AUDIT)));
        let enabled = Self { syscall, audit, plugins, replayed: Vec::new(), syscall_plugins };
        if !enabled.syscall && enabled.audit.is_none() && enabled.plugins.is_empty() {
            return Err(Fatal::new("at least one event source must be enabled"));
        }
        Ok(enabled)
    }
}
