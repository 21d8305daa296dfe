//! The threads beside the event loop: web server, metrics, reload.

use crate::alerts::{Alerts, internal, with_json};
use crate::cli::Options;
use crate::clock::now;
use crate::config::{self, settings::Config, settings::EngineKind};
use crate::event_loop::heartbeat::{self, Heartbeat};
use crate::event_loop::reload::Reloader;
use crate::host::host_root;
use crate::interval;
use crate::metrics::collect::{BundleTimes, Facts, fingerprint, fingerprints};
use crate::metrics::telemetry::{CountsAudit, CountsSource, Telemetry};
use crate::metrics::{prometheus, resources::Resources};
use crate::profile::Profiles;
use crate::protect::priority;
use crate::rules::RuleFiles;
use crate::rules::slot::Slot;
use crate::server::WebServer;
use crate::signals::Signals;
use crate::sources::audit::{self, Evaluator};
use crate::sources::plugin;
use crate::web::feed::Feed;
use crate::web::page::{About, Page};
use crate::web::{self, MetricsText, Pages};
use crate::{Fatal, log, reports::version};
use peregrine_plugin_host::{PluginSchema, SourcePlugins};
use peregrine_sinks::{File, Message, Sink};
use rule_engine::engine::SourceRules;
use rule_engine::event::json::JsonSchema;
use rule_engine::output::Priority;
use serde_json::json;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Returns the interval of metrics.
///
/// # Errors
///
/// If the interval is invalid, or the metrics have no destination.
pub(crate) fn interval(config: &Config) -> Result<Duration, Fatal> {
    let metrics = &config.metrics;
    let taken = metrics.output_rule || !metrics.output_file.as_os_str().is_empty();
    if !taken && !config.webserver.prometheus_metrics_enabled {
        return Err(Fatal::new(
            "metrics are enabled without a destination: set metrics.output_rule, metrics.output_file or \
             webserver.prometheus_metrics_enabled",
        ));
    }
    interval::parse(&metrics.interval).map_err(|error| Fatal(format!("metrics.interval: {error}")))
}

/// Everything beside the loop.
pub(crate) struct Service<'s> {
    pub(crate) options: &'s Options,
    pub(crate) loaded: &'s config::Loaded,
    pub(crate) files: &'s RuleFiles,
    pub(crate) hostname: &'s str,
    /// The interval of metrics, if they are enabled.
    pub(crate) interval: Option<Duration>,
    pub(crate) audit: Option<Audit<'s>>,
    pub(crate) plugins: Vec<PluginEvents<'s>>,
    /// Whether system calls are evaluated. Without them the end of the last other source is that of the program.
    pub(crate) syscalls: bool,
    /// Destination of profiles, if enabled.
    pub(crate) profiles: Option<&'s Profiles>,
    /// Set when the threads are to end.
    pub(crate) end: Arc<AtomicBool>,
    /// The alerts of the web UI.
    pub(crate) feed: &'s Arc<Feed>,
}

/// Evaluation of audit events beside the system calls.
pub(crate) struct Audit<'s> {
    pub(crate) settings: &'s audit::Settings,
    pub(crate) rules: &'s Arc<SourceRules<JsonSchema>>,
    pub(crate) evaluator: Arc<Evaluator>,
}

/// Evaluation of the events of a plugin beside the system calls.
pub(crate) struct PluginEvents<'s> {
    pub(crate) plugins: &'s Arc<SourcePlugins>,
    pub(crate) rules: Arc<SourceRules<PluginSchema>>,
    pub(crate) evaluator: Arc<plugin::Evaluator>,
}

