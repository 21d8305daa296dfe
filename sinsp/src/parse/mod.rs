//! The parsers, which apply events to the state; one file per family of calls.
//!
//! Only this module changes a [`State`]. Parsers never fail: a parameter that is invalid by the schema is treated as
//! absent. One row of a constant table says which parser an event goes to, and what must be prepared for it.

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
mod passed;
mod resources;
mod socket;
mod table;
mod transfer;

use scap::EventCode;

use crate::event::Facts;
use crate::live_proc::{Proc, ProcStats};
use crate::state::{Slot, State, thread_flags};
use ctx::Ctx;
pub(crate) use ctx::result;
use table::{Kind, Row};
pub use table::{changes_only_status, state_changes};

/// Work deferred until the next event, so that fields of the current one can still use the state.
#[derive(Debug, Default)]
struct Later {
    /// A thread that exited.
    thread: Option<i64>,
    /// A file descriptor that was closed: thread and number.
    fd: Option<(i64, i64)>,
}

impl Later {
    #[inline]
    fn is_due(&self) -> bool {
        self.thread.is_some() | self.fd.is_some()
    }
}

/// The data kept between events.
#[derive(Default)]
pub(crate) struct Parser {
    later: Later,
    recent: exit::Recent,
    /// Thread and number of the file descriptor that was looked up last.
    last_fd: (i64, i64),
    proc: Option<Box<dyn Proc>>,
    /// Buffers for joined paths.
    scratch: [Vec<u8>; 2],
    track_status: bool,
    /// Whether the initial events with the host's users and groups, which come before the first event, are over.
    started: bool,
    /// Whether they are over and the clock runs: nothing more is to be determined about the stream.
    steady: bool,
    /// Whether this is not the first host of the capture.
    again: bool,
}

impl std::fmt::Debug for Parser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parser").field("later", &self.later).field("proc", &self.proc.is_some()).finish_non_exhaustive()
    }
}

/// The outcome of an event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    /// The thread of the event.
    pub(crate) thread: Slot,
    /// The number of the file descriptor that it is about; [`NO_FD`] if none.
    pub(crate) fd: i64,
    /// Whether it is hidden.
    pub(crate) hidden: bool,
    /// Whether it is not counted.
    pub(crate) uncounted: bool,
}

/// The number for no file descriptor.
const NO_FD: i64 = -1;

impl Parser {
    pub(crate) fn new(track_status: bool, proc: Option<Box<dyn Proc>>) -> Self {
        Self { track_status, proc, ..Self::default() }
    }

    /// Forgets everything about the previous host.
    pub(crate) fn restart(&mut self) {
        *self = Self { proc: self.proc.take(), track_status: self.track_status, again: true, ..Self::default() };
    }

    /// Returns the number and cost of the queries to the host.
    pub(crate) fn proc_stats(&self) -> ProcStats {
        self.proc.as_ref().map(|proc| proc.stats()).unwrap_or_default()
    }

    /// Applies an event to the state.
    // Inlined into the loop around it: arguments and result would go through memory.
    #[inline(always)]
    pub(crate) fn apply(&mut self, state: &mut State, event: &scap::Event<'_>, facts: &mut Facts) -> Outcome {
        let row = table::row(event.code());
        if self.later.is_due() {
            self.finish_last(state, event.ts());
        }
        facts.fd_num = -1;
        facts.fd_name_changed = false;
        facts.exec_time = 0;
        facts.corrected.clear();
        let mut outcome = Outcome { thread: Slot::NONE, fd: NO_FD, hidden: row.hidden, uncounted: false };
        if !self.steady || event.flags() != 0 {
            self.look_at_stream(event, row, facts, &mut outcome);
        }
        match row.kind {
            Kind::Thread => self.apply_to_thread(state, event, facts, row, &mut outcome),
            Kind::Machine => meta::apply(state, event),
            Kind::Known => {
                outcome.thread = find(state, event.tid());
                if let Some(thread) = state.threads.at_mut(outcome.thread) {
                    thread.last_access_ts = event.ts();
                }
                resources::processor(state, event, facts);
            }
            Kind::Described => {
                meta::apply(state, event);
                outcome.thread = state.threads.place(event.tid());
            }
            // The event does not concern the thread that it names, but fields can use it.
            Kind::Other => outcome.thread = state.threads.place(event.tid()),
        }
        outcome
    }

    /// Determines the facts that follow from the event's position in the stream, and from its flags.
    #[cold]
    fn look_at_stream(&mut self, event: &scap::Event<'_>, row: &Row, facts: &mut Facts, outcome: &mut Outcome) {
        if facts.first_ts == 0 && !row.meta {
            facts.first_ts = event.ts();
        }
        if !self.started {
            // The initial containers, users and groups come before the first event.
            self.started = !row.initial;
            outcome.hidden |= row.initial;
            outcome.uncounted = row.initial && self.again;
        }
        outcome.hidden |= event.flags() & scap::Event::STATE_ONLY != 0;
        self.steady = self.started && facts.first_ts != 0;
    }

