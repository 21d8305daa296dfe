//! New rules between two events: on SIGHUP, and when a file of configuration or rules has changed.
//!
//! The new rules are loaded beside the running ones, on a thread of their own. Only if all is well with them are they
//! handed to the event loop, which goes on with them at its next event: no event is lost, and the state stays.
//! Otherwise the old ones stay, and an alert says why. Settings other than rules take a restart, and the log says so.

use crate::alerts::{Alerts, OwnAlert, now};
use crate::cli::Options;
use crate::config::{self, settings::Config};
use crate::rules::RuleFiles;
use crate::signals::Signals;
use crate::watch::FileWatch;
use crate::{Fatal, log};
use rule_engine::engine::SourceRules;
use rule_engine::output::Priority;
use serde_json::Map;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often the thread looks whether it was asked to reload or to end.
const STEP: Duration = Duration::from_millis(200);
/// A change is taken over when nothing more has changed for this long: files are written in several steps.
const SETTLED: Duration = Duration::from_millis(100);

/// The place where new rules wait for those who run them, one set for each source of events.
#[derive(Debug, Default)]
pub(crate) struct Slot(Mutex<Vec<Arc<SourceRules>>>);

impl Slot {
    /// The new rules of a source, if there are any.
    pub(crate) fn take(&self, source: &str) -> Option<Arc<SourceRules>> {
        let mut sets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = sets.iter().position(|set| set.rules().source() == source)?;
        Some(sets.swap_remove(at))
    }

    fn put(&self, sets: Vec<Arc<SourceRules>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = sets;
    }
}

/// What the thread works with.
pub(crate) struct Reloader<'r> {
    pub(crate) options: &'r Options,
    pub(crate) hostname: &'r str,
    pub(crate) running: &'r Config,
    pub(crate) signals: &'r Signals,
    pub(crate) slot: &'r Slot,
    pub(crate) alerts: &'r Alerts,
    pub(crate) end: &'r AtomicBool,
}

impl Reloader<'_> {
    /// Watches and reloads until the end.
    pub(crate) fn run(&self, loaded: &config::Loaded, files: &RuleFiles) {
        let mut watch = self.watch(loaded, files);
        while !self.end.load(Ordering::SeqCst) {
            let changed = match &watch {
                Some(watch) => watch.changed(STEP),
                None => {
                    std::thread::sleep(STEP);
                    false
                }
            };
            let asked = self.signals.take_reload();
            if !changed && !asked {
                continue;
            }
            while watch.as_ref().is_some_and(|watch| watch.changed(SETTLED)) {}
            match self.reload() {
                Ok((loaded, files, sets)) => {
                    let rules = sets.iter().flat_map(|set| set.rules().rules());
                    let count = rules.filter(|rule| rule.enabled).count();
                    log::notice(format!("reloaded: {count} rules are enabled"));
                    self.slot.put(sets);
                    self.signals.raise();
                    if watch.is_some() {
                        watch = self.watch(&loaded, &files);
                    }
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
                log::error(format!("changes of files are not watched: {error}"));
                None
            }
        }
    }

    fn reload(&self) -> Result<(config::Loaded, RuleFiles, Vec<Arc<SourceRules>>), Fatal> {
        let loaded = config::load(self.options.config.as_deref(), &self.options.options).map_err(Fatal::new)?;
        let files = RuleFiles::find(self.options, &loaded)?;
        let sets = files.load(self.options, &loaded.config).engine(&loaded.config, self.hostname)?;
        let (new, old) = (&loaded.config, self.running);
        let fixed = [
            ("engine", new.engine != old.engine),
            (
                "outputs",
                new.stdout_output != old.stdout_output
                    || new.file_output != old.file_output
                    || new.syslog_output != old.syslog_output
                    || new.program_output != old.program_output
                    || new.http_output != old.http_output
                    || new.outputs_queue != old.outputs_queue,
            ),
            ("webserver", new.webserver != old.webserver),
            ("plugins", new.selected_plugins() != old.selected_plugins()),
            ("metrics", new.metrics != old.metrics),
            ("base_syscalls", new.base_syscalls != old.base_syscalls),
            ("falco_libs", new.falco_libs != old.falco_libs),
            ("syscall_event_drops", new.syscall_event_drops != old.syscall_event_drops),
        ];
        for (name, _) in fixed.iter().filter(|(_, changed)| *changed) {
            log::warning(format!("a change of {name} takes a restart"));
        }
        Ok((loaded, files, sets))
    }

    fn refuse(&self, fatal: &Fatal) {
        let rule = "Falco internal: hot restart failure";
        let text = format!("{rule}: {fatal}");
        log::error(format!("the old rules stay: {fatal}"));
        let own = OwnAlert { time: now(), priority: Priority::Critical, rule, text: &text, fields: Map::new() };
        self.alerts.send_own(&own);
    }
}
