//! One row for each connection of a process: its ends, when it was used, and how many bytes went each way.
//!
//! A connection is a pair of internet addresses. It is one row however many file descriptors of the process it has; a
//! datagram socket has a row for each peer.

use std::collections::HashMap;
use std::net::IpAddr;

use bumpalo::Bump;
use scap::schema::Role;
use sinsp::Event;
use sinsp::fields::{Lifetime, Value};
use sinsp::state::{Fd, Thread};

use crate::kept::Kept;
use crate::processes::{succeeded, time};
use crate::rows::Rows;
use crate::table::connections as own;
use crate::tracker::{Facts, OfProcess, Reading, Tracker, process};

/// The file descriptors that are searched, when one is closed, for another of the same connection.
const SEARCHED: usize = 256;

/// The connections of a process with an unknown end that are remembered.
const PARTIAL: usize = 64;

type End = (IpAddr, u16);
type Ends = (End, End);

/// The connections of a capture.
#[derive(Debug)]
pub(crate) struct Connections {
    tracker: Tracker<Held>,
    name: Reading,
    result: Reading,
    received: Reading,
    sent: Reading,
    arena: Bump,
}

#[derive(Debug, Default)]
struct Held {
    all: HashMap<Ends, Connection>,
    /// Connections of which an end was not known: it may become known, the last first.
    partial: Vec<Ends>,
}

#[derive(Debug, Default)]
struct Connection {
    first: u64,
    last: u64,
    closed: u64,
    opened_by: Option<Box<[u8]>>,
    result: Option<Box<[u8]>>,
    reads: u64,
    writes: u64,
    bytes_in: u64,
    bytes_out: u64,
    stamp: Option<u64>,
    kept: Box<[Option<Kept>]>,
}

impl Connections {
    pub(crate) fn new() -> Self {
        Self {
            tracker: Tracker::default(),
            name: Reading::new("evt.type"),
            result: Reading::new("evt.res"),
            received: Reading::new("evt.buflen.in"),
            sent: Reading::new("evt.buflen.out"),
            arena: Bump::new(),
        }
    }

    pub(crate) fn event(&mut self, event: &Event<'_>, matches: bool, rows: &mut Rows) {
        if matches
            && event.code().is_exit()
            && let (Some(leader), Some(ends)) = (process(event), event.fd().and_then(ends))
        {
            self.note(event, leader, ends, rows);
        }
        self.tracker.follow(event, rows);
    }

    fn note(&mut self, event: &Event<'_>, leader: &Thread, ends: Ends, rows: &mut Rows) {
        let Self { tracker, name, result, received, sent, arena } = self;
        tracker.note(event, leader, rows, |held, facts, event, rows| {
            let connection = held.connection(ends, event.ts());
            connection.last = event.ts();
            if connection.stamp.is_none() || connection.stamp != event.fd_stamp() {
                connection.read(event, rows, arena);
            }
            arena.reset();
            match event.code().role() {
                Role::Connects | Role::Accepts => {
                    connection.opened_by = name.text(event, arena).map(Into::into);
                    connection.result = result.text(event, arena).map(Into::into);
                }
                Role::Reads | Role::Receives if succeeded(event) => {
                    connection.reads += 1;
                    connection.bytes_in += received.number(event, arena).unwrap_or(0);
                }
                Role::Writes | Role::Sends if succeeded(event) => {
                    connection.writes += 1;
                    connection.bytes_out += sent.number(event, arena).unwrap_or(0);
                }
                Role::Closes if succeeded(event) && !is_open_elsewhere(event, leader, ends) => {
                    connection.closed = event.ts();
                    if let Some(closed) = held.all.remove(&ends) {
                        closed.write(facts, rows);
                    }
                }
                _ => {}
            }
        });
    }

    pub(crate) fn finish(&mut self, rows: &mut Rows) {
        self.tracker.finish(rows);
    }

    pub(crate) fn split(&self) -> u64 {
        self.tracker.split
    }
}

/// Returns both ends of a connection, if anything is known of one.
fn ends(fd: &Fd) -> Option<Ends> {
    let is_known = |(ip, port): End| !ip.is_unspecified() || port != 0;
    fd.source().zip(fd.destination()).filter(|(from, to)| is_known(*from) || is_known(*to))
}

/// Returns whether the process has another file descriptor of the connection than the one that the event closes.
fn is_open_elsewhere(event: &Event<'_>, leader: &Thread, wanted: Ends) -> bool {
    let all = event.state().fds(leader).into_iter().flat_map(|fds| fds.iter());
    all.take(SEARCHED).any(|(num, fd)| num != event.fd_num() && ends(fd) == Some(wanted))
}

/// Returns whether an end became known, or stayed the same.
fn continues(before: End, now: End) -> bool {
    before == now || before.0.is_unspecified() || (before.0 == now.0 && before.1 == 0)
}

impl Held {
    /// Returns the connection with these ends; one whose own end was not known yet goes on under its new name.
    fn connection(&mut self, ends: Ends, now: u64) -> &mut Connection {
        if !self.all.contains_key(&ends) {
            let (from, to) = ends;
            let before = self.partial.iter().rposition(|(a, b)| continues(*a, from) && continues(*b, to));
            let before = before.map(|at| self.partial.remove(at));
            let connection = before.and_then(|before| self.all.remove(&before));
            let connection = connection.unwrap_or_else(|| Connection { first: now, ..Connection::default() });
            self.all.insert(ends, connection);
            if [from, to].iter().any(|(ip, port)| ip.is_unspecified() || *port == 0) {
                if self.partial.len() >= PARTIAL {
                    self.partial.remove(0);
                }
                self.partial.push(ends);
            }
        }
        self.all.entry(ends).or_default()
    }
}

impl Connection {
    /// Reads the fields of the file descriptor.
    fn read(&mut self, event: &Event<'_>, rows: &Rows, arena: &mut Bump) {
        self.stamp = event.fd_stamp();
        let values = rows.columns().fields().map(|field| {
            arena.reset();
            let is_fd = field.lifetime() == Lifetime::Fd;
            if is_fd { field.typed(event, arena).map(Kept::new) } else { None }
        });
        self.kept = values.collect();
    }

    fn write(&self, facts: &Facts, rows: &mut Rows) {
        rows.own(own::FIRST, || time(self.first));
        rows.own(own::LAST, || time(self.last));
        rows.own(own::CLOSED, || time(self.closed));
        rows.own(own::OPENED_BY, || self.opened_by.as_deref().map(Value::Bytes));
        rows.own(own::RESULT, || self.result.as_deref().map(Value::Bytes));
        rows.own(own::READS, || Some(Value::U64(self.reads)));
        rows.own(own::WRITES, || Some(Value::U64(self.writes)));
        rows.own(own::BYTES_IN, || Some(Value::U64(self.bytes_in)));
        rows.own(own::BYTES_OUT, || Some(Value::U64(self.bytes_out)));
        let of = |kept: &'_ [Option<Kept>], at: usize| kept.get(at).is_some_and(Option::is_some);
        rows.kept(|at| {
            let kept = if of(&self.kept, at) { &self.kept } else { &facts.kept };
            kept.get(at).and_then(Option::as_ref)
        });
    }
}

impl OfProcess for Held {
    fn entries(&self) -> usize {
        self.all.len()
    }

    fn write(&self, facts: &Facts, rows: &mut Rows) {
        let mut all: Vec<(&Ends, &Connection)> = self.all.iter().collect();
        all.sort_by_key(|(ends, connection)| (connection.first, **ends));
        all.into_iter().for_each(|(_, connection)| connection.write(facts, rows));
    }
}
