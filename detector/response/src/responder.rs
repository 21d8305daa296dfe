//! The thread that acts.

use crate::action::{Outcome, Proposal, Report};
use crate::brakes::{Brakes, Limits};
use crate::cgroup::{self, Cgroup};
use crate::identity::{PLACES, Stream, started_at, was_there};
use crate::process::{Held, executable};
use crate::program::{Prepared, Program};
use crate::protected::{Guard, Protected};
use crate::target::{self, Place};
use crate::webhook::{Post, Webhook};
use rule_engine::response::{Action, Process};
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The inode number of the initial PID namespace (`PROC_PID_INIT_INO` in include/linux/proc_ns.h).
const HOST_PIDS: &str = "pid:[4026531836]";

/// Whether anything is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Reports what would be done.
    #[default]
    DryRun,
    /// Acts.
    Act,
}

/// The allowed actions and their limits.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Config {
    /// Whether anything is done.
    pub mode: Mode,
    /// The limits.
    pub limits: Limits,
    /// The processes that are never acted upon.
    pub protected: Protected,
    /// The programs that [`Action::Run`] names.
    pub programs: BTreeMap<String, Program>,
    /// The root of the host's file system, if this process runs in a container; empty: its own.
    pub host_root: PathBuf,
}

/// A reason why responses cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Process IDs of events are those of the host; here they would mean other processes.
    #[error("responses require the host's PID namespace: this process is in another one")]
    PidNamespace,
    /// A program cannot be run.
    #[error("response program {name}: {why}")]
    Program {
        /// Its name in the configuration.
        name: String,
        /// Description of the error.
        why: String,
    },
    /// The thread could not be started.
    #[error("cannot start the thread of responses: {0}")]
    Thread(#[source] std::io::Error),
}

/// Acts on proposals, on a separate thread.
///
/// Dropping it waits until everything that was proposed has been decided, and done.
#[derive(Debug)]
pub struct Responder {
    stream: Arc<Stream>,
    /// Number of configurations so far.
    generation: Arc<AtomicU64>,
    queue: Option<SyncSender<Order>>,
    thread: Option<JoinHandle<()>>,
    report: Reporter,
}

/// Messages to the thread.
enum Order {
    Act { proposal: Box<Proposal>, place: usize, generation: u64 },
    Reset(Box<Plan>),
}

/// A configuration that was checked, with what it names found. The default does nothing: it is a dry run without
/// programs.
#[derive(Default)]
pub struct Plan {
    config: Config,
    programs: BTreeMap<String, (Prepared, Arc<AtomicU32>)>,
    webhook: Option<Box<dyn Post>>,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Plan {
    /// Checks a configuration, and finds the users of its programs.
    ///
    /// # Errors
    ///
    /// If a program cannot be run.
    pub fn new(config: Config) -> Result<Self, Error> {
        let prepare = |(name, program): (&String, &Program)| match program.prepare() {
            Ok(prepared) => Ok((name.clone(), (prepared, Arc::default()))),
            Err(why) => Err(Error::Program { name: name.clone(), why }),
        };
        let programs = config.programs.iter().map(prepare).collect::<Result<_, _>>()?;
        Ok(Self { config, programs, webhook: None })
    }

    /// Sets the server to which [`Action::Webhook`] posts.
    #[must_use]
    pub fn with_webhook(self, post: Box<dyn Post>) -> Self {
        Self { webhook: Some(post), ..self }
    }

    /// Returns whether anything is done.
    pub fn mode(&self) -> Mode {
        self.config.mode
    }

    fn host_root(&self) -> &Path {
        let root = &self.config.host_root;
        if root.as_os_str().is_empty() { Path::new("/") } else { root }
    }

    fn proc(&self) -> PathBuf {
        self.host_root().join("proc")
    }
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Act { .. } => "Act",
            Self::Reset(..) => "Reset",
        })
    }
}

impl Responder {
    /// Starts the thread. `boot_time` is the time of boot in nanoseconds since 1970, as the source of events adds it to the
    /// kernel's clock. `report` is called on the thread with each outcome, and by [`propose`](Self::propose) for those that
    /// are lost.
    ///
    /// # Errors
    ///
    /// If process IDs here are not the host's, or without a thread.
    pub fn start(plan: Plan, boot_time: u64, report: impl FnMut(Report) + Send + 'static) -> Result<Self, Error> {
        let pids = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        if pids != Path::new(HOST_PIDS) {
            return Err(Error::PidNamespace);
        }
        Self::start_here(plan, boot_time, report)
    }

