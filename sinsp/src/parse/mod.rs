//! Events → changes of the state; one file per family of calls.
//!
//! Only this module changes a [`State`]. Parsers never fail: a parameter that does not hold what the schema says is
//! treated as absent. Which parser an event goes to, and what must be prepared for it, is one row of a constant table.

mod clone;
mod close_dup;
mod connect;
mod ctx;
mod cwd;
mod enter;
mod execve;
mod exit;
mod identity;
mod live;
mod meta;
mod new_fd;
mod open;
mod resources;
mod socket;
mod table;
mod transfer;

use scap::EventCode;

use crate::event::Facts;
use crate::live_proc::{Proc, ProcStats};
use crate::state::{State, thread_flags};
use ctx::Ctx;
pub(crate) use ctx::result;
use table::{Kind, Row};

/// Work put off until the next event, so that the current one can still be asked about it.
#[derive(Debug, Default)]
struct Later {
    /// A thread that exited.
    thread: Option<i64>,
    /// A descriptor that was closed: thread and number.
    fd: Option<(i64, i64)>,
}

/// What is kept from one event to the next.
#[derive(Default)]
pub(crate) struct Parser {
    later: Later,
    recent: exit::Recent,
    /// Thread and number of the descriptor that was looked up last.
    last_fd: (i64, i64),
    proc: Option<Box<dyn Proc>>,
    /// Room for the paths that are joined.
    scratch: [Vec<u8>; 2],
    track_status: bool,
    /// Whether the machine's own account of users and groups, which comes before the first event, is over.
    started: bool,
    /// Whether this is not the first machine of the capture.
    again: bool,
}

impl std::fmt::Debug for Parser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parser").field("later", &self.later).field("proc", &self.proc.is_some()).finish_non_exhaustive()
    }
}

/// What came out of an event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    /// The thread of the event.
    pub(crate) thread: Option<i64>,
    /// The descriptor that it is about.
    pub(crate) fd: Option<i64>,
    /// Whether it is not shown.
    pub(crate) hidden: bool,
    /// Whether it is not counted either.
    pub(crate) uncounted: bool,
}

impl Parser {
    pub(crate) fn new(track_status: bool, proc: Option<Box<dyn Proc>>) -> Self {
        Self { track_status, proc, ..Self::default() }
    }

    /// Forgets what belongs to a machine that is no more.
    pub(crate) fn restart(&mut self) {
        *self = Self { proc: self.proc.take(), track_status: self.track_status, again: true, ..Self::default() };
    }

    /// What was asked of the machine.
    pub(crate) fn proc_stats(&self) -> ProcStats {
        self.proc.as_ref().map(|proc| proc.stats()).unwrap_or_default()
    }

    /// Applies an event to the state.
    #[inline]
    pub(crate) fn apply(&mut self, state: &mut State, event: &scap::Event<'_>, facts: &mut Facts) -> Outcome {
        let code = event.code();
        let row = table::row(code);
        if facts.first_ts == 0 && !row.meta {
            facts.first_ts = event.ts();
        }
        self.finish_last(state, event.ts());
        facts.fd_num = -1;
        facts.fd_name_changed = false;
        facts.exec_time = 0;
        let mut outcome = Outcome { thread: None, fd: None, hidden: row.hidden, uncounted: false };
        if !self.started {
            // The machine's own account of containers, users and groups comes before the first event.
            self.started = !row.initial;
            outcome.hidden |= row.initial;
            outcome.uncounted = row.initial && self.again;
        }
        if event.flags() & scap::Event::STATE_ONLY != 0 {
            outcome.hidden = true;
        }
        match row.kind {
            Kind::Machine => meta::apply(state, event),
            Kind::Thread => self.apply_to_thread(state, event, facts, row, &mut outcome),
            Kind::Known => {
                outcome.thread = find(state, event).then_some(event.tid());
                resources::processor(state, event, facts);
            }
            // A thread that happens to be named can be asked about, but is not concerned.
            Kind::Other => outcome.thread = state.thread(event.tid()).map(|thread| thread.tid),
        }
        outcome
    }

