//! The rules of all sources over events, without a source of events.

use std::sync::Arc;

#[cfg(feature = "plugins")]
use peregrine_plugin_host::{Error as PluginError, PluginEvent, PluginSchema};
use rule_engine::engine::{Alert, Runner, SourceRules};
use rule_engine::event::EventSchema;
use rule_engine::event::json::JsonSchema;
use rule_engine::event::sinsp::SinspSchema;

use crate::json::Documents;
use crate::{Error, Rules};

/// Evaluates the rules of all sources on events that a program has: one for each thread. The correlations of the rules
/// find what happens across the sources.
///
/// A [`Detector`](crate::Detector) is this and an inspector; a program with a loop of its own over an
/// [`Inspector`](sinsp::Inspector) uses the engine alone.
///
/// ```
/// use peregrine::{Engine, Rules};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let rule = "- {rule: root, desc: d, condition: 'json.value[/user] = root', output: 'root logged in', \
///     priority: WARNING, source: login}";
/// let rules = Rules::builder().json_source("login").text("rules.yaml", rule).build()?;
/// let mut engine = Engine::new(&rules);
/// let mut names = Vec::new();
/// engine.process_json("login", br#"{"user": "root"}"#, 1_700_000_000_000_000_000, |alert| {
///     names.push(alert.rule().to_owned());
/// })?;
/// assert_eq!(names, ["root"]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Engine {
    rules: Rules,
    syscalls: Runner<SinspSchema>,
    /// In the order of the sources.
    json: Vec<Runner<JsonSchema>>,
    /// In the order of the sources.
    #[cfg(feature = "plugins")]
    plugins: Vec<Runner<PluginSchema>>,
    documents: Documents,
}

impl Engine {
    /// Creates an engine.
    pub fn new(rules: &Rules) -> Self {
        let syscalls = rules.syscalls().runner();
        Self {
            json: joined(rules, &syscalls),
            #[cfg(feature = "plugins")]
            plugins: joined(rules, &syscalls),
            syscalls,
            rules: rules.clone(),
            documents: Documents::default(),
        }
    }

    /// Evaluates the rules about system calls on an event and calls `alert` for every match.
    #[inline]
    pub fn process(&mut self, event: &sinsp::Event<'_>, alert: impl FnMut(Alert<'_>)) {
        self.syscalls.process(event, alert);
    }

    /// Evaluates the rules of a source of JSON on a document of a time, in nanoseconds since 1970, and calls `alert` for
    /// every match.
    ///
    /// # Errors
    /// If there is no such source of JSON, or the document is not a JSON object or array.
    pub fn process_json(
        &mut self,
        source: &str,
        json: &[u8],
        time: u64,
        alert: impl FnMut(Alert<'_>),
    ) -> Result<(), Error> {
        let Some(runner) = self.json.iter_mut().find(|runner| runner.rules().rules().source() == source) else {
            // Either the source does not exist, or it is one of system calls.
            self.rules.compiled().source::<JsonSchema>(source)?;
            return Ok(());
        };
        runner.process(&self.documents.parse(json, time)?, alert);
        Ok(())
    }

    /// Evaluates the rules of the source of a plugin's event, and calls `alert` for every match.
    ///
    /// # Errors
    /// If the rules were compiled with other plugins.
    #[cfg(feature = "plugins")]
    pub fn process_plugin(&mut self, event: PluginEvent<'_>, mut alert: impl FnMut(Alert<'_>)) -> Result<(), Error> {
        for runner in &mut self.plugins {
            match runner.try_process(event, &mut alert) {
                Err(PluginError::ForeignEvent) => {}
                other => return Ok(other?),
            }
        }
        Err(PluginError::ForeignEvent.into())
    }

    /// Replaces the rules between two events. Correlations that are the same in both keep what has begun.
    pub fn set_rules(&mut self, rules: &Rules) {
        let new = Self::new(rules);
        let documents = std::mem::take(&mut self.documents);
        // The runners of an engine share their state: one takes over for all.
        let old = std::mem::replace(self, Self { documents, ..new });
        self.syscalls.adopt(&old.syscalls);
    }

    /// Returns the rules.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Borrows the runner of the rules about system calls: for profiles and counters.
    pub fn syscalls_mut(&mut self) -> &mut Runner<SinspSchema> {
        &mut self.syscalls
    }
}

/// Creates runners for the other sources of a type, which share the partial matches of correlations.
fn joined<S: EventSchema>(rules: &Rules, syscalls: &Runner<SinspSchema>) -> Vec<Runner<S>> {
    let join = |source: Arc<SourceRules<S>>| {
        let mut runner = source.runner();
        runner.join(syscalls);
        runner
    };
    rules.compiled().of_type::<S>().map(join).collect()
}