    /// Starts it with the process IDs of this namespace, as events in tests have them.
    pub(crate) fn start_here(
        plan: Plan,
        boot_time: u64,
        report: impl FnMut(Report) + Send + 'static,
    ) -> Result<Self, Error> {
        let stream = Arc::<Stream>::default();
        let report = Reporter(Arc::new(Mutex::new(report)));
        let (queue, orders) = sync_channel(PLACES + 1);
        let generation = Arc::<AtomicU64>::default();
        let mut worker = Worker {
            webhook: None,
            generation: Arc::clone(&generation),
            guard: Guard::new(plan.config.protected.clone(), &plan.proc()),
            brakes: Brakes::new(plan.config.limits, Instant::now()),
            plan,
            boot_time,
            stream: Arc::clone(&stream),
            report: report.clone(),
        };
        worker.start_webhook().map_err(Error::Thread)?;
        let thread = std::thread::Builder::new().name("response".into()).spawn(move || worker.run(&orders));
        let thread = Some(thread.map_err(Error::Thread)?);
        Ok(Self { stream, generation, queue: Some(queue), thread, report })
    }

    /// Proposes an action about the event that was read last. Never waits.
    ///
    /// Called by the thread that reads events, between this event and the next one, so that the end of the process cannot
    /// be missed.
    pub fn propose(&self, proposal: Proposal) {
        let (Some(queue), Some(place)) =
            (&self.queue, self.stream.watch(proposal.process.as_ref().map_or(0, |process| process.pid)))
        else {
            return self.report.report(proposal, Outcome::Lost);
        };
        let generation = self.generation.load(Ordering::Acquire);
        let order = Order::Act { proposal: Box::new(proposal), place, generation };
        if let Err(TrySendError::Full(order) | TrySendError::Disconnected(order)) = queue.try_send(order) {
            self.stream.free(place);
            if let Order::Act { proposal, .. } = order {
                self.report.report(*proposal, Outcome::Lost);
            }
        }
    }

    /// Says that events were read up to this time, in nanoseconds since 1970 as the source counts. Call it for each event,
    /// and when there is none with the source's `watermark`, so that proposals
    /// about processes that started just before their event do not wait for the next one.
    pub fn read_to(&self, time: u64) {
        self.stream.read_to(time);
    }

    /// Says that a process has ended: at each exit of the last thread of a process.
    pub fn ended(&self, pid: i32) {
        self.stream.ended(pid);
    }

    /// Applies a new configuration: rules are armed again, and a warm-up begins. Proposals that wait are refused, as the
    /// new rules may not make them.
    pub fn reset(&self, plan: Plan) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        if let Some(queue) = &self.queue {
            // Fails only if the thread has ended, as after a panic; then there is nothing to configure.
            let _ = queue.send(Order::Reset(Box::new(plan)));
        }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Returns the time now, in nanoseconds since 1970 as the source of events counts.
pub(crate) fn now(boot: u64) -> u64 {
    let clock = clock_gettime(ClockId::Boottime);
    let since_boot =
        u64::try_from(clock.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(clock.tv_nsec).unwrap_or(0);
    boot.saturating_add(since_boot)
}

/// Receiver of outcomes.
#[derive(Clone)]
struct Reporter(Arc<Mutex<dyn FnMut(Report) + Send>>);

impl Reporter {
    fn report(&self, proposal: Proposal, outcome: Outcome) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let latency = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX).saturating_sub(proposal.time);
        (self.0.lock().unwrap_or_else(PoisonError::into_inner))(Report { proposal, outcome, latency });
    }
}

impl std::fmt::Debug for Reporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reporter")
    }
}

struct Worker {
    webhook: Option<Webhook>,
    generation: Arc<AtomicU64>,
    plan: Plan,
    boot_time: u64,
    guard: Guard,
    brakes: Brakes,
    stream: Arc<Stream>,
    report: Reporter,
}

impl Worker {
    fn run(mut self, orders: &Receiver<Order>) {
        while let Ok(order) = orders.recv() {
            match order {
                Order::Act { proposal, place, generation } => {
                    let outcome = if generation == self.generation.load(Ordering::Acquire) {
                        self.outcome(&proposal, place)
                    } else {
                        Some(Outcome::WarmUp)
                    };
                    self.stream.free(place);
                    if let Some(outcome) = outcome {
                        self.report.report(*proposal, outcome);
                    }
                }
                Order::Reset(mut plan) => {
                    for (name, (_, running)) in &mut plan.programs {
                        if let Some((_, before)) = self.plan.programs.get(name) {
                            *running = Arc::clone(before);
                        }
                    }
                    self.guard = Guard::new(plan.config.protected.clone(), &plan.proc());
                    self.brakes.reset(plan.config.limits, Instant::now());
                    self.plan = *plan;
                    // What waits for the server of before is delivered, since it was decided.
                    if self.start_webhook().is_err() {
                        // Without a thread for it, each proposal says that there is none.
                        self.webhook = None;
                    }
                }
            }
        }
    }

