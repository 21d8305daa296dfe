//! One row for each file that a process used: how often it opened, read and wrote it.

use std::collections::HashMap;

use bumpalo::Bump;
use scap::schema::Role;
use sinsp::Event;
use sinsp::fields::Value;
use sinsp::state::FdKind;

use crate::processes::{succeeded, time};
use crate::rows::Rows;
use crate::table::files as own;
use crate::tracker::{Facts, OfProcess, Reading, Tracker, process};

/// The files of a capture.
#[derive(Debug)]
pub(crate) struct Files {
    tracker: Tracker<Used>,
    name: Reading,
    kind: Reading,
    opens_write: Reading,
    read: Reading,
    written: Reading,
    arena: Bump,
}

#[derive(Debug, Default)]
struct Used(HashMap<Box<[u8]>, File>);

#[derive(Debug, Default)]
struct File {
    kind: Option<Box<[u8]>>,
    first: u64,
    last: u64,
    opens: u64,
    write_opens: u64,
    failed_opens: u64,
    reads: u64,
    writes: u64,
    bytes_read: u64,
    bytes_written: u64,
}

impl Files {
    pub(crate) fn new() -> Self {
        Self {
            tracker: Tracker::default(),
            name: Reading::new("fd.name"),
            kind: Reading::new("fd.type"),
            opens_write: Reading::new("evt.is_open_write"),
            read: Reading::new("evt.buflen.in"),
            written: Reading::new("evt.buflen.out"),
            arena: Bump::new(),
        }
    }

    pub(crate) fn event(&mut self, event: &Event<'_>, matches: bool, rows: &mut Rows) {
        if matches && is_use(event) {
            self.note(event, rows);
        }
        self.tracker.follow(event, rows);
    }

    fn note(&mut self, event: &Event<'_>, rows: &mut Rows) {
        let Some(leader) = process(event) else { return };
        let Self { tracker, name, kind, opens_write, read, written, arena } = self;
        arena.reset();
        let Some(name) = name.text(event, arena).filter(|name| !name.is_empty()) else { return };
        tracker.note(event, leader, rows, |used, _, event, _| {
            if !used.0.contains_key(name) {
                used.0.insert(name.into(), File { first: event.ts(), ..File::default() });
            }
            let Some(file) = used.0.get_mut(name) else { return };
            file.last = event.ts();
            if file.kind.is_none() && event.fd().is_some() {
                file.kind = kind.text(event, arena).map(Into::into);
            }
            match event.code().role() {
                Role::Opens if succeeded(event) => {
                    file.opens += 1;
                    file.write_opens += u64::from(opens_write.text(event, arena) == Some(b"true"));
                }
                Role::Opens => file.failed_opens += 1,
                Role::Writes | Role::Sends => {
                    file.writes += 1;
                    file.bytes_written += written.number(event, arena).unwrap_or(0);
                }
                _ => {
                    file.reads += 1;
                    file.bytes_read += read.number(event, arena).unwrap_or(0);
                }
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

/// Returns whether the event opens, or tries to open, reads or writes a file.
fn is_use(event: &Event<'_>) -> bool {
    match event.code().role() {
        Role::Opens => event.code().is_exit(),
        Role::Reads | Role::Writes | Role::Receives | Role::Sends => {
            let is_file =
                event.fd().is_some_and(|fd| matches!(fd.kind, FdKind::File | FdKind::Directory | FdKind::Memfd));
            is_file && succeeded(event)
        }
        _ => false,
    }
}

impl OfProcess for Used {
    fn entries(&self) -> usize {
        self.0.len()
    }

    fn write(&self, facts: &Facts, rows: &mut Rows) {
        let mut files: Vec<(&Box<[u8]>, &File)> = self.0.iter().collect();
        files.sort_by_key(|(name, file)| (file.first, *name));
        for (name, file) in files {
            rows.own(own::NAME, || Some(Value::Bytes(name)));
            rows.own(own::TYPE, || file.kind.as_deref().map(Value::Bytes));
            rows.own(own::FIRST, || time(file.first));
            rows.own(own::LAST, || time(file.last));
            for (at, count) in [
                (own::OPENS, file.opens),
                (own::WRITE_OPENS, file.write_opens),
                (own::FAILED_OPENS, file.failed_opens),
                (own::READS, file.reads),
                (own::WRITES, file.writes),
                (own::BYTES_READ, file.bytes_read),
                (own::BYTES_WRITTEN, file.bytes_written),
            ] {
                rows.own(at, || Some(Value::U64(count)));
            }
            rows.kept(|at| facts.kept.get(at).and_then(Option::as_ref));
        }
    }
}
