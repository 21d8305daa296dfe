//! Queries to the running host: unknown threads, the fate of idle ones, users of containers.

use scap::host;

use super::Parser;
use crate::live_proc::Proc;
use crate::state::{ContainerKey, Fate, State, Text, Thread, User, UserGroup};

/// The age difference from which a thread is a different one than its entry: the start in `/proc` counts from boot, of
/// which two readings differ a little.
const YOUNGER: u64 = 5_000_000_000;

/// The maximum number of ancestors of an unknown thread that are read with it.
const MAX_ANCESTORS: usize = 32;

/// The maximum number of other processes of a container that are queried for its users if one has ended.
const OTHERS: usize = 4;

impl Parser {
    /// Adds an entry for a thread that is not known: with the facts from the host, or empty.
    #[cold]
    pub(super) fn discover(&mut self, state: &mut State, tid: i64) {
        if !self.read(state, tid) {
            state.add_placeholder(tid);
        }
    }

    /// Reads a thread from the host, and those of its ancestors that are not known either: rules use them.
    fn read(&mut self, state: &mut State, tid: i64) -> bool {
        let Some(proc) = self.proc.as_mut() else { return false };
        let mut found: Vec<host::Thread> = Vec::new();
        let mut next = tid;
        while found.len() < MAX_ANCESTORS && found.iter().all(|thread| thread.tid != next) {
            let Some(thread) = proc.thread(next).filter(|thread| thread.tid == next) else { break };
            next = thread.ptid;
            found.push(thread);
            if next <= 0 || state.thread(next).is_some() {
                break;
            }
        }
        // Parents first: a thread becomes a child of one that is already there.
        for thread in found.iter().rev() {
            state.add_scanned(thread);
            settle(state, &mut self.proc, thread.tid);
            self.learn_users(state, thread.tid, 0);
        }
        !found.is_empty()
    }

    /// Queries the network interfaces: addresses come and go.
    pub(crate) fn refresh_interfaces(&mut self, state: &mut State) {
        let interfaces = self.proc.as_mut().and_then(|proc| proc.interfaces()).filter(|list| !list.is_empty());
        if let Some(interfaces) = interfaces {
            state.set_interfaces(&interfaces);
        }
    }

    /// Checks a thread without recent events: removes it if it is gone, and reads it again if another one has its
    /// number.
    pub(crate) fn look_after(&mut self, state: &mut State, tid: i64, now: u64, idle_ns: u64) {
        let Some(thread) = state.thread(tid) else { return };
        if thread.is_placeholder() {
            state.remove_purged(tid);
            return;
        }
        if !thread.is_idle(now, idle_ns) {
            return;
        }
        match self.fate(tid, thread.clone_ts) {
            Fate::Alive => {}
            Fate::Gone => state.remove_purged(tid),
            Fate::Another => {
                state.remove_purged(tid);
                state.metrics.healed_threads += u64::from(self.read(state, tid));
            }
        }
    }

    /// Returns the fate of a thread that began at `clone_ts`, as far as it can be queried.
    fn fate(&mut self, tid: i64, clone_ts: u64) -> Fate {
        let Some(proc) = self.proc.as_mut() else { return Fate::Alive };
        if !proc.is_alive(tid) {
            return Fate::Gone;
        }
        let younger = clone_ts != 0 && proc.start_ts(tid).is_some_and(|start| start > clone_ts.saturating_add(YOUNGER));
        if younger { Fate::Another } else { Fate::Alive }
    }

    /// Determines which of the cgroups of all threads are containers, and queries the users of these.
    pub(crate) fn learn_all_containers(&mut self, state: &mut State) {
        let claims = state.threads().filter(|thread| !thread.container_claim.is_empty());
        for tid in claims.map(|thread| thread.tid).collect::<Vec<_>>() {
            settle(state, &mut self.proc, tid);
        }
        if self.proc.is_none() {
            return;
        }
        let in_containers = state.threads().filter(|thread| !thread.container_id.is_empty());
        for tid in in_containers.map(|thread| thread.tid).collect::<Vec<_>>() {
            self.learn_users(state, tid, 0);
        }
    }

    /// Queries the users of the thread's container, if its user or group is not known.
    pub(crate) fn learn_users(&mut self, state: &mut State, tid: i64, ts: u64) {
        learn_users(state, &mut self.proc, tid, ts, false);
    }
}

/// Puts a thread of the table into the container that its cgroup claims to be, if its namespaces or others prove it.
pub(super) fn settle(state: &mut State, proc: &mut Option<Box<dyn Proc>>, tid: i64) {
    let Some(thread) = state.thread(tid) else { return };
    if thread.container_claim.is_empty() {
        if !thread.container_id.is_empty() && state.container_of(thread).is_none() {
            state.describe_thread(tid);
        }
        return;
    }
    let key = ContainerKey { id: thread.container_claim.clone(), owner: thread.container_owner };
    let (pid, in_pidns) = (thread.pid, thread.is_in_pidns());
    if state.is_described(&key) {
        return state.settle_thread(tid);
    }
    // The pid namespace is known from events, also of a thread that has ended.
    if in_pidns || proc.as_mut().is_some_and(|proc| proc.is_contained(pid) == Some(true)) {
        state.settle_thread(tid);
        state.describe_thread(tid);
    } else {
        state.claim(key);
    }
}

/// Queries users like [`Parser::learn_users`].
pub(super) fn learn_users(state: &mut State, proc: &mut Option<Box<dyn Proc>>, tid: i64, ts: u64, after_exec: bool) {
    let Some(proc) = proc else { return };
    let Some(thread) = state.thread(tid).filter(|thread| !thread.container_id.is_empty()) else { return };
    let (id, owner, pid) = (thread.container_id.clone(), thread.container_owner, thread.pid);
    if state.user_of(thread, thread.uid).is_some() && state.group_of(thread, thread.gid).is_some() {
        return;
    }
    if !state.may_query_users(&id, owner, ts, after_exec) {
        return;
    }
    // A process can end before it is looked at; the others see the same users.
    let found = proc.users(pid).or_else(|| {
        let other = |thread: &&Thread| {
            thread.container_id == id && thread.container_owner == owner && thread.pid != pid && thread.is_leader()
        };
        let others: Vec<i64> = state.threads().filter(other).take(OTHERS).map(|thread| thread.pid).collect();
        others.into_iter().find_map(|pid| proc.users(pid))
    });
    state.queried_users(&id, owner, ts, found.is_some());
    let Some((users, groups)) = found else { return };
    for user in users {
        let (name, home, shell) = (Text::new(&user.name), Text::new(&user.home), Text::new(&user.shell));
        state.put_user(&id, owner, User { uid: user.uid, gid: user.gid, name, home, shell });
    }
    for group in groups {
        state.put_group(&id, owner, UserGroup { gid: group.gid, name: Text::new(&group.name) });
    }
}
