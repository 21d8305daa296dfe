//! Responses to alerts: which alerts are answered, the thread that acts, and the alerts that say what was done.
//!
//! The acting itself, with its brakes, is the crate `peregrine-response`. A replay has no processes to act upon.

use crate::alerts::{Alerts, internal};
use crate::config::settings::{
    Config, MinPriority, Response, ResponseAction, ResponseMatch, ResponseMode, ResponseTarget,
};
use crate::metrics::telemetry::ResponseCounts;
use crate::names::SYSCALL;
use crate::rules::priority;
use crate::{Fatal, host, log};
use peregrine_response::{
    Action, Limits, Mode, Outcome, Plan, Program, Proposal, Protected, Report, Responder, Scope, Subject, boot_time,
};
use rule_engine::engine::Alert;
use rule_engine::output::Priority;
use scap::EventCode;
use std::collections::{HashMap, VecDeque};
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
/// If a program cannot be run.
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
    Plan::new(plan).map(Some).map_err(|error| Fatal(format!("response: {error}")))
}

/// Returns what is never acted upon.
pub(crate) fn protected(config: &Config) -> Protected {
    let settings = &config.response;
    let set = Protected::new().with_host_cgroup(settings.protect_host_cgroup);
    settings.protected_executables.iter().fold(set, |set, path| set.with_executable(path))
}

/// Returns the action of a response. Its configuration was checked.
fn action(response: &Response) -> Option<Action> {
    let scope = match response.target {
        None => None,
        Some(ResponseTarget::Process) => Some(Scope::Process),
        Some(ResponseTarget::Tree) => Some(Scope::Tree),
        Some(ResponseTarget::Container) => Some(Scope::Container),
    };
    let name = match response.action? {
        ResponseAction::Run => return Some(Action::Run(response.program.as_str().into())),
        // Done by the kernel.
        ResponseAction::Deny => return None,
        ResponseAction::Kill => "kill",
        ResponseAction::Stop => "stop",
        ResponseAction::Continue => "continue",
        ResponseAction::Freeze => "freeze",
        ResponseAction::Thaw => "thaw",
    };
    Action::named(name, scope)
}

/// Number of processes whose alerts are counted for responses that wait for more of them. Of more, those are forgotten
/// whose last alert is the oldest.
const COUNTED: usize = 4096;

/// The responses of a configuration.
#[derive(Debug, Default)]
pub(crate) struct Selected {
    rows: Vec<(Response, Action)>,
    /// The times of alerts that a response, by its place, has seen about a process.
    seen: HashMap<(usize, i32), VecDeque<u64>>,
}

impl Selected {
    pub(crate) fn new(responses: &[Response]) -> Self {
        let rows = responses.iter().filter_map(|response| Some((response.clone(), action(response)?))).collect();
        Self { rows, seen: HashMap::new() }
    }

