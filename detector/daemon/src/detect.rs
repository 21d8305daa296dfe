//! A run of the detector: loads rules, opens outputs and sources, and runs the event loop.

#[cfg(feature = "live")]
use crate::alerts::pending_alerts;
use crate::alerts::{Alerts, outputs};
use crate::cli::Options;
use crate::config::settings::EngineKind;
#[cfg(feature = "live")]
use crate::denial::Denier;
use crate::event_loop::{active_config, run, service};
use crate::metrics::matches::Matches;
#[cfg(feature = "live")]
use crate::metrics::measured::Measured;
use crate::metrics::telemetry::{CountsAudit, CountsSource};
use crate::profile::Profiles;
use crate::protect::Protection;
use crate::response;
#[cfg(feature = "live")]
use crate::response::Responses;
use crate::rules::{self, RuleFiles};
use crate::signals::Signals;
use crate::sources::replayed::Replayed;
use crate::sources::watchdog::Watchdog;
use crate::sources::{self, containers, no_driver, plugin, replay};
#[cfg(feature = "live")]
use crate::sources::{live, selection, traced};
use crate::{Fatal, config, denial, host, log, names, plugins, protect, server, terminal, web};
use peregrine_sinks::{Console, Wait};
use rule_engine::engine::SourceRules;
use rule_engine::event::sinsp::SinspSchema;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
#[cfg(feature = "live")]
use std::sync::atomic::Ordering;

