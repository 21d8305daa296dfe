//! The clients that receive alerts, each with its own queue: one that does not read loses its own alerts only.

use super::messages::AlertMessage;
use crate::{Message, Reports};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_stream::Stream;
use tonic::Status;

/// Maximum number of clients at the same time.
pub(super) const CLIENTS: usize = 16;

/// Maximum number of alerts, and of their bytes, that wait for one client, or for the first one.
const QUEUED: usize = 8192;
const QUEUED_BYTES: usize = 8 << 20;

/// Interval between reports of the losses of one client.
const REPORT: Duration = Duration::from_secs(10);

/// An alert in the queue of a client, with its share of the space.
type Item = (Message, OwnedSemaphorePermit);

/// The clients, and the alerts that wait for the first one.
#[derive(Debug)]
pub(super) struct Clients {
    state: Mutex<State>,
    reports: Reports,
}

#[derive(Debug, Default)]
struct State {
    subscribed: Vec<Subscribed>,
    /// Alerts that arrived while there was no client, the oldest first.
    kept: VecDeque<Message>,
    kept_bytes: usize,
    next: u64,
    is_closed: bool,
}

#[derive(Debug)]
struct Subscribed {
    number: u64,
    name: String,
    queue: Sender<Item>,
    space: Arc<Semaphore>,
    sent: u64,
    missed: u64,
    reported: Option<Instant>,
}

fn permits(message: &Message) -> u32 {
    // A large alert fits alone.
    message.text.len().clamp(1, QUEUED_BYTES) as u32
}

impl Clients {
    pub(super) fn new(reports: Reports) -> Self {
        Self { state: Mutex::default(), reports }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives an alert to every client that has room for it. Never blocks.
    pub(super) fn send(&self, message: &Message) {
        let mut state = self.lock();
        if state.subscribed.is_empty() {
            return self.keep(&mut state, message.clone());
        }
        for client in &mut state.subscribed {
            if !client.push(message.clone()) {
                client.missed += 1;
                self.reports.count_missed(1);
                if client.reported.is_none_or(|at| at.elapsed() >= REPORT) {
                    client.reported = Some(Instant::now());
                    let Subscribed { name, missed, .. } = client;
                    self.reports
                        .tell(4, format!("{name} does not read fast enough; it has lost {missed} alerts so far"));
                }
            }
        }
    }

    fn keep(&self, state: &mut State, message: Message) {
        state.kept_bytes += message.text.len();
        state.kept.push_back(message);
        while state.kept.len() > QUEUED || state.kept_bytes > QUEUED_BYTES {
            let Some(old) = state.kept.pop_front() else { break };
            state.kept_bytes -= old.text.len();
            self.reports.count_missed(1);
        }
    }

    /// Returns the alerts that arrived while there was no client, once.
    pub(super) fn take_kept(&self) -> Vec<Message> {
        let mut state = self.lock();
        state.kept_bytes = 0;
        state.kept.drain(..).collect()
    }

    /// Adds a client; the first one receives what has arrived before.
    ///
    /// # Errors
    ///
    /// If there are too many clients, or the server ends.
    pub(super) fn subscribe(self: &Arc<Self>, name: String) -> Result<Alerts, Status> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(Status::unavailable("the server ends"));
        }
        if state.subscribed.len() >= CLIENTS {
            return Err(Status::resource_exhausted(format!("there are {CLIENTS} clients already")));
        }
        let (queue, receiver) = channel(QUEUED);
        let number = state.next;
        state.next += 1;
        let space = Arc::new(Semaphore::new(QUEUED_BYTES));
        let mut client = Subscribed { number, name, queue, space, sent: 0, missed: 0, reported: None };
        state.kept_bytes = 0;
        for message in state.kept.drain(..) {
            // There is as much space as can be kept.
            if !client.push(message) {
                client.missed += 1;
                self.reports.count_missed(1);
            }
        }
        state.subscribed.push(client);
        Ok(Alerts { clients: Arc::clone(self), number, receiver })
    }

    /// Gives a client no more alerts. It still receives those in its queue.
    pub(super) fn unsubscribe(&self, number: u64) -> bool {
        let mut state = self.lock();
        let Some(place) = state.subscribed.iter().position(|client| client.number == number) else { return false };
        let Subscribed { name, sent, missed, .. } = state.subscribed.swap_remove(place);
        drop(state);
        self.reports.tell(if missed > 0 { 4 } else { 6 }, format!("{name} has ended: {sent} alerts, {missed} lost"));
        true
    }

    /// Ends all clients once they have received what is in their queues.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        let all: Vec<u64> = state.subscribed.iter().map(|client| client.number).collect();
        drop(state);
        for number in all {
            self.unsubscribe(number);
        }
    }
}

impl Subscribed {
    fn push(&mut self, message: Message) -> bool {
        let Ok(space) = Arc::clone(&self.space).try_acquire_many_owned(permits(&message)) else { return false };
        let is_sent = self.queue.try_send((message, space)).is_ok();
        self.sent += u64::from(is_sent);
        is_sent
    }
}

/// The alerts of one client, as messages.
#[derive(Debug)]
pub(super) struct Alerts {
    clients: Arc<Clients>,
    number: u64,
    receiver: Receiver<Item>,
}

impl Alerts {
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

impl Stream for Alerts {
    type Item = Result<AlertMessage, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.receiver.poll_recv(context).map(|item| item.map(|(message, _)| Ok(AlertMessage::of(&message))))
    }
}

impl Drop for Alerts {
    fn drop(&mut self) {
        self.clients.unsubscribe(self.number);
        self.receiver.close();
        let mut left = 0;
        while self.receiver.try_recv().is_ok() {
            left += 1;
        }
        if left > 0 {
            self.clients.reports.count_missed(left);
            self.clients.reports.tell(4, format!("{left} alerts were left in the queue of a client that has gone"));
        }
    }
}
