//! The file descriptors of a process, read from `/proc/PID/fd`.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

use super::read::{Tree, radix, value};
use super::sockets::{self, Sockets};
use super::{Config, FdScan};
use crate::host::{Fd, FdKind};

/// Types of file descriptors on disk (docs/savefile.md).
mod ty {
    pub(super) const DIRECTORY: u8 = 2;
    pub(super) const FIFO: u8 = 7;
    pub(super) const UNSUPPORTED: u8 = 10;
    pub(super) const MEMFD: u8 = 20;
}

/// File types, as in the mode on every architecture.
mod mode {
    pub(super) const TYPE: u32 = 0o170_000;
    pub(super) const FIFO: u32 = 0o010_000;
    pub(super) const CHARACTER: u32 = 0o020_000;
    pub(super) const DIRECTORY: u32 = 0o040_000;
    pub(super) const BLOCK: u32 = 0o060_000;
    pub(super) const REGULAR: u32 = 0o100_000;
}

/// Files without a name, by the kernel's name for them.
const ANONYMOUS: &[(&[u8], u8)] = &[
    (b"[eventfd]", 9),
    (b"[signalfd]", 11),
    (b"[eventpoll]", 12),
    (b"inotify", 13),
    (b"[inotify]", 13),
    (b"[timerfd]", 14),
    (b"bpf-map", 17),
    (b"bpf-prog", 17),
    (b"bpf-link", 17),
    (b"bpf_link", 17),
    (b"bpf_iter", 17),
    (b"[userfaultfd]", 18),
    (b"[io_uring]", 19),
    (b"[pidfd]", 21),
];

/// Open flags of the kernel, and those of the schema.
const OPEN_FLAGS: &[(u64, u32)] = &[
    (0o100, 4),           // O_CREAT
    (0o2000, 8),          // O_APPEND
    (0o10000, 0x10),      // O_DSYNC
    (0o200, 0x20),        // O_EXCL
    (0o4000, 0x40),       // O_NONBLOCK
    (0o4010000, 0x80),    // O_SYNC
    (0o1000, 0x100),      // O_TRUNC
    (0o40000, 0x200),     // O_DIRECT
    (0o200000, 0x400),    // O_DIRECTORY
    (0o100000, 0x800),    // O_LARGEFILE
    (0o2000000, 0x1000),  // O_CLOEXEC
    (0o20200000, 0x2000), // O_TMPFILE
];

/// The maximum age of cached socket tables.
const MAX_AGE: Duration = Duration::from_secs(60);
/// The minimum age of cached socket tables, even if a socket is missing, and the factor by which the age exceeds the
/// time that reading them took.
const MIN_AGE: Duration = Duration::from_millis(100);
const AGE_BY_COST: u32 = 20;
/// The maximum number of network namespaces whose tables are cached.
const MAX_NAMESPACES: usize = 64;

/// Reads file descriptors, and caches the socket tables of each network namespace.
#[derive(Debug)]
pub(super) struct Fds {
    scan: FdScan,
    max: usize,
    by_namespace: HashMap<u64, Table>,
    /// Whether tables expire: they do not during a scan.
    ages: bool,
}

/// The sockets of one network namespace.
#[derive(Debug)]
struct Table {
    sockets: Sockets,
    read: Instant,
    cost: Duration,
}

impl Table {
    fn read(tree: &mut Tree, net: &str) -> Self {
        let read = Instant::now();
        let sockets = sockets::read(tree, net);
        Self { sockets, read, cost: read.elapsed() }
    }

    /// Returns whether it is worth reading again, for a socket that it lacks or has.
    fn is_stale(&self, missing: bool) -> bool {
        let age = self.read.elapsed();
        age >= MAX_AGE || missing && age >= MIN_AGE.max(self.cost * AGE_BY_COST)
    }
}

impl Fds {
    pub(super) fn new(config: &Config) -> Self {
        Self { scan: config.fds, max: config.max_fds, by_namespace: HashMap::new(), ages: false }
    }

    /// Creates a reader that is kept: socket tables are read again when they are old.
    pub(super) fn kept(config: &Config) -> Self {
        Self { ages: true, ..Self::new(config) }
    }

    /// Returns the file descriptors of a process, in ascending order, until the deadline.
    pub(super) fn read(&mut self, tree: &mut Tree, pid: i64, deadline: Option<Instant>) -> Vec<Fd> {
        if self.scan == FdScan::None {
            return Vec::new();
        }
        let mut fds = Vec::new();
        for num in tree.numbers(&format!("proc/{pid}/fd")) {
            if fds.len() >= self.max {
                break;
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                tree.report.incomplete = true;
                tree.report.cut_short += 1;
                break;
            }
            fds.extend(self.fd(tree, pid, num));
        }
        fds
    }

