//! Responses to alerts: which alerts are answered, the thread that acts, and the alerts that say what was done.
//!
//! The acting itself, with its brakes, is the crate `peregrine-response`. A replay has no processes to act upon.

mod selected;
mod webhook;

pub(crate) use selected::{Selected, matches};

use crate::alerts::{Alerts, internal};
use crate::config::settings::{Config, ResponseMode};
use crate::metrics::telemetry::ResponseCounts;
use crate::names::SYSCALL;
use crate::protect::Protection;
use crate::{Fatal, host, log};
use peregrine_response::{
    Action, Limits, Mode, Outcome, Plan, Program, Proposal, Protected, Report, Responder, boot_time,
};
use rule_engine::engine::Alert;
use rule_engine::output::Priority;
use scap::EventCode;
use std::collections::HashMap;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The name of the alert about each response.
pub(crate) const RULE: &str = "Peregrine response";
/// Number of reports that wait for the outputs.
const WAITING: usize = 1024;
/// Interval between reports of an outcome that every alert of a rule has.
const QUIET: Duration = Duration::from_secs(10);
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
    plan.boot_time = boot_time();
    plan.host_root = host::host_root().into();
    let plan = Plan::new(plan).map_err(|error| Fatal(format!("response: {error}")))?;
    if settings.webhook.url.is_empty() {
        return Ok(Some(plan));
    }
    let server = webhook::Server::new(&settings.webhook, Protection::of(config).is_confined());
    let server = server.map_err(|error| Fatal(format!("response.webhook: {error}")))?;
    Ok(Some(plan.with_webhook(Box::new(server))))
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

/// Outcomes, for the thread that sends alerts about them.
pub(crate) struct Reports {
    receiver: Receiver<Report>,
    mode: Mode,
}

impl Responses {
    /// Starts the thread that acts, with the privileges of this one.
    ///
    /// # Errors
    ///
    /// If this process is not in the host's PID namespace.
    pub(crate) fn start(plan: Plan) -> Result<(Self, Reports), Fatal> {
        let mode = plan.mode();
        let counts = Arc::<Mutex<ResponseCounts>>::default();
        let (sender, receiver) = sync_channel(WAITING);
        let counted = Arc::clone(&counts);
        let report = move |report: Report| {
            counted.lock().unwrap_or_else(PoisonError::into_inner).count(report.outcome.name(), report.latency);
            // If outputs are that slow, the metrics have it.
            let _ = sender.try_send(report);
        };
        let responder = Responder::start(plan, report).map_err(|error| Fatal(format!("response: {error}")))?;
        Ok((Self { responder, counts }, Reports { receiver, mode }))
    }

    /// Applies a new configuration.
    pub(crate) fn apply(&self, plan: Plan) {
        self.responder.reset(plan);
    }

    /// Returns the counts, to add others.
    pub(crate) fn counted(&self) -> Arc<Mutex<ResponseCounts>> {
        Arc::clone(&self.counts)
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

    /// Says that the source has no events now.
    pub(crate) fn idle(&self) {
        self.responder.idle();
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

impl Reports {
    /// Sends an alert about each response, until the responses are dropped.
    pub(crate) fn run(self, alerts: &Alerts) {
        if self.mode == Mode::Act {
            log::notice("responses act on processes of this host");
        } else {
            log::notice("responses only report what would be done (response.mode: dry_run)");
        }
        let mut repeated: HashMap<(Arc<str>, &'static str), (Instant, u64)> = HashMap::new();
        while let Ok(report) = self.receiver.recv() {
            let mut more = 0;
            if is_repeated(&report.outcome) {
                let key = (Arc::clone(&report.proposal.rule), report.outcome.name());
                match repeated.get_mut(&key) {
                    Some((last, count)) if last.elapsed() < QUIET => {
                        *count += 1;
                        continue;
                    }
                    Some((last, count)) => {
                        *last = Instant::now();
                        more = std::mem::take(count);
                    }
                    None => drop(repeated.insert(key, (Instant::now(), 0))),
                }
            }
            publish(&report, more, alerts);
        }
    }
}

/// Returns whether an outcome comes with every alert of a rule for some time: then one alert in [`QUIET`] is enough.
fn is_repeated(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Disarmed | Outcome::WarmUp | Outcome::Late | Outcome::Uncertain | Outcome::Lost)
}

/// Sends the alert about a response. `more` is the number of those before it that were left out.
fn publish(report: &Report, more: u64, alerts: &Alerts) {
    let Report { proposal, outcome, latency } = report;
    let (rule, action) = (&proposal.rule, &proposal.action);
    let text = match &proposal.process {
        Some(process) => {
            format!("{RULE}. {action} of process {} ({}) for rule '{rule}': {outcome}", process.pid, process.exe)
        }
        None => format!("{RULE}. {action} for rule '{rule}': {outcome}"),
    };
    let priority = match outcome {
        Outcome::Done(_) | Outcome::Rate | Outcome::Failed(_) => Priority::Critical,
        Outcome::Protected(_) | Outcome::Lost => Priority::Warning,
        _ => Priority::Notice,
    };
    let own = internal(RULE, priority, proposal.time, text)
        .with_field("action", action.to_string())
        .with_field("outcome", outcome.name())
        .with_field("rule", rule.to_string())
        .with_field("evt.num", proposal.event)
        .with_field("latency_ns", *latency);
    let own = match &proposal.process {
        Some(process) => own
            .with_field("proc.pid", i64::from(process.pid))
            .with_field("proc.pid.ts", process.start)
            .with_field("proc.exepath", process.exe.as_str())
            .with_field("thread.cgroup", process.cgroup.as_str())
            .with_field("container.id", process.container.as_str()),
        None => own,
    };
    alerts.send_own(&if more > 0 { own.with_field("suppressed", more) } else { own });
}
