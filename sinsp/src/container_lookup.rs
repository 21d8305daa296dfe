//! Queries the host program about containers as events show them.
//!
//! A container without a description is queried when an event of one of its threads arrives, before the event is shown.
//! One that is still unknown is queried again, but not for every event: a provider may be slow.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::state::container::ContainerMetadata;
use crate::state::{ContainerKey, Slot, State};

/// The pause after the answer "not known", in nanoseconds.
const PAUSE: u64 = 1_000_000_000;
/// The maximum number of unknown containers that are remembered.
const MOST: usize = 16_384;

/// A provider, and the containers it did not know.
pub(crate) struct ContainerLookup {
    metadata: Box<dyn ContainerMetadata + Send>,
    /// The time of the next query, by id.
    unknown: HashMap<ContainerKey, u64, FxBuildHasher>,
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
            && state.container_of(thread).is_none()
        {
            let key = ContainerKey { id: thread.container_id.clone(), owner: thread.container_owner };
            self.query(state, key, now);
        }
        if state.has_claims() {
            self.query_claims(state, now);
        }
    }

    /// Queries what claims to be a container, and is one if an engine knows it.
    #[cold]
    fn query_claims(&mut self, state: &mut State, now: u64) {
        for key in state.take_claims() {
            self.query(state, key, now);
        }
    }

    fn query(&mut self, state: &mut State, key: ContainerKey, now: u64) {
        if self.unknown.get(&key).is_some_and(|next| now < *next) {
            return;
        }
        if let Some(container) = self.metadata.container(&key.id, key.owner) {
            self.unknown.remove(&key);
            state.insert_container(container);
            return;
        }
        if self.unknown.len() >= MOST {
            self.unknown.clear();
        }
        self.unknown.insert(key, now.saturating_add(PAUSE));
    }
}
