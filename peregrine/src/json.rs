//! Rules about JSON documents.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rule_engine::engine::{Alert, OwnedAlert, Runner, SourceRules};
use rule_engine::event::json::{JsonDocument, JsonError, JsonSchema};

use crate::{Error, Rules};

/// Evaluates the rules of a source of JSON documents: one for each thread.
///
/// ```
/// use peregrine::Rules;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let text = "{rule: root, desc: d, condition: 'json.value[/user] = root', output: 'from %json.value[/from]', \
///              priority: WARNING, source: login}";
/// let rules = Rules::builder().json_source("login").text("rules.yaml", format!("- {text}")).build()?;
/// let mut logins = rules.json("login")?;
/// let alerts = logins.process(br#"{"user": "root", "from": "192.0.2.1"}"#)?;
/// assert!(alerts[0].to_string().ends_with("Warning from 192.0.2.1"));
/// assert!(logins.process(br#"{"user": "ann"}"#)?.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct JsonDetector {
    runner: Runner<JsonSchema>,
    source: String,
    documents: Documents,
}

/// Documents of one stream, numbered from 1.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    number: u64,
    /// The time of the first.
    start: u64,
}

impl Documents {
    pub(crate) fn parse(&mut self, json: &[u8], time: u64) -> Result<JsonDocument, JsonError> {
        let document = JsonDocument::parse(json)?;
        self.number += 1;
        if self.number == 1 {
            self.start = time;
        }
        Ok(document.at(self.number, time, self.start))
    }
}

impl Rules {
    /// Creates the detector of a source of JSON documents: `k8s_audit`, or one that the builder added.
    ///
    /// # Errors
    /// If there is no such source of JSON.
    pub fn json(&self, source: &str) -> Result<JsonDetector, Error> {
        Ok(JsonDetector::new(&self.compiled().source::<JsonSchema>(source)?))
    }
}

impl JsonDetector {
    fn new(rules: &Arc<SourceRules<JsonSchema>>) -> Self {
        let source = rules.rules().source().to_owned();
        Self { runner: rules.runner(), source, documents: Documents::default() }
    }

    /// Evaluates a document that arrives now.
    ///
    /// # Errors
    /// If it is not a JSON object or array.
    pub fn process(&mut self, json: &[u8]) -> Result<Vec<OwnedAlert>, Error> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut alerts = Vec::new();
        self.process_at(json, u64::try_from(now.as_nanos()).unwrap_or(u64::MAX), |alert| {
            alerts.push(alert.to_owned())
        })?;
        Ok(alerts)
    }

    /// Evaluates a document of a time, in nanoseconds since 1970, and calls `alert` for every match.
    ///
    /// # Errors
    /// If it is not a JSON object or array.
    pub fn process_at(&mut self, json: &[u8], time: u64, alert: impl FnMut(Alert<'_>)) -> Result<(), Error> {
        self.runner.process(&self.documents.parse(json, time)?, alert);
        Ok(())
    }

    /// Replaces the rules between two documents. Correlations that are the same in both keep what has begun.
    ///
    /// # Errors
    /// If the new rules do not have the source; the old rules stay then.
    pub fn set_rules(&mut self, rules: &Rules) -> Result<(), Error> {
        let rules = rules.compiled().source::<JsonSchema>(&self.source)?;
        let old = std::mem::replace(&mut self.runner, rules.runner());
        self.runner.adopt(&old);
        Ok(())
    }
}
