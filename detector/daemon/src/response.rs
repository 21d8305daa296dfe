//! Responses to alerts: which alerts are answered, the thread that acts, and the alerts that say what was done.
//!
//! The acting itself, with its brakes, is the crate `peregrine-response`. A replay has no processes to act upon.

#[cfg(feature = "live")]
mod reports;
mod selected;
mod webhook;

#[cfg(feature = "live")]
pub(crate) use reports::RULE;
pub(crate) use selected::{Selected, matches};

use crate::alerts::Alerts;
use crate::config::settings::{Config, ResponseMode};
use crate::metrics::telemetry::ResponseCounts;
use crate::names::SYSCALL;
use crate::protect::Protection;
use crate::{Fatal, host, log};
use peregrine_response::{Action, Limits, Mode, Plan, Program, Proposal, Protected, Responder};
use rule_engine::engine::{Alert, CompiledRules};
use scap::EventCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The type of the event at the end of a thread.
const EXIT: EventCode = scap::schema::EventCode::PROCEXIT_1_E;

/// Returns what the configuration says about responses, checked. `None` if they are disabled.
///
/// # Errors
///
/// If a program cannot be run, or the server of webhooks cannot be used.
pub(crate) fn plan(config: &Config) -> Result<Option<Plan>, Fatal> {
    let settings = &config.response;
    if !settings.enabled {
        return Ok(None);
    }
    let mut limits = Limits::default();
    limits.per_minute = settings.max_per_minute;
    limits.per_rule = settings.max_per_minute_per_rule;
    limits.warm_up = Duration::from_secs(settings.warm_up_seconds.into());
    limits.max_age = Duration::from_secs(settings.max_age_seconds.into());
    let programs = settings.programs.iter().map(|one| {
        let mut program = Program::new(one.command.clone());
        program.environment.clone_from(&one.environment);
        program.user = Some(one.user.clone()).filter(|user| !user.is_empty());
        program.timeout = Duration::from_secs(one.timeout_seconds.into());
        program.concurrency = one.concurrency;
        (one.name.clone(), program)
    });
    let mut plan = peregrine_response::Config::default();
    plan.mode = match settings.mode {
        ResponseMode::DryRun => Mode::DryRun,
        ResponseMode::Act => Mode::Act,
    };
    plan.limits = limits;
    plan.protected = protected(config);
    plan.programs = programs.collect();
    plan.host_root = host::host_root().into();
    let plan = Plan::new(plan).map_err(|error| Fatal(format!("response: {error}")))?;
    if settings.webhook.url.is_empty() {
        return Ok(Some(plan));
    }
    let server = webhook::Server::new(&settings.webhook, Protection::of(config).is_confined());
    let server = server.map_err(|error| Fatal(format!("response.webhook: {error}")))?;
    Ok(Some(plan.with_webhook(Box::new(server))))
}

/// Says that rules request responses which the configuration does not allow.
pub(crate) fn note_disabled(config: &Config, rules: &CompiledRules) {
    if !config.response.enabled
        && let Some(text) = disabled(rules)
    {
        log::notice(text);
    }
}

fn disabled(rules: &CompiledRules) -> Option<String> {
    let all = rules.all().flat_map(|of| of.rules().rules());
    let mut names: Vec<&str> =
        all.filter(|rule| rule.enabled && !rule.responses.is_empty()).map(|rule| rule.name()).collect();
    names.dedup();
    match names.as_slice() {
        [] => None,
        [name] => Some(format!("rule '{name}' requests responses; nothing is done, as response.enabled is false")),
        names => {
            Some(format!("{} rules request responses; nothing is done, as response.enabled is false", names.len()))
        }
    }
}

/// Returns what is never acted upon.
pub(crate) fn protected(config: &Config) -> Protected {
    let settings = &config.response;
    let set = Protected::new().with_host_cgroup(settings.protect_host_cgroup);
    settings.protected_executables.iter().fold(set, |set, path| set.with_executable(path))
}

/// The responder, as the event loop sees it.
#[derive(Debug)]
pub(crate) struct Responses {
    responder: Responder,
    counts: Arc<Mutex<ResponseCounts>>,
}

impl Responses {
    /// Applies a new configuration.
    pub(crate) fn apply(&self, plan: Plan) {
        self.responder.reset(plan);
    }

    /// Returns the counts.
    pub(crate) fn counts(&self) -> ResponseCounts {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Follows the events, each after its rules were evaluated.
    pub(crate) fn follow(&self, event: &sinsp::Event<'_>) {
        self.responder.read_to(event.ts());
        if event.code() == EXIT
            && let Some(thread) = event.thread()
            && event.state().thread_count(thread).saturating_sub(u64::from(!thread.is_dead())) == 0
            && let Ok(pid) = i32::try_from(thread.pid)
        {
            self.responder.ended(pid);
        }
    }

    /// Says that the source has no events, of any time before its watermark.
    pub(crate) fn nothing_before(&self, watermark: u64) {
        self.responder.read_to(watermark);
    }

    /// Proposes what the configuration and the rule say about an alert.
    pub(crate) fn answer(&self, selected: &mut Selected, alert: &Alert<'_>, event: &sinsp::Event<'_>, alerts: &Alerts) {
        if alert.source() != SYSCALL {
            return;
        }
        let actions = selected.of(alert, || alert.process(), event.ts());
        if actions.is_empty() {
            return;
        }
        let process = alert.process();
        for action in actions {
            let told = matches!(&action, Action::Run(_) | Action::Webhook(_));
            self.responder.propose(Proposal {
                rule: alert.rule().into(),
                event: alert.event_number(),
                time: event.ts(),
                process: process.clone(),
                action,
                uncertain: alerts.is_uncertain(event.ts()),
                alert: if told { alerts.as_json(alert) } else { bytes::Bytes::new() },
            });
        }
    }
}
