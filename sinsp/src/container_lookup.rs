//! Queries the host program about containers as events show them.
//!
//! A container without a description is queried when an event of one of its threads arrives, before the event is shown.
//! One that is still unknown is queried again, but not for every event: a provider may be slow.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::state::Text;
use crate::state::container::ContainerMetadata;
use crate::state::{Slot, State};

/// The pause after the answer "not known", in nanoseconds.
const PAUSE: u64 = 1_000_000_000;
/// The maximum number of unknown containers that are remembered.
const MOST: usize = 16_384;

/// A provider, and the containers it did not know.
pub(crate) struct ContainerLookup {
    metadata: Box<dyn ContainerMetadata + Send>,
    /// The time of the next query, by id.
    unknown: HashMap<Text, u64, FxBuildHasher>,
}

impl ContainerLookup {
    pub(crate) fn new(metadata: Box<dyn ContainerMetadata + Send>) -> Self {
        Self { metadata, unknown: HashMap::default() }
    }

    /// Queries the description of a thread's container, if it is missing.
    #[inline]
    pub(crate) fn about(&mut self, state: &mut State, thread: Slot, now: u64) {
        if let Some(thread) = state.threads.at(thread)
            && !thread.container_id.is_empty()
            && state.container(&thread.container_id).is_none()
        {
            let id = thread.container_id.clone();
            self.ask(state, id, now);
        }
    }

    fn ask(&mut self, state: &mut State, id: Text, now: u64) {
        if self.unknown.get(&id).is_some_and(|next| now < *next) {
            return;
        }
        if let Some(container) = self.metadata.container(&id) {
            self.unknown.remove(&id);
            state.insert_container(container);
            return;
        }
        if self.unknown.len() >= MOST {
            self.unknown.clear();
        }
        self.unknown.insert(id, now.saturating_add(PAUSE));
    }
}
