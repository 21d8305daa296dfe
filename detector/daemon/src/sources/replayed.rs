//! Events of plugins in a capture: evaluated by the rules of their source, in the place that they have among the others.

use crate::alerts::Alerts;
use crate::capture::Recorder;
use crate::metrics::matches::{Matches, RuleCount};
use crate::profile::Profiles;
use crate::{Fatal, log, plugins};
use peregrine_plugin_host::{CapturePlugins, PluginSchema, SourcePlugins};
use rule_engine::engine::{CompiledRules, Runner};
use scap::EventCode;
use std::sync::Arc;

/// The sources of the plugins that are loaded, for a replay.
#[derive(Debug)]
pub(crate) struct Replayed {
    plugins: Arc<CapturePlugins>,
    /// In the order of the sources of `plugins`.
    sources: Vec<One>,
    /// Number of events of plugins that are not loaded.
    foreign: u64,
    /// The time of the last event.
    last: u64,
}

#[derive(Debug)]
struct One {
    runner: Runner<PluginSchema>,
    matches: Matches,
}

impl Replayed {
    /// Initializes the plugins, in addition to those for system calls. Their sources are not opened.
    ///
    /// # Errors
    ///
    /// If a plugin rejects its configuration.
    pub(crate) fn open(
        syscalls: plugins::Extension,
        plugins: &[Arc<SourcePlugins>],
        sets: &CompiledRules,
        profiles: Option<&Profiles>,
    ) -> Result<Self, Fatal> {
        let open = |plugins: &Arc<SourcePlugins>| {
            let rules = sets.source::<PluginSchema>(plugins.source()).map_err(Fatal::new)?;
            let mut matches = Matches::default();
            matches.follow(rules.rules());
            let mut runner = rules.runner();
            Profiles::begin(profiles, &mut runner);
            Ok(One { runner, matches })
        };
        let sources = plugins.iter().map(open).collect::<Result<_, Fatal>>()?;
        let plugins = CapturePlugins::init(syscalls, plugins, &plugins::log_to()).map_err(Fatal::new)?;
        Ok(Self { plugins, sources, foreign: 0, last: 0 })
    }

    /// Returns the extension for the inspector.
    pub(crate) fn plugins(&self) -> &Arc<CapturePlugins> {
        &self.plugins
    }

    /// Evaluates an event if it is one of a plugin's source. Returns whether it is, also of a plugin that is not loaded: no
    /// rule about system calls is for it.
    #[inline]
    pub(crate) fn evaluate(
        &mut self,
        event: &sinsp::Event<'_>,
        alerts: &Alerts,
        recorder: &mut Option<Recorder<'_>>,
    ) -> bool {
        match event.code() {
            EventCode::PLUGINEVENT_E | EventCode::ASYNCEVENT_E => self.evaluate_own(event, alerts, recorder),
            _ => false,
        }
    }

    #[cold]
    fn evaluate_own(&mut self, event: &sinsp::Event<'_>, alerts: &Alerts, recorder: &mut Option<Recorder<'_>>) -> bool {
        let raw = event.raw();
        // Asynchronous events of system calls have no id.
        if raw.code() == EventCode::ASYNCEVENT_E && raw.raw(0) == Some(&[0; 4]) {
            return false;
        }
        self.last = event.ts();
        let evaluated = self.plugins.with_event(event, |place, of_plugin| {
            let Some(One { runner, matches }) = self.sources.get_mut(place) else { return };
            let evaluated = runner.try_process(of_plugin, |alert| {
                matches.count_alert(&alert);
                alerts.send(&alert);
                recorder.iter_mut().for_each(|recorder| recorder.matched(alert.definition(), event.ts()));
            });
            // The rules were compiled with the plugins of the source.
            if let Err(error) = evaluated {
                log::error(&error);
            }
        });
        self.foreign += u64::from(evaluated.is_none());
        true
    }

    /// Reports what is left to report, and returns the matches.
    pub(crate) fn finish(self, alerts: &Alerts, profiles: Option<&Profiles>) -> Vec<RuleCount> {
        if self.foreign > 0 {
            let count = self.foreign;
            log::warning(format!("{count} events of plugins that are not loaded were not evaluated"));
        }
        let finish = |One { runner, matches }: One| {
            alerts.report_evictions(self.last, runner.take_evicted());
            Profiles::end(profiles, &runner);
            matches.rules().to_vec()
        };
        self.sources.into_iter().flat_map(finish).collect()
    }
}
