//! The JSON schema that a plugin has for its configuration, by which the configuration is checked before the plugin gets it.

use serde_json::Value;

use crate::error::Error;

/// The most errors of a configuration that are reported.
#[cfg(feature = "init-schema")]
const MOST: usize = 5;

/// Checks a configuration; an empty one is `{}`. Values are not part of errors, as they may be secrets.
///
/// # Errors
/// If the schema is invalid, or the configuration by it.
pub(crate) fn check(plugin: &str, schema: &str, config: &str) -> Result<(), Error> {
    let invalid = |reason: String| Error::Config { plugin: plugin.to_owned(), setting: "init_config", reason };
    let description = |reason: String| {
        let plugin = plugin.to_owned();
        Error::Description { plugin, symbol: "plugin_get_init_schema", reason }
    };
    let config = if config.trim().is_empty() { "{}" } else { config };
    let config: Value = serde_json::from_str(config)
        .map_err(|error| invalid(format!("not JSON, which its schema requires: {error}")))?;
    let schema: Value = serde_json::from_str(schema).map_err(|error| description(format!("invalid JSON: {error}")))?;
    let errors = validate(&schema, &config).map_err(|error| description(format!("an invalid JSON schema: {error}")))?;
    if errors.is_empty() { Ok(()) } else { Err(invalid(errors.join("; ").trim_start_matches(": ").to_owned())) }
}

/// Returns the errors of a configuration, or that of the schema.
#[cfg(feature = "init-schema")]
fn validate(schema: &Value, config: &Value) -> Result<Vec<String>, String> {
    let validator = jsonschema::validator_for(schema).map_err(|error| error.to_string())?;
    let error = |error: jsonschema::ValidationError<'_>| format!("{}: {}", error.instance_path(), error.masked());
    Ok(validator.iter_errors(config).take(MOST).map(error).collect())
}

/// Leaves the check to the plugin, which gets the configuration.
#[cfg(not(feature = "init-schema"))]
fn validate(_: &Value, _: &Value) -> Result<Vec<String>, String> {
    Ok(Vec::new())
}
