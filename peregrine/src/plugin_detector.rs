//! The detector of an event source that a plugin provides.

use peregrine_plugin_host::{Next, PluginSchema, PluginSource};
use rule_engine::engine::{Alert, Runner};

use crate::found::{Found, Step};
use crate::{Error, Rules};

/// Evaluates the rules of an event source that a plugin provides: one for each thread.
#[derive(Debug)]
pub struct PluginDetector {
    source: PluginSource,
    runner: Runner<PluginSchema>,
    rules: Rules,
    found: Found,
}

impl Rules {
    /// Opens an event source that a plugin provides.
    ///
    /// # Errors
    /// If there is none of that name, or a plugin rejects its configuration or cannot open the source.
    pub fn plugin_source(&self, source: &str) -> Result<PluginDetector, Error> {
        let rules = self.compiled().source::<PluginSchema>(source)?;
        let source = self.plugins().open(source)?;
        Ok(PluginDetector { source, runner: rules.runner(), rules: self.clone(), found: Found::default() })
    }
}

impl PluginDetector {
    /// Reads events until there is an alert; `None` after the last event. A program that has other work to do calls
    /// [`step`](Self::step).
    ///
    /// # Errors
    /// As [`step`](Self::step).
    #[allow(clippy::should_implement_trait, reason = "an alert borrows from the detector, which no iterator can say")]
    pub fn next(&mut self) -> Result<Option<Alert<'_>>, Error> {
        Found::next(
            self,
            |detector| &mut detector.found,
            |detector, found| detector.step(|alert| found.push_back(alert.to_owned())),
        )
    }

    /// Reads one event and calls `alert` for every match, without copying anything.
    ///
    /// # Errors
    /// [`Event`](peregrine_plugin_host::Error::Event) if the plugin returned an invalid event, after which the next call
    /// goes on behind it; any other error ends the source.
    pub fn step(&mut self, alert: impl FnMut(Alert<'_>)) -> Result<Step, Error> {
        Ok(match self.source.next_event()? {
            Next::Event(event) => {
                self.runner.try_process(event, alert)?;
                Step::Event
            }
            Next::Idle => Step::Idle,
            Next::End => Step::End,
        })
    }

    /// Replaces the rules between two events. Correlations that are the same in both keep what has begun.
    ///
    /// # Errors
    /// If the new rules were compiled with other plugins; the old rules stay then.
    pub fn set_rules(&mut self, rules: &Rules) -> Result<(), Error> {
        self.rules.plugins().check_same(rules.plugins())?;
        let new = rules.compiled().source::<PluginSchema>(self.source.set().source())?;
        let old = std::mem::replace(&mut self.runner, new.runner());
        self.runner.adopt(&old);
        self.rules = rules.clone();
        Ok(())
    }

    /// Borrows the source: its plugins with their metrics, and its progress.
    pub fn source_mut(&mut self) -> &mut PluginSource {
        &mut self.source
    }
}
