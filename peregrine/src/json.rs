//! Rules about JSON documents.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rule_engine::engine::{Alert, OwnedAlert, Runner, SourceRules};
use rule_engine::event::json::{JsonDocument, JsonSchema};

use crate::Error;

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
    number: u64,
    start: Option<u64>,
}

impl JsonDetector {
    pub(crate) fn new(rules: &Arc<SourceRules<JsonSchema>>) -> Self {
        Self { runner: rules.runner(), number: 0, start: None }
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
        let document = JsonDocument::parse(json)?;
        self.number += 1;
        let start = *self.start.get_or_insert(time);
        self.runner.process(&document.at(self.number, time, start), alert);
        Ok(())
    }
}
