//! One engine: its connections, its health, and its events.
//!
//! Queries and events have a connection each. An engine that does not respond in time is not queried again before it
//! has answered a ping, so that it costs the lookups of others nothing.

use super::change::{Change, Changes, is_short};
use super::engine::{Dialer, Engine, HOST, Kind};
use super::rpc::{Error, Failed, Grpc, Http};
use super::{Config, containerd, cri, docker, podman};
use sinsp::state::ContainerInfo;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

/// State of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// Nothing was tried yet.
    Unknown,
    /// There is no socket, or nobody listens.
    Absent,
    /// It answers.
    Connected,
    /// It may not be queried: the permissions of the socket do not allow it.
    Denied,
    /// It does not answer in time.
    Unresponsive,
    /// It answers with an error, or its socket is not that of its user.
    Failed(String),
}

/// The state of an engine, and what was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineState {
    /// The engine.
    pub engine: Engine,
    /// Its health as of the last query, ping or event.
    pub health: Health,
    /// Queries about a container.
    pub queries: u64,
    /// Queries that failed, those without an answer in time included.
    pub failures: u64,
    /// Events about a change of a container.
    pub changes: u64,
}

/// A report of an engine's watcher.
#[derive(Debug)]
pub(super) enum Report {
    /// A container changed.
    Change(Arc<Watched>, Change),
    /// Changes may have been missed: the engine answers again, or has no events.
    Missed(Arc<Watched>),
    /// The health changed.
    Health(Arc<Watched>),
}

/// The result of a query.
#[derive(Debug)]
pub(super) enum Reply {
    /// The container is known.
    Found(Box<ContainerInfo>),
    /// The engine does not know it.
    Unknown,
    /// The engine cannot be queried about it: it is not there, or speaks for others.
    NotQueried,
    /// The query failed.
    Failed,
}

/// A connection for queries.
enum Client {
    Http(Http),
    Grpc(Grpc),
}

/// An engine.
pub(super) struct Watched {
    engine: Engine,
    /// Its place in the order of preference.
    pub(super) rank: usize,
    timeout: Duration,
    poll: Duration,
    dialer: Arc<Dialer>,
    client: tokio::sync::Mutex<Option<Client>>,
    health: Mutex<Health>,
    /// Wakes the watcher when the health changed.
    wake: Notify,
    queries: AtomicU64,
    failures: AtomicU64,
    changes: AtomicU64,
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.state().fmt(out)
    }
}

/// The first and the longest pause before an engine is tried again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(15));

/// Time after the request for events from which it is assumed to be active: an engine answers it only with the first
/// event.
const SUBSCRIBED: Duration = Duration::from_millis(200);

impl Watched {
    pub(super) fn new(engine: Engine, rank: usize, config: &Config) -> Self {
        let dialer = Arc::new(Dialer::new(&engine.socket));
        Self {
            engine,
            rank,
            timeout: config.timeout,
            poll: config.poll,
            dialer,
            client: tokio::sync::Mutex::default(),
            health: Mutex::new(Health::Unknown),
            wake: Notify::new(),
            queries: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            changes: AtomicU64::new(0),
        }
    }

    /// Returns its state.
    pub(super) fn state(&self) -> EngineState {
        EngineState {
            engine: self.engine.clone(),
            health: self.health(),
            queries: self.queries.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            changes: self.changes.load(Ordering::Relaxed),
        }
    }

