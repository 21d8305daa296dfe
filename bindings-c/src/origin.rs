//! The source of an inspector's events.

use std::fs::File;

use scap::savefile::Reader;
use scap::{HostState, Next, Result, Source, SourceStats};

use crate::callback::Callbacks;
use crate::error::Error;

/// A capture file, which has its own variant so that reading it needs no indirect call, or any other source.
#[allow(clippy::large_enum_variant, reason = "there is one of it for each inspector, in a box")]
pub(crate) enum Origin {
    File(Reader<File>),
    Callbacks(Box<Callbacks>),
    Other(Box<dyn Source>),
}

impl Origin {
    /// Returns the error that a callback ended the source with.
    pub(crate) fn failure(&self) -> Option<Error> {
        match self {
            Self::Callbacks(source) => source.failure(),
            Self::File(_) | Self::Other(_) => None,
        }
    }
}

/// The reader is never used as a `dyn Source`: its `next` is called in one place, and so inlined there.
impl Source for Origin {
    #[inline(always)]
    fn next(&mut self) -> Result<Next<'_>> {
        let other: &mut dyn Source = match self {
            Self::File(reader) => return reader.next(),
            Self::Callbacks(source) => &mut **source,
            Self::Other(source) => source,
        };
        // An indirect call returns its result in memory. It is moved out of there, for the result of a file stays in
        // registers unless the two must share a place.
        match other.next() {
            Ok(Next::Event(event)) => Ok(Next::Event(event)),
            Ok(Next::Idle) => Ok(Next::Idle),
            Ok(Next::Restart) => Ok(Next::Restart),
            Ok(Next::End) => Ok(Next::End),
            Err(error) => Err(error),
        }
    }

    fn host(&self) -> &HostState {
        match self {
            Self::File(reader) => reader.host(),
            Self::Callbacks(source) => source.host(),
            Self::Other(source) => source.host(),
        }
    }

    fn stats(&self) -> SourceStats {
        match self {
            Self::File(reader) => reader.stats(),
            Self::Callbacks(source) => source.stats(),
            Self::Other(source) => source.stats(),
        }
    }

    fn is_live(&self) -> bool {
        match self {
            Self::File(reader) => reader.is_live(),
            Self::Callbacks(source) => source.is_live(),
            Self::Other(source) => source.is_live(),
        }
    }

    fn progress(&self) -> Option<(u64, u64)> {
        match self {
            Self::File(reader) => reader.progress(),
            Self::Callbacks(source) => source.progress(),
            Self::Other(source) => source.progress(),
        }
    }
}
