//! Reload of rules and configuration: on SIGHUP, and when one of their files has changed.
//!
//! The new rules are loaded beside the active ones, on a separate thread. Only if they are valid are they handed to the
//! event loop, which uses them from its next event on: no event is lost, and the state stays. Otherwise the current
//! rules stay active, and an alert says why. Outputs, noise control, logging and drop actions are reloaded too; those
//! that stay the same are not interrupted. Few settings require a restart, which is logged.

use crate::alerts::{Alerts, internal};
use crate::cli::Options;
use crate::clock::now;
use crate::config::settings::Config;
use crate::event_loop::watch::FileWatch;
use crate::interval as duration;
use crate::metrics::collect::Facts;
use crate::plugins::Plugins;
use crate::rules::RuleFiles;
use crate::rules::slot::Slot;
use crate::signals::Signals;
use crate::{Fatal, alerts::outputs, config, denial, event_loop::active_config, log, protect, response, rules::bundle};
use rule_engine::engine::CompiledRules;
use rule_engine::output::Priority;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Interval of checks for a request to reload or to end.
const STEP: Duration = Duration::from_millis(50);
/// A change is loaded when nothing more has changed for this time: files are written in several steps.
const SETTLED: Duration = Duration::from_millis(100);
/// But changes that do not end are loaded after this time.
const MOST_SETTLING: Duration = Duration::from_secs(2);

/// State of the reload thread.
pub(crate) struct Reloader<'r> {
    pub(crate) options: &'r Options,
    pub(crate) hostname: &'r str,
    pub(crate) running: &'r Config,
    pub(crate) signals: &'r Signals,
    pub(crate) slot: &'r Slot,
    pub(crate) alerts: &'r Alerts,
    pub(crate) end: &'r AtomicBool,
    /// Receiver of the times of the last reload and of the bundle.
    pub(crate) facts: &'r Facts,
}

