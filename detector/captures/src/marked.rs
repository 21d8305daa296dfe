//! Events that only change the state: kept if a filter drops them, and marked so that readers do not show them.

use scap::event::EventError;
use scap::schema::EventFlags;
use scap::{Event, EventBuilder};

/// Returns whether readers need the event even if it is not shown.
pub(crate) fn changes_state(event: &Event<'_>) -> bool {
    event.info().is_none_or(|info| info.flags.contains(EventFlags::MODIFIES_STATE))
}

/// Marks one event after another.
#[derive(Default)]
pub(crate) struct Marker(EventBuilder);

impl Marker {
    /// Returns a copy of the event, marked.
    pub(crate) fn mark(&mut self, event: &Event<'_>) -> Result<Event<'_>, EventError> {
        let marked = self.0.start(event.code()).ts(event.ts()).tid(event.tid()).cpu(event.cpu());
        marked.flags(event.flags() | Event::STATE_ONLY);
        event.raws().for_each(|value| {
            marked.raw(value);
        });
        self.0.finish()
    }
}
