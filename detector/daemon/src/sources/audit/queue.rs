//! The queue of audit event batches: bounded by their bytes, from the first byte of a request on.
//!
//! Space is reserved while a request arrives and released when its events have been evaluated, so that one limit
//! applies to everything in memory.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// Bytes are counted in pieces of this size.
const PIECE: usize = 64;

/// Overhead of a batch in bytes.
const EACH: usize = 1024;

/// JSON in the queue, with the space that it takes.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) json: Vec<u8>,
    /// Released when this is dropped.
    pub(super) room: Room,
}

/// A reserved share of the space.
#[derive(Debug)]
pub(super) struct Room {
    held: Option<OwnedSemaphorePermit>,
    all: Arc<Semaphore>,
}

/// Error when there is no space.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Room {
    /// Reserves space for this many more bytes.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), Full> {
        let pieces = u32::try_from(bytes.div_ceil(PIECE)).map_err(|_| Full)?;
        match Arc::clone(&self.all).try_acquire_many_owned(pieces) {
            Ok(more) => {
                match &mut self.held {
                    Some(held) => held.merge(more),
                    None => self.held = Some(more),
                }
                Ok(())
            }
            Err(TryAcquireError::NoPermits | TryAcquireError::Closed) => Err(Full),
        }
    }
}

/// The input of the queue.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    all: Arc<Semaphore>,
    sender: mpsc::Sender<Waiting>,
}

/// The output of the queue.
#[derive(Debug)]
pub(crate) struct Receiver(mpsc::Receiver<Waiting>);

/// Creates a queue that holds this many bytes.
pub(super) fn new(room: usize) -> (Sender, Receiver) {
    let all = Arc::new(Semaphore::new((room / PIECE).min(Semaphore::MAX_PERMITS)));
    let (sender, receiver) = mpsc::channel();
    (Sender { all, sender }, Receiver(receiver))
}

impl Sender {
    /// Reserves space for a batch that has no bytes yet.
    pub(super) fn room(&self) -> Result<Room, Full> {
        let mut room = Room { held: None, all: Arc::clone(&self.all) };
        room.grow(EACH)?;
        Ok(room)
    }

    /// Appends a batch. Returns false if the receiver is gone.
    pub(super) fn send(&self, batch: Waiting) -> bool {
        self.sender.send(batch).is_ok()
    }
}

impl Receiver {
    /// Returns the next batch; an error if none arrives in time, or the senders are gone.
    pub(super) fn next(&self, patience: Duration) -> Result<Waiting, mpsc::RecvTimeoutError> {
        self.0.recv_timeout(patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_is_released_when_a_batch_is_done() {
        let (sender, receiver) = new(4 * 1024);
        let mut room = sender.room().unwrap();
        assert_eq!(room.grow(4 * 1024), Err(Full));
        room.grow(3 * 1024).unwrap();
        assert!(matches!(sender.room(), Err(Full)));
        assert!(sender.send(Waiting { json: vec![1], room }));
        let batch = receiver.next(Duration::from_secs(1)).unwrap();
        assert!(matches!(sender.room(), Err(Full)));
        drop(batch);
        sender.room().unwrap().grow(3 * 1024).unwrap();
        drop(receiver);
        let room = sender.room().unwrap();
        assert!(!sender.send(Waiting { json: vec![], room }));
    }
}
