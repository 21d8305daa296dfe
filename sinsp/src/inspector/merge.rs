//! Merges the events of an extension into those of the source, by time.
//!
//! An event of the source is borrowed from it, and there is no way to look at it without taking it. So where an event of
//! the extension comes first, which is rare, the other one is copied.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::Result;
use crate::state::State;

#[derive(Default)]
pub(super) struct Merge {
    /// The event of the source that waits; empty if none does.
    held: Vec<u8>,
    cpu: u16,
    flags: u32,
    /// The event that is shown, if it is not borrowed from the source.
    shown: Vec<u8>,
}

impl Merge {
    /// Returns whether an event of the source waits.
    #[inline(always)]
    pub(super) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// Returns the event that comes first: `event`, or one of the extension. Here and below, `is_own` says which.
    pub(super) fn first<'a>(
        &'a mut self,
        state: &State,
        event: scap::Event<'a>,
        is_own: &mut bool,
    ) -> Result<scap::Event<'a>> {
        *is_own = next(state, event.ts(), &mut self.shown);
        if !*is_own {
            return Ok(event);
        }
        self.held.extend_from_slice(event.bytes());
        (self.cpu, self.flags) = (event.cpu(), event.flags());
        own(&self.shown)
    }

    /// Returns the next event where one of the source waits.
    #[cold]
    pub(super) fn go_on(&mut self, state: &State, is_own: &mut bool) -> Result<scap::Event<'_>> {
        let until = scap::Event::parse(self.cpu, self.flags, &self.held).map_or(u64::MAX, |event| event.ts());
        *is_own = next(state, until, &mut self.shown);
        if *is_own {
            return own(&self.shown);
        }
        std::mem::swap(&mut self.shown, &mut self.held);
        self.held.clear();
        Ok(scap::Event::parse(self.cpu, self.flags, &self.shown).map_err(scap::Error::from)?)
    }

    /// Returns an event of the extension where the source has none: up to now on a live source, else any.
    pub(super) fn alone(&mut self, state: &State, live: bool, is_own: &mut bool) -> Result<Option<scap::Event<'_>>> {
        let until = if live { now() } else { u64::MAX };
        *is_own = next(state, until, &mut self.shown);
        if *is_own { own(&self.shown).map(Some) } else { Ok(None) }
    }
}

fn next(state: &State, until: u64, bytes: &mut Vec<u8>) -> bool {
    state.extension().is_some_and(|extension| extension.next_event(until, bytes))
}

fn own(bytes: &[u8]) -> Result<scap::Event<'_>> {
    Ok(scap::Event::parse(0, 0, bytes).map_err(scap::Error::from)?)
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
