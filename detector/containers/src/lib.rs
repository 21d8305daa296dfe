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
//! assert!(containers.provider().container(b"3ad7b26ded6d").is_none());
//! // The result comes later: here, that no engine knows the container.
//! assert!(answers.recv()?.info.is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ```text
//! inspector ── container(id)? ──▶ cache ──▶ the known metadata, or nothing for now
//!                                   │ queried once
//!                                   ▼
//!                        thread: docker, podman, CRI at their unix sockets, within a time
//!                                   │
//!                                   ▼
//!                        cache, and the callback for answers
//! ```
//!
//! docker and podman use HTTP, CRI uses gRPC; its few messages are written out in Rust, so that the build requires no
//! compiler of protocol files.

mod cri;
mod cri_api;
mod docker;
mod image;
mod podman;
mod rpc;
#[cfg(test)]
mod tests;

use sinsp::state::{ContainerInfo, ContainerMetadata};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// The kind of an engine's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Docker's HTTP API.
    Docker,
    /// Podman's own HTTP API.
    Podman,
    /// The interface between Kubernetes and its runtimes: containerd, CRI-O.
    Cri,
}

/// A container engine and its socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    /// The kind of its API.
    pub kind: Kind,
    /// The path of its unix socket.
    pub socket: PathBuf,
}

/// The engines to query, and the limits of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Engines in the order of queries. A socket that does not exist is skipped, and tried again the next time.
    pub engines: Vec<Engine>,
    /// Timeout of one query of one engine.
    pub timeout: Duration,
    /// Delays of the retries if no engine knows a container: it may be about to start.
    pub retry_delays: Vec<Duration>,
    /// Maximum length of the value of a label. Longer labels are dropped.
    pub label_length: usize,
}

impl Default for Config {
    fn default() -> Self {
        let ms = Duration::from_millis;
        Self {
            engines: Vec::new(),
            timeout: ms(2000),
            retry_delays: vec![ms(100), ms(400), ms(1500)],
            label_length: 100,
        }
    }
}

impl Config {
    /// Returns the sockets where engines listen by default, below `root`.
    pub fn default_sockets(root: &Path) -> Vec<Engine> {
        let mut engines = vec![
            (Kind::Docker, "run/docker.sock".to_owned()),
            (Kind::Podman, "run/podman/podman.sock".to_owned()),
            (Kind::Cri, "run/containerd/containerd.sock".to_owned()),
            (Kind::Cri, "run/crio/crio.sock".to_owned()),
            (Kind::Cri, "run/k3s/containerd/containerd.sock".to_owned()),
            (Kind::Cri, "run/host-containerd/containerd.sock".to_owned()),
        ];
        // Every user may have their own podman.
        if let Ok(users) = std::fs::read_dir(root.join("run/user")) {
            let sockets =
                users.flatten().map(|user| format!("run/user/{}/podman/podman.sock", user.file_name().display()));
            engines.extend(sockets.map(|socket| (Kind::Podman, socket)));
        }
        engines.into_iter().map(|(kind, socket)| Engine { kind, socket: root.join(socket) }).collect()
    }
}

/// Result of a lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The short id of the container.
    pub id: Vec<u8>,
    /// The metadata; `None` if no engine knows the container.
    pub info: Option<ContainerInfo>,
}

/// Maximum number of cached containers, and of queued lookups.
const KNOWN: usize = 8192;
const WAITING: usize = 1024;
/// How long the result "unknown to all engines" is cached.
const UNKNOWN: Duration = Duration::from_secs(60);
/// Maximum number of concurrent lookups.
const AT_A_TIME: usize = 8;

#[derive(Debug)]
enum State {
    Asked,
    Known(Box<ContainerInfo>),
    /// Unknown to all engines; not queried again before this time.
    Unknown(Instant),
}

#[derive(Debug, Default)]
struct Cache {
    by_id: HashMap<Vec<u8>, State>,
    /// In the order of their first lookup.
    order: VecDeque<Vec<u8>>,
}

impl Cache {
    fn put(&mut self, id: &[u8], state: State) {
        if self.by_id.insert(id.to_vec(), state).is_none() {
            self.order.push_back(id.to_vec());
            if self.order.len() > KNOWN
                && let Some(oldest) = self.order.pop_front()
            {
                self.by_id.remove(&oldest);
            }
        }
    }
}

/// The thread that queries engines. It ends when this and all its providers are dropped.
pub struct Containers {
    cache: Arc<Mutex<Cache>>,
    questions: mpsc::Sender<Vec<u8>>,
}

impl fmt::Debug for Containers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Containers").field("known", &lock(&self.cache).by_id.len()).finish_non_exhaustive()
    }
}

