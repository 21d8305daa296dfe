//! The versions of the program and of what it is compatible with.

use crate::Fatal;
use crate::config::settings::Config;
use rule_engine::resolve::ENGINE_VERSION;
use serde_json::{Value as Json, json};
use std::fmt::Write;

/// The version of this program.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The version of Falco whose behaviour is the measure, for tools that look at this key alone.
pub(crate) const FALCO_VERSION: &str = "0.44.0";

/// The driver interface that captures and the probe follow.
pub(crate) const DRIVER_API_VERSION: &str = "10.1.0";

/// The interface of plugins that the built-in ones are described by.
pub(crate) const PLUGIN_API_VERSION: &str = "3.12.0";

/// A built-in source or extractor that rules may require as a plugin.
#[derive(Debug)]
pub(crate) struct BuiltIn {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) does: &'static str,
    /// Whether it is there without being asked for.
    pub(crate) always: bool,
    /// The source of events that it is, if it is one.
    pub(crate) source: Option<&'static str>,
}

/// What is built in under the name of a plugin.
pub(crate) const BUILT_IN: &[BuiltIn] = &[
    BuiltIn {
        name: "container",
        version: "0.7.1",
        does: "fields of containers and Kubernetes pods",
        always: true,
        source: None,
    },
    BuiltIn {
        name: crate::sources::audit::PLUGIN,
        version: "0.18.0",
        does: "Kubernetes audit events, from a webhook or from files",
        always: false,
        source: Some(crate::sources::audit::SOURCE),
    },
    BuiltIn { name: "json", version: "0.7.4", does: "fields of events that are JSON", always: false, source: None },
];

/// What of it is in use: always, or because the configuration says so.
pub(crate) fn loaded(config: &Config) -> impl Iterator<Item = &'static BuiltIn> {
    let selected = config.selected_plugins();
    BUILT_IN.iter().filter(move |plugin| plugin.always || selected.iter().any(|named| named.name == plugin.name))
}

/// The versions for people.
pub(crate) fn text() -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "Peregrine version: {VERSION}\nCompatible with:   Falco {FALCO_VERSION}\nPlugin API:        {PLUGIN_API_VERSION}\n\
         Engine:            {}\nDriver:\n  API version:     {DRIVER_API_VERSION}\n  Schema version:  {}\n",
        ENGINE_VERSION,
        scap::schema::SCHEMA_VERSION,
    );
    text
}

/// The versions for programs, with Falco's keys.
pub(crate) fn json(config: &Config) -> Json {
    let plugins: serde_json::Map<_, _> =
        loaded(config).map(|plugin| (plugin.name.to_owned(), plugin.version.into())).collect();
    json!({
        "default_driver_version": format!("{VERSION}+probe"),
        "driver_api_version": DRIVER_API_VERSION,
        "driver_schema_version": scap::schema::SCHEMA_VERSION,
        "engine_version": ENGINE_VERSION.1.to_string(),
        "engine_version_semver": ENGINE_VERSION.to_string(),
        "falco_version": FALCO_VERSION,
        "libs_version": VERSION,
        "peregrine_version": VERSION,
        "plugin_api_version": PLUGIN_API_VERSION,
        "plugin_versions": plugins,
    })
}

/// The plugins, or one of them by name.
pub(crate) fn plugins(config: &Config, name: Option<&str>) -> Result<String, Fatal> {
    let chosen: Vec<_> = loaded(config).filter(|plugin| name.is_none_or(|name| name == plugin.name)).collect();
    if let Some(name) = name
        && chosen.is_empty()
    {
        return Err(Fatal(format!("there is no plugin '{name}'")));
    }
    let mut text = format!("{} Plugins Loaded:\n\n", chosen.len());
    for plugin in chosen {
        text += &format!(
            "Name: {}\nDescription: {}\nContact: built in\nVersion: {}\nCapabilities: \n{}  - Field Extraction\n\n",
            plugin.name,
            plugin.does,
            plugin.version,
            plugin.source.map(|source| format!("  - Event Sourcing (source={source})\n")).unwrap_or_default(),
        );
    }
    Ok(text)
}
