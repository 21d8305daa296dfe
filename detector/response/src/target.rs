//! The processes that an action is for, and what is done to them.

use crate::action::Outcome;
use crate::cgroup::Cgroup;
use crate::process::{self, Facts, Held};
use crate::protected::Guard;
use rule_engine::response::{Action, Scope};
use rustix::io::Errno;
use rustix::process::Signal;
use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::Path;

/// Number of passes over a tree or a container for processes that were created meanwhile.
const ROUNDS: usize = 16;

/// The most processes of one action.
const MOST: usize = 4096;

/// Does what an action says, to a process that is held and was checked. `act`: or only says what would be done.
pub(crate) fn perform(
    action: &Action,
    root: Held,
    container: Option<&Cgroup>,
    place: &Place<'_>,
    act: bool,
) -> Outcome {
    if let Some(why) = place.guard.refuses(&root.facts) {
        return Outcome::Protected(why);
    }
    match action {
        Action::Kill(scope) => signal(*scope, Signal::KILL, root, container, place, act),
        Action::Stop(scope) => signal(*scope, Signal::STOP, root, container, place, act),
        Action::Continue(scope) => signal(*scope, Signal::CONT, root, container, place, act),
        Action::Freeze => freeze(true, container, place, act),
        Action::Thaw => freeze(false, container, place, act),
        Action::Deny => Outcome::Failed("only the kernel denies, before the event".to_owned()),
        other => Outcome::Failed(format!("{other} is not done to processes")),
    }
}

/// Lookup of processes.
pub(crate) struct Place<'p> {
    pub(crate) proc: &'p Path,
    pub(crate) guard: &'p Guard,
}

impl Place<'_> {
    /// Holds a process that may be acted upon.
    fn hold(&self, pid: i32) -> Option<Held> {
        let held = Held::open(self.proc, pid).ok()?;
        self.guard.refuses(&held.facts).is_none().then_some(held)
    }
}

fn signal(
    scope: Scope,
    signal: Signal,
    root: Held,
    container: Option<&Cgroup>,
    place: &Place<'_>,
    act: bool,
) -> Outcome {
    let mut group = match (scope, container) {
        (Scope::Process, _) => return one(&root, signal, act),
        (Scope::Tree, _) => Group::new(vec![root]),
        (Scope::Container, None) => return Outcome::NoContainer,
        (Scope::Container, Some(cgroup)) => {
            let processes = cgroup.processes();
            // At once, and with what it creates meanwhile, if nothing in it is protected.
            let kill_at_once = act && signal == Signal::KILL && processes.iter().all(|pid| place.hold(*pid).is_some());
            if kill_at_once {
                match cgroup.kill() {
                    Ok(()) => return Outcome::Done(u32::try_from(processes.len()).unwrap_or(u32::MAX)),
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Outcome::Failed(format!("cgroup.kill: {error}")),
                }
            }
            Group::new(vec![root])
        }
        (other, _) => return Outcome::Failed(format!("the target {} is not known here", other.name())),
    };
    // Those that are found are stopped first, so that they create no more, and signalled once there are no new ones.
    let stops = act && signal != Signal::CONT;
    let mut failed = None;
    if stops {
        group.signal_from(0, Signal::STOP, &mut failed);
    }
    for _ in 0..ROUNDS {
        let before = group.held.len();
        match (scope, container) {
            (Scope::Container, Some(cgroup)) => group.add(cgroup.processes(), place),
            _ => group.add_children(place),
        }
        if group.held.len() == before {
            break;
        }
        if stops {
            group.signal_from(before, Signal::STOP, &mut failed);
        }
    }
    let count = u32::try_from(group.held.len()).unwrap_or(u32::MAX);
    if !act {
        return Outcome::DryRun(count);
    }
    if signal != Signal::STOP {
        group.signal_from(0, signal, &mut failed);
    }
    match failed {
        Some(error) => Outcome::Failed(format!("of {count} processes not all were signalled: {error}")),
        None => Outcome::Done(count),
    }
}

fn one(held: &Held, signal: Signal, act: bool) -> Outcome {
    if !act {
        return Outcome::DryRun(1);
    }
    match held.signal(signal) {
        Ok(()) => Outcome::Done(1),
        Err(Errno::SRCH) => Outcome::Gone,
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

fn freeze(yes: bool, container: Option<&Cgroup>, place: &Place<'_>, act: bool) -> Outcome {
    let Some(cgroup) = container else { return Outcome::NoContainer };
    let processes = cgroup.processes();
    for pid in &processes {
        if let Some(why) = Facts::read(place.proc, *pid).and_then(|facts| place.guard.refuses(&facts)) {
            return Outcome::Protected(why);
        }
    }
    let count = u32::try_from(processes.len()).unwrap_or(u32::MAX);
    if !act {
        return Outcome::DryRun(count);
    }
    match cgroup.freeze(yes) {
        Ok(()) => Outcome::Done(count),
        Err(error) => Outcome::Failed(format!("cgroup.freeze: {error}")),
    }
}

/// Processes that are held, none twice.
struct Group {
    held: Vec<Held>,
    pids: HashSet<i32>,
}

impl Group {
    fn new(held: Vec<Held>) -> Self {
        let pids = held.iter().map(|held| held.facts.pid).collect();
        Self { held, pids }
    }

    fn add(&mut self, pids: Vec<i32>, place: &Place<'_>) {
        for pid in pids {
            if self.held.len() < MOST && self.pids.insert(pid) {
                self.held.extend(place.hold(pid));
            }
        }
    }

    /// Adds children of those that are held. That a child's parent is still the same one is checked on what is held: a
    /// parent that is alive has its ID for itself.
    fn add_children(&mut self, place: &Place<'_>) {
        for pid in process::all(place.proc) {
            if self.held.len() >= MOST || self.pids.contains(&pid) {
                continue;
            }
            let parent = Facts::read(place.proc, pid).map_or(0, |facts| facts.parent);
            if !self.pids.contains(&parent) {
                continue;
            }
            let Some(held) = place.hold(pid) else { continue };
            let parent = self.held.iter().find(|other| other.facts.pid == held.facts.parent);
            if parent.is_some_and(|parent| matches!(parent.has_ended(), Ok(false))) {
                self.pids.insert(pid);
                self.held.push(held);
            }
        }
    }

    fn signal_from(&self, first: usize, signal: Signal, failed: &mut Option<Errno>) {
        for held in &self.held[first..] {
            match held.signal(signal) {
                // It has ended by itself.
                Ok(()) | Err(Errno::SRCH) => {}
                Err(error) => *failed = Some(error),
            }
        }
    }
}
