//! The detector as a library: stands where `falco` stands, with its command line, configuration and rules.
//!
//! ```text
//! cli ── config ── rules ── sources ── event_loop: inspector ── engine ── alerts
//!  └ reports: print and leave               └ metrics, web
//! ```
//!
//! A program parses its arguments with [`parse`] and hands them to [`run`]. It is built on the public interfaces of the
//! library crates alone: whatever it does, another program can do.
#![forbid(unsafe_code)]

mod alerts;
mod cli;
mod config;
mod event_loop;
mod log;
mod metrics;
mod reports;
mod rules;
mod signals;
mod sources;
mod terminal;
mod web;

pub use cli::{Options, Parsed, parse};
pub use log::finish;
pub use terminal::print;

use alerts::Alerts;
use alerts::pending_alerts;
use cli::manual;
use config::settings::EngineKind;
use event_loop::matches::Matches;
use event_loop::{active_config, run, service};
use peregrine_sinks::Wait;
use reports::profile::Profiles;
use reports::{explain, list, rule_schema, rule_tests, support, validate, version};
use rule_engine::engine::SourceRules;
use rule_engine::event::sinsp::SinspSchema;
use rules::RuleFiles;
use rules::bundle;
use signals::Signals;
use sinsp::Inspector;
use sources::{audit, containers, no_driver};
#[cfg(feature = "live")]
use sources::{live, selection};
use std::path::Path;
use std::sync::Arc;

/// Why the program ends with a failure: one text for the user.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Fatal(pub(crate) String);

impl Fatal {
    pub(crate) fn new(text: impl std::fmt::Display) -> Self {
        Self(text.to_string())
    }
}