    #[inline]
    fn apply_to_thread(
        &mut self,
        state: &mut State,
        event: &scap::Event<'_>,
        facts: &mut Facts,
        row: &Row,
        outcome: &mut Outcome,
    ) {
        let tid = event.tid();
        if !find(state, event) && row.placeholder {
            self.discover(state, tid);
            find(state, event);
        }
        let code = event.code();
        let Some(thread) = state.threads.get_mut(tid) else {
            if let Some(parse) = row.orphan {
                self.run(parse, state, event, facts, outcome, false);
                self.finish(state, event, facts, outcome);
            }
            return;
        };
        let mut entered = false;
        if row.parse.is_none() && row.fd_param == table::NONE && thread.enter.is_empty() && code.is_exit() {
            // Most calls tell nothing but that the thread made one.
            let enters = code.0 == thread.last_enter.wrapping_add(1);
            if !enters {
                thread.last_fd = -1;
            }
            thread.last_event_ts = event.ts();
            facts.fd_num = thread.last_fd;
            outcome.thread = Some(tid);
            return;
        }
        if row.switch {
            // A scheduler event says nothing of calls.
        } else if code.is_enter() {
            thread.last_enter = code.0;
            thread.last_fd = -1;
        } else {
            entered = code.0 == thread.last_enter.wrapping_add(1)
                || code == EventCode::EXECVE_19_X && thread.last_enter == EventCode::EXECVEAT_E.0;
            if !entered {
                thread.last_fd = -1;
            }
        }
        if row.fd_param != table::NONE {
            if thread.last_fd == -1
                && let Some(num) = event.raw(usize::from(row.fd_param)).and_then(|raw| raw.first_chunk())
            {
                thread.last_fd = i64::from_le_bytes(*num);
            }
            let num = thread.last_fd;
            let known = if num < 0 {
                false
            } else if thread.flags & thread_flags::CLONE_FILES == 0 {
                thread.fds.get(num).is_some()
            } else {
                state.threads.get(tid).is_some_and(|thread| state.fd(thread, num).is_some())
            };
            if known {
                outcome.fd = Some(num);
                if std::mem::replace(&mut self.last_fd, (tid, num)) == (tid, num) {
                    state.metrics.cached_fd_lookups += 1;
                } else {
                    state.metrics.noncached_fd_lookups += 1;
                }
            } else if num >= 0 {
                state.metrics.failed_fd_lookups += 1;
            }
        }
        outcome.thread = Some(tid);
        if let Some(parse) = row.parse {
            self.run(parse, state, event, facts, outcome, entered);
        }
        self.finish(state, event, facts, outcome);
    }

    #[inline]
    fn run(
        &mut self,
        parse: table::Parse,
        state: &mut State,
        event: &scap::Event<'_>,
        facts: &mut Facts,
        outcome: &mut Outcome,
        entered: bool,
    ) {
        let mut ctx = Ctx {
            state,
            event,
            facts,
            later: &mut self.later,
            recent: &mut self.recent,
            proc: &mut self.proc,
            scratch: &mut self.scratch,
            tid: event.tid(),
            fd: outcome.fd,
            entered,
            lost: false,
            track_status: self.track_status,
        };
        parse(&mut ctx);
        outcome.fd = ctx.fd;
        outcome.thread = (!ctx.lost).then_some(event.tid());
    }

    /// What every event of a thread leaves behind.
    #[inline]
    fn finish(&mut self, state: &mut State, event: &scap::Event<'_>, facts: &mut Facts, outcome: &mut Outcome) {
        let Some(thread) = outcome.thread.and_then(|tid| state.threads.get_mut(tid)) else {
            outcome.thread = None;
            return;
        };
        if event.code().is_exit() && !thread.enter.is_empty() {
            enter::release(thread);
            state.metrics.held_events = state.metrics.held_events.saturating_sub(1);
        }
        facts.fd_num = thread.last_fd;
        if event.code() != EventCode::SCHEDSWITCH_6_E {
            thread.last_event_ts = event.ts();
        }
    }

    /// Does what the event before left to be done.
    #[inline]
    pub(crate) fn finish_last(&mut self, state: &mut State, ts: u64) {
        if let Some(tid) = self.later.thread.take() {
            let parent = state.thread(tid).map_or(-1, |thread| thread.ptid);
            self.recent.record(tid, parent, ts);
            let orphans = state.thread(tid).filter(|thread| !thread.children.is_empty());
            if let Some(reaper) = orphans.map(|thread| thread.reaper_tid).filter(|reaper| *reaper > 0)
                && state.thread(reaper).is_none()
            {
                self.discover(state, reaper);
            }
            state.remove_thread(tid);
        }
        if let Some((tid, num)) = self.later.fd.take() {
            state.remove_fd(tid, num);
        }
    }
}

/// Looks for the thread of an event; says whether it is in the table.
#[inline]
fn find(state: &mut State, event: &scap::Event<'_>) -> bool {
    let (thread, cached) = state.threads.visit(event.tid());
    let counter = match (&thread, cached) {
        (None, _) => &mut state.metrics.failed_thread_lookups,
        (_, true) => &mut state.metrics.cached_thread_lookups,
        (_, false) => &mut state.metrics.noncached_thread_lookups,
    };
    *counter += 1;
    match thread {
        Some(thread) => {
            thread.last_access_ts = event.ts();
            true
        }
        None => false,
    }
}
