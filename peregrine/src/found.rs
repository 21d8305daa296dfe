//! Steps of detectors, and the alerts that were found with one and are returned one by one.

use std::collections::VecDeque;

use bumpalo::Bump;
use rule_engine::engine::{Alert, OwnedAlert};

use crate::Error;

/// The result of reading one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// An event was evaluated.
    Event,
    /// An event changed the state only.
    Hidden,
    /// A live source has nothing at the moment.
    Idle,
    /// There are no more events.
    End,
}

/// The alerts of the last event that were not returned yet.
#[derive(Debug, Default)]
pub(crate) struct Found {
    waiting: VecDeque<OwnedAlert>,
    current: Option<OwnedAlert>,
    arena: Bump,
}

impl Found {
    /// Returns the next alert, and takes steps until there is one; `None` at the end.
    pub(crate) fn next<D>(
        detector: &mut D,
        own: fn(&mut D) -> &mut Self,
        mut step: impl FnMut(&mut D, &mut VecDeque<OwnedAlert>) -> Result<Step, Error>,
    ) -> Result<Option<Alert<'_>>, Error> {
        while own(detector).waiting.is_empty() {
            let mut waiting = std::mem::take(&mut own(detector).waiting);
            let step = step(detector, &mut waiting);
            own(detector).waiting = waiting;
            if step? == Step::End {
                break;
            }
        }
        let found = own(detector);
        found.arena.reset();
        found.current = found.waiting.pop_front();
        Ok(found.current.as_ref().map(|alert| alert.view(&found.arena)))
    }
}
