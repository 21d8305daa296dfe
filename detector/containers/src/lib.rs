//! Lookup of container metadata at container engines: names, images, labels, pods.
//!
//! ```
//! use peregrine_containers::{Containers, Config};
//! use sinsp::state::ContainerMetadata;
//! use std::sync::mpsc::channel;
//!
//! let (sender, answers) = channel();
//! let containers = Containers::start(Config::default(), move |answer| drop(sender.send(answer)))?;
//! // An inspector looks up containers as they appear in events; it never waits for an engine.
//! assert!(containers.provider().container(b"3ad7b26ded6d", 0).is_none());
//! // The result comes later: here, that no engine knows the container.
//! assert!(answers.recv()?.info.is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ```text
//! inspector ── container(id, owner)? ──▶ cache ──▶ the known metadata, or nothing for now
//!                                          │ looked up once
//!                                          ▼
//!                  thread: docker, podman, CRI, containerd at their unix sockets, all at the same time
//!                                          │    ▲
//!                                          │    └── events of the engines: started, renamed, connected, removed
//!                                          ▼
//!                  cache, and the callback for answers: the first one, and every change
//! ```
//!
//! docker and podman use HTTP, CRI and containerd use gRPC; the few messages are written out in Rust, so that the build
//! requires no compiler of protocol files.

mod cache;
mod change;
mod containerd;
mod containerd_api;
mod cri;
mod cri_api;
mod docker;
mod engine;
mod image;
mod lookup;
mod podman;
mod rpc;
mod service;
#[cfg(test)]
mod tests;
mod watch;

pub use engine::{Engine, Kind};
pub use watch::{EngineState, Health};

use cache::{Cache, Entry, Key};
use service::Service;
use sinsp::state::{ContainerInfo, ContainerMetadata};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use watch::Watched;

/// The engines to query, and the limits of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Engines in the order of preference: of two that know a container, the first one describes it. A socket that does
    /// not exist yet is used as soon as it does.
    pub engines: Vec<Engine>,
    /// The directory of the runtime directories of users, `/run/user`, where they may have their own engines. Such an
    /// engine describes only the containers of its user. `None`: those of users are not queried.
    pub users: Option<PathBuf>,
    /// The directory of the `/proc` in which [`Containers::tid`] is looked up: `/proc`, or where a container has that of
    /// the host mounted.
    pub proc: PathBuf,
    /// Timeout of one query of one engine.
    pub timeout: Duration,
    /// Delays of the retries if an engine does not know a container: it may be about to start.
    pub retry_delays: Vec<Duration>,
    /// The interval at which an engine without events is queried again about its containers.
    pub poll: Duration,
    /// Maximum length of the value of a label. Longer labels are dropped.
    pub label_length: usize,
}

impl Default for Config {
    fn default() -> Self {
        let ms = Duration::from_millis;
        Self {
            engines: Vec::new(),
            users: None,
            proc: "/proc".into(),
            timeout: ms(2000),
            retry_delays: vec![ms(100), ms(400), ms(1500)],
            poll: ms(30_000),
            label_length: 100,
        }
    }
}

impl Config {
    /// Returns the sockets where engines of the host listen by default, below `root`. The order is that of preference.
    pub fn default_sockets(root: &Path) -> Vec<Engine> {
        engine::default_sockets(root)
    }
}

/// A result of a lookup, or a change of an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// The short id of the container.
    pub id: Vec<u8>,
    /// The user whose engine runs it; 0 for the host.
    pub owner: u32,
    /// The metadata; `None` if no engine knows the container.
    pub info: Option<ContainerInfo>,
}

/// Maximum number of queued lookups.
const WAITING: usize = 1024;

/// The engines, shared between the thread and those who want to see their state.
type Engines = Arc<Mutex<Vec<Arc<Watched>>>>;

/// The thread that queries engines. It ends when this and all its providers are dropped.
pub struct Containers {
    provider: Provider,
    engines: Engines,
    tid: Option<i64>,
}

