//! Where an inspector's events come from.

use std::fs::File;

use scap::savefile::Reader;
use scap::{HostState, Next, Result, Source, SourceStats};

/// A capture file, which has a place of its own so that reading it needs no indirect call, or any other source.
#[allow(clippy::large_enum_variant, reason = "there is one of it for each inspector, in a box")]
pub(crate) enum Origin {
    File(Reader<File>),
    Other(Box<dyn Source>),
}

/// Nowhere is the reader taken for a `dyn Source`: then there is one call of its `next`, and that is inlined.
impl Source for Origin {
    #[inline]
    fn next(&mut self) -> Result<Next<'_>> {
        match self {
            Self::File(reader) => reader.next(),
            // An indirect call gives its result in memory. It is taken out of there, for what a file gives stays in
            // registers, unless the two must share a place.
            Self::Other(source) => match source.next() {
                Ok(Next::Event(event)) => Ok(Next::Event(event)),
                Ok(Next::Idle) => Ok(Next::Idle),
                Ok(Next::Restart) => Ok(Next::Restart),
                Ok(Next::End) => Ok(Next::End),
                Err(fault) => Err(fault),
            },
        }
    }

    fn host(&self) -> &HostState {
        match self {
            Self::File(reader) => reader.host(),
            Self::Other(source) => source.host(),
        }
    }

    fn stats(&self) -> SourceStats {
        match self {
            Self::File(reader) => reader.stats(),
            Self::Other(source) => source.stats(),
        }
    }

    fn is_live(&self) -> bool {
        match self {
            Self::File(reader) => reader.is_live(),
            Self::Other(source) => source.is_live(),
        }
    }

    fn progress(&self) -> Option<(u64, u64)> {
        match self {
            Self::File(reader) => reader.progress(),
            Self::Other(source) => source.progress(),
        }
    }
}