    /// Returns what came of a proposal. `None` if that is reported later.
    fn outcome(&mut self, proposal: &Proposal, place: usize) -> Option<Outcome> {
        if proposal.uncertain {
            return Some(Outcome::Uncertain);
        }
        let age = Duration::from_nanos(now(self.boot_time).saturating_sub(proposal.time));
        if let Some(stopped) = self.brakes.stops(&proposal.rule, age, Instant::now()) {
            return Some(stopped);
        }
        match &proposal.action {
            Action::Run(name) => self.start(name, proposal),
            Action::Webhook(_) if self.plan.config.mode == Mode::DryRun => Some(Outcome::DryRun(1)),
            Action::Webhook(_) => match &self.webhook {
                Some(webhook) => webhook.queue(proposal),
                None => Some(Outcome::Failed("there is no server for webhooks".to_owned())),
            },
            action => Some(match self.held(proposal, place) {
                Ok(held) => self.act(action, held, proposal),
                Err(outcome) => outcome,
            }),
        }
    }

    /// Starts the thread of the webhook, if there is one in the plan.
    fn start_webhook(&mut self) -> std::io::Result<()> {
        let report = self.report.clone();
        let start = |post| Webhook::start(post, move |proposal, outcome| report.report(proposal, outcome));
        self.webhook = self.plan.webhook.take().map(start).transpose()?;
        Ok(())
    }

    /// Holds the process of an event, and makes sure that it is that process.
    fn held(&self, proposal: &Proposal, place: usize) -> Result<Held, Outcome> {
        let process = proposal.process.as_ref().ok_or(Outcome::NoProcess)?;
        let held = match Held::open(&self.plan.proc(), process.pid) {
            Ok(held) => held,
            Err(Errno::SRCH) => return Err(Outcome::Gone),
            Err(error) => return Err(Outcome::Failed(format!("pidfd_open: {error}"))),
        };
        let moment = now(self.boot_time);
        let start = held.facts.start;
        let ticks = rustix::param::clock_ticks_per_second();
        if process.start == 0 {
            return Err(Outcome::Uncertain);
        }
        if !started_at(start, process.start, self.boot_time, ticks) {
            return Err(Outcome::Changed);
        }
        if !was_there(start, proposal.time, self.boot_time, ticks) {
            if !self.stream.passes(moment) {
                return Err(Outcome::Uncertain);
            }
            if self.stream.has_ended(place) {
                return Err(Outcome::Gone);
            }
        }
        if process.exe.is_empty() || held.facts.exe.is_empty() {
            return Err(Outcome::Uncertain);
        }
        if held.facts.exe != executable(&process.exe) {
            return Err(Outcome::Changed);
        }
        Ok(held)
    }

    fn act(&self, action: &Action, held: Held, proposal: &Proposal) -> Outcome {
        let proc = self.plan.proc();
        let container = proposal.process.as_ref().map_or("", |process: &Process| &process.container);
        let container =
            cgroup::mount(self.plan.host_root()).and_then(|mount| Cgroup::of(&held.facts, container, &mount));
        let place = Place { proc: &proc, guard: &self.guard };
        target::perform(action, held, container.as_ref(), &place, self.plan.config.mode == Mode::Act)
    }

    /// Starts a program, on a separate thread that reports its end.
    fn start(&self, name: &str, proposal: &Proposal) -> Option<Outcome> {
        let Some((program, running)) = self.plan.programs.get(name) else {
            return Some(Outcome::Failed(format!("there is no response program {name}")));
        };
        if self.plan.config.mode == Mode::DryRun {
            return Some(Outcome::DryRun(1));
        }
        if running.fetch_add(1, Ordering::AcqRel) >= program.concurrency() {
            running.fetch_sub(1, Ordering::AcqRel);
            return Some(Outcome::Failed(format!("{name} is still running, as often as it may")));
        }
        let (program, running, reports) = (program.clone(), Arc::clone(running), self.report.clone());
        let mine = proposal.clone();
        let started = std::thread::Builder::new().name("response-run".into()).spawn(move || {
            let outcome = program.run(&mine.alert).map_or_else(Outcome::Failed, |()| Outcome::Done(1));
            running.fetch_sub(1, Ordering::AcqRel);
            reports.report(mine, outcome);
        });
        match started {
            Ok(_) => None,
            Err(error) => Some(Outcome::Failed(format!("cannot start a thread: {error}"))),
        }
    }
}
