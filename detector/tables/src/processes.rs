//! One row for each process: its life, what it executed, and as whom.

use bumpalo::Bump;
use scap::schema::Role;
use sinsp::Event;
use sinsp::fields::Value;

use crate::rows::Rows;
use crate::table::processes as own;
use crate::tracker::{Facts, OfProcess, Reading, Tracker, process};

/// The entries of a list: a process that executes for ever does not fill the memory.
const LISTED: usize = 1_024;

/// The processes of a capture.
#[derive(Debug)]
pub(crate) struct Processes {
    tracker: Tracker<Life>,
    exepath: Reading,
    cmdline: Reading,
    user: Reading,
    arena: Bump,
}

#[derive(Debug, Default)]
struct Life {
    first: u64,
    last: u64,
    ended: u64,
    status: Option<i64>,
    events: u64,
    execs: u64,
    stamp: u128,
    exepaths: Vec<Box<[u8]>>,
    cmdlines: Vec<Box<[u8]>>,
    users: Vec<Box<[u8]>>,
}

impl Processes {
    pub(crate) fn new() -> Self {
        Self {
            tracker: Tracker::default(),
            exepath: Reading::new("proc.exepath"),
            cmdline: Reading::new("proc.cmdline"),
            user: Reading::new("user.name"),
            arena: Bump::new(),
        }
    }

    pub(crate) fn event(&mut self, event: &Event<'_>, matches: bool, rows: &mut Rows) {
        let Some(leader) = process(event).filter(|_| matches) else { return self.tracker.follow(event, rows) };
        let Self { tracker, exepath, cmdline, user, arena } = self;
        tracker.note(event, leader, rows, |life, _, event, _| {
            life.note(event);
            let (Some(thread), Some(stamp)) = (event.thread(), event.thread().map(|it| event.state().stamp(it))) else {
                return;
            };
            if life.stamp != stamp && (thread.is_leader() || life.stamp == 0) {
                life.stamp = stamp;
                for (field, list) in
                    [(exepath, &mut life.exepaths), (cmdline, &mut life.cmdlines), (user, &mut life.users)]
                {
                    arena.reset();
                    add(list, field.text(event, arena).unwrap_or_default());
                }
            }
        });
        self.tracker.follow(event, rows);
    }

    pub(crate) fn finish(&mut self, rows: &mut Rows) {
        self.tracker.finish(rows);
    }

    pub(crate) fn split(&self) -> u64 {
        self.tracker.split
    }
}

/// Adds a text unless it is the last one.
fn add(list: &mut Vec<Box<[u8]>>, text: &[u8]) {
    if !text.is_empty() && list.len() < LISTED && list.last().is_none_or(|last| **last != *text) {
        list.push(text.into());
    }
}

impl Life {
    fn note(&mut self, event: &Event<'_>) {
        if self.events == 0 {
            self.first = event.ts();
        }
        self.events += 1;
        self.last = event.ts();
        match event.code().role() {
            Role::Executes if succeeded(event) => self.execs += 1,
            Role::Exits if event.thread().is_some_and(|thread| thread.is_leader()) => {
                self.ended = event.ts();
                self.status = event.raw().raw(0).and_then(number);
            }
            _ => {}
        }
    }
}

/// Returns whether the call of the event had no error.
pub(crate) fn succeeded(event: &Event<'_>) -> bool {
    result(event).is_some_and(|result| result >= 0)
}

/// Returns the result of the call: the first parameter of its exit.
pub(crate) fn result(event: &Event<'_>) -> Option<i64> {
    if !event.code().is_exit() {
        return None;
    }
    number(event.raw().raw(0)?)
}

fn number(raw: &[u8]) -> Option<i64> {
    match *raw {
        [a, b, c, d] => Some(i32::from_le_bytes([a, b, c, d]).into()),
        [a, b, c, d, e, f, g, h] => Some(i64::from_le_bytes([a, b, c, d, e, f, g, h])),
        _ => None,
    }
}

/// Returns a time as a value; `None` for 0.
pub(crate) fn time(time: u64) -> Option<Value<'static>> {
    (time != 0).then_some(Value::U64(time))
}

impl OfProcess for Life {
    fn entries(&self) -> usize {
        1 + (self.exepaths.len() + self.cmdlines.len() + self.users.len()) / 8
    }

    fn write(&self, facts: &Facts, rows: &mut Rows) {
        let list = |rows: &mut Rows, at, texts: &[Box<[u8]>]| {
            let texts: Vec<Value<'_>> = texts.iter().map(|text| Value::Bytes(text)).collect();
            rows.own(at, || Some(Value::List(&texts)));
        };
        rows.own(own::STARTED, || time(facts.clone_ts));
        rows.own(own::FIRST, || time(self.first));
        rows.own(own::LAST, || time(self.last));
        rows.own(own::ENDED, || time(self.ended));
        // The status is that of wait(2): a code, or the signal that ended the process.
        let signal = self.status.map(|status| status & 0x7f);
        rows.own(own::EXIT_CODE, || Some(Value::I64((self.status.filter(|_| signal == Some(0))? >> 8) & 0xff)));
        rows.own(own::EXIT_SIGNAL, || signal.filter(|signal| *signal != 0).map(Value::I64));
        rows.own(own::EVENTS, || Some(Value::U64(self.events)));
        rows.own(own::EXECS, || Some(Value::U64(self.execs)));
        list(rows, own::EXEPATHS, &self.exepaths);
        list(rows, own::CMDLINES, &self.cmdlines);
        list(rows, own::USERS, &self.users);
        rows.kept(|at| facts.kept.get(at).and_then(Option::as_ref));
    }
}