impl Service<'_> {
    /// Starts what the configuration enables, runs the loop, and ends all threads.
    pub(crate) fn run(
        &self,
        signals: &Signals,
        alerts: &Alerts,
        events: impl FnOnce(&Telemetry, &Slot) -> Result<(), Fatal>,
    ) -> Result<(), Fatal> {
        let config = &self.loaded.config;
        let evaluator =
            self.audit.as_ref().map(|audit| Arc::<Evaluator>::clone(&audit.evaluator) as Arc<dyn CountsAudit>);
        let counts = self.plugins.iter().map(|events| Arc::clone(&events.evaluator) as Arc<dyn CountsSource>).collect();
        let telemetry = Arc::new(Telemetry::new(signals.clone(), evaluator, counts));
        let (facts, slot, end) = (Arc::new(self.facts()), Slot::default(), &*self.end);
        let replay = config.engine.kind == EngineKind::Replay;
        let web = if config.webserver.enabled && !replay { Some(self.web(&facts, &telemetry)?) } else { None };
        if let Some(server) = &web {
            log::info(format!("the web server listens on {}", server.address));
            facts.count_refused(&server.places);
        }
        let audit = match &self.audit {
            Some(audit) => {
                let (sender, queue) = audit::queue(audit.settings);
                let inputs = audit::Inputs::open(audit.settings, sender)?;
                inputs.places().into_iter().for_each(|places| facts.count_refused(places));
                Some((audit, inputs, queue))
            }
            None => None,
        };
        let open = |events: &PluginEvents<'_>| plugin::Evaluator::open(events.plugins);
        let opened = self.plugins.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let running = AtomicUsize::new(opened.len() + usize::from(audit.is_some()));
        let failure: Mutex<Option<Fatal>> = Mutex::default();
        let ended = &|| {
            if running.fetch_sub(1, Ordering::SeqCst) == 1 && !self.syscalls {
                signals.end();
            }
        };
        std::thread::scope(|scope| {
            // A panic in the loop must not leave the threads running, for which the scope waits.
            let _ended = SetOnDrop(end);
            let (stop, stopped): (Sender<()>, Receiver<()>) = channel();
            if let Some(interval) = self.interval {
                let (facts, telemetry) = (&*facts, &*telemetry);
                scope.spawn(move || {
                    priority::lower();
                    snapshots(config, facts, telemetry, alerts, interval, &stopped);
                });
            }
            let (stop_losses, losses_stopped) = channel();
            scope.spawn(move || report_drops(alerts, &losses_stopped));
            let (stop_heartbeat, heartbeat_stopped) = channel();
            if !replay {
                let heartbeat = Heartbeat::open(&config.protection.heartbeat_file);
                scope.spawn(move || heartbeat::run(heartbeat, alerts, &heartbeat_stopped));
                let (options, hostname, running) = (self.options, self.hostname, config);
                let (slot, facts) = (&slot, &*facts);
                let reloader = Reloader { options, hostname, running, signals, slot, alerts, end, facts };
                scope.spawn(move || {
                    priority::lower();
                    reloader.run(self.loaded, self.files);
                });
            }
            let inputs = audit.map(|(audit, inputs, queue)| {
                let slot = &slot;
                scope.spawn(move || {
                    priority::lower();
                    if let Err(fatal) = audit.evaluator.run(&queue, audit.settings.limits, audit.rules, slot, alerts) {
                        log::error(format!("k8s_audit: {fatal}"));
                    }
                    ended();
                });
                inputs
            });
            for (events, source) in self.plugins.iter().zip(opened) {
                let (slot, profiles, failure) = (&slot, self.profiles, &failure);
                scope.spawn(move || {
                    let outside = plugin::Outside { slot, alerts, config, profiles, end };
                    if let Err(fatal) = events.evaluator.run(source, &events.rules, outside) {
                        failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fatal);
                        signals.end();
                    }
                    ended();
                });
            }
            let outcome = events(&telemetry, &slot);
            // Closes the queue; its events are evaluated before the scope ends.
            drop(inputs);
            drop((stop, stop_losses, stop_heartbeat));
            outcome
        })?;
        // A source that fails ends the program, as in Falco.
        failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    fn facts(&self) -> Facts {
        let config = &self.loaded.config;
        let measured = config.metrics.enabled;
        let rules_files = self.files.files.iter().filter(|_| measured);
        Facts {
            settings: config.metrics.clone(),
            engine: match config.engine.kind {
                EngineKind::ModernEbpf | EngineKind::Kmod => "modern_bpf",
                EngineKind::Replay => "savefile",
                EngineKind::Nodriver => "nodriver",
                EngineKind::Userspace => "userspace",
            },
            hostname: self.hostname.to_owned(),
            started: now(),
            reloaded: AtomicU64::new(now()),
            bundle: BundleTimes::default(),
            resources: Resources::new(Path::new(&host_root()), Instant::now()),
            places: Mutex::default(),
            // Nobody reads them without metrics, and they take a twentieth of the time of loading rules.
            config_files: fingerprints(self.loaded.files.iter().map(|file| &file.path).filter(|_| measured)),
            rules_files: rules_files.map(|(path, bytes)| fingerprint(path, bytes)).collect(),
        }
    }

    fn web(&self, facts: &Arc<Facts>, telemetry: &Arc<Telemetry>) -> Result<WebServer, Fatal> {
        let config = &self.loaded.config;
        let wanted = config.metrics.enabled && config.webserver.prometheus_metrics_enabled;
        let text = || {
            let (facts, telemetry) = (Arc::clone(facts), Arc::clone(telemetry));
            let text: MetricsText = Arc::new(move || prometheus(&facts.metrics(&telemetry.ask())));
            text
        };
        let about = About { hostname: facts.hostname.clone(), engine: facts.engine, started: facts.started };
        let page = Some(Page::new(Arc::clone(self.feed), Arc::clone(telemetry), about));
        let pages = Pages { versions: version::json(config).to_string(), metrics: wanted.then(text), page };
        web::start(&config.webserver, pages)
    }
}

/// Sets a flag at the end of a scope.
struct SetOnDrop<'f>(&'f AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Checks once a second whether outputs have lost alerts, until `stopped` is closed.
fn report_drops(alerts: &Alerts, stopped: &Receiver<()>) {
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(Duration::from_secs(1)) {
        alerts.report_drops();
    }
}

/// Sends the metrics as alerts and appends them to a file, at each interval, until `stopped` is closed.
fn snapshots(
    config: &Config,
    facts: &Facts,
    telemetry: &Telemetry,
    alerts: &Alerts,
    interval: Duration,
    stopped: &Receiver<()>,
) {
    let path = &config.metrics.output_file;
    let mut before = None;
    let mut sample = 0u64;
    if !config.metrics.output_rule && path.as_os_str().is_empty() {
        return;
    }
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(interval) {
        let (snapshot, time) = (telemetry.ask(), Instant::now());
        let since = before.as_ref().map(|(last, at): &(_, Instant)| (last, time.duration_since(*at).as_secs_f64()));
        let fields = facts.alert(&snapshot, since);
        sample += 1;
        if !path.as_os_str().is_empty() {
            let mut sorted = fields.clone();
            sorted.sort_keys();
            let line = json!({"output_fields": sorted, "sample": sample});
            // Opened each time: after a full disk, it ends the line that was not finished.
            let sample = Message::new(Priority::Informational as u8, line.to_string());
            if let Err(error) = File::new(path, false, false).deliver(&[sample]) {
                log::error(format!("metrics.output_file {}: {error}", path.display()));
            }
        }
        if config.metrics.output_rule {
            let own =
                internal("Falco internal: metrics snapshot", Priority::Informational, now(), "Falco metrics snapshot");
            alerts.send_own(&with_json(own, &fields));
        }
        before = Some((snapshot, time));
    }
}
