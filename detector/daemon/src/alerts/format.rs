//! Formats of alerts: for the outputs and for the web UI.

use crate::config::settings::Config;
use rule_engine::output::Format;

/// Returns the format that the configuration sets for the outputs.
pub(super) fn of_outputs(config: &Config, hostname: &str) -> Format {
    Format::new(hostname)
        .json(config.json_output)
        .include_output(config.json_include_output_property)
        .include_tags(config.json_include_tags_property)
        .include_message(config.json_include_message_property)
        .include_output_fields(config.json_include_output_fields_property)
        .iso8601(config.time_format_iso_8601)
}

/// Returns the format for the web UI: the whole alert as JSON.
pub(super) fn full(hostname: &str) -> Format {
    Format::new(hostname).json(true).include_message(true)
}
