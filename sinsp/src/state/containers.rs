//! The described containers: those that the host program or a capture added, and the host itself, which counts as one.

use hashbrown::{Equivalent, HashMap, HashSet};
use rustc_hash::FxBuildHasher;

use super::{ContainerInfo, ContainerMetadata, State, Text, Thread};

/// The owner of a description that applies to every container with its id.
const ANY: u32 = u32::MAX;

/// The owner of the containers of the host.
pub(super) const HOST: u32 = 0;

/// A container: its short id, and the user in whose slice it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) id: Text,
    pub(crate) owner: u32,
}

/// A [`Key`] for looking up.
#[derive(Hash)]
pub(super) struct Wanted<'a> {
    pub(super) id: &'a [u8],
    pub(super) owner: u32,
}

impl Equivalent<Key> for Wanted<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.owner == key.owner && *self.id == *key.id
    }
}

#[derive(Debug)]
struct Described {
    info: ContainerInfo,
    /// A number that later descriptions exceed.
    number: u64,
    /// Whether the last sweep found no thread of it.
    empty: bool,
}

/// The descriptions, and what proves that a cgroup is a container.
#[derive(Debug)]
pub(super) struct Containers {
    by_key: HashMap<Key, Described, FxBuildHasher>,
    host: ContainerInfo,
    /// Claims that a provider of metadata may prove.
    claims: Vec<Key>,
    added: u64,
}

/// The maximum number of claims that wait for a provider.
const CLAIMS: usize = 4096;

impl Default for Containers {
    fn default() -> Self {
        let host = || "host".to_owned();
        let host =
            ContainerInfo { id: host(), full_id: host(), name: host(), engine: host(), ..ContainerInfo::default() };
        Self { by_key: HashMap::default(), host, claims: Vec::new(), added: 0 }
    }
}

impl Containers {
    fn find(&self, id: &[u8], owner: u32) -> Option<&ContainerInfo> {
        let of = |owner| self.by_key.get(&Wanted { id, owner }).map(|described| &described.info);
        of(owner).or_else(|| of(ANY))
    }
}

fn by_path(thread: &Thread, kind: &str) -> ContainerInfo {
    let id = String::from_utf8_lossy(&thread.container_id).into_owned();
    ContainerInfo {
        owner: Some(thread.container_owner),
        full_id: id.clone(),
        name: id.clone(),
        engine: kind.to_owned(),
        id,
        ..ContainerInfo::default()
    }
}

impl State {
    /// Returns the container of the host with the given short id; the host itself if that is empty.
    pub fn container(&self, id: &[u8]) -> Option<&ContainerInfo> {
        if id.is_empty() { Some(&self.containers.host) } else { self.containers.find(id, HOST) }
    }

    /// Returns the container of a thread; the host itself if it is in none. A description of another owner's container
    /// with the same id does not apply.
    #[inline]
    pub fn container_of(&self, thread: &Thread) -> Option<&ContainerInfo> {
        if thread.container_id.is_empty() {
            return Some(&self.containers.host);
        }
        self.containers.find(&thread.container_id, thread.container_owner)
    }

    /// Returns all described containers except the host.
    pub fn containers(&self) -> impl Iterator<Item = &ContainerInfo> {
        self.containers.by_key.values().map(|described| &described.info)
    }

    /// Returns the containers that were described after the number `since`, in their order.
    pub(super) fn described_since(&self, since: u64) -> Vec<&ContainerInfo> {
        if self.containers.added <= since {
            return Vec::new();
        }
        let described = self.containers.by_key.values().filter(|described| described.number > since);
        let mut described: Vec<_> = described.map(|described| (described.number, &described.info)).collect();
        described.sort_unstable_by_key(|(number, _)| *number);
        described.into_iter().map(|(_, info)| info).collect()
    }

    /// Returns the number of the last description.
    #[inline]
    pub fn last_description(&self) -> u64 {
        self.containers.added
    }

    /// Adds or replaces the description of a container.
    pub fn insert_container(&mut self, container: ContainerInfo) {
        self.touch_all();
        let key = Key { id: Text::from(container.id.as_str()), owner: container.owner.unwrap_or(ANY) };
        self.containers.added += 1;
        let described = Described { info: container, number: self.containers.added, empty: false };
        self.containers.by_key.insert(key.clone(), described);
        // Its engine knows it, so that it is one whatever its cgroup looks like.
        self.prove(&key);
    }

    /// Removes a container of the host, or a description that applies to containers of all owners, and its users.
    pub fn remove_container(&mut self, id: &[u8]) -> Option<ContainerInfo> {
        self.touch_all();
        self.remove_users(id);
        let mut remove = |owner| self.containers.by_key.remove(&Wanted { id, owner });
        let (own, any) = (remove(HOST), remove(ANY));
        own.or(any).map(|described| described.info)
    }

