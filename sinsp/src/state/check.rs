//! The invariants of the state between events.

use hashbrown::HashSet;

use super::State;

impl State {
    /// Checks that the tables are consistent. For tests only: it reads everything.
    ///
    /// # Errors
    /// The first inconsistency, as text.
    pub fn check(&self) -> Result<(), String> {
        let mut stamps = HashSet::new();
        let mut unique = |stamp: u64, what: &str| {
            if stamp == 0 || stamp > self.stamps || !stamps.insert(stamp) {
                return Err(format!("{what} has the stamp of another: {stamp}"));
            }
            Ok(())
        };
        if self.threads.len() > self.limits.threads + 1 {
            return Err(format!("{} threads are over the limit", self.threads.len()));
        }
        let mut held = 0;
        for thread in self.threads.iter() {
            let tid = thread.tid;
            unique(thread.stamp, "thread")?;
            unique(thread.lineage, "lineage")?;
            held += u64::from(!thread.enter.is_empty());
            if self.threads.get(tid).is_none_or(|found| !std::ptr::eq(found, thread)) {
                return Err(format!("thread {tid} is not found by its tid"));
            }
            let member = self.threads.groups.get(&thread.pid).is_some_and(|group| group.threads.contains(&tid));
            if member != thread.grouped {
                return Err(format!("thread {tid}: grouped {}, in group {member}", thread.grouped));
            }
            for (place, child) in thread.children.iter().enumerate() {
                match self.threads.get(*child) {
                    Some(child) if child.ptid == tid && child.place as usize == place => {}
                    Some(child) => return Err(format!("child {} of {tid} has parent {}", child.tid, child.ptid)),
                    None => return Err(format!("child {child} of {tid} is not in the table")),
                }
            }
            if let Some(parent) = self.threads.get(thread.ptid)
                && thread.grouped
                && thread.ptid > 0
                && thread.pid != 1
                && parent.children.iter().filter(|child| **child == tid).count() != 1
            {
                return Err(format!("thread {tid} is not listed exactly once among the children of {}", thread.ptid));
            }
            let fds = thread.fds.iter().count();
            if fds != thread.fds.len() || fds > self.limits.fds_per_process {
                return Err(format!("thread {tid}: {fds} file descriptors, {} counted", thread.fds.len()));
            }
        }
        if held != self.metrics.held_events {
            return Err(format!("{held} entry events are held, {} counted", self.metrics.held_events));
        }
        for (pid, group) in &self.threads.groups {
            let members: Vec<_> = group.threads.iter().filter_map(|tid| self.threads.get(*tid)).collect();
            if members.len() != group.threads.len() || members.is_empty() {
                return Err(format!("group {pid} has members that are not in the table"));
            }
            let alive = members.iter().filter(|thread| !thread.is_dead()).count() as u64;
            if alive != group.alive {
                return Err(format!("group {pid}: {alive} alive, {} counted", group.alive));
            }
            if members.iter().skip(1).any(|thread| thread.is_leader()) && !members[0].is_leader() {
                return Err(format!("group {pid}: the leader is not the first"));
            }
        }
        Ok(())
    }
}
