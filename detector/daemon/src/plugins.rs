//! Built-in replacements of Falco's plugins.

use crate::Fatal;
use crate::config::settings::Config;
use crate::names::{CONTAINER_PLUGIN, K8S_AUDIT, K8S_AUDIT_PLUGIN};

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
        version: "0.7.1",
        does: "fields of containers and Kubernetes pods",
        always: true,
        source: None,
    },
    BuiltIn {
        name: K8S_AUDIT_PLUGIN,
        version: "0.18.0",
        does: "Kubernetes audit events, from a webhook or from files",
        always: false,
        source: Some(K8S_AUDIT),
    },
    BuiltIn { name: "json", version: "0.7.4", does: "fields of events that are JSON", always: false, source: None },
];

/// Returns the enabled plugins: those that always are, and those of the configuration.
pub(crate) fn loaded(config: &Config) -> impl Iterator<Item = &'static BuiltIn> {
    let selected = config.selected_plugins();
    BUILT_IN.iter().filter(move |plugin| plugin.always || selected.iter().any(|named| named.name == plugin.name))
}

/// Returns how to load the built-in plugins that a text names by their names or their source, if there are any that are
/// not loaded.
pub(crate) fn advice(config: &Config, text: &str) -> Option<String> {
    let words = || text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let named = |plugin: &BuiltIn| words().any(|word| word == plugin.name || Some(word) == plugin.source);
    let missing =
        BUILT_IN.iter().filter(|plugin| named(plugin) && loaded(config).all(|other| other.name != plugin.name));
    let options: Vec<_> = missing.map(|plugin| format!("-o 'plugins[]={{name: {}}}'", plugin.name)).collect();
    (!options.is_empty())
        .then(|| format!("this is built in; load it with plugins in the configuration, or {}", options.join(" ")))
}

/// Rejects plugins that are not built in: shared objects are not loaded.
pub(crate) fn check(config: &Config) -> Result<(), Fatal> {
    for plugin in config.selected_plugins() {
        if !BUILT_IN.iter().any(|built_in| built_in.name == plugin.name) {
            let built_in: Vec<_> = BUILT_IN.iter().map(|plugin| plugin.name).collect();
            return Err(Fatal(format!(
                "plugin '{}' is not built in, and plugins are not loaded from files; the built-in plugins are {}",
                plugin.name,
                built_in.join(", ")
            )));
        }
    }
    Ok(())
}