    /// Returns the actions for an alert about a process, and counts it for those that wait for more.
    fn of(&mut self, alert: &Alert<'_>, pid: i32, time: u64) -> Vec<Action> {
        let (rule, tags, priority, source) = (alert.rule(), alert.tags(), alert.priority(), alert.source());
        let mut actions = Vec::new();
        for (place, (response, action)) in self.rows.iter().enumerate() {
            if matches(&response.r#match, rule, tags, priority, source)
                && is_due(&mut self.seen, (place, pid), time, response)
            {
                actions.push(action.clone());
            }
        }
        actions
    }
}

/// Counts an alert; returns whether there are as many as a response waits for. The count begins again then.
fn is_due(seen: &mut HashMap<(usize, i32), VecDeque<u64>>, key: (usize, i32), time: u64, response: &Response) -> bool {
    let wanted = response.after_alerts as usize;
    if wanted <= 1 {
        return true;
    }
    if seen.len() >= COUNTED
        && !seen.contains_key(&key)
        && let Some(oldest) = seen.iter().min_by_key(|(_, times)| times.back().copied()).map(|(key, _)| *key)
    {
        seen.remove(&oldest);
    }
    let times = seen.entry(key).or_default();
    let since = time.saturating_sub(u64::from(response.within_seconds) * 1_000_000_000);
    times.retain(|one| *one >= since);
    times.push_back(time);
    let due = times.len() >= wanted;
    if due {
        seen.remove(&key);
    }
    due
}

/// Returns whether a rule meets all criteria.
pub(crate) fn matches(wanted: &ResponseMatch, rule: &str, tags: &[String], is: Priority, source: &str) -> bool {
    (wanted.rule.is_empty() || wanted.rule == rule)
        && wanted.tags.iter().all(|tag| tags.contains(tag))
        && wanted.priority.is_none_or(|most: MinPriority| is <= priority(most))
        && (wanted.source.is_empty() || wanted.source == source)
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

    /// Proposes what the configuration says about an alert.
    pub(crate) fn answer(&self, selected: &mut Selected, alert: &Alert<'_>, event: &sinsp::Event<'_>, alerts: &Alerts) {
        if alert.source() != SYSCALL {
            return;
        }
        let pid = event.thread().and_then(|thread| i32::try_from(thread.pid).ok()).unwrap_or(0);
        for action in selected.of(alert, pid, event.ts()) {
            let subject = event.thread().map(|thread| Subject {
                pid,
                exe: String::from_utf8_lossy(&thread.exepath).into_owned(),
                container: String::from_utf8_lossy(&thread.container_id).into_owned(),
            });
            let json = if matches!(&action, Action::Run(_)) { alerts.as_json(alert) } else { bytes::Bytes::new() };
            self.responder.propose(Proposal {
                rule: alert.rule().into(),
                event: alert.event_number(),
                time: event.ts(),
                subject: subject.unwrap_or_default(),
                action,
                uncertain: alerts.is_uncertain(event.ts()),
                alert: json,
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
    let subject = &proposal.subject;
    let text = format!(
        "{RULE}. {} of process {} ({}) for rule '{}': {outcome}",
        proposal.action, subject.pid, subject.exe, proposal.rule
    );
    let priority = match outcome {
        Outcome::Done(_) | Outcome::Rate | Outcome::Failed(_) => Priority::Critical,
        Outcome::Protected(_) | Outcome::Lost => Priority::Warning,
        _ => Priority::Notice,
    };
    let own = internal(RULE, priority, proposal.time, text)
        .with_field("action", proposal.action.to_string())
        .with_field("outcome", outcome.name())
        .with_field("rule", proposal.rule.to_string())
        .with_field("evt.num", proposal.event)
        .with_field("proc.pid", i64::from(subject.pid))
        .with_field("proc.exepath", subject.exe.as_str())
        .with_field("container.id", subject.container.as_str())
        .with_field("latency_ns", *latency);
    alerts.send_own(&if more > 0 { own.with_field("suppressed", more) } else { own });
}

#[cfg(test)]
mod tests {
    use super::*;
    use bumpalo::Bump;
    use rule_engine::engine::OwnedAlert;

    #[test]
    fn all_criteria_must_be_met() {
        let (arena, own) = (Bump::new(), OwnedAlert::internal("R", Priority::Warning, 7, "text"));
        let alert = own.view(&arena);
        let any = ResponseMatch::default;
        for (wanted, expected) in [
            (ResponseMatch { rule: "R".into(), ..any() }, true),
            (ResponseMatch { rule: "r".into(), ..any() }, false),
            (ResponseMatch { priority: Some(MinPriority::Warning), ..any() }, true),
            (ResponseMatch { priority: Some(MinPriority::Debug), ..any() }, true),
            (ResponseMatch { priority: Some(MinPriority::Error), ..any() }, false),
            (ResponseMatch { tags: vec!["t".into()], ..any() }, false),
            (ResponseMatch { source: "internal".into(), ..any() }, true),
            (ResponseMatch { source: SYSCALL.into(), ..any() }, false),
            (ResponseMatch { rule: "R".into(), priority: Some(MinPriority::Error), ..any() }, false),
        ] {
            let kill = Some(ResponseAction::Kill);
            let mut selected = Selected::new(&[Response { r#match: wanted, action: kill, ..Response::default() }]);
            assert_eq!(selected.of(&alert, 1, 7).len(), usize::from(expected), "{selected:?}");
        }
    }

    #[test]
    fn a_response_may_wait_for_more_alerts_about_a_process() {
        let (arena, own) = (Bump::new(), OwnedAlert::internal("R", Priority::Warning, 7, "text"));
        let alert = own.view(&arena);
        let second = 1_000_000_000;
        let wanted = ResponseMatch { rule: "R".into(), ..ResponseMatch::default() };
        let kill = Some(ResponseAction::Kill);
        let response =
            Response { r#match: wanted, action: kill, after_alerts: 2, within_seconds: 10, ..Response::default() };
        let mut selected = Selected::new(&[response]);
        let mut at = |pid, seconds: u64| selected.of(&alert, pid, seconds * second).len();
        assert_eq!([at(1, 0), at(2, 1), at(1, 2)], [0, 0, 1]);
        // The count begins again, and only alerts within the time count.
        assert_eq!([at(1, 3), at(1, 14), at(1, 24)], [0, 0, 1]);
        // Bounded: that of the second process is the oldest.
        let pids = 10..10 + COUNTED as i32;
        assert_eq!(pids.map(|pid| at(pid, 100)).sum::<usize>(), 0);
        assert_eq!(selected.seen.len(), COUNTED);
    }
}
