//! Responses as they are configured, and what is wrong with them.

use super::settings::{Config, Response, ResponseMatch};
use crate::names::SYSCALL;
use rule_engine::load::Means;
use rule_engine::response::{self, Invalid, Words};

impl Response {
    /// Returns the response, of the same type as those of rule files.
    ///
    /// # Errors
    ///
    /// If its settings do not fit together.
    pub(crate) fn read(&self) -> Result<response::Response, Invalid> {
        let words = Words {
            action: self.action.map_or("", |action| action.word()),
            target: self.target.map_or("", |target| target.word()),
            program: &self.program,
            proposes: self.proposes.map_or("", |action| action.word()),
            after_alerts: self.after_alerts,
            within_seconds: self.within_seconds,
        };
        words.read()
    }
}

/// Returns what rules can use for their responses. `None` if responses are disabled: then nobody uses anything, so that rule
/// files of other hosts load.
pub(crate) fn means(config: &Config) -> Option<Means> {
    let settings = &config.response;
    settings.enabled.then(|| Means {
        programs: settings.programs.iter().map(|program| program.name.clone()).collect(),
        webhook: !settings.webhook.url.is_empty(),
    })
}

/// Returns what is wrong with responses. A response that is not what was meant could end the wrong processes, so that
/// nothing is guessed.
pub(super) fn check(config: &Config) -> Vec<(&'static str, String)> {
    let mut wrong = Vec::new();
    let settings = &config.response;
    let mut names: Vec<&str> = Vec::new();
    for (index, program) in settings.programs.iter().enumerate() {
        let why = if program.name.is_empty() {
            "name is required"
        } else if names.contains(&program.name.as_str()) {
            "name is used twice"
        } else if !program.command.first().is_some_and(|path| path.starts_with('/')) {
            "command must begin with an absolute path"
        } else if program.concurrency == 0 || program.timeout_seconds == 0 {
            "concurrency and timeout_seconds must be greater than 0"
        } else {
            ""
        };
        names.push(&program.name);
        if !why.is_empty() {
            wrong.push(("response.programs", format!("[{index}]: {why}")));
        }
    }
    if settings.webhook.timeout_seconds == 0 {
        wrong.push(("response.webhook.timeout_seconds", "must be greater than 0".to_owned()));
    }
    for (index, response) in config.responses.iter().enumerate() {
        let ResponseMatch { rule, tags, priority, source } = &response.r#match;
        let why = if rule.is_empty() && tags.is_empty() && priority.is_none() && source.is_empty() {
            "match requires a rule, tags, a priority or a source".to_owned()
        } else if !source.is_empty() && source != SYSCALL {
            format!("match.source: events of '{source}' have no process; only '{SYSCALL}' has")
        } else {
            match response.read().map(|read| read.action) {
                Err(invalid) => invalid.text,
                Ok(response::Action::Run(program)) if !names.contains(&&*program) => {
                    format!("program '{program}' is not defined under response.programs")
                }
                Ok(response::Action::Webhook(_)) if settings.webhook.url.is_empty() => {
                    "response.webhook.url is required for webhook".to_owned()
                }
                Ok(_) => continue,
            }
        };
        wrong.push(("responses", format!("[{index}]: {why}")));
    }
    wrong
}