    /// Queries `metadata` for the containers of threads that have no description yet.
    pub fn describe_containers(&mut self, metadata: &mut impl ContainerMetadata) {
        let key = |thread: &Thread| match thread.container_id.is_empty() {
            true => Key { id: thread.container_claim.clone(), owner: thread.container_owner },
            false => Key { id: thread.container_id.clone(), owner: thread.container_owner },
        };
        let mut unknown: Vec<Key> = self.threads().map(key).collect();
        unknown.sort_unstable_by(|a, b| (a.id.as_bytes(), a.owner).cmp(&(b.id.as_bytes(), b.owner)));
        unknown.dedup();
        for Key { id, owner } in unknown {
            if !id.is_empty()
                && self.containers.find(&id, owner).is_none()
                && let Some(container) = metadata.container(&id, owner)
            {
                self.insert_container(container);
            }
        }
    }

    /// Removes the descriptions of containers that two sweeps in a row found without a thread.
    pub(crate) fn forget_containers(&mut self) {
        let inhabited: HashSet<(&Text, u32), FxBuildHasher> =
            self.threads.iter().map(|thread| (&thread.container_id, thread.container_owner)).collect();
        let ids: HashSet<&Text, FxBuildHasher> = self.threads.iter().map(|thread| &thread.container_id).collect();
        // The sandbox of a pod is described for the other containers of it.
        let pods: HashSet<Vec<u8>, FxBuildHasher> = (self.containers.by_key.iter())
            .filter(|(key, _)| ids.contains(&key.id))
            .map(|(_, described)| described.info.pod_sandbox_id.bytes().take(12).collect())
            .collect();
        self.containers.by_key.retain(|key, described| {
            let lives = match key.owner {
                ANY => ids.contains(&key.id),
                owner => inhabited.contains(&(&key.id, owner)),
            };
            let needed = lives || pods.contains(key.id.as_bytes());
            let kept = needed || !described.empty;
            described.empty = !needed;
            kept
        });
    }

    /// Calls [`describe_by_path`](Self::describe_by_path) for a thread of the table.
    pub(crate) fn describe_thread(&mut self, tid: i64) {
        let Some(thread) = self.threads.get(tid) else { return };
        let kind = thread.cgroups().find_map(|(_, path)| super::container::claimed_kind(path));
        if let Some(kind) = kind {
            let info = by_path(thread, kind);
            self.insert_container(info);
        }
    }

    /// Moves the claim of a thread of the table, which is proven, to its container.
    pub(crate) fn settle_thread(&mut self, tid: i64) {
        if let Some(thread) = self.threads.get_mut(tid)
            && !thread.container_claim.is_empty()
        {
            thread.container_id = std::mem::take(&mut thread.container_claim);
            self.touch(tid);
        }
    }

    /// Describes a container whose engine has no API by its path, unless it is described already.
    pub(crate) fn describe_by_path(&mut self, thread: &Thread) {
        if thread.container_id.is_empty() || self.container_of(thread).is_some() {
            return;
        }
        let Some(kind) = thread.cgroups().find_map(|(_, path)| super::container::claimed_kind(path)) else { return };
        let info = by_path(thread, kind);
        self.insert_container(info);
    }

    /// Returns whether an engine knows what a cgroup claims to be: then all its threads are in the container.
    pub(crate) fn is_described(&self, key: &Key) -> bool {
        self.containers.find(&key.id, key.owner).is_some()
    }

    /// Puts a new thread into the container that its cgroup claims to be, if an engine knows that, or if `proven`; else
    /// the claim remains.
    pub(crate) fn settle(&mut self, thread: &mut Thread, proven: bool) {
        if !thread.container_claim.is_empty() {
            let key = Key { id: thread.container_claim.clone(), owner: thread.container_owner };
            if proven || self.is_described(&key) {
                thread.container_id = std::mem::take(&mut thread.container_claim);
            } else {
                self.claim(key);
            }
        }
        self.describe_by_path(thread);
    }

    /// Puts all threads whose cgroups claim to be a container that an engine knows into it.
    fn prove(&mut self, key: &Key) {
        let claims = |thread: &&Thread| {
            thread.container_claim == key.id && (key.owner == ANY || thread.container_owner == key.owner)
        };
        let tids: Vec<i64> = self.threads.iter().filter(claims).map(|thread| thread.tid).collect();
        tids.into_iter().for_each(|tid| self.settle_thread(tid));
    }

    /// Queries the provider of metadata, if there is one, about a claim that nothing else proves.
    pub(crate) fn claim(&mut self, key: Key) {
        if self.containers.claims.len() < CLAIMS && !self.containers.claims.contains(&key) {
            self.containers.claims.push(key);
        }
    }

    /// Returns whether there are claims for the provider of metadata.
    #[inline]
    pub(crate) fn has_claims(&self) -> bool {
        !self.containers.claims.is_empty()
    }

    pub(crate) fn take_claims(&mut self) -> Vec<Key> {
        std::mem::take(&mut self.containers.claims)
    }

    fn touch_all(&mut self) {
        self.users_stamp = self.new_stamp();
    }
}
