//! `pscap fields`: the fields that filters and formats can use.

use sinsp::fields::{Fields as Known, ListOptions, Listing};

use crate::cli::{Fields, Format};
use crate::{Fatal, output};

pub(crate) fn run(options: &Fields) -> Result<(), Fatal> {
    let form = match options.format {
        Format::Text => Listing::Text,
        Format::Markdown => Listing::Markdown,
        Format::Json => Listing::Json,
    };
    let list = ListOptions { form, names_only: options.names, verbose: true, deprecated: options.deprecated };
    Ok(output::print(&Known::new().list(list))?)
}
