//! The lookup of one container: all engines at the same time.
//!
//! The engines are in an order of preference: docker knows more of its containers than the containerd below it. So a
//! result is held back for a moment while a preferred engine has not answered, and is replaced if that answers later.

use super::Config;
use super::cache::Key;
use super::watch::{Reply, Watched};
use sinsp::state::ContainerInfo;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Time that a result waits for engines that are preferred.
const MOMENT: Duration = Duration::from_millis(250);

/// A result.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) key: Key,
    pub(super) info: Box<ContainerInfo>,
    /// The rank of the engine.
    pub(super) rank: usize,
    /// The lowest rank of an engine that has not answered: what it said before still holds.
    pub(super) silent: usize,
}

/// Looks up a container. Each result that is better than the one before is sent. Returns whether there was one.
pub(super) async fn look_up(
    engines: Vec<Arc<Watched>>,
    config: Arc<Config>,
    key: Key,
    id: String,
    results: mpsc::UnboundedSender<Found>,
) -> bool {
    let (replies, mut replied) = mpsc::unbounded_channel();
    let mut queries = JoinSet::new();
    // Engines that have not answered: whether an answer is likely to come soon.
    let mut missing: Vec<(usize, bool)> = engines.iter().map(|engine| (engine.rank, engine.is_prompt())).collect();
    for engine in engines {
        let (config, id, replies) = (Arc::clone(&config), id.clone(), replies.clone());
        queries.spawn(async move { query(&engine, &config, &id, key.owner, &replies).await });
    }
    drop(replies);
    let mut silent = usize::MAX;
    let mut best: Option<(usize, Box<ContainerInfo>)> = None;
    let mut sent = None;
    let moment = tokio::time::sleep(MOMENT);
    tokio::pin!(moment);
    let mut over = false;
    loop {
        if let Some((rank, info)) = &best
            && sent != Some(*rank)
            && (over || !missing.iter().any(|(other, prompt)| other < rank && *prompt))
        {
            sent = Some(*rank);
            let info = finish(info, &config, &id, key.owner);
            let silent = missing.iter().map(|(rank, _)| *rank).fold(silent, usize::min);
            // Nobody receives results any more when the program ends.
            let _ = results.send(Found { key: key.clone(), info, rank: *rank, silent });
        }
        // Nothing better can come.
        if best.as_ref().is_some_and(|(rank, _)| sent == Some(*rank) && !missing.iter().any(|(other, _)| other < rank))
        {
            return true;
        }
        tokio::select! {
            reply = replied.recv() => match reply {
                None => return best.is_some(),
                Some((rank, reply)) => {
                    missing.retain(|(other, _)| *other != rank);
                    match reply {
                        Reply::Found(info) if best.as_ref().is_none_or(|(best, _)| rank < *best) => {
                            best = Some((rank, info));
                        }
                        Reply::Failed => silent = silent.min(rank),
                        _ => {}
                    }
                }
            },
            () = &mut moment, if !over => over = true,
        }
    }
}

/// Queries an engine, and again after a while if it does not know the container: it may be about to start.
async fn query(
    engine: &Watched,
    config: &Config,
    id: &str,
    owner: u32,
    replies: &mpsc::UnboundedSender<(usize, Reply)>,
) {
    let mut delays = config.retry_delays.iter();
    loop {
        let reply = engine.query(id, owner).await;
        let retry = matches!(reply, Reply::Unknown);
        if replies.send((engine.rank, reply)).is_err() || !retry {
            return;
        }
        let Some(delay) = delays.next() else { return };
        tokio::time::sleep(*delay).await;
    }
}

fn finish(info: &ContainerInfo, config: &Config, id: &str, owner: u32) -> Box<ContainerInfo> {
    let mut info = Box::new(info.clone());
    id.clone_into(&mut info.id);
    info.owner = Some(owner);
    info.labels.retain(|(_, value)| value.len() <= config.label_length);
    info.pod_sandbox_labels.retain(|(_, value)| value.len() <= config.label_length);
    info
}
