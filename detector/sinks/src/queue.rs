//! The queue in front of a sink, and the counts of its alerts.
//!
//! It is a deque behind a lock, not a channel, because three things need to look inside: the limit in bytes, the report
//! of a sink that hangs, and the closing that drops the rest of a hanging sink. No lock is held while alerts are
//! delivered, written or reported, so that a sender waits for no sink and no disk.

use super::{Fault, Message, OnFault, Sink};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A queue without a limit on the number of alerts still has a limit on memory.
const MOST_BYTES: usize = 256 << 20;

/// Capacity of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    alerts: usize,
    bytes: usize,
}

impl Capacity {
    /// Creates a limit on the number of alerts; 0: only the limit of 256 MiB.
    pub fn alerts(alerts: usize) -> Self {
        Self { alerts: if alerts == 0 { usize::MAX } else { alerts }, bytes: MOST_BYTES }
    }
}

/// Limits of an output: memory and time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) capacity: Capacity,
    pub(super) patience: Duration,
}

/// Behaviour of a sender if the queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Drops and counts the alert, for live events, which must not wait.
    No,
    /// Waits for space. For replays, which can wait.
    ForRoom,
}

/// Counts of the alerts of one output: sent + recovered = delivered + lost + unknown + queued +
/// spooled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Name of the sink.
    pub sink: &'static str,
    /// Sent to this output.
    pub sent: u64,
    /// Found in the spool at the start, from an earlier run.
    pub recovered: u64,
    /// Delivered by the sink.
    pub delivered: u64,
    /// Dropped: the queue was full, a permanent failure, or the end of the program.
    pub lost: u64,
    /// In delivery when the output was closed, without a result in time: they may have arrived or not.
    pub unknown: u64,
    /// Dropped because the queue was full; included in `lost`.
    pub lost_for_room: u64,
    /// Delivered, but lost by single clients of a server, which were too slow or not there: the sum over all clients.
    pub missed: u64,
    /// Attempts after a retryable failure.
    pub retries: u64,
    /// Still in memory.
    pub queued: u64,
    /// Still on disk.
    pub spooled: u64,
    /// Whether the last attempt failed.
    pub failing: bool,
}

/// State shared by the threads of one output.
pub(super) struct Queue {
    pub(super) limits: Limits,
    /// The sink that is to replace the active one.
    pub(super) replacement: Option<Box<dyn Sink>>,
    pub(super) messages: VecDeque<Message>,
    bytes: usize,
    pub(super) totals: Totals,
    /// Alerts that a thread has taken out and that are neither delivered nor spooled yet.
    pub(super) in_hand: u64,
    /// Whether the sink is delivering those, rather than waiting for the next attempt.
    pub(super) attempt: bool,
    pub(super) reopen: bool,
    /// Since when no more alerts follow.
    pub(super) finish: Option<Instant>,
    /// Set by the closing if the sink makes no progress: there are no more attempts.
    pub(super) abandoned: bool,
    /// Since when the sink has been busy with one delivery, and whether that was reported.
    pub(super) busy: Option<(Instant, bool)>,
    /// Number of steps of the threads, by which the closing detects progress.
    pub(super) steps: u64,
    /// Number of running threads.
    pub(super) threads: u32,
    /// Whether a keeper may still write to the spool.
    pub(super) keeper: bool,
}

impl Queue {
    /// Takes the next alerts to deliver or spool.
    pub(super) fn take(&mut self, most: usize) -> Vec<Message> {
        let count = self.messages.len().min(most.max(1));
        let taken: Vec<_> = self.messages.drain(..count).collect();
        self.bytes -= taken.iter().map(|message| message.text.len()).sum::<usize>();
        self.in_hand = count as u64;
        taken
    }

    /// Drops the alerts in memory. Returns how many are lost, and of how many in delivery the result is unknown.
    pub(super) fn abandon(&mut self) -> (u64, u64) {
        self.abandoned = true;
        let in_hand = std::mem::take(&mut self.in_hand);
        let unknown = if self.attempt { in_hand } else { 0 };
        let lost = self.messages.len() as u64 + in_hand - unknown;
        self.messages.clear();
        self.totals.lost += lost;
        self.totals.unknown += unknown;
        (lost, unknown)
    }
}

/// The queue with everything that its threads share.
pub(super) struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    on_fault: OnFault,
    pub(super) name: &'static str,
}

impl Shared {
    pub(super) fn new(name: &'static str, limits: Limits, on_fault: OnFault) -> Self {
        let queue = Queue {
            limits,
            replacement: None,
            messages: VecDeque::new(),
            bytes: 0,
            totals: Totals { sink: name, ..Totals::default() },
            in_hand: 0,
            attempt: false,
            reopen: false,
            finish: None,
            abandoned: false,
            busy: None,
            steps: 0,
            threads: 0,
            keeper: false,
        };
        Self { queue: Mutex::new(queue), changed: Condvar::new(), on_fault, name }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wait<'q>(&self, queue: MutexGuard<'q, Queue>, time: Duration) -> MutexGuard<'q, Queue> {
        self.changed.wait_timeout(queue, time).unwrap_or_else(PoisonError::into_inner).0
    }

    pub(super) fn notify(&self) {
        self.changed.notify_all();
    }

    pub(super) fn fault(&self, severity: u8, text: impl Into<String>) {
        (self.on_fault)(Fault { sink: self.name, severity, text: text.into() });
    }

    /// Reports once for each delivery that it takes too long. The lock is released first.
    pub(super) fn complain_if_stuck(&self, mut queue: MutexGuard<'_, Queue>) {
        let patience = queue.limits.patience;
        if let Some((since, said @ false)) = &mut queue.busy
            && since.elapsed() > patience
        {
            *said = true;
            drop(queue);
            self.fault(2, format!("timeout: one alert has taken more than {patience:?}"));
        }
    }

    pub(super) fn send(&self, message: Message, wait: Wait) {
        let mut queue = self.lock();
        queue.totals.sent += 1;
        let size = message.text.len();
        loop {
            if queue.abandoned {
                queue.totals.lost += 1;
                return;
            }
            let capacity = queue.limits.capacity;
            let fits = queue.messages.is_empty()
                || (queue.messages.len() < capacity.alerts && queue.bytes + size <= capacity.bytes);
            if fits {
                break;
            }
            if wait == Wait::No {
                queue.totals.lost += 1;
                queue.totals.lost_for_room += 1;
                let first = queue.totals.lost_for_room == 1;
                self.complain_if_stuck(queue);
                if first {
                    self.fault(3, "the queue is full; alerts are dropped and counted");
                }
                return;
            }
            self.complain_if_stuck(queue);
            queue = self.wait(self.lock(), Duration::from_millis(20));
        }
        queue.bytes += size;
        queue.messages.push_back(message);
        self.notify();
        self.complain_if_stuck(queue);
    }
}