    /// Returns one file descriptor of a process.
    pub(super) fn fd(&mut self, tree: &mut Tree, pid: i64, num: i64) -> Option<Fd> {
        let path = format!("proc/{pid}/fd/{num}");
        let name = tree.link(&path)?;
        if let Some(ino) = numbered(&name, b"socket:[") {
            let kind = self.socket(tree, pid, ino);
            return Some(socket(num, ino, kind));
        }
        if self.scan == FdScan::Sockets {
            return None;
        }
        if let Some(what) = name.strip_prefix(b"anon_inode:") {
            return Some(anonymous(num, what));
        }
        if let Some(ino) = numbered(&name, b"pipe:[") {
            return Some(pipe(num, ino));
        }
        let meta = tree.metadata(&path)?;
        let flags = || {
            let info = tree.small(&format!("proc/{pid}/fdinfo/{num}")).unwrap_or_default();
            value(&info, "flags:").and_then(|flags| radix(flags, 8)).unwrap_or(0)
        };
        Some(Fd { num, ino: meta.ino(), kind: file(name, meta.mode(), meta.dev() as u32, flags) })
    }

    fn socket(&mut self, tree: &mut Tree, pid: i64, ino: u64) -> Option<FdKind> {
        let namespace = tree
            .link(&format!("proc/{pid}/ns/net"))
            .and_then(|link| radix(link.strip_prefix(b"net:[")?.strip_suffix(b"]")?, 10));
        // A namespace that cannot be determined is taken to be the host's.
        let (key, net) = match namespace {
            Some(namespace) => (namespace, format!("proc/{pid}/net")),
            None => (0, "proc/net".to_owned()),
        };
        if self.ages && self.by_namespace.len() >= MAX_NAMESPACES && !self.by_namespace.contains_key(&key) {
            self.by_namespace.clear();
        }
        let table = self.by_namespace.entry(key).or_insert_with(|| Table::read(tree, &net));
        let missing = !table.sockets.contains_key(&ino);
        // An empty table means that the process ended while it was read.
        if table.sockets.is_empty() || self.ages && table.is_stale(missing) {
            *table = Table::read(tree, &net);
        }
        table.sockets.get(&ino).cloned()
    }
}

/// Returns the number in brackets of a link such as `pipe:[7]`.
fn numbered(name: &[u8], prefix: &[u8]) -> Option<u64> {
    radix(name.strip_prefix(prefix)?.strip_suffix(b"]")?, 10)
}

/// Returns a socket; one that the tables do not list has only its number.
pub(super) fn socket(num: i64, ino: u64, kind: Option<FdKind>) -> Fd {
    let unknown = || FdKind::Named { ty: ty::UNSUPPORTED, name: format!("socket:[{ino}]").into_bytes() };
    Fd { num, ino, kind: kind.unwrap_or_else(unknown) }
}

/// Returns a file without a name, by the kernel's name for it.
pub(super) fn anonymous(num: i64, what: &[u8]) -> Fd {
    let ty = ANONYMOUS.iter().find(|row| row.0 == what).map_or(ty::UNSUPPORTED, |row| row.1);
    // All of them share one inode, which carries no information.
    Fd { num, ino: 0, kind: FdKind::Named { ty, name: Vec::new() } }
}

/// Returns a pipe without a name.
pub(super) fn pipe(num: i64, ino: u64) -> Fd {
    Fd { num, ino, kind: FdKind::Named { ty: ty::FIFO, name: format!("pipe:[{ino}]").into_bytes() } }
}

/// Returns a file with a name, by the type in its mode; `flags` returns the flags that it was opened with, as the
/// kernel has them.
pub(super) fn file(name: Vec<u8>, mode: u32, dev: u32, flags: impl FnOnce() -> u64) -> FdKind {
    match mode & mode::TYPE {
        mode::DIRECTORY => FdKind::Named { ty: ty::DIRECTORY, name },
        mode::FIFO => FdKind::Named { ty: ty::FIFO, name },
        _ if name.starts_with(b"/memfd:") => FdKind::Named { ty: ty::MEMFD, name },
        mode::REGULAR | mode::BLOCK | mode::CHARACTER => FdKind::File { flags: open_flags(flags()), name, dev },
        _ => FdKind::Named { ty: ty::UNSUPPORTED, name },
    }
}

/// Returns open flags as the schema numbers them.
fn open_flags(kernel: u64) -> u32 {
    let access = match kernel & 3 {
        1 => 2,
        2 => 3,
        _ => 1,
    };
    OPEN_FLAGS.iter().filter(|row| kernel & row.0 == row.0).fold(access, |flags, row| flags | row.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_flags_of_the_schema() {
        assert_eq!(open_flags(0), 1);
        assert_eq!(open_flags(0o1), 2);
        assert_eq!(open_flags(0o2), 3);
        assert_eq!(open_flags(0o2102101), 2 | 4 | 8 | 0x800 | 0x1000);
        assert_eq!(open_flags(0o10000), 1 | 0x10, "O_DSYNC alone is not O_SYNC");
        assert_eq!(open_flags(0o4010000), 1 | 0x10 | 0x80);
        assert_eq!(open_flags(0o200000), 1 | 0x400, "O_DIRECTORY alone is not O_TMPFILE");
    }
}
