//! `--list`: the fields of conditions and outputs.

use crate::cli::{Format, Options};
use sinsp::fields::{Fields, ListOptions, Listing};

/// The sources whose fields can be listed.
pub(crate) const SOURCES: &[&str] = &["syscall"];

/// The list of a source, or of all where the name is empty; `None` if there is no such source.
pub(crate) fn text(source: &str, options: &Options, fields: &Fields) -> Option<String> {
    if !source.is_empty() && !SOURCES.contains(&source) {
        return None;
    }
    let form = match options.list_format() {
        Format::Text => Listing::Text,
        Format::Markdown => Listing::Markdown,
        Format::Json => Listing::Json,
    };
    let options =
        ListOptions { form, names_only: options.names_only, verbose: options.verbose, ..ListOptions::default() };
    Some(fields.list(options))
}