/// Loads the rules and opens outputs and sources, then detects.
pub(crate) fn detect(
    options: &Options,
    loaded: &config::Loaded,
    files: &RuleFiles,
    sources: &sources::Enabled,
    mut rules: rules::Rules,
    signals: &Signals,
) -> Result<(), Fatal> {
    let config = &loaded.config;
    let hostname = host::hostname();
    let snapshot = options.pidfile.is_some().then(|| active_config::snapshot(loaded, &mut rules));
    let sets = rules.engine(config)?;
    let denied = denial::plan(config, &sets)?;
    response::note_disabled(config, &sets);
    let interval = if config.metrics.enabled { Some(service::interval(config)?) } else { None };
    if config.engine.kind != EngineKind::Replay {
        let sockets =
            if sources.syscall { containers::sockets(config, Path::new(&host::host_root())) } else { Vec::new() };
        let deciding = files.deciding(loaded).chain(sockets.iter().map(PathBuf::as_path));
        protect::files::check(config.protection.refuse_writable_files, deciding)?;
    }
    if options.dry_run {
        would_start(config, &hostname)?;
        let rules = sets.all().flat_map(|set| set.rules().rules()).filter(|rule| !rule.is_step()).count();
        log::notice(match loaded.problems() {
            0 => format!("dry run: configuration and {rules} rules are valid"),
            1 => format!("dry run: {rules} rules are valid; the configuration has 1 problem, see above"),
            problems => {
                format!("dry run: {rules} rules are valid; the configuration has {problems} problems, see above")
            }
        });
        if let (Some(pidfile), Some(snapshot)) = (&options.pidfile, &snapshot) {
            print_what_a_reload_changes(pidfile, snapshot);
        }
        return Ok(());
    }
    let rules = &sets.source(names::SYSCALL).map_err(Fatal::new)?;
    let audit_rules = sources.audit.as_ref().map(|_| sets.source(names::K8S_AUDIT)).transpose().map_err(Fatal::new)?;
    let audit = sources.audit.as_ref().zip(audit_rules.as_ref()).map(|(settings, rules)| service::Audit {
        settings,
        rules,
        evaluator: Arc::default(),
    });
    let protection = Protection::of(config);
    protection.begin(config);
    let mut of_plugins = Vec::with_capacity(sources.plugins.len());
    for of_source in &sources.plugins {
        let rules = sets.source(of_source.source()).map_err(Fatal::new)?;
        of_plugins.push(service::PluginEvents {
            plugins: of_source,
            rules,
            evaluator: Arc::new(plugin::Evaluator::new(of_source)),
        });
    }
    let wait = if config.engine.kind == EngineKind::Replay { Wait::ForRoom } else { Wait::No };
    let feed: Arc<web::feed::Feed> = Arc::default();
    let mut alerts = Alerts::new(config, &hostname, wait)?;
    if config.webserver.enabled && config.webserver.ui_enabled {
        alerts = alerts.with_feed(feed.clone());
    }
    signals.ready();
    log::running();
    let profiles = Profiles::new(options.profile.as_deref())?;
    if profiles.is_some() {
        peregrine_plugin_host::time_all_calls();
    }
    if let Some(path) = &options.pidfile {
        std::fs::write(path, std::process::id().to_string())
            .map_err(|error| Fatal(format!("cannot write the pid file {}: {error}", path.display())))?;
        if let Some(snapshot) = &snapshot
            && let Err(error) = active_config::write(&active_config::path(path), snapshot)
        {
            log::warning(format!(
                "--dry-run will not be able to compare with the running configuration: {}: {error}",
                active_config::path(path).display()
            ));
        }
    }
    let watches = sources.syscall && matches!(config.engine.kind, EngineKind::ModernEbpf | EngineKind::Kmod);
    let containers =
        if watches { Some(containers::Lookup::start(config, Path::new(&host::host_root()), signals)?) } else { None };
    let mut matches = Matches::default();
    let end: Arc<AtomicBool> = Arc::default();
    let has_plugins = !sources.plugins.is_empty() || !sources.replayed.is_empty() || sources.syscall_plugins.is_some();
    // Dropped when all plugins are destroyed.
    let _watchdog = if has_plugins { Some(Watchdog::start(signals, &end)?) } else { None };
    let service = service::Service {
        options,
        loaded,
        files,
        hostname: &hostname,
        interval,
        audit,
        plugins: of_plugins,
        syscalls: sources.syscall,
        profiles: profiles.as_ref(),
        end,
        feed: &feed,
    };
    let syscall_plugins =
        plugins::of_syscalls(sources.syscall_plugins.as_ref(), config.engine.kind != EngineKind::Replay)?;
    if let Some(plugins) = sources.syscall_plugins.as_ref().filter(|plugins| plugins.has_raw_events())
        && !(sources.syscall && config.engine.kind == EngineKind::Nodriver)
    {
        let plugin = plugins.provider();
        log::warning(format!("plugin {plugin}: its events take the place of a driver only with engine.kind: nodriver"));
    }
    let measured = syscall_plugins.clone();
    let outcome = service.run(signals, &alerts, |telemetry, slot| {
        let setup = run::Setup {
            seconds: options.duration,
            verbose: options.verbose,
            profiles: profiles.as_ref(),
            containers: containers.as_ref(),
            plugins: measured.as_deref(),
            ..run::Setup::new(config, signals, telemetry, slot)
        };
        let kind = if sources.syscall { config.engine.kind } else { EngineKind::Nodriver };
        match kind {
            EngineKind::Replay => {
                let replayed = Replayed::open(syscall_plugins, &sources.replayed, &sets, setup.profiles)?;
                let plugins = has_plugins.then(|| Arc::clone(replayed.plugins()));
                let mut inspector = replay::open(&config.engine.replay.capture_file, config, plugins)?;
                let replayed = RefCell::new(replayed);
                let setup = run::Setup { replayed: Some(&replayed), ..setup };
                let outcome = run::run(&setup, &mut inspector, |_, _| {}, rules, &alerts, &mut matches);
                matches.append(replayed.into_inner().finish(&alerts, profiles.as_ref()));
                outcome
            }
            EngineKind::Nodriver => {
                let raw =
                    syscall_plugins.as_ref().map(|plugins| no_driver::raw(plugins, config)).transpose()?.flatten();
                if let Some(source) = raw {
                    let mut inspector = replay::builder(source, config, syscall_plugins).build();
                    protection.complete();
                    return run::run(&setup, &mut inspector, |_, _| {}, rules, &alerts, &mut matches);
                }
                let mut inspector = replay::builder(no_driver::Nothing::default(), config, syscall_plugins).build();
                protection.complete();
                run::run(&setup, &mut inspector, |_, _| {}, rules, &alerts, &mut matches)
            }
            EngineKind::ModernEbpf | EngineKind::Kmod | EngineKind::Userspace => {
                live(&setup, protection, syscall_plugins, rules, denied, &alerts, &mut matches)
            }
        }
    });
    alerts.close();
    if let Some(profiles) = &profiles {
        profiles.tell_plugins();
    }
    if let Some(audit) = &service.audit {
        matches.append(audit.evaluator.counts().rules);
    }
    for events in &service.plugins {
        matches.append(events.evaluator.counts().rules);
    }
    terminal::print_last(Console::Output, &matches.summary());
    outcome
}

/// Checks what a start requires in addition to valid rules, without opening anything that others notice.
///
/// # Errors
///
/// That of the start.
fn would_start(config: &config::settings::Config, hostname: &str) -> Result<(), Fatal> {
    outputs::plan(config, hostname)?;
    response::plan(config)?;
    if config.webserver.enabled {
        server::check(&config.webserver).map_err(|text| Fatal(format!("webserver: {text}")))?;
    }
    let capture = &config.engine.replay.capture_file;
    // What is read from a pipe would be missing in the start.
    if config.engine.kind == EngineKind::Replay && (capture.is_file() || !capture.exists()) {
        replay::open(capture, config, plugins::Extension::None)?;
    }
    Ok(())
}

