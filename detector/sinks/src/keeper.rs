//! The thread between queue and spool: what it has written survives the end of the program.

use super::Message;
use super::queue::Shared;
use super::spool::Spool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Maximum number of alerts written at once.
const BATCH: usize = 512;
/// Interval between attempts of the keeper while the disk is full.
const PAUSE: Duration = Duration::from_millis(100);
/// Interval of synchronizations with the disk, against a loss of power.
const SYNC: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(200);
/// Minimum interval of reports that there is no space.
const WORD: Duration = Duration::from_secs(60);

/// The spool, shared by the keeper and the worker.
pub(super) struct Shelf(Mutex<Spool>);

impl Shelf {
    pub(super) fn new(spool: Spool) -> Self {
        Self(Mutex::new(spool))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Spool> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct Keeper {
    pub(super) shared: Arc<Shared>,
    pub(super) shelf: Arc<Shelf>,
    /// When the lack of space was last reported.
    pub(super) said: Option<Instant>,
}

impl Keeper {
    pub(super) fn run(mut self) {
        let (mut synced, mut written) = (Instant::now(), false);
        loop {
            let mut queue = self.shared.lock();
            if queue.abandoned || (queue.messages.is_empty() && queue.finish.is_some()) {
                break;
            }
            if queue.messages.is_empty() {
                drop(self.shared.wait(queue, STEP));
            } else {
                let alerts = queue.take(BATCH);
                drop(queue);
                self.shared.notify();
                if !self.keep(&alerts) {
                    break;
                }
                written = true;
            }
            if written && synced.elapsed() > SYNC {
                self.sync();
                (synced, written) = (Instant::now(), false);
            }
        }
        self.sync();
        let mut queue = self.shared.lock();
        queue.keeper = false;
        queue.threads -= 1;
        drop(queue);
        self.shared.notify();
    }

    fn sync(&self) {
        // A second handle, so that the worker does not wait for the disk.
        let file = self.shelf.lock().handle();
        if let Err(error) = file.and_then(|file| file.sync_data()) {
            self.shared.fault(3, format!("cannot synchronize the spool: {error}"));
        }
    }

    /// Writes alerts, waiting for space if there is none; `false` if the output was closed.
    fn keep(&mut self, mut alerts: &[Message]) -> bool {
        while !alerts.is_empty() {
            let (appended, never_fits) = {
                let mut spool = self.shelf.lock();
                (spool.append(alerts), spool.never_fits(&alerts[0]))
            };
            let mut queue = self.shared.lock();
            if queue.abandoned {
                return false;
            }
            let trouble = match appended {
                Ok(0) if never_fits => {
                    queue.totals.lost += 1;
                    queue.in_hand -= 1;
                    alerts = &alerts[1..];
                    continue;
                }
                Ok(0) => "it has reached its maximum size".to_owned(),
                Ok(count) => {
                    alerts = &alerts[count..];
                    queue.totals.spooled += count as u64;
                    queue.in_hand -= count as u64;
                    queue.steps += 1;
                    drop(queue);
                    self.shared.notify();
                    continue;
                }
                Err(error) => error.to_string(),
            };
            drop(queue);
            if self.said.is_none_or(|said| said.elapsed() > WORD) {
                self.said = Some(Instant::now());
                self.shared.fault(3, format!("cannot write to the spool, alerts wait in memory: {trouble}"));
            }
            drop(self.shared.wait(self.shared.lock(), PAUSE));
        }
        true
    }
}
