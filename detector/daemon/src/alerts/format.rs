//! The forms of alerts: that of the outputs, and that of the page.

use crate::config::settings::Config;
use rule_engine::output::Format;

/// Returns the form that the configuration gives to the outputs.
pub(super) fn of_outputs(config: &Config, hostname: &str) -> Format {
    Format {
        json: config.json_output,
        include_output: config.json_include_output_property,
        include_tags: config.json_include_tags_property,
        include_message: config.json_include_message_property,
        include_output_fields: config.json_include_output_fields_property,
        iso8601: config.time_format_iso_8601,
        ..Format::new(hostname)
    }
}

/// Returns the form of the page: all of an alert as JSON.
pub(super) fn full(hostname: &str) -> Format {
    Format { json: true, include_message: true, ..Format::new(hostname) }
}