/// Prints what a reload would change, for `--dry-run` with `-P`.
fn print_what_a_reload_changes(pidfile: &Path, snapshot: &serde_json::Value) {
    let path = active_config::path(pidfile);
    let before = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let Some(before) = before else {
        return log::notice(format!(
            "dry run: {} not found, so there is no running detector to compare with",
            path.display()
        ));
    };
    match active_config::changes(&before, snapshot) {
        lines if lines.is_empty() => terminal::print("a reload would change nothing\n"),
        lines => terminal::print(&format!("a reload would change:\n  {}\n", lines.join("\n  "))),
    }
}

/// Detects on live events of this host.
#[cfg(feature = "live")]
fn live(
    setup: &run::Setup<'_>,
    protection: Protection,
    plugins: plugins::Extension,
    rules: &Arc<SourceRules<SinspSchema>>,
    denied: Option<rule_engine::deny::Plan>,
    alerts: &Alerts,
    matches: &mut Matches,
) -> Result<(), Fatal> {
    let of_plugins = plugins.as_ref().map(|plugins| plugins.parsed_syscalls()).unwrap_or_default();
    let wanted = |rules: &SourceRules<SinspSchema>| SinspSchema::syscalls(rules.rules().keys()).union(of_plugins);
    let calls = selection::select(&setup.config.base_syscalls, wanted(rules));
    if setup.config.engine.kind == EngineKind::Userspace {
        let source = traced::open(setup.config, calls)?;
        let follow = |source: &mut peregrine_userspace::Userspace, rules: &SourceRules<SinspSchema>| {
            traced::follow(source, setup.config, wanted(rules));
        };
        return watch(setup, protection, plugins, rules, denied, alerts, matches, source, follow);
    }
    let mut source = live::open(setup.config, calls)?;
    live::leave_out(&mut source, setup.config, rules, of_plugins);
    let follow = |source: &mut bpf::BpfSource, rules: &SourceRules<SinspSchema>| {
        live::follow(source, setup.config, wanted(rules));
        live::leave_out(source, setup.config, rules, of_plugins);
    };
    watch(setup, protection, plugins, rules, denied, alerts, matches, source, follow)
}

/// Detects on the events of a live source.
#[cfg(feature = "live")]
#[allow(clippy::too_many_arguments, reason = "the parts of a run, each of its own kind")]
fn watch<S: Measured>(
    setup: &run::Setup<'_>,
    protection: Protection,
    plugins: plugins::Extension,
    rules: &Arc<SourceRules<SinspSchema>>,
    denied: Option<rule_engine::deny::Plan>,
    alerts: &Alerts,
    matches: &mut Matches,
    source: S,
    follow: impl FnMut(&mut S, &SourceRules<SinspSchema>),
) -> Result<(), Fatal> {
    // Threads whose start was lost are known only in /proc.
    let proc = sinsp::ProcFs::new(host::host_root());
    let mut inspector = replay::builder(source, setup.config, plugins).proc(proc).build();
    // Its thread keeps the privileges that it needs.
    let boot_time = inspector.source().boot_time();
    let start = |plan| Responses::start(plan, boot_time);
    let (responses, reports) = response::plan(setup.config)?.map(start).transpose()?.unzip();
    let start = |responses: &Responses| Denier::start(denied, setup.config, responses.counted());
    let denier = responses.as_ref().map(start).transpose()?;
    protection.complete();
    log::notice(match setup.config.engine.kind {
        EngineKind::Userspace => "watching one tree of processes",
        _ => "watching this host",
    });
    let queue = setup.containers.map(|containers| {
        inspector.set_container_metadata(containers.provider());
        pending_alerts::queue(containers.provider(), pending_alerts::MOMENT)
    });
    let (waiting, queue) = queue.unzip();
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        if let Some(queue) = queue {
            scope.spawn(|| queue.run(alerts));
        }
        if let Some(reports) = reports {
            scope.spawn(|| reports.run(alerts));
        }
        if let Some(denier) = denier {
            scope.spawn(|| denier.run(setup.slot, alerts, &ended));
        }
        let setup = run::Setup { waiting: waiting.as_ref(), responses: responses.as_ref(), ..*setup };
        let outcome = run::run(&setup, &mut inspector, follow, rules, alerts, matches);
        ended.store(true, Ordering::SeqCst);
        // Ends the threads after they have sent the alerts that still wait.
        drop((waiting, responses));
        outcome
    })
}

#[cfg(not(feature = "live"))]
fn live(
    _: &run::Setup<'_>,
    _: Protection,
    _: plugins::Extension,
    _: &Arc<SourceRules<SinspSchema>>,
    _: Option<rule_engine::deny::Plan>,
    _: &Alerts,
    _: &mut Matches,
) -> Result<(), Fatal> {
    Err(Fatal::new(
        "this build does not include the probe; use -o engine.kind=replay, or build with the feature 'live'",
    ))
}
