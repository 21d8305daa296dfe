//! The thread's loop: lookups that were requested, changes that engines report, engines of users that come.

use super::cache::{Cache, Entry, Key};
use super::change::{Change, SHORT};
use super::engine::{HOST, user_sockets};
use super::lookup::{Found, look_up};
use super::watch::{EngineState, Health, Report, Watched};
use super::{Answer, Config, Engines, lock};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Time that the result "unknown to all engines" is cached.
const UNKNOWN: Duration = Duration::from_secs(60);
/// Maximum number of concurrent lookups, of those of one user, and of those that wait.
const AT_A_TIME: usize = 32;
const OF_A_USER: usize = 4;
const WAITING: usize = 16_384;
/// The interval at which engines of users are searched for, and their maximum number.
const SEARCH: Duration = Duration::from_secs(5);
const USER_ENGINES: usize = 128;
/// Maximum number of reports of engines that wait; an engine waits then, too.
const REPORTS: usize = 64;
/// The pause before a container that is known is looked up again, if it is the host's and if it is a user's: changes
/// come in groups, and a user's engine could report them without end.
const AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

pub(super) struct Service {
    config: Arc<Config>,
    cache: Arc<Mutex<Cache>>,
    engines: Engines,
    /// Lookups that have not begun.
    waiting: VecDeque<Key>,
    /// The containers in `waiting`.
    listed: HashSet<Key>,
    active: HashMap<Key, Active>,
    running: JoinSet<(Key, bool)>,
    results: mpsc::UnboundedSender<Found>,
    reports: mpsc::Sender<Report>,
}

#[derive(Default)]
struct Active {
    /// Whether it changed since the lookup began.
    again: bool,
}

impl Service {
    pub(super) fn new(config: Config, cache: Arc<Mutex<Cache>>, engines: Engines) -> Self {
        // Replaced when it runs.
        let (results, reports) = (mpsc::unbounded_channel().0, mpsc::channel(1).0);
        Self {
            config: Arc::new(config),
            cache,
            engines,
            waiting: VecDeque::new(),
            listed: HashSet::new(),
            active: HashMap::new(),
            running: JoinSet::new(),
            results,
            reports,
        }
    }

    /// Answers requests until all senders are dropped.
    pub(super) async fn run(
        mut self,
        mut questions: mpsc::Receiver<Key>,
        mut deliver: impl FnMut(Answer),
        mut health: impl FnMut(EngineState),
    ) {
        let (results, mut found) = mpsc::unbounded_channel();
        let (reports, mut reported) = mpsc::channel(REPORTS);
        (self.results, self.reports) = (results, reports);
        let engines = self.config.engines.clone();
        engines.into_iter().for_each(|engine| self.add(engine));
        self.search_users();
        let mut search = tokio::time::interval(SEARCH);
        loop {
            self.begin();
            tokio::select! {
                // Results come before the end of their lookup.
                biased;
                Some(found) = found.recv() => {
                    if let Some(answer) = self.take(found) {
                        deliver(answer);
                    }
                }
                Some(Ok((key, known))) = self.running.join_next() => {
                    // The results of this lookup may not have been received yet.
                    while let Ok(found) = found.try_recv() {
                        if let Some(answer) = self.take(found) {
                            deliver(answer);
                        }
                    }
                    if let Some(answer) = self.end(&key, known) {
                        deliver(answer);
                    }
                }
                question = questions.recv(), if self.waiting.len() < WAITING => match question {
                    Some(key) => self.want(key),
                    None => return,
                },
                Some(report) = reported.recv() => match report {
                    Report::Health(engine) => health(engine.state()),
                    Report::Missed(engine) => self.missed(&engine),
                    Report::Change(engine, change) => self.changed(&engine, change),
                },
                _ = search.tick() => self.search_users(),
            }
        }
    }

    /// Adds an engine, and follows it.
    fn add(&mut self, engine: super::Engine) {
        let mut engines = lock(&self.engines);
        let watched = Arc::new(Watched::new(engine, engines.len(), &self.config));
        engines.push(Arc::clone(&watched));
        tokio::spawn(watched.watch(self.reports.clone()));
    }

    /// Adds the engines of users whose sockets have appeared.
    fn search_users(&mut self) {
        let Some(users) = &self.config.users else { return };
        for engine in user_sockets(users) {
            let known = lock(&self.engines).iter().any(|known| known.state().engine == engine);
            let full = lock(&self.engines).len() >= self.config.engines.len() + USER_ENGINES;
            if !known && !full && engine.socket.exists() {
                self.add(engine);
            }
        }
    }