/// Does what the options say: prints and returns, or detects until the end of its source, or a signal.
///
/// # Errors
///
/// Whatever keeps it from that: configuration, rules, sources and outputs that are not sound.
pub fn run(options: &Options) -> Result<(), Fatal> {
    if options.markdown {
        eprintln!("Warning: --markdown is deprecated; write --format markdown");
    }
    if options.config_schema {
        terminal::print(&format!("{:#}\n", config::schema()));
    } else if options.rule_schema {
        terminal::print(&format!("{:#}\n", rule_schema::json()));
    } else if options.ignored_events {
        terminal::print(&list::syscalls::ignored_text());
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

/// What needs the configuration, in Falco's order: what only prints first.
fn start(options: &Options, mut loaded: config::Loaded) -> Result<(), Fatal> {
    if options.unbuffered {
        loaded.config.buffered_outputs = false;
    }
    let config = &loaded.config;
    log::set_up(config);
    loaded.report();
    if options.version {
        let text = if config.json_output { format!("{}\n", version::json(config)) } else { version::text() };
        terminal::print(&text);
    } else if options.page_size {
        terminal::print(&format!("Your system page size is: {} bytes\n", rustix::param::page_size()));
    } else if options.list_plugins || options.plugin_info.is_some() {
        terminal::print(&version::plugins(config, options.plugin_info.as_deref())?);
    } else if let Some(source) = &options.list {
        let text = list::fields::text(source, options, &rules::fields(config));
        let known = list::fields::SOURCES.join(", ");
        terminal::print(&text.ok_or_else(|| Fatal(format!("there is no source '{source}'; the sources are {known}")))?);
    } else if !options.validate.is_empty() {
        validate::run(options, config)?;
    } else if !options.tests.is_empty() {
        rule_tests::run(options, &loaded)?;
    } else {
        check_plugins(config)?;
        let sources = sources::Enabled::select(options, config)?;
        let signals = Signals::install()?;
        if options.rules.is_empty() && !config.rules_bundle.url.is_empty() && !options.dry_run {
            match bundle::refresh(options, &loaded) {
                Ok(true) => log::notice(format!("rules_bundle: a new bundle from {}", config.rules_bundle.url)),
                Ok(false) => {}
                Err(why) => log::error(format!("rules_bundle: {why}")),
            }
        }
        let files = RuleFiles::find(options, &loaded)?;
        let mut rules = files.load(options, config);
        if options.explain_rule.is_some() || options.explain_event.is_some() {
            explain::run(options.explain_rule.as_deref(), options.explain_event, rules, config)?;
        } else if options.describe_all || options.describe.is_some() {
            rules.check(config)?;
            let described = rules.describe(options.describe.as_deref())?;
            let text = if config.json_output { format!("{described}\n") } else { rules::description_text(&described) };
            terminal::print(&text);
        } else if options.support {
            rules.check(config)?;
            terminal::print(&support::text(&loaded, &files));
        } else {
            detect(options, &loaded, &files, &sources, rules, &signals)?;
        }
    }
    Ok(())
}

/// Plugins as shared objects are not loaded; those that are built in need not be.
fn check_plugins(config: &config::settings::Config) -> Result<(), Fatal> {
    for plugin in config.selected_plugins() {
        if !version::BUILT_IN.iter().any(|built_in| built_in.name == plugin.name) {
            let built_in: Vec<_> = version::BUILT_IN.iter().map(|plugin| plugin.name).collect();
            return Err(Fatal(format!(
                "plugin '{}' is not built in, and plugins are not loaded from files; built in: {}",
                plugin.name,
                built_in.join(", ")
            )));
        }
    }
    Ok(())
}

/// Loads what is needed, then detects.
fn detect(
    options: &Options,
    loaded: &config::Loaded,
    files: &RuleFiles,
    sources: &sources::Enabled,
    mut rules: rules::Rules,
    signals: &Signals,
) -> Result<(), Fatal> {
    let config = &loaded.config;
    let hostname = alerts::hostname();
    let snapshot = options.pidfile.is_some().then(|| active_config::snapshot(loaded, &mut rules));
    let sets = rules.engine(config, &hostname)?;
    let interval = if config.metrics.enabled { Some(service::interval(config)?) } else { None };
    if options.dry_run {
        let rules: usize = sets.all().map(|set| set.rules().rules().len()).sum();
        log::notice(format!("dry run: configuration and {rules} rules are sound"));
        if let (Some(pidfile), Some(snapshot)) = (&options.pidfile, &snapshot) {
            tell_what_a_reload_changes(pidfile, snapshot);
        }
        return Ok(());
    }
    let rules = &sets.source(rules::SYSCALL).map_err(Fatal::new)?;
    let audit_rules = sources.audit.as_ref().map(|_| sets.source(audit::SOURCE)).transpose().map_err(Fatal::new)?;
    let audit = sources.audit.as_ref().zip(audit_rules.as_ref()).map(|(settings, rules)| service::Audit {
        settings,
        rules,
        alone: !sources.syscall,
        evaluator: Arc::default(),
    });
    let wait = if config.engine.kind == EngineKind::Replay { Wait::ForRoom } else { Wait::No };
    let feed: Arc<web::feed::Feed> = Arc::default();
    let mut alerts = Alerts::new(config, &hostname, wait)?;
    if config.webserver.enabled && config.webserver.ui_enabled {
        alerts = alerts.with_feed(Arc::clone(&feed));
    }
    signals.ready();
    let profiles = Profiles::new(options.profile.as_deref())?;
    if let Some(path) = &options.pidfile {
        std::fs::write(path, std::process::id().to_string())
            .map_err(|error| Fatal(format!("cannot write the pid file {}: {error}", path.display())))?;
        if let Some(snapshot) = &snapshot
            && let Err(error) = active_config::write(&active_config::path(path), snapshot)
        {
            log::warning(format!(
                "--dry-run will not know what is at work: {}: {error}",
                active_config::path(path).display()
            ));
        }
    }
    let watches = sources.syscall && matches!(config.engine.kind, EngineKind::ModernEbpf | EngineKind::Kmod);
    let containers = if watches {
        Some(containers::Lookup::start(config, Path::new(&service::host_root()), signals)?)
    } else {
        None
    };
    let mut matches = Matches::default();
    let service = service::Service { options, loaded, files, hostname: &hostname, interval, audit, feed: &feed };
    let outcome = service.run(signals, &alerts, |telemetry, slot| {
        let setup = run::Setup {
            config,
            signals,
            telemetry,
            slot,
            seconds: options.duration,
            verbose: options.verbose,
            profiles: profiles.as_ref(),
            containers: containers.as_ref(),
            waiting: None,
        };
        let kind = if sources.syscall { config.engine.kind } else { EngineKind::Nodriver };
        match kind {
            EngineKind::Replay => {
                let mut inspector = open(&config.engine.replay.capture_file, config)?;
                run::run(&setup, &mut inspector, |_, _| {}, rules, &alerts, &mut matches)
            }
            EngineKind::Nodriver => {
                let mut inspector = Inspector::with_config(no_driver::Nothing::default(), inspector_config(config));
                run::run(&setup, &mut inspector, |_, _| {}, rules, &alerts, &mut matches)
            }
            EngineKind::ModernEbpf | EngineKind::Kmod => live(&setup, rules, &alerts, &mut matches),
        }
    });
    alerts.close();
    if let Some(audit) = &service.audit {
        matches.append(audit.evaluator.counts().rules);
    }
    terminal::print(&matches.summary());
    outcome
}

/// For `--dry-run` with `-P`.
fn tell_what_a_reload_changes(pidfile: &Path, snapshot: &serde_json::Value) {
    let path = active_config::path(pidfile);
    let before = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let Some(before) = before else {
        return log::notice(format!("dry run: there is no {}, so nothing is known to run", path.display()));
    };
    match active_config::changes(&before, snapshot) {
        lines if lines.is_empty() => terminal::print("a reload would change nothing\n"),
        lines => terminal::print(&format!("a reload would change:\n  {}\n", lines.join("\n  "))),
    }
}

/// Watches this machine.
#[cfg(feature = "live")]
fn live(
    setup: &run::Setup<'_>,
    rules: &Arc<SourceRules<SinspSchema>>,
    alerts: &Alerts,
    matches: &mut Matches,
) -> Result<(), Fatal> {
    let calls = selection::select(&setup.config.base_syscalls, SinspSchema::syscalls(rules.rules().keys()));
    let source = live::open(setup.config, calls)?;
    // Of threads whose start was lost only /proc knows.
    let proc = sinsp::ProcFs::new(service::host_root());
    let mut inspector = Inspector::builder(source).config(inspector_config(setup.config)).proc(proc).build();
    log::notice("watching this machine");
    let follow = |source: &mut bpf::BpfSource, rules: &SourceRules<SinspSchema>| {
        live::follow(source, setup.config, rules.rules())
    };
    let Some(containers) = setup.containers else {
        return run::run(setup, &mut inspector, follow, rules, alerts, matches);
    };
    inspector.set_container_metadata(containers.provider());
    let (waiting, queue) = pending_alerts::queue(containers.provider(), pending_alerts::MOMENT);
    std::thread::scope(|scope| {
        scope.spawn(|| queue.run(alerts));
        let setup = run::Setup { waiting: Some(&waiting), ..*setup };
        let outcome = run::run(&setup, &mut inspector, follow, rules, alerts, matches);
        // Ends the thread, after what still waits.
        drop(waiting);
        outcome
    })
}

#[cfg(not(feature = "live"))]
fn live(_: &run::Setup<'_>, _: &Arc<SourceRules<SinspSchema>>, _: &Alerts, _: &mut Matches) -> Result<(), Fatal> {
    Err(Fatal::new("this build has no probe; write -o engine.kind=replay, or build with the feature 'live'"))
}

/// Opens a capture.
fn open(
    path: &Path,
    config: &config::settings::Config,
) -> Result<Inspector<scap::savefile::Reader<std::fs::File>>, Fatal> {
    let reader = scap::savefile::Reader::open(path)
        .map_err(|error| Fatal(format!("cannot replay {}: {error}", path.display())))?;
    log::info(format!("replaying the events of {}", path.display()));
    Ok(Inspector::with_config(reader, inspector_config(config)))
}

fn inspector_config(config: &config::settings::Config) -> sinsp::config::Config {
    let libs = &config.falco_libs;
    let mut inspector = sinsp::config::Config::default();
    if libs.thread_table_size > 0 {
        inspector.limits.threads = libs.thread_table_size as usize;
    }
    inspector.purge_interval_ns = u64::from(libs.thread_table_auto_purging_interval_s) * 1_000_000_000;
    inspector.purge_idle_ns = u64::from(libs.thread_table_auto_purging_thread_timeout_s) * 1_000_000_000;
    inspector
}
