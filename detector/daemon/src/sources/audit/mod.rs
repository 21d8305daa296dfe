//! The source `k8s_audit`: audit events of a Kubernetes cluster, reported by its API servers.
//!
//! ```text
//! webhook ── intake ──┐  (bounded by bytes: 429 when there is no room)
//!                     ├── queue ── evaluate: events ── rules ── outputs
//! files ── follow ────┘  (waits for room)
//! ```
//!
//! It is configured like Falco's plugin of that name, by an entry `k8saudit` of `plugins`, and runs on separate threads
//! beside the system calls: neither can block the other.

mod batch;
mod evaluate;
mod files;
mod intake;
mod print;
mod queue;
mod settings;
#[cfg(test)]
mod tests;

pub(crate) use evaluate::Evaluator;
pub(crate) use print::{POLICY, kubeconfig};
pub(crate) use settings::{Input, Settings};

use crate::server::WebServer;
use crate::server::places::Places;
use crate::{Fatal, log};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// The inputs of events. Dropping them closes the queue.
pub(crate) struct Inputs {
    server: Option<WebServer>,
    files: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

impl Inputs {
    /// Opens the inputs of the settings.
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on, or the files cannot be read.
    pub(crate) fn open(settings: &Settings, sender: queue::Sender) -> Result<Self, Fatal> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut inputs = Self { server: None, files: None, stop: Arc::clone(&stop) };
        match &settings.input {
            Input::Webhook { path, server } => {
                let router = intake::router(path, settings.limits, sender);
                let server = WebServer::serve("k8s_audit", server, router)?;
                log::info(format!("Kubernetes audit events are taken at {}{path}", server.address));
                inputs.server = Some(server);
            }
            Input::Files { path, follow } => {
                let reader = files::Reader::open(path, *follow, settings.limits)?;
                let run = move || reader.run(&sender, &stop);
                let thread = std::thread::Builder::new().name("audit files".into()).spawn(run);
                inputs.files = Some(thread.map_err(|error| Fatal(format!("k8s_audit: {error}")))?);
            }
        }
        Ok(inputs)
    }

    /// Returns the places of connections of the webhook.
    pub(crate) fn places(&self) -> Option<&Arc<Places>> {
        self.server.as_ref().map(|server| &server.places)
    }

    /// Returns the address on which the webhook listens.
    #[cfg(test)]
    pub(crate) fn address(&self) -> Option<std::net::SocketAddr> {
        self.server.as_ref().map(|server| server.address)
    }
}

impl Drop for Inputs {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.server.take();
        if let Some(thread) = self.files.take() {
            // A panic in it has been reported by its own message.
            let _ = thread.join();
        }
    }
}

/// Creates the queue between the inputs and the evaluator.
pub(crate) fn queue(settings: &Settings) -> (queue::Sender, queue::Receiver) {
    queue::new(settings.limits.room)
}
