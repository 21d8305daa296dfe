//! A source of events that a plugin provides, evaluated on a separate thread.
//!
//! A call of a plugin that does not return cannot be interrupted. So each thread notes when it called the plugin, and a
//! watchdog reports a call that lasts, and ends the program if it still lasts when everything else has ended.

use crate::alerts::Alerts;
use crate::alerts::evictions::EvictionWatch;
use crate::metrics::matches::Matches;
use crate::metrics::telemetry::{CountsSource, SourceCounts};
use crate::plugins;
use crate::rules::slot::Slot;
use crate::{Fatal, log};
use peregrine_plugin_host::{Error, Next, Plugin, PluginSchema, PluginSource, SourcePlugins};
use rule_engine::engine::{Runner, SourceRules};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Number of events between publications of counts and checks for new rules and the end.
const ROUND: u32 = 4096;
/// Duration of a call of a plugin from which it is reported.
const SLOW: Duration = Duration::from_secs(10);
/// Time that a call of a plugin may last after everything else has ended.
const GRACE: Duration = Duration::from_secs(5);
/// Interval between checks of the watchdog.
const STEP: Duration = Duration::from_millis(250);
/// Interval between queries of plugins for their metrics.
const MEASURE: Duration = Duration::from_secs(1);
/// Number of invalid events that are logged; the others are counted only.
const LOGGED: u64 = 10;

/// A source with its counts, which other threads read.
#[derive(Debug)]
pub(crate) struct Evaluator {
    source: String,
    provider: String,
    counts: Mutex<SourceCounts>,
    /// When the plugin was called, in milliseconds since `started`; 0 while it is not.
    called: AtomicU64,
    started: Instant,
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
            called: AtomicU64::new(0),
            started: Instant::now(),
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
        slot: &Slot,
        alerts: &Alerts,
        end: &AtomicBool,
    ) -> Result<(), Fatal> {
        let mut runner = rules.runner();
        let (counts, matches) = (self.counts(), Matches::default());
        let mut work = Work { counts, matches, evictions: EvictionWatch::new(), measured: None };
        work.matches.follow(rules.rules());
        while !end.load(Ordering::SeqCst) {
            if let Some(new) = slot.take::<PluginSchema>(&self.source) {
                work.matches.follow(new.rules());
                let mut next = new.runner();
                next.adopt(&runner);
                runner = next;
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
        Ok(())
    }

    /// Evaluates events until there is none for now. Returns whether there may be more.
    fn round(
        &self,
        source: &mut PluginSource,
        runner: &mut Runner<PluginSchema>,
        work: &mut Work,
        alerts: &Alerts,
    ) -> Result<bool, Fatal> {
        for _ in 0..ROUND {
            self.called.store(self.clock(), Ordering::Relaxed);
            let next = source.next_event();
            self.called.store(0, Ordering::Relaxed);
            match next {
                Ok(Next::Event(event)) => {
                    work.counts.events += 1;
                    let time = event.time();
                    let matches = &mut work.matches;
                    let evaluated = runner.try_process(event, |alert| {
                        matches.count_alert(&alert);
                        alerts.send(&alert);
                    });
                    evaluated.map_err(Fatal::new)?;
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

    /// Milliseconds since the start, never 0.
    fn clock(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// Time that the plugin has been in a call.
    fn in_call(&self) -> Option<Duration> {
        let called = self.called.load(Ordering::Relaxed);
        (called != 0).then(|| Duration::from_millis(self.clock().saturating_sub(called)))
    }
}

struct Work {
    counts: SourceCounts,
    matches: Matches,
    evictions: EvictionWatch,
    /// When the plugins were last queried for their metrics.
    measured: Option<Instant>,
}

impl Work {
    /// Queries the plugins for their metrics, if that is due or nothing comes after it.
    fn measure(&mut self, source: &mut PluginSource, last: bool) {
        if last || self.measured.is_none_or(|measured| measured.elapsed() >= MEASURE) {
            self.measured = Some(Instant::now());
            let metrics = |plugin: &mut Plugin| (plugin.info().name.clone(), plugin.metrics());
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

/// Reports calls of plugins that last, until `stopped` is closed. Once `end` is set, such a call ends the program: nothing
/// can make a plugin return.
pub(crate) fn watch(evaluators: &[Arc<Evaluator>], end: &AtomicBool, stopped: &Receiver<()>) {
    let mut reported = vec![false; evaluators.len()];
    let mut ended: Option<Instant> = None;
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(STEP) {
        for (evaluator, reported) in evaluators.iter().zip(&mut reported) {
            let lasting = evaluator.in_call().filter(|duration| *duration >= SLOW);
            if let (Some(duration), false) = (lasting, *reported) {
                let (plugin, seconds) = (&evaluator.provider, duration.as_secs());
                log::warning(format!("plugin {plugin}: plugin_next_batch has not returned for {seconds} seconds"));
            }
            *reported = lasting.is_some();
        }
        if !end.load(Ordering::SeqCst) {
            continue;
        }
        let since = *ended.get_or_insert_with(Instant::now);
        let hanging = evaluators.iter().find(|evaluator| evaluator.in_call().is_some_and(|duration| duration >= GRACE));
        if let Some(evaluator) = hanging.filter(|_| since.elapsed() >= GRACE) {
            log::error(format!("plugin {}: plugin_next_batch does not return; ending without it", evaluator.provider));
            std::process::exit(1);
        }
    }
}
