//! Changes of containers that the events of an engine report.

use tokio::sync::mpsc;

/// A change, with the id of the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// It was created or started; its processes are about to appear.
    Started(String),
    /// Something else of it changed.
    Changed(String),
    /// It does not exist any more.
    Removed(String),
}

/// Receiver of the events of one engine.
pub(super) struct Changes(pub(super) mpsc::Sender<Change>);

impl Changes {
    pub(super) async fn report(&self, change: Change) {
        let (Change::Started(id) | Change::Changed(id) | Change::Removed(id)) = &change;
        if !id.is_empty() {
            // Nobody receives changes any more when the program ends.
            let _ = self.0.send(change).await;
        }
    }
}

/// Length of the ids that cgroups show of longer ones.
pub(super) const SHORT: usize = 12;

/// Returns whether this is the short form of an id: 12 hexadecimal digits.
pub(super) fn is_short(id: &str) -> bool {
    id.len() == SHORT && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}