impl Reloader<'_> {
    /// Watches and reloads until the end.
    pub(crate) fn run(&self, loaded: &config::Loaded, files: &RuleFiles) {
        let mut watch = self.watch(loaded, files);
        let mut poll = Poll::new(&loaded.config);
        let mut running = self.running.clone();
        let mut bundle = files.stale.clone();
        if let Some(why) = &bundle {
            self.tell_stale(why);
        }
        let mut age = BundleAge::default();
        if self.options.rules.is_empty() {
            age.read(&running, self.facts, bundle.is_none());
        }
        while !self.end.load(Ordering::SeqCst) {
            let changed = match &watch {
                Some(watch) => watch.changed(STEP),
                None => {
                    std::thread::sleep(STEP);
                    false
                }
            };
            let asked = self.signals.take_reload();
            let due = self.options.rules.is_empty() && poll.is_due();
            let fetched = due && self.fetch(&mut bundle);
            if due {
                age.read(&running, self.facts, bundle.is_none());
            }
            if let Some(text) = age.complaint(now()) {
                log::error(format!("rules_bundle: {text}"));
                self.tell_stale(&text);
            }
            if !changed && !asked && !fetched {
                continue;
            }
            if let Some(watch) = &watch {
                watch.settle(SETTLED, MOST_SETTLING);
            }
            match self.reload(&running) {
                Ok((loaded, files, sets)) => {
                    let rules = sets.all().flat_map(|set| set.rules().rules());
                    let count = rules.filter(|rule| rule.enabled && !rule.is_step()).count();
                    log::notice(format!("reloaded: {count} rules are enabled"));
                    self.slot.put(sets, &loaded.config);
                    self.facts.reloaded.store(now(), Ordering::Relaxed);
                    self.signals.raise();
                    watch = self.watch(&loaded, &files);
                    poll.follow(&loaded.config);
                    running = loaded.config;
                    age.follow(&running);
                }
                Err(fatal) => self.refuse(&fatal),
            }
        }
    }

    fn watch(&self, loaded: &config::Loaded, files: &RuleFiles) -> Option<FileWatch> {
        if !loaded.config.watch_config_files {
            return None;
        }
        let configs = loaded.files.iter().map(|file| file.path.clone());
        let rules = files.files.iter().map(|(path, _)| path.clone()).filter(|path| path.is_file());
        let all: Vec<_> = configs.chain(rules).collect();
        let folders: Vec<_> = loaded.folders.iter().chain(&files.folders).cloned().collect();
        match FileWatch::new(&all, &folders) {
            Ok(watch) => Some(watch),
            Err(error) => {
                log::error(format!("cannot watch files for changes: {error}"));
                None
            }
        }
    }

    fn reload(&self, running: &Config) -> Result<(config::Loaded, RuleFiles, CompiledRules), Fatal> {
        let mut loaded = config::load(self.options.config.as_deref(), &self.options.options).map_err(Fatal::new)?;
        if self.options.unbuffered {
            loaded.config.buffered_outputs = false;
        }
        let files = RuleFiles::find(self.options, &loaded)?;
        protect::files::check(loaded.config.protection.refuse_writable_files, files.deciding(&loaded))?;
        // The events are those of the plugins that were loaded at the start.
        let plugins = Plugins::of(running)?;
        let mut rules = files.load(self.options, &loaded.config, &plugins);
        let snapshot = self.options.pidfile.as_ref().map(|path| (path, active_config::snapshot(&loaded, &mut rules)));
        let sets = rules.engine(&loaded.config)?;
        let (new, old) = (&loaded.config, running);
        let plan = outputs::plan(new, self.hostname)?;
        // Those that are disabled now must end; to enable them takes a restart, as privileges were dropped.
        let responses = response::plan(new)?.unwrap_or_default();
        let denied = denial::plan(new, &sets)?;
        // From here on nothing can fail.
        log::set_up(new);
        log::report(&loaded);
        response::note_disabled(new, &sets);
        let fixed = [
            ("engine", new.engine != old.engine),
            ("webserver", new.webserver != old.webserver),
            ("plugins", new.selected_plugins() != old.selected_plugins()),
            ("metrics", new.metrics != old.metrics),
            ("base_syscalls", new.base_syscalls != old.base_syscalls),
            ("falco_libs", new.falco_libs != old.falco_libs),
            ("protection", new.protection != old.protection),
            ("response.enabled", new.response.enabled && !old.response.enabled),
        ];
        for (name, _) in fixed.iter().filter(|(_, changed)| *changed) {
            log::warning(format!("{name} changed; restart required"));
        }
        if let Err(fatal) = self.alerts.apply(new, plan) {
            log::error(fatal);
        }
        self.slot.put_responses(responses, new.clone());
        self.slot.put_denials(denied, new.clone());
        if let Some((path, snapshot)) = snapshot
            && let Err(error) = active_config::write(&active_config::path(path), &snapshot)
        {
            log::warning(format!("{}: {error}", active_config::path(path).display()));
        }
        Ok((loaded, files, sets))
    }

    /// Fetches a new bundle of rules. Returns whether there is one. `before` is why the last attempt failed; each reason
    /// is reported once.
    fn fetch(&self, before: &mut Option<String>) -> bool {
        let loaded = config::load(self.options.config.as_deref(), &self.options.options).map_err(Fatal::new);
        let fetched = loaded.and_then(|loaded| bundle::refresh(self.options, &loaded).map_err(Fatal));
        match &fetched {
            Ok(true) => log::notice("rules_bundle: fetched a new bundle"),
            Ok(false) => {}
            Err(why) => log::error(format!("rules_bundle: {why}")),
        }
        let why = fetched.as_ref().err().map(ToString::to_string);
        match &why {
            Some(why) if before.as_ref() != Some(why) => self.tell_stale(why),
            None if before.is_some() => log::notice("rules_bundle: the server's bundle is valid again"),
            _ => {}
        }
        *before = why;
        matches!(fetched, Ok(true))
    }

    /// Sends an alert about a bundle that was not updated.
    fn tell_stale(&self, why: &str) {
        let rule = "Peregrine internal: rules bundle not updated";
        self.alerts.send_own(&internal(rule, Priority::Critical, now(), format!("{rule}. {why}")));
    }

    fn refuse(&self, fatal: &Fatal) {
        let rule = "Falco internal: hot restart failure";
        let text = format!("{rule}: {fatal}");
        log::error(format!("reload failed, keeping the current rules: {fatal}"));
        self.alerts.send_own(&internal(rule, Priority::Critical, now(), text));
    }
}

/// Schedule of the checks for a new bundle.
struct Poll {
    interval: Option<Duration>,
    last: Instant,
}

impl Poll {
    fn new(config: &Config) -> Self {
        let mut poll = Self { interval: None, last: Instant::now() };
        poll.follow(config);
        poll
    }

    fn follow(&mut self, config: &Config) {
        let settings = &config.rules_bundle;
        self.interval = if settings.url.is_empty() { None } else { duration::parse(&settings.interval).ok() };
    }

    fn is_due(&mut self) -> bool {
        let due = self.interval.is_some_and(|interval| self.last.elapsed() >= interval);
        if due {
            self.last = Instant::now();
        }
        due
    }
}

/// Interval between reports of a bundle that is too old.
const REMINDER: u64 = 24 * 60 * 60 * 1_000_000_000;

/// The age of the current bundle.
#[derive(Debug, Default)]
struct BundleAge {
    /// When it was signed, in nanoseconds since 1970; 0 if there is none.
    signed: u64,
    limit: Option<Duration>,
    /// The bundle that was reported as too old, and when.
    told: Option<(u64, u64)>,
}

impl BundleAge {
    fn follow(&mut self, config: &Config) {
        self.limit = duration::parse(&config.rules_bundle.max_age).ok();
    }

