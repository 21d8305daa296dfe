//! Pulls events from a source, applies them to the state and yields them with the state.

use scap::{EventCode, HostState, Next as SourceNext, Source, SourceStats};

use crate::config::Config;
use crate::container_lookup::ContainerLookup;
use crate::error::{Error, Result};
use crate::event::{Event, Facts};
use crate::live_proc::ProcStats;
use crate::observer::{self, Observer};
use crate::parse;
use crate::state::State;
use crate::state::container::{ContainerInfo, ContainerMetadata};
use crate::suppress::Suppress;
use merge::Merge;
use purge::Purge;

mod builder;
mod merge;
mod purge;

pub use builder::InspectorBuilder;

/// The next item of an inspector.
#[derive(Debug)]
pub enum Next<'a> {
    /// An event, borrowed until the next call.
    Event(Event<'a>),
    /// An event that changed the state and is not shown: an enter event, or one of the host's initial state.
    Hidden,
    /// No event now; see [`scap::Next::Idle`].
    Idle,
    /// The end of the stream.
    End,
}

/// Work that comes before the next event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pending {
    Nothing,
    /// The extension is opened.
    Open,
    /// There is a new host.
    Restart,
}

/// The events of a source with the state of the host.
pub struct Inspector<S> {
    source: S,
    state: State,
    parser: parse::Parser,
    facts: Facts,
    suppress: Suppress,
    observer: Option<Box<dyn Observer>>,
    containers: Option<ContainerLookup>,
    purge: Option<Purge>,
    pending: Pending,
    shown_ts: u64,
    merge: Merge,
    /// Whether the event is one of the extension.
    own: bool,
}

impl<S: Source> Inspector<S> {
    /// Creates an inspector over `source`, starting from the state at the beginning of the source.
    pub fn new(source: S) -> Self {
        Self::builder(source).build()
    }

    /// Creates an inspector with a configuration.
    pub fn with_config(source: S, config: Config) -> Self {
        Self::builder(source).config(config).build()
    }

    /// Returns a builder of an inspector over `source`.
    pub fn builder(source: S) -> InspectorBuilder<S> {
        InspectorBuilder::new(source)
    }

    /// Returns the number and cost of the queries to [`InspectorBuilder::proc`].
    pub fn proc_stats(&self) -> ProcStats {
        self.parser.proc_stats()
    }

    /// Replaces the provider of container metadata; see [`InspectorBuilder::containers`].
    pub fn set_container_metadata(&mut self, metadata: impl ContainerMetadata + Send + 'static) {
        self.containers = Some(ContainerLookup::new(Box::new(metadata)));
    }

    /// Suppresses all further events of a thread, and its future children.
    pub fn suppress_tid(&mut self, tid: i64) {
        self.suppress.tid(tid);
    }

    /// Returns whether events of a thread are suppressed.
    pub fn is_suppressed(&self, tid: i64) -> bool {
        self.suppress.contains(tid)
    }

    /// Returns the number of events hidden because their thread is suppressed.
    pub fn suppressed_events(&self) -> u64 {
        self.suppress.events
    }

