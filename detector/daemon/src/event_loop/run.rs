//! The event loop: inspector, rules, outputs, and the work between two events.

use crate::alerts::cut::CutFields;
use crate::alerts::evictions::EvictionWatch;
use crate::alerts::pending_alerts::Waiting;
use crate::alerts::{Alerts, internal, with_json};
use crate::capture::Recorder;
use crate::clock::now;
use crate::config::settings::{Config, DropAction};
use crate::event_loop::drops::{self, DropWatch};
use crate::metrics::matches::Matches;
use crate::metrics::measured::{Differences, Measured};
use crate::metrics::telemetry::{Cost, Snapshot, Telemetry};
use crate::names::SYSCALL;
use crate::profile::Profiles;
use crate::response::{Responses, Selected};
use crate::rules::slot::Slot;
use crate::signals::Signals;
use crate::sources::containers::Lookup;
use crate::sources::replayed::Replayed;
use crate::{Fatal, log, terminal};
use peregrine_plugin_host::SyscallPlugins;
use peregrine_sinks::Console;
use rule_engine::engine::{Alert, Runner, SourceRules};
use rule_engine::event::sinsp::SinspSchema;
use rule_engine::output::Priority;
use sinsp::{Inspector, Next};
use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SECOND: u64 = 1_000_000_000;
/// The longest sleep of the source without responses: a timeout.
const WAIT: Duration = Duration::from_millis(30);
/// Space for a count of each event type.
const TYPES: usize = 512;

/// The inputs of a run.
pub(crate) struct Setup<'s> {
    pub(crate) config: &'s Config,
    pub(crate) signals: &'s Signals,
    pub(crate) telemetry: &'s Telemetry,
    /// Receives new rules.
    pub(crate) slot: &'s Slot,
    /// Maximum run time in seconds of event time; 0: no limit.
    pub(crate) seconds: u64,
    pub(crate) verbose: bool,
    /// Destination of profiles, if enabled.
    pub(crate) profiles: Option<&'s Profiles>,
    /// Lookup of containers, on a live source.
    pub(crate) containers: Option<&'s Lookup>,
    /// The plugins for system calls.
    pub(crate) plugins: Option<&'s SyscallPlugins>,
    /// The sources of plugins, on a replay.
    pub(crate) replayed: Option<&'s RefCell<Replayed>>,
    /// Queue of alerts that wait for that.
    pub(crate) waiting: Option<&'s Waiting>,
    /// Responder to alerts, if enabled, on a live source.
    pub(crate) responses: Option<&'s Responses>,
}

impl<'s> Setup<'s> {
    /// Creates the inputs of a run without a limit, without containers, and not verbose.
    pub(crate) fn new(config: &'s Config, signals: &'s Signals, telemetry: &'s Telemetry, slot: &'s Slot) -> Self {
        Self {
            config,
            signals,
            telemetry,
            slot,
            seconds: 0,
            verbose: false,
            profiles: None,
            containers: None,
            plugins: None,
            replayed: None,
            waiting: None,
            responses: None,
        }
    }
}

/// The name of the alert that the kernel does not leave out what the plan says.
const PLAN_RULE: &str = "Falco internal: kernel plan difference";

/// Reason why the loop over a set of rules ended.
enum End {
    /// The source ended, the run time is over, or termination was requested.
    Over,
    /// There are new rules.
    Rules(Arc<SourceRules<SinspSchema>>),
}

/// Evaluates the events of a source to the end. The matches are added to `matches`. `follow` is called with new rules,
/// so that the source can capture their system calls.
pub(crate) fn run<S: Measured>(
    setup: &Setup<'_>,
    inspector: &mut Inspector<S>,
    mut follow: impl FnMut(&mut S, &SourceRules<SinspSchema>),
    rules: &Arc<SourceRules<SinspSchema>>,
    alerts: &Alerts,
    matches: &mut Matches,
) -> Result<(), Fatal> {
    let live = inspector.source().is_live();
    let mut at_work = AtWork {
        setup,
        alerts,
        matches,
        drops: DropWatch::new(&setup.config.syscall_event_drops, inspector.stats(), live),
        events: 0,
        types: vec![0; TYPES],
        first: 0,
        idle: 0,
        waited: Instant::now(),
        timeouts: setup.config.syscall_event_timeouts.max_consecutives,
        live,
        started: Instant::now(),
        recorder: Recorder::new(&setup.config.capture),
        before: None,
        evictions: EvictionWatch::new(),
        selected: Selected::new(setup.config),
        cut_fields: CutFields::new(rules),
        differences: 0,
    };
    let mut rules = Arc::clone(rules);
    let outcome = loop {
        at_work.matches.follow(rules.rules());
        match at_work.events(inspector, &rules) {
            Ok(End::Over) => break Ok(()),
            Ok(End::Rules(new)) => {
                follow(inspector.source_mut(), &new);
                at_work.cut_fields = CutFields::new(&new);
                rules = new;
            }
            Err(fatal) => break Err(fatal),
        }
    };
    if let Some(runner) = &at_work.before {
        alerts.report_evictions(at_work.evictions.last(), runner.take_evicted());
    }
    if let Some(recorder) = &mut at_work.recorder {
        recorder.finish();
    }
    let mut last = String::new();
    if setup.verbose {
        let (seconds, events) = (at_work.started.elapsed().as_secs_f64(), at_work.events);
        let stats = inspector.stats();
        if live {
            last += &format!("Driver Events:{}\nDriver Drops:{}\n", stats.seen, stats.dropped());
        }
        let rate = events as f64 / seconds.max(f64::MIN_POSITIVE);
        last += &format!("Elapsed time: {seconds:.3}, Captured Events: {events}, {rate:.2} eps\n");
    }
    terminal::print_last(Console::Error, &(last + &at_work.drops.summary()));
    outcome
}