fn lock(cache: &Mutex<Cache>) -> std::sync::MutexGuard<'_, Cache> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Containers {
    /// Starts the thread. `deliver` is called with each answer, on that thread.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub fn start(config: Config, deliver: impl FnMut(Answer) + Send + 'static) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (sender, receiver) = mpsc::channel(WAITING);
        let cache: Arc<Mutex<Cache>> = Arc::default();
        let run = {
            let cache = Arc::clone(&cache);
            move || runtime.block_on(answer_all(config, receiver, &cache, deliver))
        };
        std::thread::Builder::new().name("containers".into()).spawn(run)?;
        Ok(Self { cache, questions: sender })
    }

    /// Returns the metadata provider for an inspector.
    pub fn provider(&self) -> Provider {
        Provider { cache: Arc::clone(&self.cache), questions: self.questions.clone() }
    }
}

/// Returns cached metadata, and starts lookups for the rest.
#[derive(Debug, Clone)]
pub struct Provider {
    cache: Arc<Mutex<Cache>>,
    questions: mpsc::Sender<Vec<u8>>,
}

impl Provider {
    /// Returns whether a lookup of a container is in progress.
    pub fn is_asked(&self, id: &[u8]) -> bool {
        matches!(lock(&self.cache).by_id.get(id), Some(State::Asked))
    }

    /// Returns the cached metadata of a container, without starting a lookup.
    pub fn known(&self, id: &[u8]) -> Option<ContainerInfo> {
        match lock(&self.cache).by_id.get(id) {
            Some(State::Known(info)) => Some((**info).clone()),
            _ => None,
        }
    }

    /// Implements [`ContainerMetadata::container`].
    pub fn container(&self, id: &[u8]) -> Option<ContainerInfo> {
        let mut cache = lock(&self.cache);
        match cache.by_id.get(id) {
            Some(State::Known(info)) => return Some((**info).clone()),
            Some(State::Asked) => return None,
            Some(State::Unknown(until)) if Instant::now() < *until => return None,
            Some(State::Unknown(_)) | None => {}
        }
        // If the queue is full, it is looked up with a later event.
        if self.questions.try_send(id.to_vec()).is_ok() {
            cache.put(id, State::Asked);
        }
        None
    }
}

impl ContainerMetadata for Provider {
    fn container(&mut self, id: &[u8]) -> Option<ContainerInfo> {
        Self::container(self, id)
    }
}

async fn answer_all(
    config: Config,
    mut questions: mpsc::Receiver<Vec<u8>>,
    cache: &Mutex<Cache>,
    mut told: impl FnMut(Answer),
) {
    let config = Arc::new(config);
    let mut at_work = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            question = questions.recv(), if at_work.len() < AT_A_TIME => match question {
                Some(id) => { at_work.spawn(answer(Arc::clone(&config), id)); }
                None => return,
            },
            Some(Ok(answer)) = at_work.join_next() => {
                let state = match &answer.info {
                    Some(info) => State::Known(Box::new(info.clone())),
                    None => State::Unknown(Instant::now() + UNKNOWN),
                };
                lock(cache).put(&answer.id, state);
                told(answer);
            }
        }
    }
}

async fn answer(config: Arc<Config>, id: Vec<u8>) -> Answer {
    // Ids of engines are text; anything else belongs to no engine.
    let text = std::str::from_utf8(&id)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)));
    let Some(text) = text.map(str::to_owned) else { return Answer { id, info: None } };
    let mut info = ask(&config, &text).await;
    for pause in &config.retry_delays {
        // Without a listening engine nobody will know it.
        if info.is_some() || !config.engines.iter().any(|engine| engine.socket.exists()) {
            break;
        }
        tokio::time::sleep(*pause).await;
        info = ask(&config, &text).await;
    }
    Answer { id, info }
}

/// Queries one engine after the other. An error of one is treated as if it did not know the container.
async fn ask(config: &Config, id: &str) -> Option<ContainerInfo> {
    for engine in config.engines.iter().filter(|engine| engine.socket.exists()) {
        let found = async {
            match engine.kind {
                Kind::Docker => docker::container(&engine.socket, id).await,
                Kind::Podman => podman::container(&engine.socket, id).await,
                Kind::Cri => cri::container(&engine.socket, id).await,
            }
        };
        if let Ok(Ok(Some(mut info))) = tokio::time::timeout(config.timeout, found).await {
            // The id must be that of the cgroup; another one could belong to another container.
            if !info.full_id.starts_with(id) {
                continue;
            }
            id.clone_into(&mut info.id);
            info.labels.retain(|(_, value)| value.len() <= config.label_length);
            info.pod_sandbox_labels.retain(|(_, value)| value.len() <= config.label_length);
            return Some(info);
        }
    }
    None
}
