//! `-V`: validates rules files and reports the errors, in Falco's format for tools and in ours for people.

use crate::cli::Options;
use crate::config::settings::Config;
use crate::plugins::Plugins;
use crate::rules::{RuleFiles, description_text};
use crate::{Fatal, log, terminal};
use serde_json::json;

/// Validates the files of `-V`. Returns an error if any of them is invalid.
pub(crate) fn run(options: &Options, config: &Config) -> Result<(), Fatal> {
    let mut rules = RuleFiles::exactly(&options.validate)?.load(options, config, &*Plugins::of(config)?);
    rules.check_plugins()?;
    let successful = rules.loaded.is_successful();
    let wanted = options.describe_all || options.describe.is_some();
    let described = if successful && wanted { Some(rules.describe(options.describe.as_deref())?) } else { None };
    if config.json_output {
        let mut result = serde_json::Map::new();
        if let Some(described) = described {
            result.insert("falco_describe_results".into(), described);
        }
        result.insert("falco_load_results".into(), rules.loaded.falco_json());
        terminal::print(&format!("{}\n", json!(result)));
    } else {
        let (summary, warnings) = rules.loaded.falco_text();
        warnings.iter().for_each(log::warning);
        // Falco's format has no place for them.
        let mut hints: Vec<_> = rules.loaded.diagnostics.iter().filter_map(|found| found.hint.as_deref()).collect();
        hints.dedup();
        if successful {
            hints.iter().for_each(|hint| log::warning(format!("help: {hint}")));
        }
        terminal::print(&format!("{summary}\n"));
        if let Some(described) = described {
            terminal::print(&format!("\n{}", description_text(&described)));
        }
    }
    if successful { Ok(()) } else { Err(Fatal(rules.faults())) }
}