    #[inline(always)]
    fn apply_to_thread(
        &mut self,
        state: &mut State,
        event: &scap::Event<'_>,
        facts: &mut Facts,
        row: &Row,
        outcome: &mut Outcome,
    ) {
        let mut slot = find(state, event.tid());
        if slot == Slot::NONE {
            slot = self.apply_to_unknown(state, event, facts, row, outcome);
        }
        let Some(thread) = state.threads.at_mut(slot) else { return };
        outcome.thread = slot;
        thread.last_access_ts = event.ts();
        let code = event.code();
        let mut entered = false;
        if code.is_exit() {
            entered = code.0 == thread.last_enter.wrapping_add(1)
                || code == EventCode::EXECVE_19_X && thread.last_enter == EventCode::EXECVEAT_E.0;
            if !entered {
                thread.last_fd = -1;
            }
        } else if !row.switch {
            // A scheduler event has no information about calls.
            thread.last_enter = code.0;
            thread.last_fd = -1;
        }
        if let Some(light) = row.light {
            light(thread, event);
        }
        // Data that passes through a file changes nothing.
        let mut parse = if row.passes { None } else { row.parse };
        if row.fd_param != table::NONE {
            if thread.last_fd == -1
                && let Some(num) = event.raw(usize::from(row.fd_param)).and_then(|raw| raw.first_chunk())
            {
                thread.last_fd = i64::from_le_bytes(*num);
            }
            let num = thread.last_fd;
            if num >= 0 {
                let known = match thread.flags & thread_flags::CLONE_FILES {
                    0 => thread.fds.get(num),
                    _ => state.threads.at(slot).and_then(|thread| state.fd(thread, num)),
                };
                match known {
                    None => state.metrics.failed_fd_lookups += 1,
                    Some(fd) => {
                        outcome.fd = num;
                        if row.passes && fd.is_connection() {
                            parse = row.parse;
                        }
                        if std::mem::replace(&mut self.last_fd, (event.tid(), num)) == (event.tid(), num) {
                            state.metrics.cached_fd_lookups += 1;
                        } else {
                            state.metrics.noncached_fd_lookups += 1;
                        }
                    }
                }
            }
        }
        if let Some(parse) = parse {
            self.run(parse, state, event, facts, outcome, entered);
        }
        finish(state, event, facts, outcome);
    }

    /// Adds an entry for the event's thread if it needs one, else applies what the event does without.
    #[cold]
    #[inline(never)]
    fn apply_to_unknown(
        &mut self,
        state: &mut State,
        event: &scap::Event<'_>,
        facts: &mut Facts,
        row: &Row,
        outcome: &mut Outcome,
    ) -> Slot {
        if row.placeholder {
            self.discover(state, event.tid());
            let slot = find(state, event.tid());
            if slot != Slot::NONE {
                return slot;
            }
        }
        if let Some(parse) = row.orphan {
            self.run(parse, state, event, facts, outcome, false);
            finish(state, event, facts, outcome);
        }
        Slot::NONE
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
            fd: (outcome.fd >= 0).then_some(outcome.fd),
            entered,
            lost: false,
            track_status: self.track_status,
        };
        parse(&mut ctx);
        let lost = ctx.lost;
        outcome.fd = ctx.fd.unwrap_or(NO_FD);
        outcome.thread = if lost { Slot::NONE } else { state.threads.place(event.tid()) };
    }

    /// Does the work that the event before deferred.
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

/// Looks up the thread of an event.
#[inline]
fn find(state: &mut State, tid: i64) -> Slot {
    match state.threads.cached(tid) {
        Some(slot) => {
            state.metrics.cached_thread_lookups += 1;
            slot
        }
        None => match state.threads.remember(tid) {
            Some(slot) => {
                state.metrics.noncached_thread_lookups += 1;
                slot
            }
            None => {
                state.metrics.failed_thread_lookups += 1;
                Slot::NONE
            }
        },
    }
}

/// Applies what every event of a thread changes.
#[inline]
fn finish(state: &mut State, event: &scap::Event<'_>, facts: &mut Facts, outcome: &mut Outcome) {
    let Some(thread) = state.threads.at_mut(outcome.thread) else {
        outcome.thread = Slot::NONE;
        return;
    };
    facts.fd_num = thread.last_fd;
    if event.code() != EventCode::SCHEDSWITCH_6_E {
        thread.last_event_ts = event.ts();
    }
    if !thread.enter.is_empty() && event.code().is_exit() {
        enter::release(thread);
        state.metrics.held_events = state.metrics.held_events.saturating_sub(1);
    }
}