struct AtWork<'r> {
    setup: &'r Setup<'r>,
    alerts: &'r Alerts,
    matches: &'r mut Matches,
    drops: DropWatch,
    events: u64,
    /// The number of events by type.
    types: Vec<u64>,
    /// The time of the first event.
    first: u64,
    /// Number of consecutive timeouts.
    idle: u32,
    /// The last of them.
    waited: Instant,
    /// Number of consecutive timeouts that is reported.
    timeouts: u32,
    /// Whether the source watches this host. Others have no events when there are none to have.
    live: bool,
    started: Instant,
    /// The writer of captures, if enabled.
    recorder: Option<Recorder<'r>>,
    /// The previous runner, with the partial matches of its correlations.
    before: Option<Runner<SinspSchema>>,
    /// When to report those that were dropped because memory was full.
    evictions: EvictionWatch,
    /// The alerts that are answered.
    selected: Selected,
    /// The fields of the rules whose values may be cut.
    cut_fields: CutFields,
    /// The number of differences between kernel and plan that was reported.
    differences: u64,
}

impl AtWork<'_> {
    fn events<S: Measured>(
        &mut self,
        inspector: &mut Inspector<S>,
        rules: &Arc<SourceRules<SinspSchema>>,
    ) -> Result<End, Fatal> {
        let mut runner = rules.runner();
        if let Some(before) = self.before.take() {
            runner.adopt(&before);
        }
        Profiles::begin(self.setup.profiles, &mut runner);
        let end = self.each(inspector, rules, &mut runner);
        Profiles::end(self.setup.profiles, &runner);
        self.before = Some(runner);
        end
    }

    fn each<S: Measured>(
        &mut self,
        inspector: &mut Inspector<S>,
        rules: &Arc<SourceRules<SinspSchema>>,
        runner: &mut Runner<SinspSchema>,
    ) -> Result<End, Fatal> {
        let (most, waiting) = (self.setup.seconds.saturating_mul(SECOND), self.setup.waiting);
        loop {
            match inspector.next() {
                Ok(Next::Event(event)) => {
                    let time = event.ts();
                    if self.first == 0 {
                        self.first = time;
                    } else if most > 0 && time.saturating_sub(self.first) >= most {
                        return Ok(End::Over);
                    }
                    self.idle = 0;
                    self.events += 1;
                    if let Some(count) = self.types.get_mut(usize::from(event.code().0)) {
                        *count += 1;
                    }
                    let (alerts, matches, recorder) = (self.alerts, &mut *self.matches, &mut self.recorder);
                    let (responses, selected, cut_fields) =
                        (self.setup.responses, &mut self.selected, &self.cut_fields);
                    let replayed = self.setup.replayed.map(RefCell::borrow_mut);
                    let of_plugin = replayed.is_some_and(|mut all| all.evaluate(&event, alerts, recorder));
                    let evaluated = |alert: Alert<'_>| {
                        if self.setup.containers.is_some_and(|containers| containers.is_own_query(&event)) {
                            return;
                        }
                        matches.count_alert(&alert);
                        let cut = cut_fields.note(&alert, &event);
                        if !waiting.is_some_and(|waiting| waiting.take(rules, &alert, &event, cut.as_ref())) {
                            alerts.send_with(&alert, cut);
                        }
                        if let Some(responses) = responses {
                            responses.answer(selected, &alert, &event, alerts);
                        }
                        if let Some(recorder) = recorder {
                            recorder.matched(alert.definition(), time);
                        }
                    };
                    if !of_plugin {
                        runner.process(&event, evaluated);
                    }
                    if let Some(responses) = responses {
                        responses.follow(&event);
                    }
                    if let Some(recorder) = recorder
                        && let Some(limit) = recorder.take(&event)
                    {
                        limit.tell(|own| alerts.send_own(own));
                    }
                    if self.drops.is_due(time) {
                        self.look_at_drops(time, inspector)?;
                    }
                    if self.evictions.sees(time) {
                        self.alerts.report_evictions(time, runner.take_evicted());
                    }
                }
                Ok(Next::Hidden) => {}
                Ok(Next::Idle) => {
                    self.nothing(inspector.source().watermark());
                    if self.evictions.is_quiet() {
                        self.alerts.report_evictions(self.evictions.last(), runner.take_evicted());
                    }
                    // Without events, event time does not advance.
                    if most > 0 && self.started.elapsed().as_secs() >= self.setup.seconds {
                        return Ok(End::Over);
                    }
                }
                Ok(Next::End) => return Ok(End::Over),
                Err(error) => return Err(Fatal::new(error)),
            }
            if self.setup.signals.any()
                && let Some(end) = self.attend(inspector, runner)
            {
                return Ok(end);
            }
        }
    }

    /// Handles requests of signals and other threads.
    fn attend<S: Measured>(&mut self, inspector: &mut Inspector<S>, runner: &mut Runner<SinspSchema>) -> Option<End> {
        let signals = self.setup.signals;
        signals.seen();
        if let Some((drops, timeouts)) = self.setup.slot.take_settings() {
            self.drops.follow(&drops);
            self.timeouts = timeouts.max_consecutives;
        }
        if let Some((plan, config)) = self.setup.slot.take_responses()
            && let Some(responses) = self.setup.responses
        {
            responses.apply(plan);
            self.selected = Selected::new(&config);
        }
        if let Some(containers) = self.setup.containers {
            containers.take(inspector);
        }
        if signals.take_reopen() {
            log::info("SIGUSR1 received, reopening outputs");
            self.alerts.reopen();
        }
        let (telemetry, measured) = (self.setup.telemetry, self.setup.profiles.is_some());
        match (telemetry.measuring(), runner.is_profiled()) {
            (true, false) => runner.profile(),
            (false, true) if !measured => runner.end_profile(),
            _ => {}
        }
        if telemetry.take_wanted() {
            let costs = if telemetry.measuring() { costs(runner) } else { Vec::new() };
            let correlations = runner.correlation_stats();
            telemetry.tell(Snapshot { costs, correlations, ..self.snapshot(inspector) });
        }
        if signals.terminate() {
            log::info("termination requested, shutting down");
            return Some(End::Over);
        }
        self.setup.slot.take(SYSCALL).map(End::Rules)
    }

    fn snapshot<S: Measured>(&self, inspector: &Inspector<S>) -> Snapshot {
        let state = inspector.state();
        let (mut threads, mut fds) = (0, 0);
        for thread in state.threads() {
            threads += 1;
            // Threads of one process share a table, which is its leader's.
            if thread.is_leader() {
                fds += state.fds(thread).map_or(0, |table| table.len() as u64);
            }
        }
        Snapshot {
            events: self.events,
            source: inspector.stats(),
            state: state.metrics(),
            threads,
            fds,
            rules: self.matches.rules().to_vec(),
            outputs: self.alerts.totals(),
            kept: self.alerts.kept(),
            types: self.types.clone(),
            cpus: inspector.source().cpus(),
            left_out: inspector.source().left_out(),
            programs: if self.setup.config.metrics.libbpf_stats_enabled {
                inspector.source().programs()
            } else {
                Vec::new()
            },
            pending: inspector.source().pending(),
            engines: self.setup.containers.map(Lookup::engines).unwrap_or_default(),
            audit: None,
            plugins: Vec::new(),
            of_plugins: self.setup.plugins.map(SyscallPlugins::metrics).unwrap_or_default(),
            responses: self.setup.responses.map(Responses::counts),
            costs: Vec::new(),
            correlations: (Vec::new(), 0),
        }
    }

    fn nothing(&mut self, watermark: u64) {
        if let Some(responses) = self.setup.responses {
            responses.nothing_before(watermark);
            // The source returns more often than otherwise.
            if self.waited.elapsed() < WAIT {
                return;
            }
            self.waited = Instant::now();
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.is_over(now());
        }
        if !self.live {
            return;
        }
        self.idle += 1;
        let most = self.timeouts;
        if self.idle <= most {
            return;
        }
        self.idle = 0;
        let last = if self.first > 0 { self.first.to_string() } else { "none".to_owned() };
        let rule = "Falco internal: timeouts notification";
        let text = format!("{rule}. {most} consecutive timeouts without event.");
        self.alerts.send_own(&internal(rule, Priority::Debug, now(), text).with_field("last_event_time", last));
    }

    /// Reports, with growing distances, that the kernel does not leave out what the plan says.
    fn report_differences(&mut self, time: u64, found: &Differences) {
        let count = found.wrong + found.spared;
        if count < self.differences.saturating_mul(2).max(1) {
            return;
        }
        self.differences = count;
        let text = format!("{PLAN_RULE}. {count} of {} events differ: {}", found.checked, found.example);
        let priority = if found.wrong > 0 { Priority::Critical } else { Priority::Debug };
        log::warning(&text);
        let own = internal(PLAN_RULE, priority, time, text).with_field("wrong", found.wrong);
        self.alerts.send_own(&own.with_field("spared", found.spared).with_field("checked", found.checked));
    }

    fn look_at_drops<S: Measured>(&mut self, time: u64, inspector: &Inspector<S>) -> Result<(), Fatal> {
        if let Some(found) = inspector.source().differences() {
            self.report_differences(time, &found);
        }
        let loss = self.drops.look(time, inspector.stats());
        if self.drops.lost() > 0 {
            let seconds = self.drops.settings().state_uncertain_seconds;
            self.alerts.uncertain_until(time.saturating_add(u64::from(seconds) * SECOND));
        }
        let Some(loss) = loss else { return Ok(()) };
        for action in &loss.actions {
            match action {
                DropAction::Ignore => {}
                DropAction::Log => log::warning(&loss.text),
                DropAction::Alert => {
                    let own = internal(drops::RULE, Priority::Debug, time, loss.text.as_str());
                    self.alerts.send_own(&with_json(own, &loss.fields));
                }
                DropAction::Exit => {
                    log::critical(&loss.text);
                    return Err(Fatal::new("system calls were dropped, exiting as set in syscall_event_drops.actions"));
                }
            }
        }
        Ok(())
    }
}