    pub(super) fn health(&self) -> Health {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns whether an answer is likely to come soon.
    pub(super) fn is_prompt(&self) -> bool {
        matches!(self.health(), Health::Connected | Health::Unknown)
    }

    /// Returns whose containers it describes, as far as that is known.
    pub(super) fn owner(&self) -> Option<u32> {
        self.dialer.owner()
    }

    /// Returns whether it may describe containers of a user, as far as that is known.
    pub(super) fn may_speak_for(&self, owner: u32) -> bool {
        self.owner().is_none_or(|own| own == owner)
    }

    pub(super) fn is_of_host(&self) -> bool {
        self.owner() == Some(HOST)
    }

    fn set(&self, health: Health) {
        let mut current = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        if *current != health {
            *current = health;
            drop(current);
            self.wake.notify_one();
        }
    }

    /// Queries a container.
    pub(super) async fn query(&self, id: &str, owner: u32) -> Reply {
        // The others look up names too: the path `/x/web` is not docker's container with the name `web`.
        let has_names = self.engine.kind == Kind::Containerd;
        if !(has_names || is_short(id)) || !self.may_speak_for(owner) || !self.dialer.is_there() {
            return Reply::NotQueried;
        }
        let mut client = self.client.lock().await;
        if matches!(self.health(), Health::Unresponsive | Health::Denied) {
            return Reply::Failed;
        }
        loop {
            let kept = client.is_some();
            match tokio::time::timeout(self.timeout, self.try_query(&mut client, id, owner)).await {
                Ok(Ok(reply)) => {
                    if !matches!(reply, Reply::NotQueried) {
                        self.set(Health::Connected);
                    }
                    return reply;
                }
                // A connection that was kept may have ended since.
                Ok(Err(_)) if kept => *client = None,
                Ok(Err(error)) => {
                    *client = None;
                    self.failures.fetch_add(1, Ordering::Relaxed);
                    self.set(health_of(&error));
                    return Reply::Failed;
                }
                Err(_) => {
                    *client = None;
                    self.failures.fetch_add(1, Ordering::Relaxed);
                    self.set(Health::Unresponsive);
                    return Reply::Failed;
                }
            }
        }
    }

    async fn try_query(&self, client: &mut Option<Client>, id: &str, owner: u32) -> Result<Reply, Error> {
        let client = match client {
            Some(client) => client,
            none => none.insert(self.connect().await?),
        };
        if !self.may_speak_for(owner) {
            return Ok(Reply::NotQueried);
        }
        self.queries.fetch_add(1, Ordering::Relaxed);
        let found = match (client, self.engine.kind) {
            (Client::Http(http), Kind::Podman) => podman::container(http, id).await?,
            (Client::Http(http), _) => docker::container(http, id).await?,
            (Client::Grpc(grpc), Kind::Containerd) => containerd::container(grpc, id).await?,
            (Client::Grpc(grpc), _) => cri::container(grpc, id).await?,
        };
        // The id must be that of the cgroup; another one could belong to another container.
        Ok(match found.filter(|info| info.full_id == id || (is_short(id) && info.full_id.starts_with(id))) {
            Some(info) => Reply::Found(Box::new(info)),
            None => Reply::Unknown,
        })
    }

    async fn connect(&self) -> Result<Client, Error> {
        Ok(match self.engine.kind {
            Kind::Docker | Kind::Podman => Client::Http(Http::connect(&self.dialer).await?),
            Kind::Cri | Kind::Containerd => Client::Grpc(Grpc::connect(&self.dialer).await?),
        })
    }

    /// Follows the engine's events for ever: connects whenever it is there, and reports changes and its health.
    pub(super) async fn watch(self: Arc<Self>, reports: mpsc::Sender<Report>) {
        let (mut pause, longest) = PAUSES;
        let mut reported = Health::Unknown;
        loop {
            let health = match self.dialer.is_there() {
                false => Health::Absent,
                true => match tokio::time::timeout(self.timeout, self.greet()).await {
                    Err(_) => Health::Unresponsive,
                    Ok(Err(error)) => health_of(&error),
                    Ok(Ok(client)) => {
                        self.set(Health::Connected);
                        let since = tokio::time::Instant::now();
                        if reported != Health::Connected {
                            reported = Health::Connected;
                            if reports.send(Report::Health(Arc::clone(&self))).await.is_err() {
                                return;
                            }
                        }
                        let ended = self.follow(client, &reports).await;
                        if since.elapsed() > longest {
                            pause = PAUSES.0;
                        }
                        match ended {
                            Ok(()) => Health::Connected,
                            Err(error) if self.health() == Health::Connected => health_of(&error),
                            Err(_) => self.health(),
                        }
                    }
                },
            };
            self.set(health);
            let health = self.health();
            if reported != health {
                reported = health;
                if reports.send(Report::Health(Arc::clone(&self))).await.is_err() {
                    return;
                }
            }
            if reports.is_closed() {
                return;
            }
            tokio::time::sleep(pause).await;
            // A socket appears soon after it is looked for; an engine in trouble is left alone.
            pause = if reported == Health::Absent { pause.max(longest / 15) } else { (pause * 2).min(longest) };
        }
    }

    /// Connects, and checks that the engine answers.
    async fn greet(&self) -> Result<Client, Error> {
        let mut client = self.connect().await?;
        match (&mut client, self.engine.kind) {
            (Client::Http(http), _) => http.ping().await?,
            (Client::Grpc(grpc), Kind::Containerd) => containerd::ping(grpc).await?,
            (Client::Grpc(grpc), _) => cri::ping(grpc).await?,
        }
        Ok(client)
    }

    /// Reports changes until the engine ends the stream of events, or does not answer a query.
    async fn follow(self: &Arc<Self>, client: Client, reports: &mpsc::Sender<Report>) -> Result<(), Error> {
        let (sender, mut received) = mpsc::channel(1);
        let changes = Changes(sender);
        let events = async {
            match (client, self.engine.kind) {
                (Client::Http(http), Kind::Podman) => docker::events(http, podman::EVENTS, &changes).await,
                (Client::Http(http), _) => docker::events(http, docker::EVENTS, &changes).await,
                (Client::Grpc(grpc), Kind::Containerd) => containerd::events(grpc, &changes).await,
                (Client::Grpc(grpc), _) => cri::events(grpc, &changes).await,
            }
        };
        tokio::pin!(events);
        let mut next = tokio::time::Instant::now() + SUBSCRIBED;
        let mut has_events = true;
        loop {
            tokio::select! {
                ended = &mut events, if has_events => match ended {
                    // Without events the containers are queried again from time to time.
                    Err(error) if Failed::is_unimplemented(&error) => has_events = false,
                    ended => return ended,
                },
                Some(change) = received.recv() => {
                    self.changes.fetch_add(1, Ordering::Relaxed);
                    let _ = reports.send(Report::Change(Arc::clone(self), change)).await;
                }
                () = tokio::time::sleep_until(next) => {
                    let _ = reports.send(Report::Missed(Arc::clone(self))).await;
                    next = tokio::time::Instant::now() + if has_events { FAR } else { self.poll };
                }
                () = self.wake.notified() => {
                    if self.health() != Health::Connected {
                        return Err("a query failed".into());
                    }
                }
                () = reports.closed() => return Ok(()),
            }
        }
    }
}

/// Interval of querying everything again although there are events: an engine may forget to report one.
const FAR: Duration = Duration::from_secs(600);

/// Returns the health that an error of a connection or of a request means.
fn health_of(error: &Error) -> Health {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error.as_ref());
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            match error.kind() {
                ErrorKind::PermissionDenied => return Health::Denied,
                ErrorKind::NotFound | ErrorKind::ConnectionRefused => return Health::Absent,
                _ => {}
            }
        }
        next = error.source();
    }
    Health::Failed(error.to_string())
}
