//! Suppression of threads: by name, with all their descendants, or by tid.

use hashbrown::HashSet;
use rustc_hash::FxBuildHasher;
use scap::schema::Role;
use scap::schema::param::clone_20_x as p;
use scap::{Event, HostState};

use crate::state::Text;

/// The suppressed threads.
#[derive(Debug, Default)]
pub(crate) struct Suppress {
    comms: Vec<Text>,
    tids: HashSet<i64, FxBuildHasher>,
    active: bool,
    /// The number of events hidden for this reason.
    pub(crate) events: u64,
}

impl Suppress {
    pub(crate) fn new(comms: Vec<Text>) -> Self {
        Self { active: !comms.is_empty(), comms, tids: HashSet::default(), events: 0 }
    }

    /// Suppresses a thread.
    pub(crate) fn tid(&mut self, tid: i64) {
        self.tids.insert(tid);
        self.active = true;
    }

    /// Returns whether a thread is suppressed.
    pub(crate) fn contains(&self, tid: i64) -> bool {
        self.tids.contains(&tid)
    }

    /// Finds those that already run, including children of suppressed parents.
    pub(crate) fn scan(&mut self, host: &HostState) {
        if !self.active {
            return;
        }
        for thread in &host.threads {
            if self.comms.iter().any(|comm| *comm == thread.comm[..]) {
                self.tids.insert(thread.tid);
            }
        }
        loop {
            let before = self.tids.len();
            for thread in &host.threads {
                if thread.tid != 0 && self.tids.contains(&thread.ptid) {
                    self.tids.insert(thread.tid);
                }
            }
            if self.tids.len() == before {
                return;
            }
        }
    }

    /// Returns whether an event is to be skipped completely. The exit of a thread never is, so that its entry is
    /// removed.
    #[inline]
    pub(crate) fn hides(&mut self, event: &Event<'_>) -> bool {
        self.active && self.decide(event)
    }

    fn decide(&mut self, event: &Event<'_>) -> bool {
        let tid = event.tid();
        let hidden = match event.code().role() {
            Role::Clones | Role::Executes => {
                let parent = event.raw(p::ptid).and_then(|raw| raw.first_chunk()).map(|tid| i64::from_le_bytes(*tid));
                let comm = event.raw(p::comm).unwrap_or_default();
                let comm = comm.strip_suffix(b"\0").unwrap_or(comm);
                let found = parent.is_some_and(|parent| parent != 0 && self.tids.contains(&parent))
                    || self.comms.iter().any(|suppressed| *suppressed == *comm);
                if found {
                    self.tids.insert(tid);
                }
                found
            }
            Role::Exits => {
                self.tids.remove(&tid);
                false
            }
            _ => tid != 0 && self.tids.contains(&tid),
        };
        self.events += u64::from(hidden);
        hidden
    }
}
