//! Pulls events from a source, applies them to the state and lends them with what is known.

use scap::{HostState, Next as SourceNext, Source, SourceStats};

use crate::ask::Ask;
use crate::config::Config;
use crate::error::Result;
use crate::event::{Event, Facts};
use crate::observer::{self, Observer};
use crate::parse;
use crate::proc::{Proc, ProcStats};
use crate::state::State;
use crate::state::container::{ContainerInfo, ContainerMetadata};
use crate::suppress::Suppress;

/// What an inspector has next.
#[derive(Debug)]
pub enum Next<'a> {
    /// An event, lent until the next call.
    Event(Event<'a>),
    /// An event that changed the state and is not shown: an entry event, or one of the machine's initial state.
    Hidden,
    /// Nothing just now; see [`scap::Next::Idle`].
    Idle,
    /// There is no more.
    End,
}

/// Events of a source with the state of the machine.
pub struct Inspector<S> {
    source: S,
    state: State,
    parser: parse::Parser,
    facts: Facts,
    suppress: Suppress,
    observer: Option<Box<dyn Observer>>,
    ask: Option<Ask>,
    purge: Option<Purge>,
    restarted: bool,
    shown_ts: u64,
}

/// When idle threads are looked for.
#[derive(Debug)]
struct Purge {
    interval: u64,
    idle: u64,
    /// When the next one is due; while one is under way, at every event.
    next: u64,
    /// Threads that the sweep under way has still to look after, and when it began.
    todo: Vec<i64>,
    began: u64,
}

/// Threads that are looked after at one event.
const STEP: usize = 16;
/// And while there is none.
const IDLE_STEP: usize = 256;

impl Purge {
    /// Begins a sweep when one is due, or takes the next step of the one that is under way.
    #[cold]
    fn go_on(&mut self, state: &mut State, parser: &mut parse::Parser, ts: u64) {
        if self.next == 0 {
            self.next = ts + FIRST_PURGE.min(self.interval);
            return;
        }
        if self.todo.is_empty() {
            state.forget_users();
            parser.refresh_interfaces(state);
            self.todo = state.idle_threads(ts, self.idle);
            self.began = ts;
        }
        self.step(state, parser, STEP);
        self.next = if self.todo.is_empty() { self.began + self.interval } else { ts };
    }

    fn step(&mut self, state: &mut State, parser: &mut parse::Parser, len: usize) {
        for tid in self.todo.drain(self.todo.len().saturating_sub(len)..) {
            parser.look_after(state, tid, self.began, self.idle);
        }
        if self.todo.is_empty() {
            self.todo = Vec::new();
        }
    }
}

/// How long after the first event idle threads are looked for the first time.
const FIRST_PURGE: u64 = 30_000_000_000;

impl<S: Source> Inspector<S> {
    /// An inspector over `source`, whose idea of the machine it takes over.
    pub fn new(source: S) -> Self {
        Self::with_config(source, Config::default())
    }

    /// As [`new`](Self::new), with limits and switches of its own.
    pub fn with_config(source: S, config: Config) -> Self {
        let patterns = config.containers.then(|| config.container_patterns.into());
        let mut state = State::with_limits(config.limits, patterns);
        state.import(source.host(), source.is_live());
        let mut suppress = Suppress::new(config.suppressed_comms);
        suppress.scan(source.host());
        let purge = source.is_live().then_some(Purge {
            interval: config.purge_interval_ns,
            idle: config.purge_idle_ns,
            next: 0,
            todo: Vec::new(),
            began: 0,
        });
        Self {
            source,
            state,
            parser: parse::Parser::new(config.track_connection_status),
            facts: Facts::default(),
            suppress,
            observer: None,
            ask: None,
            purge,
            restarted: false,
            shown_ts: 0,
        }
    }

    /// Where facts that no event tells are asked for: threads whose start was lost, passed descriptors, users of
    /// containers. On this machine that is a [`ProcFs`](crate::ProcFs).
    ///
    /// ```
    /// # let source = scap::text::Trace::parse("")?;
    /// use peregrine_sinsp::{Inspector, ProcFs};
    ///
    /// let mut inspector = Inspector::new(source);
    /// let root = std::env::var_os("HOST_ROOT").unwrap_or("/".into());
    /// inspector.set_proc(ProcFs::new(root));
    /// # Ok::<(), scap::Error>(())
    /// ```
    pub fn set_proc(&mut self, proc: impl Proc + 'static) {
        self.parser.set_proc(Box::new(proc));
        let in_containers = self.state.threads().filter(|thread| !thread.container_id.is_empty());
        for tid in in_containers.map(|thread| thread.tid).collect::<Vec<_>>() {
            self.parser.learn_users(&mut self.state, tid, 0);
        }
    }

    /// What was asked there so far, and what it cost.
    pub fn proc_stats(&self) -> ProcStats {
        self.parser.proc_stats()
    }

