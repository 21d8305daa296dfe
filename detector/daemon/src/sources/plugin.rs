//! A source of events that a plugin provides, evaluated on a separate thread.

use crate::alerts::Alerts;
use crate::alerts::evictions::EvictionWatch;
use crate::capture::Recorder;
use crate::config::settings::Config;
use crate::metrics::matches::Matches;
use crate::metrics::telemetry::{CountsSource, SourceCounts};
use crate::plugins;
use crate::profile::Profiles;
use crate::rules::slot::Slot;
use crate::{Fatal, log};
use peregrine_plugin_host::{Error, Next, Plugin, PluginSchema, PluginSource, SourcePlugins};
use rule_engine::engine::{Runner, SourceRules};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Number of events between publications of counts and checks for new rules and the end.
const ROUND: u32 = 4096;
/// Interval between queries of plugins for their metrics.
const MEASURE: Duration = Duration::from_secs(1);
/// Number of invalid events that are logged; the others are counted only.
const LOGGED: u64 = 10;

/// The rest of the program, as the evaluation of a source needs it.
#[derive(Clone, Copy)]
pub(crate) struct Outside<'o> {
    /// Receives new rules.
    pub(crate) slot: &'o Slot,
    pub(crate) alerts: &'o Alerts,
    pub(crate) config: &'o Config,
    /// Destination of profiles, if enabled.
    pub(crate) profiles: Option<&'o Profiles>,
    /// Set when the threads are to end.
    pub(crate) end: &'o AtomicBool,
}

/// A source with its counts, which other threads read.
#[derive(Debug)]
pub(crate) struct Evaluator {
    source: String,
    provider: String,
    counts: Mutex<SourceCounts>,
}

impl CountsSource for Evaluator {
    fn counts(&self) -> SourceCounts {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Evaluator {
    pub(crate) fn new(plugins: &SourcePlugins) -> Self {
        Self {
            source: plugins.source().to_owned(),
            provider: plugins.provider().to_owned(),
            counts: Mutex::new(SourceCounts { source: plugins.source().to_owned(), ..SourceCounts::default() }),
        }
    }

    /// Initializes the plugins and opens the source.
    ///
    /// # Errors
    ///
    /// If a plugin rejects its configuration, or cannot open its source.
    pub(crate) fn open(plugins: &Arc<SourcePlugins>) -> Result<PluginSource, Fatal> {
        let source = PluginSource::open(plugins, &plugins::log_to()).map_err(Fatal::new)?;
        log::info(format!("plugin {}: opened the event source `{}`", plugins.provider(), plugins.source()));
        Ok(source)
    }

    /// Evaluates every event until the source or the program ends. New rules are taken from the slot.
    ///
    /// # Errors
    ///
    /// If the plugin fails, or the rules are for other plugins.
    pub(crate) fn run(
        &self,
        mut source: PluginSource,
        rules: &Arc<SourceRules<PluginSchema>>,
        outside: Outside<'_>,
    ) -> Result<(), Fatal> {
        let Outside { slot, alerts, profiles, end, .. } = outside;
        let recorder = Recorder::new(&outside.config.capture);
        let mut runner = rules.runner();
        Profiles::begin(profiles, &mut runner);
        let (counts, matches) = (self.counts(), Matches::default());
        let mut work = Work { counts, matches, evictions: EvictionWatch::new(), measured: None, recorder };
        work.matches.follow(rules.rules());
        while !end.load(Ordering::SeqCst) {
            if let Some(new) = slot.take::<PluginSchema>(&self.source) {
                work.matches.follow(new.rules());
                let mut next = new.runner();
                next.adopt(&runner);
                Profiles::begin(profiles, &mut next);
                Profiles::end(profiles, &std::mem::replace(&mut runner, next));
            }
            let more = self.round(&mut source, &mut runner, &mut work, alerts)?;
            work.measure(&mut source, !more);
            work.publish(self);
            if work.evictions.is_quiet() {
                alerts.report_evictions(work.evictions.last(), runner.take_evicted());
            }
            if !more {
                log::info(format!("plugin {}: end of the event source `{}`", self.provider, self.source));
                break;
            }
        }
        alerts.report_evictions(work.evictions.last(), runner.take_evicted());
        work.recorder.iter_mut().for_each(Recorder::finish);
        Profiles::end(profiles, &runner);
        Ok(())
    }

    /// Evaluates events until there is none for now. Returns whether there may be more.
    fn round(
        &self,
        source: &mut PluginSource,
        runner: &mut Runner<PluginSchema>,
        work: &mut Work<'_>,
        alerts: &Alerts,
    ) -> Result<bool, Fatal> {
        for _ in 0..ROUND {
            match source.next_event() {
                Ok(Next::Event(event)) => {
                    work.counts.events += 1;
                    let time = event.time();
                    let (matches, recorder) = (&mut work.matches, &mut work.recorder);
                    let evaluated = runner.try_process(event, |alert| {
                        matches.count_alert(&alert);
                        alerts.send(&alert);
                        recorder.iter_mut().for_each(|recorder| recorder.matched(alert.definition(), time));
                    });
                    evaluated.map_err(Fatal::new)?;
                    if let Some(limit) = recorder.as_mut().and_then(|recorder| recorder.take_of_plugin(event)) {
                        limit.tell(|own| alerts.send_own(own));
                    }
                    if work.evictions.sees(time) {
                        alerts.report_evictions(time, runner.take_evicted());
                    }
                }
                Ok(Next::Idle) => return Ok(true),
                Ok(Next::End) => return Ok(false),
                Err(error @ Error::Event { .. }) => {
                    work.counts.invalid += 1;
                    if work.counts.invalid <= LOGGED {
                        log::error(&error);
                    }
                }
                Err(error) => return Err(Fatal::new(error)),
            }
        }
        Ok(true)
    }
}

struct Work<'c> {
    counts: SourceCounts,
    matches: Matches,
    evictions: EvictionWatch,
    /// When the plugins were last queried for their metrics.
    measured: Option<Instant>,
    /// The writer of captures, if enabled.
    recorder: Option<Recorder<'c>>,
}

impl Work<'_> {
    /// Queries the plugins for their metrics, if that is due or nothing comes after it.
    fn measure(&mut self, source: &mut PluginSource, last: bool) {
        if last || self.measured.is_none_or(|measured| measured.elapsed() >= MEASURE) {
            self.measured = Some(Instant::now());
            let metrics = |plugin: &mut Plugin| (plugin.info().name.clone(), plugin.all_metrics());
            self.counts.metrics = source.plugins().iter_mut().map(metrics).collect();
        }
    }

    fn publish(&mut self, evaluator: &Evaluator) {
        let mut counts = evaluator.counts.lock().unwrap_or_else(PoisonError::into_inner);
        (counts.events, counts.invalid) = (self.counts.events, self.counts.invalid);
        counts.metrics.clone_from(&self.counts.metrics);
        self.matches.copy_to(&mut counts.rules);
    }
}