    /// Returns the next event, applied to the state.
    ///
    /// # Errors
    /// If the source is broken; every further call returns [`Next::End`].
    // A program has one loop around it: a call would carry the event through memory twice.
    #[inline(always)]
    #[allow(clippy::should_implement_trait, reason = "an iterator cannot return borrows of itself")]
    pub fn next(&mut self) -> Result<Next<'_>> {
        if self.pending != Pending::Nothing {
            self.begin()?;
        }
        let raw = if self.merge.holds() {
            self.merge.go_on(&self.state, &mut self.own)?
        } else {
            match self.source.next()? {
                SourceNext::Event(raw) if self.state.extension.is_none() => raw,
                SourceNext::Event(raw) => self.merge.first(&self.state, raw, &mut self.own)?,
                SourceNext::Idle => {
                    if let Some(purge) = &mut self.purge {
                        purge.step(&mut self.state, &mut self.parser, purge::IDLE_STEP);
                    }
                    match self.merge.alone(&self.state, self.state.is_live(), &mut self.own)? {
                        Some(raw) => raw,
                        None => return Ok(Next::Idle),
                    }
                }
                SourceNext::End => match self.merge.alone(&self.state, false, &mut self.own)? {
                    Some(raw) => raw,
                    None => return Ok(Next::End),
                },
                SourceNext::Restart => {
                    self.pending = Pending::Restart;
                    return Ok(Next::Hidden);
                }
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
        // Asynchronous events at the beginning of a capture are its initial state; those of an extension are not.
        if outcome.hidden && !self.own {
            if self.state.extension.is_some() && raw.code() == EventCode::ASYNCEVENT_E {
                self.state.extend(&raw, self.facts.num);
            }
            self.facts.num -= u64::from(outcome.uncounted);
            return Ok(Next::Hidden);
        }
        if self.state.extension.is_some() {
            self.state.extend(&raw, self.facts.num);
        }
        if let Some(containers) = &mut self.containers {
            containers.about(&mut self.state, outcome.thread, raw.ts());
        }
        self.facts.prev_ts = std::mem::replace(&mut self.shown_ts, raw.ts());
        let thread = self.state.threads.at(outcome.thread);
        let fd = match thread {
            Some(thread) if outcome.fd >= 0 => self.state.fd(thread, outcome.fd),
            _ => None,
        };
        let raw = self.facts.corrected.event().unwrap_or(raw);
        if let Some(observer) = &mut self.observer {
            // A separate view: the one that is returned stays in registers because its address is not taken.
            observer::tell(observer.as_mut(), &Event::new(raw, &self.state, thread, fd, &self.facts));
        }
        Ok(Next::Event(Event::new(raw, &self.state, thread, fd, &self.facts)))
    }

    /// Opens the extension, or starts over.
    #[cold]
    fn begin(&mut self) -> Result<()> {
        match std::mem::replace(&mut self.pending, Pending::Nothing) {
            Pending::Open => {
                if let Err(error) = self.state.open_extension() {
                    self.pending = Pending::Open;
                    return Err(Error::Extension(error));
                }
            }
            Pending::Restart => self.restart(),
            Pending::Nothing => {}
        }
        Ok(())
    }

    /// Starts over with a new host: what was known of threads is void.
    fn restart(&mut self) {
        self.state.import(self.source.host(), self.source.is_live());
        self.parser.restart();
        self.facts.first_ts = 0;
        self.suppress.scan(self.source.host());
    }

    /// Calls `each` with every event that is shown, until the source ends.
    ///
    /// # Errors
    /// If the source is broken.
    #[inline]
    pub fn for_each(&mut self, mut each: impl FnMut(Event<'_>)) -> Result<()> {
        loop {
            match self.next()? {
                Next::Event(event) => each(event),
                Next::Hidden | Next::Idle => {}
                Next::End => return Ok(()),
            }
        }
    }

    /// Adds the description of a container, or replaces it: `container.*` and `k8s.*` fields have values from then on.
    pub fn insert_container(&mut self, container: ContainerInfo) {
        self.state.insert_container(container);
    }

    /// Removes the description of a container.
    pub fn remove_container(&mut self, id: &[u8]) -> Option<ContainerInfo> {
        self.state.remove_container(id)
    }

    /// Queries `metadata` for the containers of threads that have no description yet.
    pub fn describe_containers(&mut self, metadata: &mut impl ContainerMetadata) {
        self.state.describe_containers(metadata);
    }

    /// Returns the state of the host after the last event.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Returns the source, for changing its settings while events flow.
    pub fn source_mut(&mut self) -> &mut S {
        &mut self.source
    }

    /// Returns the state of the host after the last event, for a capture that begins now. What ended with that event,
    /// and stays visible in [`state`](Self::state) until the next one, is not included.
    pub fn export(&mut self) -> HostState {
        self.parser.finish_last(&mut self.state, self.shown_ts);
        self.state.export()
    }

    /// Returns the source.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// Returns the counts of delivered and dropped events of the source.
    pub fn stats(&self) -> SourceStats {
        self.source.stats()
    }
}

impl<S> Drop for Inspector<S> {
    fn drop(&mut self) {
        if self.pending != Pending::Open {
            self.state.close_extension();
        }
    }
}

impl<S> std::fmt::Debug for Inspector<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspector").field("facts", &self.facts).field("parser", &self.parser).finish_non_exhaustive()
    }
}
