//! Processes over time: what a table knows of each until it ends, and the values of its fields.
//!
//! The fields of a process are read again when their stamp has changed, and kept, so that the row of a process that ended
//! unseen has them too. Rows are written when a process ends, so that the memory is that of the living processes.

use std::collections::HashMap;

use bumpalo::Bump;
use scap::schema::Role;
use sinsp::Event;
use sinsp::fields::{FieldRef, Lifetime};
use sinsp::state::Thread;

use crate::kept::Kept;
use crate::rows::Rows;

/// The entries of all processes after which their rows are written early, so that the memory is bounded.
const ENTRIES: usize = 1 << 17;

/// The knowledge of a table about a process.
pub(crate) trait OfProcess: Default {
    /// Returns how many rows it will be, to bound the memory.
    fn entries(&self) -> usize;
    /// Writes its rows.
    fn write(&self, process: &Facts, rows: &mut Rows);
}

/// The facts of a process that all tables share.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// The time of its clone; 0 if unknown.
    pub(crate) clone_ts: u64,
    /// The values of the fields of processes, by index.
    pub(crate) kept: Box<[Option<Kept>]>,
    stamps: [u128; 3],
}

/// All living processes.
#[derive(Debug)]
pub(crate) struct Tracker<T> {
    processes: HashMap<i64, (Facts, T)>,
    entries: usize,
    arena: Bump,
    /// Rows that were written early, to bound the memory: what follows is in another row.
    pub(crate) split: u64,
}

impl<T> Default for Tracker<T> {
    fn default() -> Self {
        Self { processes: HashMap::new(), entries: 0, arena: Bump::new(), split: 0 }
    }
}

/// Returns the event's process: its leader, or the thread if that is not known. Events of no thread have none.
pub(crate) fn process<'e>(event: &Event<'e>) -> Option<&'e Thread> {
    let thread = event.thread().filter(|thread| thread.tid >= 0)?;
    Some(event.state().leader(thread).unwrap_or(thread))
}

impl<T: OfProcess> Tracker<T> {
    /// Notes an event of a process with `note`.
    pub(crate) fn note(
        &mut self,
        event: &Event<'_>,
        leader: &Thread,
        rows: &mut Rows,
        note: impl FnOnce(&mut T, &Facts, &Event<'_>, &mut Rows),
    ) {
        let id = if leader.pid >= 0 { leader.pid } else { leader.tid };
        let known = self.processes.get(&id).map_or(0, |(facts, _)| facts.clone_ts);
        // The number was reused, and the end of the process before was not seen.
        if known != 0 && leader.clone_ts != 0 && known != leader.clone_ts {
            self.end(id, rows);
        }
        let (facts, of) = self.processes.entry(id).or_default();
        facts.clone_ts = leader.clone_ts;
        facts.read(event, rows, &mut self.arena);
        let before = of.entries();
        note(of, facts, event, rows);
        self.entries = (self.entries + of.entries()).saturating_sub(before);
        if self.entries >= ENTRIES {
            self.split += self.entries as u64;
            self.finish(rows);
        }
    }

    /// Writes the rows of a process that ended.
    pub(crate) fn end(&mut self, id: i64, rows: &mut Rows) {
        if let Some((facts, of)) = self.processes.remove(&id) {
            self.entries = self.entries.saturating_sub(of.entries());
            of.write(&facts, rows);
        }
    }

    /// Writes the rows of a process if the event is its end.
    pub(crate) fn follow(&mut self, event: &Event<'_>, rows: &mut Rows) {
        if event.code().role() == Role::Exits
            && let Some(thread) = event.thread()
            && thread.is_leader()
        {
            self.end(thread.pid, rows);
        }
    }

    /// Writes the rows of all processes, in the order of their numbers.
    pub(crate) fn finish(&mut self, rows: &mut Rows) {
        let mut all: Vec<(i64, (Facts, T))> = self.processes.drain().collect();
        all.sort_by_key(|(id, _)| *id);
        self.entries = 0;
        for (_, (facts, of)) in all {
            of.write(&facts, rows);
        }
    }
}

impl Facts {
    /// Reads the fields whose stamp has changed.
    fn read(&mut self, event: &Event<'_>, rows: &Rows, arena: &mut Bump) {
        let Some(thread) = event.thread() else { return };
        let fresh = self.kept.is_empty();
        // The fields of other threads are theirs.
        if !fresh && !thread.is_leader() {
            return;
        }
        let state = event.state();
        let stamps = [state.stamp(thread), state.lineage_stamp(thread), state.leaders_stamp(thread)];
        if fresh {
            self.kept = rows.columns().fields().map(|_| None).collect();
        } else if stamps == self.stamps {
            return;
        }
        for (field, kept) in rows.columns().fields().zip(&mut self.kept) {
            let at = match field.lifetime() {
                Lifetime::Thread => 0,
                Lifetime::Lineage => 1,
                Lifetime::Leaders => 2,
                Lifetime::Event | Lifetime::Fd => continue,
            };
            if fresh || stamps[at] != self.stamps[at] {
                arena.reset();
                *kept = field.typed(event, arena).map(Kept::new);
            }
        }
        self.stamps = stamps;
    }
}

/// A field that the tables themselves read.
#[derive(Debug)]
pub(crate) struct Reading(Option<FieldRef>);

impl Reading {
    pub(crate) fn new(name: &str) -> Self {
        Self(FieldRef::parse(name).ok())
    }

    /// Returns the text of the field.
    pub(crate) fn text<'e>(&'e self, event: &'e Event<'e>, arena: &'e Bump) -> Option<&'e [u8]> {
        self.0.as_ref()?.text(event, arena)
    }

    /// Returns the number of the field.
    pub(crate) fn number(&self, event: &Event<'_>, arena: &Bump) -> Option<u64> {
        match self.0.as_ref()?.typed(event, arena)? {
            sinsp::fields::Value::U64(number) => Some(number),
            _ => None,
        }
    }
}
