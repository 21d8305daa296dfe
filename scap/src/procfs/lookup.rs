//! Look-ups of single tasks: the start of a thread, or a file descriptor, that no event reported.
//!
//! A [`scan`](super::scan) reads everything once; a [`Lookup`] is kept, and remembers what changes rarely: the boot
//! time, the controllers, and for a while the tables of sockets, which are expensive to read on a busy host.

use std::path::Path;
use std::time::Instant;

use super::fds::Fds;
use super::read::{Tree, decimal, value, words};
use super::task::{Tasks, start_of};
use super::{Config, Report, interfaces, machine, users};
use crate::host::{Fd, Group, Interface, Thread, User};

/// The maximum number of ancestors searched for the first process of a pid namespace.
const MAX_ANCESTORS: usize = 64;

/// Looks up single threads, file descriptors and users of a host.
///
/// ```no_run
/// use peregrine_scap::procfs::{Lookup, Config};
///
/// let mut lookup = Lookup::new("/", &Config::default());
/// if let Some(thread) = lookup.thread(4711) {
///     println!("{} has {} file descriptors", String::from_utf8_lossy(&thread.comm), thread.fds.len());
/// }
/// ```
#[derive(Debug)]
pub struct Lookup {
    tree: Tree,
    tasks: Tasks,
    fds: Fds,
    config: Config,
}

impl Lookup {
    /// Creates a look-up under `root`: `/`, or the directory where a container has the host mounted. [`Config::budget`]
    /// bounds the time spent on each thread's file descriptors.
    pub fn new(root: impl AsRef<Path>, config: &Config) -> Self {
        let mut tree = Tree::new(root.as_ref());
        let boot_time = machine::boot_time(&mut tree);
        let tasks = Tasks::new(&mut tree, config, boot_time);
        Self { tree, tasks, fds: Fds::kept(config), config: config.clone() }
    }

    /// Returns one thread, with the file descriptors of its table if it is the first of its process; `None` if it is
    /// gone, is a kernel thread, or may not be read.
    pub fn thread(&mut self, tid: i64) -> Option<Thread> {
        let deadline = self.config.budget.map(|budget| Instant::now() + budget);
        let pid = self.tasks.leader_of(&mut self.tree, tid)?;
        let mut leader = self.tasks.process(&mut self.tree, pid)?;
        let mut found = if pid == tid {
            let holder = self.tasks.alive(&mut self.tree, pid).unwrap_or(pid);
            leader.fds = self.fds.read(&mut self.tree, holder, deadline);
            leader
        } else {
            self.tasks.thread(&mut self.tree, &leader, tid)?
        };
        found.pidns_init_start_ts = self.namespace_start(&found);
        self.tasks.forget();
        self.tree.report.threads += 1;
        self.tree.report.processes += u64::from(pid == tid);
        self.tree.report.fds += found.fds.len() as u64;
        Some(found)
    }

    /// Returns one file descriptor of a process.
    pub fn fd(&mut self, pid: i64, num: i64) -> Option<Fd> {
        let holder = self.tasks.alive(&mut self.tree, pid).unwrap_or(pid);
        let fd = self.fds.fd(&mut self.tree, holder, num)?;
        self.tree.report.fds += 1;
        Some(fd)
    }

    /// Returns the start of a thread in nanoseconds since 1970, to a hundredth of a second; `None` if it is gone.
    pub fn start_ts(&mut self, tid: i64) -> Option<u64> {
        let stat = self.tree.small(&format!("proc/{tid}/stat"))?;
        self.tasks.start_ts(start_of(&stat)?)
    }

    /// Returns whether a thread exists.
    pub fn is_alive(&self, tid: i64) -> bool {
        self.tree.path(&format!("proc/{tid}")).exists()
    }

    /// Returns the environment of a process, entries ended by NULs, at most [`Config::max_env`] bytes.
    pub fn environ(&mut self, pid: i64) -> Option<Vec<u8>> {
        let holder = self.tasks.alive(&mut self.tree, pid).unwrap_or(pid);
        self.tree.bytes(&format!("proc/{holder}/environ"), self.config.max_env as u64)
    }

    /// Returns whether a process has both a mount namespace and a root directory other than those of the host; `None` if
    /// that cannot be determined. Services have mount namespaces too, and a program may change its root directory.
    pub fn is_contained(&mut self, pid: i64) -> Option<bool> {
        let holder = self.tasks.alive(&mut self.tree, pid).unwrap_or(pid);
        let own = self.tree.link(&format!("proc/{holder}/ns/mnt"))?;
        // The namespaces of the first process are sometimes hidden; kernel threads are in the same ones.
        let host = ["proc/1/ns/mnt", "proc/2/ns/mnt"].iter().find_map(|path| self.tree.link(path))?;
        let root = format!("proc/{holder}/root");
        Some(own != host && self.tree.foreign_root(&root).is_some())
    }

    /// Returns the users and groups of the container that a process lives in, from the files under its root directory;
    /// without them, none. The numbers are those of the host, where the container has a user namespace. Only plain files
    /// of a reasonable size are read.
    ///
    /// Returns `None` if the process has ended, or its root directory is the host's: a runtime is about to enter a new
    /// container, and the users that it sees are not those of the container.
    pub fn users(&mut self, pid: i64) -> Option<(Vec<User>, Vec<Group>)> {
        let holder = self.tasks.alive(&mut self.tree, pid).unwrap_or(pid);
        // Opened once: all that is read belongs to one container, whatever the process does meanwhile.
        let root = self.tree.foreign_root(&format!("proc/{holder}/root"))?;
        let passwd = root.file("etc", "passwd").unwrap_or_default();
        let group = root.file("etc", "group").unwrap_or_default();
        let mut map =
            |name: &str| users::IdMap::parse(&self.tree.small(&format!("proc/{holder}/{name}")).unwrap_or_default());
        let (uids, gids) = (map("uid_map"), map("gid_map"));
        let user = |user: User| Some(User { uid: uids.outside(user.uid)?, gid: gids.outside(user.gid)?, ..user });
        let group_of = |group: Group| Some(Group { gid: gids.outside(group.gid)?, ..group });
        let users = users::users_in(&passwd).into_iter().filter_map(user).collect();
        Some((users, users::groups_in(&group).into_iter().filter_map(group_of).collect()))
    }

    /// Returns the current network interfaces.
    pub fn interfaces(&mut self) -> Vec<Interface> {
        interfaces::read(&mut self.tree)
    }

    /// Returns the counts of what was read, and of failures.
    pub fn report(&self) -> &Report {
        &self.tree.report
    }

    /// Returns the start of the first process of the thread's pid namespace; 0 if it is not among the thread's
    /// ancestors.
    fn namespace_start(&mut self, thread: &Thread) -> u64 {
        if thread.vpid == 1 {
            return self.start_ts(thread.pid).unwrap_or(0);
        }
        let mut pid = thread.ptid;
        for _ in 0..MAX_ANCESTORS {
            if pid <= 0 {
                break;
            }
            let Some(status) = self.tree.small(&format!("proc/{pid}/status")) else { break };
            let inner = value(&status, "NSpid:").and_then(|line| decimal::<i64>(words(line).last()?));
            if inner == Some(1) {
                return self.start_ts(pid).unwrap_or(0);
            }
            match value(&status, "PPid:").and_then(decimal) {
                Some(parent) => pid = parent,
                None => break,
            }
        }
        0
    }
}
