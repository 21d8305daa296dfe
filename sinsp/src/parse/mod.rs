//! Events → changes of the state; one file per family of calls.
//!
//! Only this module changes a [`State`]. Parsers never fail: a parameter that does not hold what the schema says is
//! treated as absent.

use crate::event::Facts;
use crate::state::State;

/// What is kept from one event to the next.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    /// The thread of the event.
    pub(crate) thread: Option<i64>,
}

impl Parser {
    /// Applies an event to the state; says whether it is hidden.
    pub(crate) fn apply(&mut self, state: &mut State, event: &scap::Event<'_>, facts: &mut Facts) -> bool {
        self.thread = state.thread(event.tid()).map(|thread| thread.tid);
        facts.fd_num = -1;
        false
    }
}