    /// Who is told what events do.
    pub fn set_observer(&mut self, observer: impl Observer + 'static) {
        self.observer = Some(Box::new(observer));
    }

    /// Who is asked about a container that nobody described, when an event of one of its threads comes and before it is
    /// shown. What is not known then is asked for again with an event that is a second or more later.
    pub fn set_container_metadata(&mut self, metadata: impl ContainerMetadata + Send + 'static) {
        self.ask = Some(Ask::new(Box::new(metadata)));
    }

    /// Hides all further events of a thread, and its children to come.
    pub fn suppress_tid(&mut self, tid: i64) {
        self.suppress.tid(tid);
    }

    /// Whether events of a thread are hidden.
    pub fn is_suppressed(&self, tid: i64) -> bool {
        self.suppress.contains(tid)
    }

    /// How many events were hidden because their thread is suppressed.
    pub fn suppressed_events(&self) -> u64 {
        self.suppress.events
    }

    /// The next event, applied to the state.
    ///
    /// # Errors
    /// If the source is broken; every further call gives [`Next::End`].
    #[inline]
    #[allow(clippy::should_implement_trait, reason = "an iterator cannot lend")]
    pub fn next(&mut self) -> Result<Next<'_>> {
        if self.restarted {
            self.restart();
        }
        let raw = match self.source.next()? {
            SourceNext::Event(raw) => raw,
            SourceNext::Idle => {
                if let Some(purge) = &mut self.purge {
                    purge.step(&mut self.state, &mut self.parser, IDLE_STEP);
                }
                return Ok(Next::Idle);
            }
            SourceNext::End => return Ok(Next::End),
            SourceNext::Restart => {
                self.restarted = true;
                return Ok(Next::Hidden);
            }
        };
        if self.suppress.hides(&raw) {
            return Ok(Next::Hidden);
        }
        self.facts.num += 1;
        if let Some(purge) = &mut self.purge
            && raw.ts() >= purge.next
        {
            purge.go_on(&mut self.state, &mut self.parser, raw.ts());
        }
        let outcome = self.parser.apply(&mut self.state, &raw, &mut self.facts);
        if outcome.hidden {
            self.facts.num -= u64::from(outcome.uncounted);
            return Ok(Next::Hidden);
        }
        if let (Some(ask), Some(tid)) = (&mut self.ask, outcome.thread) {
            ask.about(&mut self.state, tid, raw.ts());
        }
        self.facts.prev_ts = std::mem::replace(&mut self.shown_ts, raw.ts());
        let thread = outcome.thread.and_then(|tid| self.state.thread(tid));
        let fd = thread.and_then(|thread| self.state.fd(thread, outcome.fd?));
        if let Some(observer) = &mut self.observer {
            // A view of its own: that which is lent stays in registers where nobody takes its address.
            observer::tell(observer.as_mut(), &Event::new(raw, &self.state, thread, fd, &self.facts));
        }
        Ok(Next::Event(Event::new(raw, &self.state, thread, fd, &self.facts)))
    }

    /// A new machine: what was known of threads is void.
    #[cold]
    fn restart(&mut self) {
        self.restarted = false;
        self.state.import(self.source.host(), self.source.is_live());
        self.parser.restart();
        self.facts.first_ts = 0;
        self.suppress.scan(self.source.host());
    }

    /// Calls `each` with every event that is shown, until the source ends.
    ///
    /// # Errors
    /// If the source is broken.
    pub fn for_each(&mut self, mut each: impl FnMut(Event<'_>)) -> Result<()> {
        loop {
            match self.next()? {
                Next::Event(event) => each(event),
                Next::Hidden | Next::Idle => {}
                Next::End => return Ok(()),
            }
        }
    }

    /// Describes a container, or describes it anew: `container.*` and `k8s.*` fields have values from then on.
    pub fn insert_container(&mut self, container: ContainerInfo) {
        self.state.insert_container(container);
    }

    /// Forgets a container.
    pub fn remove_container(&mut self, id: &[u8]) -> Option<ContainerInfo> {
        self.state.remove_container(id)
    }

    /// Asks `metadata` for the containers that threads live in and nobody described yet.
    pub fn describe_containers(&mut self, metadata: &mut impl ContainerMetadata) {
        self.state.describe_containers(metadata);
    }

    /// The state of the machine after the last event.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The source, in order to change its settings while events flow.
    pub fn source_mut(&mut self) -> &mut S {
        &mut self.source
    }

    /// The machine after the last event, for a capture that begins now. What ended with that event, and can be asked about
    /// in [`state`](Self::state) until the next one, is not in it.
    pub fn export(&mut self) -> HostState {
        self.parser.finish_last(&mut self.state, self.shown_ts);
        self.state.export()
    }

    /// The source.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// What the source delivered and lost.
    pub fn stats(&self) -> SourceStats {
        self.source.stats()
    }
}

impl<S> std::fmt::Debug for Inspector<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspector").field("facts", &self.facts).field("parser", &self.parser).finish_non_exhaustive()
    }
}
