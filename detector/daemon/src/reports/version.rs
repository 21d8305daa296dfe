//! Versions of the program and of the interfaces that it is compatible with.

use crate::Fatal;
use crate::config::settings::Config;
use crate::names::{DRIVER_API_VERSION, FALCO_VERSION, PLUGIN_API_VERSION, VERSION};
use crate::plugins::loaded;
use rule_engine::load::ENGINE_VERSION;
use serde_json::{Value as Json, json};
use std::fmt::Write;

/// Returns the versions for people.
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

/// Returns the versions for programs, with Falco's keys.
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

/// Returns the description of all plugins, or of one by name.
pub(crate) fn plugins(config: &Config, name: Option<&str>) -> Result<String, Fatal> {
    let chosen: Vec<_> = loaded(config).filter(|plugin| name.is_none_or(|name| name == plugin.name)).collect();
    if let Some(name) = name
        && chosen.is_empty()
    {
        return Err(Fatal(format!("unknown plugin '{name}'")));
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
