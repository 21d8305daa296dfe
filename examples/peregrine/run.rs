//! The event loop: inspector, rules, outputs, and what is done between two events.

use crate::alerts::{Alerts, OwnAlert, now};
use crate::config::settings::{Config, DropAction};
use crate::drops::{self, DropWatch};
use crate::matches::Matches;
use crate::signals::Signals;
use crate::{Fatal, log};
use rule_engine::engine::{Runner, SourceRules};
use rule_engine::event::sinsp::{SinspEvent, SinspSchema};
use rule_engine::output::Priority;
use scap::Source;
use serde_json::Map;
use sinsp::{Inspector, Next};
use std::sync::Arc;
use std::time::Instant;

const SECOND: u64 = 1_000_000_000;

/// What a run is given.
pub(crate) struct Setup<'s> {
    pub(crate) config: &'s Config,
    pub(crate) signals: &'s Signals,
    /// Stop after so many seconds, by the clock of the events; 0: do not.
    pub(crate) seconds: u64,
    pub(crate) verbose: bool,
}

/// Why a run went on to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The source has no more, or the time is over.
    Over,
    /// Somebody asked for it.
    Asked,
}

/// Runs the events of a source through the rules, to the end. The counts of matches are added to `matches`.
pub(crate) fn run<S: Source>(
    setup: &Setup<'_>,
    inspector: &mut Inspector<S>,
    rules: &Arc<SourceRules>,
    alerts: &Alerts,
    matches: &mut Matches,
) -> Result<(), Fatal> {
    let live = inspector.source().is_live();
    let schema: &SinspSchema = rules.schema().ok_or_else(|| Fatal::new("the rules are not about system calls"))?;
    matches.follow(rules);
    let mut at_work = AtWork {
        setup,
        schema,
        runner: rules.runner(),
        alerts,
        matches,
        drops: DropWatch::new(&setup.config.syscall_event_drops, inspector.stats(), live),
        events: 0,
        first: 0,
        idle: 0,
    };
    let started = Instant::now();
    let outcome = at_work.events(inspector);
    if setup.verbose {
        let (seconds, events) = (started.elapsed().as_secs_f64(), at_work.events);
        let stats = inspector.stats();
        if live {
            eprintln!("Driver Events:{}\nDriver Drops:{}", stats.seen, stats.dropped());
        }
        let rate = events as f64 / seconds.max(f64::MIN_POSITIVE);
        eprintln!("Elapsed time: {seconds:.3}, Captured Events: {events}, {rate:.2} eps");
    }
    eprint!("{}", at_work.drops.summary());
    outcome.map(drop)
}

struct AtWork<'r> {
    setup: &'r Setup<'r>,
    schema: &'r SinspSchema,
    runner: Runner,
    alerts: &'r Alerts,
    matches: &'r mut Matches,
    drops: DropWatch,
    events: u64,
    /// The time of the first event.
    first: u64,
    /// How often in a row there was nothing.
    idle: u32,
}

impl AtWork<'_> {
    fn events<S: Source>(&mut self, inspector: &mut Inspector<S>) -> Result<End, Fatal> {
        let most = self.setup.seconds.saturating_mul(SECOND);
        loop {
            match inspector.next().map_err(Fatal::new)? {
                Next::Event(event) => {
                    let time = event.ts();
                    if self.first == 0 {
                        self.first = time;
                    } else if most > 0 && time.saturating_sub(self.first) >= most {
                        return Ok(End::Over);
                    }
                    self.idle = 0;
                    self.events += 1;
                    let event = SinspEvent::new(event, self.schema);
                    let (alerts, matches) = (self.alerts, &mut *self.matches);
                    self.runner.process(&event, |alert| {
                        matches.count(alert.id);
                        alerts.send(alert.rule.output.priority, alert.text);
                    });
                    if self.drops.is_due(time) {
                        self.look_at_drops(time, inspector)?;
                    }
                }
                Next::Hidden => {}
                Next::Idle => self.nothing(),
                Next::End => return Ok(End::Over),
            }
            if self.setup.signals.any() && self.attend() == Some(End::Asked) {
                return Ok(End::Asked);
            }
        }
    }

    /// Does what others asked for.
    fn attend(&mut self) -> Option<End> {
        let signals = self.setup.signals;
        signals.seen();
        if signals.take_reopen() {
            log::info("SIGUSR1 received, opening outputs anew");
            self.alerts.reopen();
        }
        if signals.terminate() {
            log::info("asked to end");
            return Some(End::Asked);
        }
        None
    }

    fn nothing(&mut self) {
        self.idle += 1;
        let most = self.setup.config.syscall_event_timeouts.max_consecutives;
        if self.idle <= most {
            return;
        }
        self.idle = 0;
        let last = if self.first > 0 { self.first.to_string() } else { "none".to_owned() };
        let fields: Map<_, _> = [("last_event_time".to_owned(), last.into())].into_iter().collect();
        let rule = "Falco internal: timeouts notification";
        let text = format!("{rule}. {most} consecutive timeouts without event.");
        self.alerts.send_own(&OwnAlert { time: now(), priority: Priority::Debug, rule, text: &text, fields });
    }

    fn look_at_drops<S: Source>(&mut self, time: u64, inspector: &Inspector<S>) -> Result<(), Fatal> {
        let Some(loss) = self.drops.look(time, inspector.stats()) else { return Ok(()) };
        for action in &loss.actions {
            match action {
                DropAction::Ignore => {}
                DropAction::Log => log::debug(&loss.text),
                DropAction::Alert => self.alerts.send_own(&OwnAlert {
                    time,
                    priority: Priority::Debug,
                    rule: drops::RULE,
                    text: &loss.text,
                    fields: loss.fields.clone(),
                }),
                DropAction::Exit => {
                    log::critical(&loss.text);
                    return Err(Fatal::new("system calls were dropped, and syscall_event_drops.actions says exit"));
                }
            }
        }
        Ok(())
    }
}
