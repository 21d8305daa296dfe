//! The initial state from two sources: threads and file descriptors from the kernel's own iterators, and the rest from
//! `/proc`.
//!
//! A caller that can run BPF iterators hands over what they report, one task or file at a time; the result is the same
//! as that of a [`scan`](super::scan), because the same code classifies everything. `/proc` is read for arguments and
//! environments, which are in the processes' memory, once for each set of control groups, and for the few files that an
//! iterator cannot name.

use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

use super::fds::{self, Fds};
use super::read::Tree;
use super::task::{self, Tasks};
use super::{Config, FdScan, Snapshot, interfaces, machine, users};
use crate::host::{Fd, FdKind, Machine, Thread};
use crate::{HostState, Result};

/// A thread as an iterator reports it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskSeen {
    /// The thread. Of threads other than the first of their process, only what belongs to the thread alone is read.
    pub thread: Thread,
    /// The start of the thread, in nanoseconds since boot.
    pub start: u64,
    /// Minor and major page faults of the threads of its process that have ended.
    pub ended_faults: (u64, u64),
    /// Whether it is a kernel thread or exiting: it has neither arguments nor an executable.
    pub without_program: bool,
    /// An identifier shared by all tasks in the same control groups.
    pub css_set: u64,
    /// An identifier shared by all tasks in the same pid namespace.
    pub pid_namespace: u64,
    /// Links of the process that the iterator could not resolve.
    pub unclear: Vec<Link>,
    /// A living thread of the process, if this is its first thread and has ended.
    pub alive: Option<i64>,
}

/// A link under `/proc/PID`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// The executable.
    Exe,
    /// The working directory.
    Cwd,
    /// The root directory.
    Root,
}

/// An open file as an iterator reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileSeen {
    /// A socket, with its details if it is one that `/proc/net` lists.
    Socket {
        /// Its inode.
        ino: u64,
        /// The details.
        kind: Option<FdKind>,
    },
    /// A file without a name, by the kernel's name for it, such as `[eventfd]`.
    Anonymous(Vec<u8>),
    /// A pipe without a name.
    Pipe {
        /// Its inode.
        ino: u64,
    },
    /// A file with a name.
    Named {
        /// The name as a link in `/proc/PID/fd` shows it.
        name: Vec<u8>,
        /// Its inode.
        ino: u64,
        /// Its device.
        dev: u32,
        /// Its type and permissions.
        mode: u32,
        /// The flags that it was opened with, as the kernel has them.
        flags: u32,
    },
    /// A file that the iterator cannot name: it is looked up in `/proc`.
    Unclear,
}

/// Builds the initial state of the host.
///
/// ```
/// use peregrine_scap::host::Thread;
/// use peregrine_scap::procfs::{SnapshotBuilder, Config, TaskSeen};
///
/// let mut builder = SnapshotBuilder::new("/", &Config::default())?;
/// let own = i64::from(std::process::id());
/// let thread = Thread { tid: own, pid: own, comm: b"me".to_vec(), ..Thread::default() };
/// builder.task(TaskSeen { thread, ..TaskSeen::default() });
/// let snapshot = builder.finish();
/// assert_eq!(snapshot.host.threads[0].comm, b"me");
/// assert!(!snapshot.host.threads[0].exe.is_empty(), "from /proc");
/// # Ok::<(), peregrine_scap::Error>(())
/// ```
#[derive(Debug)]
pub struct SnapshotBuilder {
    tree: Tree,
    config: Config,
    deadline: Option<Instant>,
    machine: Machine,
    host: HostState,
    tasks: Tasks,
    fds: Fds,
    /// The first thread of each process, and its index by number.
    processes: Vec<Process>,
    by_pid: HashMap<i64, usize>,
    others: Vec<TaskSeen>,
    cgroups: HashMap<u64, Vec<u8>>,
}

/// The first thread of a process.
#[derive(Debug)]
struct Process {
    task: TaskSeen,
    fds: Vec<Fd>,
}

impl SnapshotBuilder {
    /// Creates a builder with what only files contain: facts about the host, its interfaces and users. `root` and
    /// `config` are those of a [`scan`](super::scan).
    ///
    /// # Errors
    /// If there is no `proc` under `root`.
    pub fn new(root: impl AsRef<Path>, config: &Config) -> Result<Self> {
        let deadline = config.budget.map(|budget| Instant::now() + budget);
        let mut tree = Tree::new(root.as_ref());
        tree.is_mounted()?;
        let machine = machine::read(&mut tree);
        let mut host = HostState { interfaces: interfaces::read(&mut tree), ..HostState::default() };
        if config.users {
            host.users = users::users(&mut tree);
            host.groups = users::groups(&mut tree);
        }
        let tasks = Tasks::new(&mut tree, config, machine.boot_time);
        Ok(Self {
            deadline,
            machine,
            host,
            tasks,
            fds: Fds::new(config),
            processes: Vec::new(),
            by_pid: HashMap::new(),
            others: Vec::new(),
            cgroups: HashMap::new(),
            config: config.clone(),
            tree,
        })
    }

