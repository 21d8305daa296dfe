//! Only the events of one process and those that it made.

use std::collections::HashSet;

use bpf::BpfSource;
use scap::schema::param::{clone_20_x, execve_19_x};
use scap::{Event, EventCode, HostState, Next, Result, Source, SourceStats};

/// The probe, or the part of its events that one family of processes made.
pub(crate) struct Family {
    source: BpfSource,
    members: Option<Members>,
    /// The time of the last event, whoever made it.
    time: u64,
    idle: bool,
}

impl Family {
    /// All events; or, if `only`, none until a family [begins](Self::begin).
    pub(crate) fn new(source: BpfSource, only: bool) -> Self {
        Self { source, members: only.then(Members::default), time: 0, idle: false }
    }

    /// Whose family it is. What the process has done before is in it as well, as long as it has not been read.
    pub(crate) fn begin(&mut self, pid: u32) {
        if let Some(members) = &mut self.members {
            members.0.insert(pid.into());
        }
    }

    /// The probe.
    pub(crate) fn probe(&self) -> &BpfSource {
        &self.source
    }

    /// How far the events have come, in nanoseconds since 1970.
    pub(crate) fn time(&self) -> u64 {
        self.time
    }

    /// Whether the probe had nothing the last time, not even of others.
    pub(crate) fn is_idle(&self) -> bool {
        self.idle
    }
}

impl Source for Family {
    /// An event of somebody else looks like [`Next::Idle`].
    fn next(&mut self) -> Result<Next<'_>> {
        let next = self.source.next()?;
        self.idle = !matches!(next, Next::Event(_));
        if let Next::Event(event) = &next {
            self.time = event.ts();
            if self.members.as_mut().is_some_and(|members| !members.takes(event)) {
                return Ok(Next::Idle);
            }
        }
        Ok(next)
    }

    fn host(&self) -> &HostState {
        self.source.host()
    }

    fn stats(&self) -> SourceStats {
        self.source.stats()
    }

    fn is_live(&self) -> bool {
        true
    }
}

/// The threads of a family.
#[derive(Debug, Default)]
struct Members(HashSet<i64>);

impl Members {
    /// Whether the event is one of the family's. Learns of children by what they do first, so that an event that was
    /// lost costs the family nobody who is heard of later.
    fn takes(&mut self, event: &Event<'_>) -> bool {
        let tid = event.tid();
        match event.code() {
            EventCode::PROCEXIT_1_E => return self.0.remove(&tid),
            EventCode::CLONE_20_X | EventCode::FORK_20_X | EventCode::VFORK_20_X | EventCode::CLONE3_X
                if self.has(event, clone_20_x::pid) || self.has(event, clone_20_x::ptid) =>
            {
                self.0.insert(tid);
            }
            EventCode::EXECVE_19_X | EventCode::EXECVEAT_X
                if self.has(event, execve_19_x::pid) || self.has(event, execve_19_x::ptid) =>
            {
                self.0.insert(tid);
            }
            _ => {}
        }
        self.0.contains(&tid)
    }

    fn has(&self, event: &Event<'_>, param: usize) -> bool {
        let tid = event.param(param).and_then(|param| param.i64());
        tid.is_some_and(|tid| self.0.contains(&tid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scap::EventBuilder;

    fn clone(tid: i64, pid: i64, ptid: i64) -> EventBuilder {
        let mut event = EventBuilder::new();
        event.start(EventCode::CLONE_20_X).tid(tid);
        event.i64(0).text("x").empty().i64(tid).i64(pid).i64(ptid);
        event
    }

    fn plain(code: EventCode, tid: i64) -> EventBuilder {
        let mut event = EventBuilder::new();
        event.start(code).tid(tid);
        event
    }

    #[test]
    fn children_belong_to_it_and_others_do_not() {
        let mut members = Members::default();
        members.0.insert(7);
        let mut takes = |mut event: EventBuilder| members.takes(&event.finish().expect("an event"));
        assert!(takes(plain(EventCode::CLOSE_X, 7)));
        assert!(!takes(plain(EventCode::CLOSE_X, 8)));
        assert!(takes(clone(8, 8, 7)), "a child");
        assert!(takes(clone(9, 8, 1)), "a thread of the child");
        assert!(takes(clone(10, 10, 9)), "a child of that thread");
        assert!(!takes(clone(11, 11, 1)));
        assert!(takes(plain(EventCode::PROCEXIT_1_E, 8)));
        assert!(!takes(plain(EventCode::CLOSE_X, 8)), "the number may be another's by now");
        assert!(takes(plain(EventCode::CLOSE_X, 10)));
    }
}
