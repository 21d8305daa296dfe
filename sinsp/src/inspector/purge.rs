//! Removes dead threads of a live source, a few at a time.

use crate::config::Config;
use crate::parse;
use crate::state::State;

/// The schedule of the checks for idle threads.
#[derive(Debug)]
pub(super) struct Purge {
    interval: u64,
    idle: u64,
    /// The time of the next step: when the next sweep is due, or during a sweep the next event.
    pub(super) next: u64,
    /// The threads that the current sweep has still to check, and when it began.
    todo: Vec<i64>,
    began: u64,
}

/// The number of idle threads checked per event.
const STEP: usize = 16;
/// The number of idle threads checked per idle poll.
pub(super) const IDLE_STEP: usize = 256;

impl Purge {
    pub(super) fn new(config: &Config) -> Self {
        Self { interval: config.purge_interval_ns, idle: config.purge_idle_ns, next: 0, todo: Vec::new(), began: 0 }
    }

    /// Begins a sweep when one is due, or takes the next step of the current one.
    #[cold]
    pub(super) fn go_on(&mut self, state: &mut State, parser: &mut parse::Parser, ts: u64) {
        if self.next == 0 {
            self.next = ts + FIRST_PURGE.min(self.interval);
            return;
        }
        if self.todo.is_empty() {
            state.forget_users();
            state.forget_containers();
            parser.refresh_interfaces(state);
            self.todo = state.idle_threads(ts, self.idle);
            self.began = ts;
        }
        self.step(state, parser, STEP);
        self.next = if self.todo.is_empty() { self.began + self.interval } else { ts };
    }

    pub(super) fn step(&mut self, state: &mut State, parser: &mut parse::Parser, len: usize) {
        for tid in self.todo.drain(self.todo.len().saturating_sub(len)..) {
            parser.look_after(state, tid, self.began, self.idle);
        }
        if self.todo.is_empty() {
            self.todo = Vec::new();
        }
    }
}

/// The time from the first event to the first sweep, in nanoseconds.
const FIRST_PURGE: u64 = 30_000_000_000;
