//! Looks for idle threads of a live source, a few at a time.

use crate::config::Config;
use crate::parse;
use crate::state::State;

/// When idle threads are looked for.
#[derive(Debug)]
pub(super) struct Purge {
    interval: u64,
    idle: u64,
    /// When the next one is due; while one is under way, at every event.
    pub(super) next: u64,
    /// Threads that the sweep under way has still to look after, and when it began.
    todo: Vec<i64>,
    began: u64,
}

/// Threads that are looked after at one event.
const STEP: usize = 16;
/// And while there is none.
pub(super) const IDLE_STEP: usize = 256;

impl Purge {
    pub(super) fn new(config: &Config) -> Self {
        Self { interval: config.purge_interval_ns, idle: config.purge_idle_ns, next: 0, todo: Vec::new(), began: 0 }
    }

    /// Begins a sweep when one is due, or takes the next step of the one that is under way.
    #[cold]
    pub(super) fn go_on(&mut self, state: &mut State, parser: &mut parse::Parser, ts: u64) {
        if self.next == 0 {
            self.next = ts + FIRST_PURGE.min(self.interval);
            return;
        }
        if self.todo.is_empty() {
            state.forget_users();
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

/// How long after the first event idle threads are looked for the first time.
const FIRST_PURGE: u64 = 30_000_000_000;