    /// Reads when the bundle on disk was signed.
    fn read(&mut self, config: &Config, facts: &Facts, confirmed: bool) {
        self.follow(config);
        let settings = &config.rules_bundle;
        if settings.url.is_empty() {
            self.signed = 0;
            return;
        }
        self.signed = bundle::signed_at(settings).unwrap_or(0).saturating_mul(1_000_000_000);
        facts.bundle.signed.store(self.signed, Ordering::Relaxed);
        if confirmed {
            facts.bundle.confirmed.store(now(), Ordering::Relaxed);
        }
    }

    /// Returns what is to be reported now, if the bundle is too old: once for each bundle, and once a day.
    fn complaint(&mut self, now: u64) -> Option<String> {
        let limit = self.limit.filter(|_| self.signed > 0)?;
        let age = Duration::from_nanos(now.saturating_sub(self.signed));
        let told = self.told.is_some_and(|(signed, at)| signed == self.signed && now.saturating_sub(at) < REMINDER);
        if age <= limit || told {
            return None;
        }
        self.told = Some((self.signed, now));
        let hours = age.as_secs() / 3600;
        Some(format!("The current bundle was signed {hours} hours ago, which is longer than rules_bundle.max_age."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_loop::run::{self, Setup};
    use crate::metrics::matches::Matches;
    use crate::metrics::measured::Measured;
    use crate::metrics::telemetry::Telemetry;
    use peregrine_sinks::Wait;
    use scap::savefile::Reader;
    use scap::{HostState, Next, Source, SourceStats};
    use sinsp::Inspector;
    use std::path::{Path, PathBuf};

    /// A capture during which new rules arrive in a fixed interval of events.
    struct Restless<'t> {
        capture: Reader<std::fs::File>,
        every: usize,
        seen: usize,
        slot: &'t Slot,
        signals: &'t Signals,
        sets: [CompiledRules; 2],
        reloads: usize,
    }

    impl Source for Restless<'_> {
        fn next(&mut self) -> scap::Result<Next<'_>> {
            self.seen += 1;
            if self.every > 0 && self.seen.is_multiple_of(self.every) {
                self.reloads += 1;
                self.slot.put(self.sets[self.reloads % 2].clone(), &Config::default());
                self.signals.raise();
            }
            self.capture.next()
        }
        fn host(&self) -> &HostState {
            self.capture.host()
        }
        fn stats(&self) -> SourceStats {
            self.capture.stats()
        }
    }

    impl Measured for Restless<'_> {}

    fn rules(more: &str) -> CompiledRules {
        let text = include_str!("../../rules/peregrine_rules.yaml").to_owned() + more;
        let files = RuleFiles { files: vec![("rules.yaml".into(), text.into_bytes())], ..RuleFiles::default() };
        let config = Config::default();
        files.load(&Options::default(), &config, &Plugins::default()).engine(&config).unwrap()
    }

    /// Returns the alerts of a run with a reload every `every` events, the number of events, and of reloads.
    fn alerts(path: &Path, every: usize, sets: &[CompiledRules; 2]) -> (String, u64, usize) {
        let mut config = Config::default();
        config.outputs.file.enabled = true;
        config.outputs.file.filename = path.to_path_buf();
        let (signals, slot) = (Signals::default(), Slot::default());
        let telemetry = Telemetry::new(signals.clone(), None, Vec::new());
        let alerts = Alerts::new(&config, "host", Wait::ForRoom).unwrap();
        let capture = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/attack-a.scap");
        let source = Restless {
            capture: Reader::open(capture).unwrap(),
            every,
            seen: 0,
            slot: &slot,
            signals: &signals,
            sets: sets.clone(),
            reloads: 0,
        };
        let mut inspector = Inspector::new(source);
        let setup = Setup::new(&config, &signals, &telemetry, &slot);
        let first = sets[0].source("syscall").unwrap();
        run::run(&setup, &mut inspector, |_, _| {}, &first, &alerts, &mut Matches::default()).unwrap();
        let (delivered, reloads) = (inspector.stats().delivered, inspector.source().reloads);
        drop(inspector);
        alerts.close();
        (std::fs::read_to_string(path).unwrap(), delivered, reloads)
    }

    /// Rules that depend on much earlier events give the same alerts with a reload every 500 events.
    #[test]
    fn a_hundred_reloads_lose_no_event_and_no_state() {
        let folder = tempfile::tempdir().unwrap();
        let never = "\n- rule: Never\n  desc: d\n  condition: evt.type = ptrace and proc.name = no_such_name\n  \
                     output: x\n  priority: DEBUG\n";
        let sets = [rules(""), rules(never)];
        let (calm, events, _) = alerts(&folder.path().join("calm"), 0, &sets);
        let (restless, same, reloads) = alerts(&folder.path().join("restless"), 500, &sets);
        assert!(reloads > 100 && !calm.is_empty(), "{reloads}");
        assert_eq!(events, same);
        assert!(calm == restless, "{calm}\n{restless}");
    }
}
