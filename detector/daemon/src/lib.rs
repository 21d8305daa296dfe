//! The detector as a library, compatible with `falco` in command line, configuration and rules.
//!
//! ```text
//! cli ── config ── rules ── sources ── event_loop: inspector ── engine ── alerts
//!  └ reports: print and leave               └ metrics, web
//! ```
//!
//! A program parses its arguments with [`parse`] and passes them to [`run`]. The detector is built on the public
//! interfaces of the library crates alone: whatever it does, another program can do.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))] // They panic when the reader is gone.

mod alerts;
mod capture;
mod cli;
mod clock;
mod config;
mod denial;
mod detect;
mod event_loop;
mod fatal;
mod host;
mod interval;
mod log;
mod metrics;
mod names;
#[cfg(test)]
mod places;
mod plugins;
mod profile;
mod protect;
mod reports;
mod response;
mod rules;
mod server;
mod signals;
mod sources;
mod terminal;
mod token_bucket;
mod web;

pub use cli::{Options, Parsed, parse};
pub use fatal::Fatal;
pub use log::finish;
pub use terminal::{print, print_error};

use cli::manual;
use config::settings::LogLevel;
use plugins::Plugins;
use reports::{explain, list, rule_tests, support, validate, version};
use rules::{RuleFiles, bundle};
use signals::Signals;
use sources::audit;

/// Runs the detector with the options: prints a report and returns, or detects until the end of its source or a signal.
///
/// # Errors
///
/// If the configuration, rules, a source or an output is invalid or fails.
pub fn run(options: &Options) -> Result<(), Fatal> {
    if options.markdown {
        terminal::print_error("Warning: --markdown is deprecated; use --format markdown\n");
    }
    if options.config_schema {
        terminal::print(&format!("{:#}\n", config::schema()));
    } else if options.rule_schema {
        terminal::print(&format!("{:#}\n", rule_engine::source::schema::json()));
    } else if options.ignored_events {
        terminal::print(&sources::ignored::ignored_text());
    } else if options.list_events {
        terminal::print(&list::events::text(options.list_format()));
    } else if options.man {
        terminal::print(&String::from_utf8_lossy(&manual::page()?));
    } else if let Some(shell) = options.completions {
        terminal::print(&String::from_utf8_lossy(&manual::completions(shell)));
    } else if options.audit_policy {
        terminal::print(audit::POLICY);
    } else if let Some(url) = &options.audit_webhook {
        terminal::print(&audit::kubeconfig(url));
    } else {
        let loaded = config::load(options.config.as_deref(), &options.options).map_err(Fatal::new)?;
        start(options, loaded)?;
    }
    Ok(())
}

/// Handles everything that requires the configuration, in Falco's order: reports first.
fn start(options: &Options, mut loaded: config::Loaded) -> Result<(), Fatal> {
    if options.unbuffered {
        loaded.config.buffered_outputs = false;
    }
    if options.dry_run {
        // Its only purpose is what it says.
        loaded.config.log_stderr = true;
        if !matches!(loaded.config.log_level, LogLevel::Info | LogLevel::Debug) {
            loaded.config.log_level = LogLevel::Notice;
        }
    }
    let config = &loaded.config;
    log::set_up(config);
    log::report(&loaded);
    if options.version {
        let text = if config.json_output { format!("{}\n", version::json(config)) } else { version::text() };
        terminal::print(&text);
    } else if options.page_size {
        terminal::print(&format!("Your system page size is: {} bytes\n", rustix::param::page_size()));
    } else if options.list_plugins || options.plugin_info.is_some() {
        terminal::print(&version::plugins(config, options.plugin_info.as_deref())?);
    } else if let Some(source) = &options.list {
        let plugins = Plugins::of(config)?;
        let text = list::fields::text(source, options, &rules::fields(config), &plugins);
        let known = list::fields::sources(&plugins).join(", ");
        terminal::print(&text.ok_or_else(|| Fatal(format!("unknown source '{source}'; the sources are {known}")))?);
    } else if !options.validate.is_empty() {
        validate::run(options, config)?;
    } else if !options.tests.is_empty() {
        rule_tests::run(options, &loaded)?;
    } else {
        let plugins = Plugins::of(config)?;
        let sources = sources::Enabled::select(options, config, &plugins)?;
        let signals = Signals::install()?;
        let mut stale = None;
        if options.rules.is_empty() && !config.rules_bundle.url.is_empty() && !options.dry_run {
            match bundle::refresh(options, &loaded) {
                Ok(true) => log::notice(format!("rules_bundle: fetched a new bundle from {}", config.rules_bundle.url)),
                Ok(false) => {}
                Err(why) => {
                    log::error(format!("rules_bundle: {why}"));
                    stale = Some(why);
                }
            }
        }
        let mut files = RuleFiles::find(options, &loaded)?;
        files.stale = stale.or(files.stale);
        let mut rules = files.load(options, config, &plugins);
        if options.explain_rule.is_some() || options.explain_event.is_some() {
            explain::run(options.explain_rule.as_deref(), options.explain_event, rules, config, &plugins)?;
        } else if options.plan {
            reports::plan::run(rules, config, &plugins)?;
        } else if options.describe_all || options.describe.is_some() {
            rules.check()?;
            let described = rules.describe(options.describe.as_deref())?;
            let text = if config.json_output { format!("{described}\n") } else { rules::description_text(&described) };
            terminal::print(&text);
        } else if options.support {
            rules.check()?;
            terminal::print(&support::text(&loaded, &files));
        } else {
            detect::detect(options, &loaded, &files, &sources, rules, &signals)?;
        }
    }
    Ok(())
}
