//! Proposals that are posted to a server, which decides.

use crate::action::{Outcome, Proposal};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

/// Number of proposals that wait for the server.
const WAITING: usize = 64;

/// Delivery of a proposal to a server. Called on a separate thread, and may block up to a time-out.
pub trait Post: Send {
    /// Delivers a proposal.
    ///
    /// # Errors
    ///
    /// A sentence that says why the server does not have it.
    fn post(&mut self, proposal: &Proposal) -> Result<(), String>;
}

/// The queue of a server, and its thread, which ends when this is dropped and what waits is delivered.
#[derive(Debug)]
pub(crate) struct Webhook(SyncSender<Proposal>);

impl Webhook {
    /// Starts the thread.
    pub(crate) fn start(
        mut post: Box<dyn Post>,
        report: impl Fn(Proposal, Outcome) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (sender, proposals) = sync_channel::<Proposal>(WAITING);
        std::thread::Builder::new().name("response-web".into()).spawn(move || {
            for proposal in proposals {
                let outcome = post.post(&proposal).map_or_else(Outcome::Failed, |()| Outcome::Done(1));
                report(proposal, outcome);
            }
        })?;
        Ok(Self(sender))
    }

    /// Queues a proposal. Returns the outcome if that is known already.
    pub(crate) fn queue(&self, proposal: &Proposal) -> Option<Outcome> {
        match self.0.try_send(proposal.clone()) {
            Ok(()) => None,
            Err(TrySendError::Full(_)) => Some(Outcome::Lost),
            Err(TrySendError::Disconnected(_)) => Some(Outcome::Failed("the thread of the webhook has ended".into())),
        }
    }
}
