//! Shown events: an inspector over a capture, with a filter and the fields.

use peregrine_plugin_host::CapturePlugins;
use rule_engine::event::sinsp::SinspSchema;
use rule_engine::filter::Filter;
#[cfg(feature = "live")]
use scap::EventCode;
use scap::{Event, HostState, Next as SourceNext, Result as ScapResult, Source, SourceStats};
use sinsp::{Config, Inspector, Next};
use std::sync::Arc;

use crate::Fatal;
use crate::progress::Progress;

/// Selection of the shown events: those that match a filter, or all.
pub(crate) struct Question {
    filter: Option<Filter<SinspSchema>>,
}

impl Question {
    /// Compiles the words of `filter` as one condition; without words, every event is shown.
    pub(crate) fn new(schema: SinspSchema, filter: &[String]) -> Result<Self, Fatal> {
        let filter = match filter {
            [] => None,
            words => {
                let filter = Filter::compile(&words.join(" "), schema);
                Some(filter.map_err(|error| error.explained())?)
            }
        };
        Ok(Self { filter })
    }

    /// Returns the event types that can match, if there is a filter.
    #[cfg(feature = "live")]
    pub(crate) fn keys(&self) -> Option<impl Iterator<Item = EventCode> + '_> {
        Some(self.filter.as_ref()?.keys().map(|key| EventCode(key.0)))
    }
}

/// A source seen through a filter.
pub(crate) struct View<S> {
    inspector: Inspector<Tee<S>>,
    question: Question,
    progress: Progress,
}

/// Result for one event of the source.
pub(crate) enum Seen<'a> {
    /// It is shown and matches.
    Match(sinsp::Event<'a>),
    /// It is shown and does not match.
    Other,
    /// It only changes the state.
    Hidden,
    /// There is no event at the moment.
    Idle,
    /// There are no more events.
    End,
}

impl<S: Source> View<S> {
    /// Creates a view of `source`.
    pub(crate) fn new(source: S, question: Question) -> Self {
        Self::with(source, question, Config::default(), None)
    }

    /// Creates a view with the inspector's configuration and plugins.
    pub(crate) fn with(source: S, question: Question, config: Config, plugins: Option<Arc<CapturePlugins>>) -> Self {
        let progress = Progress::new(source.progress().map(|(_, size)| size));
        let builder = Inspector::builder(Tee::new(source)).config(config);
        let inspector = match plugins {
            Some(plugins) => builder.extension(plugins).build(),
            None => builder.build(),
        };
        Self { inspector, question, progress }
    }

    /// Creates a view of `source`, whose events are those of this host: what no event contains is read from `/proc`.
    #[cfg(feature = "live")]
    pub(crate) fn of_this_host(
        source: S,
        question: Question,
        root: &std::ffi::OsStr,
        containers: peregrine_containers::Provider,
    ) -> Self {
        let progress = Progress::new(source.progress().map(|(_, size)| size));
        let proc = sinsp::ProcFs::new(root);
        let inspector = Inspector::builder(Tee::new(source)).proc(proc).containers(containers).build();
        Self { inspector, question, progress }
    }

    /// Adds the description of a container.
    #[cfg(feature = "live")]
    pub(crate) fn describe(&mut self, container: sinsp::state::ContainerInfo) {
        self.inspector.insert_container(container);
    }

    /// Returns the next event.
    pub(crate) fn next(&mut self) -> Result<Seen<'_>, Fatal> {
        let Self { inspector, progress, .. } = self;
        progress.tick(|| inspector.source().progress());
        match self.inspector.next()? {
            Next::Event(event) => {
                let matches = self.question.filter.as_mut().is_none_or(|filter| filter.matches(&event));
                Ok(if matches { Seen::Match(event) } else { Seen::Other })
            }
            Next::Hidden => Ok(Seen::Hidden),
            Next::Idle => Ok(Seen::Idle),
            Next::End => Ok(Seen::End),
        }
    }

    /// Returns whether there is a filter.
    #[cfg(feature = "live")]
    pub(crate) fn has_filter(&self) -> bool {
        self.question.filter.is_some()
    }

    /// Returns the source.
    #[cfg(feature = "live")]
    pub(crate) fn source(&self) -> &S {
        &self.inspector.source().source
    }

    /// Returns the source for modification.
    #[cfg(feature = "live")]
    pub(crate) fn source_mut(&mut self) -> &mut S {
        &mut self.inspector.source_mut().source
    }

    /// Returns the state after the last event.
    #[cfg(feature = "live")]
    pub(crate) fn inspected(&self) -> &sinsp::state::State {
        self.inspector.state()
    }

    /// Returns the host state after the last event, for a capture that starts now.
    #[cfg(feature = "live")]
    pub(crate) fn state(&mut self) -> HostState {
        self.inspector.export()
    }

    /// Returns the last event as it is in the capture, shown or not; none if another capture began.
    pub(crate) fn raw(&self) -> Option<Event<'_>> {
        self.inspector.source().last()
    }

    /// Returns the host state at the start of the capture, or of the last joined one.
    pub(crate) fn host(&self) -> &HostState {
        self.inspector.source().host()
    }
}

/// A source that keeps its last event, for use after the inspector has hidden it.
struct Tee<S> {
    source: S,
    bytes: Vec<u8>,
    cpu: u16,
    flags: u32,
}

impl<S> Tee<S> {
    fn new(source: S) -> Self {
        Self { source, bytes: Vec::new(), cpu: 0, flags: 0 }
    }

    fn last(&self) -> Option<Event<'_>> {
        Event::parse(self.cpu, self.flags, &self.bytes).ok()
    }
}

impl<S: Source> Source for Tee<S> {
    fn next(&mut self) -> ScapResult<SourceNext<'_>> {
        self.bytes.clear();
        let next = self.source.next()?;
        if let SourceNext::Event(event) = &next {
            self.bytes.extend_from_slice(event.bytes());
            self.cpu = event.cpu();
            self.flags = event.flags();
        }
        Ok(next)
    }

    fn host(&self) -> &HostState {
        self.source.host()
    }

    fn stats(&self) -> SourceStats {
        self.source.stats()
    }

    fn progress(&self) -> Option<(u64, u64)> {
        self.source.progress()
    }
}
