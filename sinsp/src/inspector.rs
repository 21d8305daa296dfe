//! Pulls events from a source, applies them to the state and lends them with what is known.

use scap::{Next as SourceNext, Source, SourceStats};

use crate::error::Result;
use crate::event::{Event, Facts};
use crate::parse;
use crate::state::State;

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
#[derive(Debug)]
pub struct Inspector<S> {
    source: S,
    state: State,
    parser: parse::Parser,
    facts: Facts,
    restarted: bool,
    shown_ts: u64,
}

impl<S: Source> Inspector<S> {
    /// An inspector over `source`, whose idea of the machine it takes over.
    pub fn new(source: S) -> Self {
        let mut state = State::default();
        state.import(source.host());
        Self { source, state, parser: parse::Parser::default(), facts: Facts::default(), restarted: false, shown_ts: 0 }
    }

    /// The next event, applied to the state.
    ///
    /// # Errors
    /// If the source is broken; every further call gives [`Next::End`].
    #[inline]
    pub fn next(&mut self) -> Result<Next<'_>> {
        if self.restarted {
            self.restarted = false;
            self.state.import(self.source.host());
            self.parser = parse::Parser::default();
        }
        let raw = match self.source.next()? {
            SourceNext::Event(raw) => raw,
            SourceNext::Idle => return Ok(Next::Idle),
            SourceNext::End => return Ok(Next::End),
            SourceNext::Restart => {
                self.restarted = true;
                return Ok(Next::Hidden);
            }
        };
        self.facts.num += 1;
        let outcome = self.parser.apply(&mut self.state, &raw, &mut self.facts);
        if outcome.hidden {
            return Ok(Next::Hidden);
        }
        self.facts.prev_ts = std::mem::replace(&mut self.shown_ts, raw.ts());
        let thread = outcome.thread.and_then(|tid| self.state.thread(tid));
        let fd = thread.and_then(|thread| self.state.fd(thread, outcome.fd?));
        Ok(Next::Event(Event::new(raw, &self.state, thread, fd, &self.facts)))
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

    /// The state of the machine after the last event.
    pub fn state(&self) -> &State {
        &self.state
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