impl fmt::Debug for Containers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Containers").field("known", &lock(&self.provider.cache).len()).finish_non_exhaustive()
    }
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Containers {
    /// Starts the thread. `deliver` is called with each answer, on that thread.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub fn start(config: Config, deliver: impl FnMut(Answer) + Send + 'static) -> std::io::Result<Self> {
        Self::start_with(config, deliver, |_| {})
    }

    /// Starts the thread like [`start`](Self::start). `health` is called whenever the health of an engine changes.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub fn start_with(
        config: Config,
        deliver: impl FnMut(Answer) + Send + 'static,
        health: impl FnMut(EngineState) + Send + 'static,
    ) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (sender, receiver) = mpsc::channel(WAITING);
        let provider = Provider { cache: Arc::default(), questions: sender };
        let engines: Engines = Arc::default();
        let own_thread = config.proc.join("thread-self");
        let service = Service::new(config, Arc::clone(&provider.cache), Arc::clone(&engines));
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        let run = move || {
            let link = std::fs::read_link(own_thread);
            // `PID/task/TID`; the other end waits for it.
            let tid = link.ok().and_then(|link| link.file_name()?.to_str()?.parse().ok());
            let _ = tell.send(tid);
            runtime.block_on(service.run(receiver, deliver, health));
        };
        std::thread::Builder::new().name("containers".into()).spawn(run)?;
        let tid = told.recv().ok().flatten();
        Ok(Self { provider, engines, tid })
    }

    /// Returns the metadata provider for an inspector.
    pub fn provider(&self) -> Provider {
        self.provider.clone()
    }

    /// Returns the number of the thread that queries the engines, in the pid namespace of [`Config::proc`], so that a
    /// program that watches its own host can distinguish its queries from those of others.
    pub fn tid(&self) -> Option<i64> {
        self.tid
    }

    /// Returns the state of all engines, in the order of preference.
    pub fn engines(&self) -> Vec<EngineState> {
        lock(&self.engines).iter().map(|engine| engine.state()).collect()
    }
}

/// Returns cached metadata, and starts lookups for the rest.
#[derive(Debug, Clone)]
pub struct Provider {
    cache: Arc<Mutex<Cache>>,
    questions: mpsc::Sender<Key>,
}

impl Provider {
    /// Returns whether the first lookup of a container is in progress. `owner` is the user whose engine runs it, 0 for
    /// the host.
    pub fn is_pending(&self, id: &[u8], owner: u32) -> bool {
        matches!(lock(&self.cache).find(&Key { id: id.to_vec(), owner }), Some(Entry::Pending))
    }

    /// Returns the cached metadata of a container, without starting a lookup.
    pub fn known(&self, id: &[u8], owner: u32) -> Option<ContainerInfo> {
        match lock(&self.cache).find(&Key { id: id.to_vec(), owner }) {
            Some(Entry::Known { info, .. }) => Some((**info).clone()),
            _ => None,
        }
    }

    /// Implements [`ContainerMetadata::container`].
    pub fn container(&self, id: &[u8], owner: u32) -> Option<ContainerInfo> {
        let key = Key { id: id.to_vec(), owner };
        let mut cache = lock(&self.cache);
        match cache.find(&key) {
            Some(Entry::Known { info, .. }) => return Some((**info).clone()),
            Some(Entry::Pending) => return None,
            Some(Entry::Unknown(until)) if Instant::now() < *until => return None,
            Some(Entry::Unknown(_)) | None => {}
        }
        // If the queue is full, it is looked up with a later event.
        if let Ok(place) = self.questions.try_reserve()
            && cache.put(&key, Entry::Pending)
        {
            place.send(key);
        }
        None
    }
}

impl ContainerMetadata for Provider {
    fn container(&mut self, id: &[u8], owner: u32) -> Option<ContainerInfo> {
        Self::container(self, id, owner)
    }
}
