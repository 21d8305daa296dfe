//! The queue in front of a sink, and the counts of what came of each alert.
//!
//! It is a deque behind a lock, not a channel, because three things need to look inside: the limit in bytes, the
//! complaint about a sink that hangs, and the closing that gives up what a hanging sink will never take. No lock is
//! held while something is delivered, written or said, so a sender waits for no sink and no disk.

use super::{Fault, Message, OnFault, Sink};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Even a queue without a limit on alerts does not eat all memory.
const MOST_BYTES: usize = 256 << 20;

/// How much a queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    alerts: usize,
    bytes: usize,
}

impl Capacity {
    /// So many alerts; 0: as many as 256 MiB hold.
    pub fn alerts(alerts: usize) -> Self {
        Self { alerts: if alerts == 0 { usize::MAX } else { alerts }, bytes: MOST_BYTES }
    }
}

/// How much an output may hold, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) capacity: Capacity,
    pub(super) patience: Duration,
}

/// Whether the sender waits for room in a full queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The alert is lost and counted. For live events, which do not wait either.
    No,
    /// For replays, which have all the time in the world.
    ForRoom,
}

/// What came of the alerts of one output: sent + recovered = delivered + lost + queued + spooled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// The sink's name.
    pub sink: &'static str,
    /// Handed to this output.
    pub sent: u64,
    /// Found in the spool at the start, left by an earlier run.
    pub recovered: u64,
    /// Taken by the sink.
    pub delivered: u64,
    /// Given up: no room in the queue, a failure that lasts, or the end of the program.
    pub lost: u64,
    /// Of those lost: no room in the queue.
    pub lost_for_room: u64,
    /// Tries after a passing failure.
    pub retries: u64,
    /// Still in memory.
    pub queued: u64,
    /// Still on disk.
    pub spooled: u64,
    /// Whether the last try went wrong.
    pub failing: bool,
}

/// What the threads of one output share.
pub(super) struct Queue {
    pub(super) limits: Limits,
    /// The sink that is to take the place of the one at work.
    pub(super) replacement: Option<Box<dyn Sink>>,
    pub(super) messages: VecDeque<Message>,
    bytes: usize,
    pub(super) totals: Totals,
    /// Alerts that a thread has taken out and that are neither delivered nor spooled yet.
    pub(super) in_hand: u64,
    pub(super) reopen: bool,
    /// Since when no more alerts come.
    pub(super) finish: Option<Instant>,
    /// Set by the closing when the sink makes no headway: nothing more is tried.
    pub(super) abandoned: bool,
    /// Since when the sink has been busy with one delivery, and whether that was complained of.
    pub(super) busy: Option<(Instant, bool)>,
    /// Steps that the threads have made; the closing looks whether the number grows.
    pub(super) steps: u64,
    /// How many threads are at work.
    pub(super) threads: u32,
    /// Whether there is a keeper that may still put something into the spool.
    pub(super) keeper: bool,
}

impl Queue {
    /// Takes out what is to be delivered or spooled next.
    pub(super) fn take(&mut self, most: usize) -> Vec<Message> {
        let count = self.messages.len().min(most.max(1));
        let taken: Vec<_> = self.messages.drain(..count).collect();
        self.bytes -= taken.iter().map(|message| message.text.len()).sum::<usize>();
        self.in_hand = count as u64;
        taken
    }

    /// Gives up what is in memory.
    pub(super) fn abandon(&mut self) -> u64 {
        self.abandoned = true;
        let left = self.messages.len() as u64 + std::mem::take(&mut self.in_hand);
        self.messages.clear();
        self.totals.lost += left;
        left
    }
}

/// The queue with all that its threads need to know.
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

    /// Says once of each delivery that it takes too long. The lock is given back first.
    pub(super) fn complain_if_stuck(&self, mut queue: MutexGuard<'_, Queue>) {
        let patience = queue.limits.patience;
        if let Some((since, said @ false)) = &mut queue.busy
            && since.elapsed() > patience
        {
            *said = true;
            drop(queue);
            self.fault(2, format!("time-out: one alert has taken more than {patience:?}"));
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
