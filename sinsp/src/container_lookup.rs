//! Asks the host program about containers, as events show them.
//!
//! A container that nobody described is asked for when an event of one of its threads comes, before the event is shown.
//! What is not known yet is asked for again, but not for every event: a provider may be slow.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::state::Text;
use crate::state::container::ContainerMetadata;
use crate::state::{Slot, State};

/// How long nothing is asked about a container after "not known".
const PAUSE: u64 = 1_000_000_000;
/// How many containers may be unknown at a time, before it is forgotten who was asked for.
const MOST: usize = 16_384;

/// A provider, and what it was asked.
pub(crate) struct ContainerLookup {
    metadata: Box<dyn ContainerMetadata + Send>,
    /// By id, when to ask again.
    unknown: HashMap<Text, u64, FxBuildHasher>,
}

impl ContainerLookup {
    pub(crate) fn new(metadata: Box<dyn ContainerMetadata + Send>) -> Self {
        Self { metadata, unknown: HashMap::default() }
    }

    /// Sees to it that the container of a thread is described, if the provider knows it.
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