/// Returns the cost of each rule since the start of the measurement.
fn costs(runner: &Runner<SinspSchema>) -> Vec<Cost> {
    let rules = runner.profiled().map(|profile| profile.rules).unwrap_or_default();
    rules.iter().map(|rule| Cost { evaluated: rule.evaluated, nanoseconds: rule.nanoseconds }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Options;
    use crate::plugins::Plugins;
    use crate::rules::RuleFiles;
    use peregrine_sinks::Wait;
    use scap::{HostState, Source, SourceStats};

    /// A source without events that ends after some attempts.
    struct Silent {
        host: HostState,
        live: bool,
        left: u32,
    }

    impl Source for Silent {
        fn next(&mut self) -> scap::Result<scap::Next<'_>> {
            self.left = self.left.saturating_sub(1);
            Ok(if self.left == 0 { scap::Next::End } else { scap::Next::Idle })
        }
        fn host(&self) -> &HostState {
            &self.host
        }
        fn stats(&self) -> SourceStats {
            SourceStats::default()
        }
        fn is_live(&self) -> bool {
            self.live
        }
    }

    impl Measured for Silent {}

    #[test]
    fn a_live_source_without_events_is_reported() {
        let rule = "- rule: A\n  desc: d\n  condition: evt.type = execve\n  output: x\n  priority: INFO\n";
        let files = RuleFiles { files: vec![("rules.yaml".into(), rule.into())], ..RuleFiles::default() };
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.outputs.file.enabled = true;
        config.syscall_event_timeouts.max_consecutives = 10;
        let reports = |live: bool| {
            let mut config = config.clone();
            config.outputs.file.filename = folder.path().join(if live { "live" } else { "not" });
            let rules = files
                .load(&Options::default(), &config, &Plugins::default())
                .engine(&config)
                .unwrap()
                .source(SYSCALL)
                .unwrap();
            let alerts = Alerts::new(&config, "host", Wait::ForRoom).unwrap();
            let (signals, slot) = (Signals::default(), Slot::default());
            let telemetry = Telemetry::new(signals.clone(), None, Vec::new());
            let setup = Setup::new(&config, &signals, &telemetry, &slot);
            let mut inspector = Inspector::new(Silent { host: HostState::default(), live, left: 25 });
            run(&setup, &mut inspector, |_, _| {}, &rules, &alerts, &mut Matches::default()).unwrap();
            drop(inspector);
            alerts.close();
            let text = std::fs::read_to_string(&config.outputs.file.filename).unwrap_or_default();
            text.matches("10 consecutive timeouts without event").count()
        };
        assert_eq!((reports(true), reports(false)), (2, 0));
    }
}
