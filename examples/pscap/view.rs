//! Shown events: the inspector over a capture, a filter before it and the fields behind it.

use rule_engine::event::sinsp::{SinspEvent, SinspSchema};
use rule_engine::filter::Filter;
use scap::{Event, HostState, Next as SourceNext, Result as ScapResult, Source, SourceStats};
use sinsp::fields::Fields;
use sinsp::{Inspector, Next};

use crate::Fatal;
use crate::input::Input;
use crate::progress::Progress;

/// A capture seen through a filter.
pub(crate) struct View {
    inspector: Inspector<Tee<Input>>,
    pub(crate) schema: SinspSchema,
    filter: Option<Filter>,
    progress: Progress,
}

/// What happened to one event of the capture.
pub(crate) enum Seen<'a> {
    /// It is shown and matches.
    Match(SinspEvent<'a>),
    /// It is shown and does not match.
    Other,
    /// It only changes the state.
    Hidden,
    /// There are no more.
    End,
}

impl View {
    /// A view of `input`; the words of `filter` are one condition, none is every event.
    pub(crate) fn new(input: Input, fields: Fields, filter: &[String]) -> Result<Self, Fatal> {
        let mut schema = SinspSchema::new(fields);
        let filter = match filter {
            [] => None,
            words => Some(Filter::compile(&words.join(" "), &mut schema)?),
        };
        let progress = Progress::new(input.progress().map(|(_, size)| size));
        Ok(Self { inspector: Inspector::new(Tee::new(input)), schema, filter, progress })
    }

    /// The next event.
    pub(crate) fn next(&mut self) -> Result<Seen<'_>, Fatal> {
        let Self { inspector, progress, .. } = self;
        progress.tick(|| inspector.source().progress());
        match self.inspector.next()? {
            Next::Event(event) => {
                let event = SinspEvent::new(event, &self.schema);
                let matches = self.filter.as_mut().is_none_or(|filter| filter.matches(&event));
                Ok(if matches { Seen::Match(event) } else { Seen::Other })
            }
            Next::Hidden | Next::Idle => Ok(Seen::Hidden),
            Next::End => Ok(Seen::End),
        }
    }

    /// The event of the last call as it stands in the capture, shown or not; none if the capture began anew.
    pub(crate) fn raw(&self) -> Option<Event<'_>> {
        self.inspector.source().last()
    }

    /// The machine when the capture began, or began anew.
    pub(crate) fn host(&self) -> &HostState {
        self.inspector.source().host()
    }
}

/// A source that keeps the event it lent last, for those who want it after the inspector has hidden it.
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
