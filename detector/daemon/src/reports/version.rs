//! Versions of the program and of the interfaces that it is compatible with.

use crate::Fatal;
use crate::config::settings::Config;
use crate::names::{DRIVER_API_VERSION, FALCO_VERSION, PLUGIN_API_VERSION, VERSION};
use crate::plugins::{BuiltIn, Plugins, log_to};
use peregrine_plugin_host::{Events, Info, Plugin};
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
    // A plugin that cannot be loaded ends the start, and need not end this report.
    let plugins = Plugins::of(config).map(|plugins| plugins.versions()).unwrap_or_default();
    let plugins: serde_json::Map<_, _> = plugins.into_iter().map(|(name, version)| (name, version.into())).collect();
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

/// Returns the description of all plugins, or, with more of its interface, of one by name or by its library.
///
/// # Errors
///
/// If there is no such plugin, or a plugin cannot be loaded.
pub(crate) fn plugins(config: &Config, name: Option<&str>) -> Result<String, Fatal> {
    let plugins = Plugins::of(config)?;
    let Some(name) = name else {
        let built_in = plugins.built_in.iter().map(|plugin| of_built_in(plugin));
        let all: Vec<String> =
            built_in.chain(plugins.libraries.iter().map(|library| of_library(library.info()))).collect();
        return Ok(format!("{} Plugins Loaded:\n\n{}", all.len(), all.concat()));
    };
    if let Some(plugin) = plugins.built_in.iter().find(|plugin| plugin.name == name) {
        return Ok(of_built_in(plugin));
    }
    let named = |library: &&peregrine_plugin_host::Library| {
        library.info().name == name || library.path().as_os_str() == name || library.path().ends_with(name)
    };
    let library = plugins.libraries.iter().find(named).ok_or_else(|| Fatal(format!("unknown plugin '{name}'")))?;
    let info = library.info();
    let mut text = of_library(info);
    match &info.init_schema {
        Some((schema, true)) => text += &format!("Init config schema type: JSON\n\n{schema}\n\n"),
        Some((schema, false)) => text += &format!("Init config schema:\n\n{schema}\n\n"),
        None => text += "No init config schema available: the configuration is free text\n\n",
    }
    if info.capabilities.sourcing {
        let init_config = &config.selected_plugins().into_iter().find(|plugin| plugin.name == info.name);
        let init_config = init_config.map(|plugin| plugin.init_config.0.as_str()).unwrap_or_default();
        let params = Plugin::init(library, init_config, log_to()).and_then(|mut plugin| plugin.open_params());
        let params = params.map_err(Fatal::new)?;
        text += if params.is_empty() { "No suggested open params available\n" } else { "Suggested open params:\n" };
        for param in params {
            let description = if param.desc.is_empty() { String::new() } else { format!(": {}", param.desc) };
            text += &format!("{}{description}\n", param.value);
        }
    }
    Ok(text)
}

fn of_built_in(plugin: &BuiltIn) -> String {
    format!(
        "Name: {}\nDescription: {}\nContact: built in\nVersion: {}\nCapabilities: \n{}  - Field Extraction\n\n",
        plugin.name,
        plugin.does,
        plugin.version,
        plugin.source.map(|source| format!("  - Event Sourcing (source={source})\n")).unwrap_or_default(),
    )
}

fn of_library(info: &Info) -> String {
    let sourcing = match &info.events {
        Some(Events::Own { id, source }) => Some(format!("Event Sourcing (ID={id}, source='{source}')")),
        Some(_) => Some("Event Sourcing".to_owned()),
        None => None,
    };
    let capabilities = info.capabilities;
    let rows = [
        sourcing,
        capabilities.extraction.then(|| "Field Extraction".to_owned()),
        capabilities.parsing.then(|| "Event Parsing".to_owned()),
        capabilities.async_events.then(|| "Async Events".to_owned()),
        capabilities.capture_listening.then(|| "Capture Listening (not used)".to_owned()),
    ];
    let rows: String = rows.into_iter().flatten().map(|row| format!("  - {row}\n")).collect();
    let (name, description, contact, version) = (&info.name, &info.description, &info.contact, info.version);
    format!(
        "Name: {name}\nDescription: {description}\nContact: {contact}\nVersion: {version}\nCapabilities: \n{rows}\n"
    )
}
