//! Processes as `/proc` shows them now, held so that their IDs cannot come to mean others.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::io::{Errno, Result};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::fs;
use std::path::{Path, PathBuf};

/// The flag of kernel threads in `/proc/PID/stat` (`PF_KTHREAD` in include/linux/sched.h).
const KERNEL_THREAD: u64 = 0x0020_0000;

/// A process as `/proc` shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) pid: i32,
    /// 0 if the parent is in another PID namespace, or if there is none.
    pub(crate) parent: i32,
    /// The start, in clock ticks since boot: floor of the exact time.
    pub(crate) start: u64,
    pub(crate) kernel_thread: bool,
    /// The executable; empty if it cannot be read, as of kernel threads.
    pub(crate) exe: String,
    /// The mount namespace; empty if it cannot be read.
    pub(crate) mounts: PathBuf,
    /// The cgroup in the v2 hierarchy, from its root: `/` or `/a/b`.
    pub(crate) cgroup: String,
}

impl Facts {
    /// Reads the facts below a `/proc`. `None` if the process has ended.
    pub(crate) fn read(proc: &Path, pid: i32) -> Option<Self> {
        let folder = proc.join(pid.to_string());
        let stat = fs::read(folder.join("stat")).ok()?;
        let (parent, flags, start) = fields(&stat)?;
        let exe = fs::read_link(folder.join("exe")).unwrap_or_default();
        let cgroups = fs::read_to_string(folder.join("cgroup")).unwrap_or_default();
        Some(Self {
            pid,
            parent,
            start,
            kernel_thread: flags & KERNEL_THREAD != 0,
            exe: executable(&exe.to_string_lossy()).to_owned(),
            mounts: fs::read_link(folder.join("ns/mnt")).unwrap_or_default(),
            cgroup: cgroups.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/").to_owned(),
        })
    }
}

/// Returns an executable as events name it: without the mark of a file that was removed, and for a memfd its name alone.
pub(crate) fn executable(path: &str) -> &str {
    let path = path.strip_suffix(" (deleted)").unwrap_or(path);
    if path.starts_with("/memfd:") { &path[1..] } else { path }
}

/// Returns parent, flags and start of a `stat` file. The name, in parentheses, may hold anything.
fn fields(stat: &[u8]) -> Option<(i32, u64, u64)> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(&stat[end + 1..]).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    // The state is field 3; the parent is field 4, the flags are 9, the start is 22 (proc_pid_stat(5)).
    let parent = fields.nth(1)?.parse().ok()?;
    let flags = fields.nth(4)?.parse().ok()?;
    let start = fields.nth(12)?.parse().ok()?;
    Some((parent, flags, start))
}

/// Returns the processes below a `/proc`, in no particular order.
pub(crate) fn all(proc: &Path) -> Vec<i32> {
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// A process that is held by a pidfd: a signal reaches it or nobody.
#[derive(Debug)]
pub(crate) struct Held {
    fd: OwnedFd,
    pub(crate) facts: Facts,
}

impl Held {
    /// Holds the process that has an ID now, and reads its facts.
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is none, or if it has ended.
    pub(crate) fn open(proc: &Path, pid: i32) -> Result<Self> {
        let id = if pid > 0 { Pid::from_raw(pid) } else { None };
        let id = id.ok_or(Errno::SRCH)?;
        let fd = pidfd_open(id, PidfdFlags::empty())?;
        let facts = Facts::read(proc, pid).ok_or(Errno::SRCH)?;
        let held = Self { fd, facts };
        // As long as it lives, nobody else has its ID: so the facts are its own.
        if held.has_ended()? { Err(Errno::SRCH) } else { Ok(held) }
    }

    /// Returns whether it has ended; it may still be a zombie.
    pub(crate) fn has_ended(&self) -> Result<bool> {
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
        Ok(poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? > 0)
    }

    /// Sends a signal.
    ///
    /// # Errors
    ///
    /// `ESRCH` if it has ended, `EPERM` without the privilege.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        pidfd_send_signal(&self.fd, signal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn names_do_not_disturb_the_fields() {
        let stat = b"7 (a) R 1 (b) S 5 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 99 99";
        assert_eq!(fields(stat), Some((5, 4_194_560, 4711)));
        for broken in
            [&b""[..], b"7 (a", b"7 (a) S", b"7 (a) S x 7 7 0 -1 1 1 2 3 4 5 6 7 8 20 0 1 0 4711", b"7 (a) \xff"]
        {
            assert_eq!(fields(broken), None);
        }
        assert_eq!(executable("/memfd:evil (deleted)"), "memfd:evil");
        assert_eq!(executable("/bin/x (deleted)"), "/bin/x");
    }

    #[test]
    fn a_held_process_is_itself_until_it_ends() {
        let mut child = Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let proc = Path::new("/proc");
        let held = Held::open(proc, pid).unwrap();
        let own = i32::try_from(std::process::id()).unwrap();
        assert_eq!((held.facts.pid, held.facts.parent, held.facts.kernel_thread), (pid, own, false));
        assert!(all(proc).contains(&pid));
        held.signal(Signal::KILL).unwrap();
        child.wait().unwrap();
        assert!(held.has_ended().unwrap());
        assert_eq!(held.signal(Signal::KILL), Err(Errno::SRCH));
        for none in [pid, 0, -1, i32::MAX] {
            assert_eq!(Held::open(proc, none).unwrap_err(), Errno::SRCH, "{none}");
        }
    }
}