    /// Queues a lookup.
    fn want(&mut self, key: Key) {
        if let Some(active) = self.active.get_mut(&key) {
            active.again = true;
        } else if self.waiting.len() < WAITING && self.listed.insert(key.clone()) {
            self.waiting.push_back(key);
        }
    }

    /// Begins lookups that wait, as many as may be active.
    fn begin(&mut self) {
        let mut at = 0;
        while self.active.len() < AT_A_TIME && at < self.waiting.len() {
            let owner = self.waiting[at].owner;
            if owner != HOST && self.active.keys().filter(|key| key.owner == owner).count() >= OF_A_USER {
                at += 1;
                continue;
            }
            let Some(key) = self.waiting.remove(at) else { return };
            self.listed.remove(&key);
            // Ids of engines are text; anything else belongs to no engine.
            let is_id = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
            let text = std::str::from_utf8(&key.id).ok().filter(|_| key.id.iter().all(is_id)).map(str::to_owned);
            let engines: Vec<_> = match &text {
                Some(_) => lock(&self.engines).iter().filter(|one| one.may_speak_for(key.owner)).cloned().collect(),
                None => Vec::new(),
            };
            self.active.insert(key.clone(), Active::default());
            let (config, results) = (Arc::clone(&self.config), self.results.clone());
            let known = matches!(lock(&self.cache).find(&key), Some(Entry::Known { .. }));
            self.running.spawn(async move {
                if known {
                    tokio::time::sleep(if key.owner == HOST { AGAIN.0 } else { AGAIN.1 }).await;
                }
                let known = look_up(engines, config, key.clone(), text.unwrap_or_default(), results).await;
                (key, known)
            });
        }
    }

    /// Takes a result. Returns the answer if it is new.
    fn take(&self, found: Found) -> Option<Answer> {
        let Found { key, info, rank, silent } = found;
        let mut cache = lock(&self.cache);
        if let Some(Entry::Known { info: before, rank: of }) = cache.find(&key)
            && (*before == info || (silent <= *of && *of < rank))
        {
            return None;
        }
        cache.put(&key, Entry::Known { info: info.clone(), rank });
        Some(Answer { id: key.id, owner: key.owner, info: Some(*info) })
    }

    /// Ends a lookup. Returns the answer if no engine knows the container.
    fn end(&mut self, key: &Key, known: bool) -> Option<Answer> {
        let active = self.active.remove(key).unwrap_or_default();
        if active.again {
            self.want(key.clone());
        }
        let mut cache = lock(&self.cache);
        if known || matches!(cache.find(key), Some(Entry::Known { .. })) {
            return None;
        }
        cache.put(key, Entry::Unknown(Instant::now() + UNKNOWN));
        Some(Answer { id: key.id.clone(), owner: key.owner, info: None })
    }

    /// Looks up again what an engine described, when changes of it may have been missed.
    fn missed(&mut self, engine: &Watched) {
        let keys = {
            let mut cache = lock(&self.cache);
            if engine.health() == Health::Connected {
                cache.retry_unknown();
            }
            cache.known_by(engine.rank)
        };
        keys.into_iter().for_each(|key| self.want(key));
    }

    /// Looks up a container that changed.
    fn changed(&mut self, engine: &Watched, change: Change) {
        let Some(owner) = engine.owner() else { return };
        let (Change::Started(id) | Change::Changed(id) | Change::Removed(id)) = &change;
        let key = Key { id: short(id).to_owned(), owner };
        match change {
            Change::Removed(_) => lock(&self.cache).remove(&key, engine.rank),
            Change::Started(_) if engine.is_of_host() => self.want(key),
            // What nobody wanted to know is not looked up: a user could name any number of containers.
            _ => {
                let wanted = lock(&self.cache).find(&key).is_some();
                if wanted {
                    self.want(key);
                }
            }
        }
    }
}

/// Returns the id as cgroups show it: long numbers are cut, names are not.
fn short(id: &str) -> &[u8] {
    let id = id.as_bytes();
    if id.len() > SHORT && id.iter().all(u8::is_ascii_hexdigit) { &id[..SHORT] } else { id }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_cut_and_names_are_not() {
        assert_eq!(short("3ad7b26ded6d8e7b23da7d48fe88"), b"3ad7b26ded6d");
        assert_eq!(short("a-name-longer-than-twelve"), b"a-name-longer-than-twelve");
        assert_eq!(short("web"), b"web");
    }
}
