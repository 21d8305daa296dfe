//! The container engines of this host, whose descriptions of containers become part of the recording.

use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};

use peregrine_containers::{Answer, Config, Containers, Provider};

use crate::Fatal;

/// Maximum number of descriptions that the recording has not taken yet. The engines wait then.
const WAITING: usize = 1024;

/// The engines, and what they have answered.
pub(super) struct Engines {
    containers: Containers,
    answers: Receiver<Answer>,
}

impl Engines {
    /// Starts to query the engines at their default sockets, below `root`.
    pub(super) fn start(root: &Path) -> Result<Self, Fatal> {
        let (sender, answers) = sync_channel(WAITING);
        let mut config = Config::default();
        config.engines = Config::default_sockets(root);
        config.users = Some(root.join("run/user"));
        config.proc = root.join("proc");
        // Nobody receives answers any more when the recording ends.
        let containers = Containers::start(config, move |answer| drop(sender.send(answer)))?;
        Ok(Self { containers, answers })
    }

    /// Returns the metadata provider for an inspector.
    pub(super) fn provider(&self) -> Provider {
        self.containers.provider()
    }

    /// Returns the answers that have come, except that a container is unknown.
    pub(super) fn new_ones(&self) -> impl Iterator<Item = sinsp::state::ContainerInfo> + '_ {
        self.answers.try_iter().filter_map(|answer| answer.info)
    }
}
