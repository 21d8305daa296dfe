//! Events on their way from the tracer to the reader.
//!
//! The reader looks from time to time, and is woken only when much has come: to wake it for each event would cost more
//! than the event. If it is slow the tracer waits, and with it the traced processes: nothing is dropped.

use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use scap::schema::SyscallSet;

/// The bytes at which the reader is woken, and those that it may leave behind.
const MANY: usize = 64 << 10;
const MOST: usize = 16 << 20;

#[derive(Debug, Default)]
struct State {
    events: Vec<u8>,
    /// Whether the tracer has ended.
    ended: bool,
    /// Whether the reader has gone.
    gone: bool,
    status: Option<ExitStatus>,
    selection: Option<SyscallSet>,
    faults: u64,
}

/// The place where both meet.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Whether there is a new selection: read at every stop.
    has_selection: AtomicBool,
    /// Signalled when there are events, or no more will come.
    filled: Condvar,
    /// Signalled when there is room.
    taken: Condvar,
}

/// The result of a look into the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    Events,
    Nothing,
    End,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends an event.
    pub(crate) fn push(&self, event: &[u8], faults: u64) {
        let mut state = self.lock();
        while !state.gone && state.events.len() > MOST {
            state = self.taken.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.faults = faults;
        if !state.gone {
            state.events.extend_from_slice(event);
        }
        if state.events.len() > MANY {
            self.filled.notify_one();
        }
    }

    /// Returns a new selection, if there is one since the last call.
    pub(crate) fn new_selection(&self) -> Option<SyscallSet> {
        self.has_selection.swap(false, Ordering::Acquire).then(|| self.lock().selection.take()).flatten()
    }

    /// Says how the command ended.
    pub(crate) fn set_status(&self, status: ExitStatus) {
        self.lock().status = Some(status);
    }

    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.filled.notify_one();
    }

    /// Exchanges an empty buffer for events; waits at most `patience` for many of them.
    pub(crate) fn take(&self, events: &mut Vec<u8>, patience: Duration) -> Taken {
        let mut state = self.lock();
        if state.events.len() <= MANY && !state.ended {
            state = self.filled.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.events.is_empty() {
            return if state.ended { Taken::End } else { Taken::Nothing };
        }
        events.clear();
        std::mem::swap(&mut state.events, events);
        self.taken.notify_one();
        Taken::Events
    }

    pub(crate) fn leave(&self) {
        self.lock().gone = true;
        self.taken.notify_one();
    }

    pub(crate) fn select(&self, selection: SyscallSet) {
        self.lock().selection = Some(selection);
        self.has_selection.store(true, Ordering::Release);
    }

    pub(crate) fn status(&self) -> Option<ExitStatus> {
        self.lock().status
    }

    pub(crate) fn faults(&self) -> u64 {
        self.lock().faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tracer_waits_for_a_slow_reader_and_nothing_is_lost() {
        let queue = Queue::default();
        let event = vec![7; 1 << 20];
        let mut bytes = 0;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..40 {
                    queue.push(&event, 0);
                }
                queue.end();
            });
            let mut events = Vec::new();
            loop {
                match queue.take(&mut events, Duration::from_secs(5)) {
                    Taken::Events => bytes += events.len(),
                    Taken::Nothing => {}
                    Taken::End => break,
                }
                assert!(events.len() <= MOST + event.len(), "{}", events.len());
            }
        });
        assert_eq!(bytes, 40 << 20);
    }
}