    /// Returns whether the budget ran out; after that nothing more is taken.
    pub fn is_over(&self) -> bool {
        self.tree.report.incomplete
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Adds a thread.
    pub fn task(&mut self, mut task: TaskSeen) {
        task.thread.start_ts = self.tasks.start_ts(task.start / TICK).unwrap_or(0);
        let pid = task.thread.pid;
        if task.thread.tid != pid {
            self.others.push(task);
            return;
        }
        if task.without_program {
            self.tree.report.without_program += 1;
            return;
        }
        if self.is_late() {
            self.tree.report.incomplete = true;
            return;
        }
        let dir = match task.alive {
            Some(alive) => format!("proc/{pid}/task/{alive}"),
            None => format!("proc/{pid}"),
        };
        for link in &task.unclear {
            let (name, into) = match link {
                Link::Exe => ("exe", &mut task.thread.exepath),
                Link::Cwd => ("cwd", &mut task.thread.cwd),
                Link::Root => ("root", &mut task.thread.root),
            };
            *into = self.tree.link(&format!("{dir}/{name}")).unwrap_or_default();
        }
        // It ended in the meantime.
        if self.tasks.memory(&mut self.tree, &dir, &mut task.thread).is_none() {
            return;
        }
        task.thread.exe_from_memfd = task::is_memfd(&task.thread.exepath);
        if !self.cgroups.contains_key(&task.css_set) {
            let cgroups = self.tasks.cgroups(&mut self.tree, &dir);
            self.cgroups.insert(task.css_set, cgroups);
        }
        self.by_pid.insert(pid, self.processes.len());
        self.processes.push(Process { task, fds: Vec::new() });
    }

    /// Adds a file descriptor of the process `pid`, which was added before. Those of one process come in ascending
    /// order.
    pub fn file(&mut self, pid: i64, num: i64, file: FileSeen) {
        if self.config.fds == FdScan::None {
            return;
        }
        let late = self.is_late();
        let Some(process) = self.by_pid.get(&pid).and_then(|at| self.processes.get_mut(*at)) else { return };
        if process.fds.len() >= self.config.max_fds {
            return;
        }
        if late {
            self.tree.report.incomplete = true;
            self.tree.report.cut_short += 1;
            return;
        }
        let sockets_only = self.config.fds == FdScan::Sockets;
        let fd = match file {
            FileSeen::Unclear => self.fds.fd(&mut self.tree, process.task.alive.unwrap_or(pid), num),
            FileSeen::Socket { ino, kind } => Some(fds::socket(num, ino, kind)),
            _ if sockets_only => None,
            FileSeen::Anonymous(what) => Some(fds::anonymous(num, &what)),
            FileSeen::Pipe { ino } => Some(fds::pipe(num, ino)),
            FileSeen::Named { name, ino, dev, mode, flags } => {
                Some(Fd { num, ino, kind: fds::file(name, mode, dev, || u64::from(flags)) })
            }
        };
        process.fds.extend(fd);
    }

    /// Returns the state of the host.
    pub fn finish(mut self) -> Snapshot {
        let mut init_starts: HashMap<u64, u64> = HashMap::new();
        let mut others: HashMap<i64, Vec<TaskSeen>> = HashMap::new();
        for task in std::mem::take(&mut self.others) {
            others.entry(task.thread.pid).or_default().push(task);
        }
        for Process { task, .. } in &self.processes {
            if task.thread.vtid == 1 {
                init_starts.insert(task.pid_namespace, task.thread.start_ts);
            }
        }
        self.processes.sort_by_key(|process| process.task.thread.pid);
        let threads = &mut self.host.threads;
        for Process { mut task, fds, .. } in std::mem::take(&mut self.processes) {
            let mut others = others.remove(&task.thread.pid).unwrap_or_default();
            others.sort_by_key(|other| other.thread.tid);
            let leader = &mut task.thread;
            // As in /proc: the sum over all its threads.
            leader.pfminor += task.ended_faults.0 + others.iter().map(|other| other.thread.pfminor).sum::<u64>();
            leader.pfmajor += task.ended_faults.1 + others.iter().map(|other| other.thread.pfmajor).sum::<u64>();
            leader.cgroups = self.cgroups.get(&task.css_set).cloned().unwrap_or_default();
            leader.pidns_init_start_ts = init_starts.get(&task.pid_namespace).copied().unwrap_or(0);
            let at = threads.len();
            threads.push(task.thread);
            if self.config.threads {
                for other in others.into_iter().filter(|other| !other.without_program) {
                    let Some(leader) = threads.get(at) else { break };
                    let thread = task::of_leader(leader, other.thread);
                    threads.push(thread);
                }
            }
            // Only now: the threads are made from the first one, and none has file descriptors.
            if let Some(leader) = threads.get_mut(at) {
                leader.fds = fds;
            }
            self.tree.report.processes += 1;
        }
        self.tree.report.threads = threads.len() as u64;
        self.tree.report.fds = threads.iter().map(|thread| thread.fds.len() as u64).sum();
        self.host.machine = Some(self.machine);
        Snapshot { host: self.host, report: self.tree.report }
    }
}

/// The length of a tick of the times in `/proc/PID/stat`, in nanoseconds.
const TICK: u64 = 10_000_000;
