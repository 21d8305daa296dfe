//! The described containers: those that the host program added, and the host itself, which counts as one.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::{ContainerInfo, ContainerMetadata, State, Text};

/// The descriptions, by short id.
#[derive(Debug)]
pub(super) struct Containers {
    by_id: HashMap<Text, ContainerInfo, FxBuildHasher>,
    host: ContainerInfo,
}

impl Default for Containers {
    fn default() -> Self {
        let host = || "host".to_owned();
        let host =
            ContainerInfo { id: host(), full_id: host(), name: host(), engine: host(), ..ContainerInfo::default() };
        Self { by_id: HashMap::default(), host }
    }
}

impl State {
    /// Returns the container with the given short id; the host if that is empty.
    pub fn container(&self, id: &[u8]) -> Option<&ContainerInfo> {
        if id.is_empty() { Some(&self.containers.host) } else { self.containers.by_id.get(id) }
    }

    /// Returns all described containers except the host.
    pub fn containers(&self) -> impl Iterator<Item = &ContainerInfo> {
        self.containers.by_id.values()
    }

    /// Adds or replaces the description of a container.
    pub fn insert_container(&mut self, container: ContainerInfo) {
        self.touch_all();
        self.containers.by_id.insert(Text::from(container.id.as_str()), container);
    }

    /// Removes a container and its users.
    pub fn remove_container(&mut self, id: &[u8]) -> Option<ContainerInfo> {
        self.touch_all();
        self.users.remove(id);
        self.containers.by_id.remove(id)
    }

    /// Queries `metadata` for the containers of threads that have no description yet.
    pub fn describe_containers(&mut self, metadata: &mut impl ContainerMetadata) {
        let mut unknown: Vec<Text> = self.threads().map(|thread| thread.container_id.clone()).collect();
        unknown.sort_unstable_by(|a, b| a.as_bytes().cmp(b));
        unknown.dedup();
        for id in unknown {
            if !id.is_empty()
                && self.container(&id).is_none()
                && let Some(container) = metadata.container(&id)
            {
                self.insert_container(container);
            }
        }
    }

    fn touch_all(&mut self) {
        self.users_stamp = self.new_stamp();
    }
}
