//! One process or thread: its files under `/proc/PID` converted to a [`Thread`].

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;

use super::read::{Tree, decimal, lines, radix, value, words};
use super::{Config, cgroup};
use crate::host::Thread;

/// Flags of a thread that shares its process's memory and file descriptors: `CLONE_THREAD | CLONE_FILES`.
const SHARES: u32 = 0x2001;
/// Ticks per second in the times of `/proc/PID/stat`, the same on every architecture.
const TICKS: u64 = 100;
const SECOND: u64 = 1_000_000_000;
/// The capability to bypass permission checks.
const CAP_DAC_OVERRIDE: u64 = 1 << 1;

/// Reads tasks, and caches what they have in common.
#[derive(Debug)]
pub(super) struct Tasks {
    max_args: usize,
    max_env: usize,
    boot_time: u64,
    controllers: Vec<Vec<u8>>,
    /// The start of the first process of each pid namespace.
    init_starts: HashMap<Vec<u8>, u64>,
    /// The pid namespace of each process.
    namespaces: HashMap<i64, Vec<u8>>,
}

impl Tasks {
    pub(super) fn new(tree: &mut Tree, config: &Config, boot_time: u64) -> Self {
        Self {
            max_args: config.max_args,
            max_env: config.max_env,
            boot_time,
            controllers: cgroup::controllers(tree),
            init_starts: HashMap::new(),
            namespaces: HashMap::new(),
        }
    }

    /// Returns the process that a thread belongs to.
    pub(super) fn leader_of(&self, tree: &mut Tree, tid: i64) -> Option<i64> {
        let status = tree.small(&format!("proc/{tid}/status"))?;
        decimal(value(&status, "Tgid:")?)
    }

    /// Returns the first thread of a process, without its file descriptors; `None` if it is gone or has no program.
    pub(super) fn process(&mut self, tree: &mut Tree, pid: i64) -> Option<Thread> {
        let first = format!("proc/{pid}");
        let alive = self.alive(tree, pid);
        let dir = alive.map_or_else(|| first.clone(), |tid| format!("{first}/task/{tid}"));
        let exepath = tree.link(&format!("{dir}/exe")).unwrap_or_default();
        let mut thread = Thread { tid: pid, exepath, ..Thread::default() };
        self.memory(tree, &dir, &mut thread)?;
        self.own(tree, &dir, &mut thread)?;
        if alive.is_some() {
            self.ended(tree, &first, &mut thread)?;
        }
        thread.cwd = tree.link(&format!("{dir}/cwd")).unwrap_or_default();
        thread.root = tree.link(&format!("{dir}/root")).unwrap_or_default();
        thread.cgroups = self.cgroups(tree, &dir);
        let limits = tree.small(&format!("{dir}/limits")).unwrap_or_default();
        thread.fdlimit = value(&limits, "Max open files").and_then(|line| decimal(words(line).next()?)).unwrap_or(-1);
        let loginuid = tree.small(&format!("{dir}/loginuid")).unwrap_or_default();
        thread.loginuid = decimal(loginuid.trim_ascii()).unwrap_or(u32::MAX);
        self.executable(tree, &dir, &mut thread);
        if let Some(namespace) = tree.link(&format!("{dir}/ns/pid")) {
            if thread.vtid == 1 {
                self.init_starts.insert(namespace.clone(), thread.start_ts);
            }
            self.namespaces.insert(pid, namespace);
        }
        Some(thread)
    }

    /// Returns a thread that has what its process shares, if the first one has ended and others continue.
    pub(super) fn alive(&self, tree: &mut Tree, pid: i64) -> Option<i64> {
        if !has_ended(&tree.small(&format!("proc/{pid}/stat"))?) {
            return None;
        }
        let others = tree.tids(pid);
        let lives = |stat: Option<Vec<u8>>| stat.is_some_and(|stat| !has_ended(&stat));
        others.into_iter().find(|tid| lives(tree.small(&format!("proc/{pid}/task/{tid}/stat"))))
    }

    /// Fills in what a first thread keeps when it ends: its name, its numbers, its start, the counters of its process.
    fn ended(&self, tree: &mut Tree, dir: &str, thread: &mut Thread) -> Option<()> {
        let mut first = Thread { tid: thread.tid, ..Thread::default() };
        self.own(tree, dir, &mut first)?;
        thread.comm = first.comm;
        (thread.vtid, thread.vpid, thread.vpgid) = (first.vtid, first.vpid, first.vpgid);
        (thread.pfminor, thread.pfmajor, thread.start_ts) = (first.pfminor, first.pfmajor, first.start_ts);
        Some(())
    }

    /// Returns another thread of the process whose first thread is `leader`, which has no file descriptors yet.
    pub(super) fn thread(&self, tree: &mut Tree, leader: &Thread, tid: i64) -> Option<Thread> {
        let mut own = Thread { tid, ..Thread::default() };
        self.own(tree, &format!("proc/{}/task/{tid}", leader.pid), &mut own)?;
        Some(of_leader(leader, own))
    }

    /// Reads what lies in the memory of the process with the directory `dir`: arguments and environment. Returns `None`
    /// if it is gone, or if it has neither arguments nor the executable that `thread` has by now.
    pub(super) fn memory(&self, tree: &mut Tree, dir: &str, thread: &mut Thread) -> Option<()> {
        let command_line = tree.bytes(&format!("{dir}/cmdline"), self.max_args as u64)?;
        if command_line.is_empty() && thread.exepath.is_empty() {
            tree.report.without_program += 1;
            return None;
        }
        (thread.exe, thread.args) = split_command_line(command_line);
        thread.env = tree.bytes(&format!("{dir}/environ"), self.max_env as u64).unwrap_or_default();
        terminate(&mut thread.env);
        Some(())
    }

    /// Returns the control groups of the process with the directory `dir`.
    pub(super) fn cgroups(&self, tree: &mut Tree, dir: &str) -> Vec<u8> {
        let cgroups = tree.small(&format!("{dir}/cgroup")).unwrap_or_default();
        cgroup::list(&cgroups, &self.controllers)
    }

    /// Forgets pid namespaces: those of single look-ups would accumulate.
    pub(super) fn forget(&mut self) {
        self.init_starts.clear();
        self.namespaces.clear();
    }

    /// Returns the start of a task, from its ticks since boot.
    pub(super) fn start_ts(&self, ticks: u64) -> Option<u64> {
        self.boot_time.checked_add(ticks.checked_mul(SECOND / TICKS)?)
    }

    /// Fills in what is known only after all processes have been read.
    pub(super) fn finish(&self, threads: &mut [Thread]) {
        for thread in threads {
            let namespace = self.namespaces.get(&thread.pid);
            thread.pidns_init_start_ts = namespace.and_then(|name| self.init_starts.get(name)).copied().unwrap_or(0);
        }
    }

    /// Reads what every thread has for itself: name, numbers, users, counters.
    fn own(&self, tree: &mut Tree, dir: &str, thread: &mut Thread) -> Option<()> {
        let comm = tree.small(&format!("{dir}/comm"))?;
        thread.comm = comm.strip_suffix(b"\n").unwrap_or(&comm).to_vec();
        let status = tree.small(&format!("{dir}/status"))?;
        if read_status(&status, thread).is_none() {
            tree.fail(dir, "status lacks process, users or groups");
            return None;
        }
        let stat = tree.small(&format!("{dir}/stat"))?;
        match read_stat(&stat, thread) {
            Some(ticks) => thread.start_ts = self.boot_time.saturating_add(ticks.saturating_mul(SECOND / TICKS)),
            None => tree.fail(dir, "stat line too short"),
        }
        Some(())
    }

    /// Reads the metadata of the executable.
    fn executable(&self, tree: &mut Tree, dir: &str, thread: &mut Thread) {
        thread.exe_from_memfd = is_memfd(&thread.exepath);
        if thread.exepath.is_empty() {
            return;
        }
        let Some(meta) = tree.metadata(&format!("{dir}/exe")) else { return };
        let time = |seconds: i64, ns: i64| (seconds.max(0) as u64).saturating_mul(SECOND).saturating_add(ns as u64);
        thread.exe_ino = meta.ino();
        thread.exe_ino_ctime = time(meta.ctime(), meta.ctime_nsec());
        thread.exe_ino_mtime = time(meta.mtime(), meta.mtime_nsec());
        // Its owner can grant the permission.
        thread.exe_writable = thread.uid == meta.uid()
            || thread.cap_effective & CAP_DAC_OVERRIDE != 0
            || meta.mode() & 0o002 != 0
            || thread.gid == meta.gid() && meta.mode() & 0o020 != 0;
    }
}

/// Returns a thread of the process whose first thread is `leader`, which has no file descriptors yet: `own` is what
/// belongs to the thread alone.
pub(super) fn of_leader(leader: &Thread, own: Thread) -> Thread {
    Thread {
        flags: SHARES,
        exe: leader.exe.clone(),
        exepath: leader.exepath.clone(),
        args: leader.args.clone(),
        env: leader.env.clone(),
        cwd: leader.cwd.clone(),
        root: leader.root.clone(),
        cgroups: leader.cgroups.clone(),
        fdlimit: leader.fdlimit,
        pidns_init_start_ts: leader.pidns_init_start_ts,
        loginuid: leader.loginuid,
        exe_writable: leader.exe_writable,
        exe_upper_layer: leader.exe_upper_layer,
        exe_lower_layer: leader.exe_lower_layer,
        exe_from_memfd: leader.exe_from_memfd,
        exe_ino: leader.exe_ino,
        exe_ino_ctime: leader.exe_ino_ctime,
        exe_ino_mtime: leader.exe_ino_mtime,
        fds: Vec::new(),
        ..own
    }
}

/// Returns whether an executable lies in memory instead of a directory.
pub(super) fn is_memfd(exepath: &[u8]) -> bool {
    exepath.starts_with(b"/memfd:")
}

/// Splits a command line into the first argument, and the others each ended by a NUL.
fn split_command_line(mut line: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    terminate(&mut line);
    let Some(end) = line.iter().position(|&byte| byte == 0) else { return (Vec::new(), Vec::new()) };
    let args = line.split_off(end + 1);
    line.truncate(end);
    (line, args)
}

/// Ends a list with a NUL, which is missing if it was cut or rewritten by its process.
fn terminate(list: &mut Vec<u8>) {
    if list.last().is_some_and(|&byte| byte != 0) {
        list.push(0);
    }
}

/// Reads `/proc/PID/status`; `None` if it lacks what every task has.
fn read_status(status: &[u8], thread: &mut Thread) -> Option<()> {
    let field = |key, index| value(status, key).and_then(|line| words(line).nth(index));
    let number = |key| field(key, 0).and_then(decimal::<i64>);
    // The last number is that of the innermost namespace.
    let inner = |key| value(status, key).and_then(|line| decimal::<i64>(words(line).last()?));
    let capabilities = |key| field(key, 0).and_then(|word| radix(word, 16)).unwrap_or(0);
    let kilobytes = |key| {
        let number = field(key, 0).and_then(decimal::<u64>).unwrap_or(0);
        u32::try_from(number).unwrap_or(u32::MAX)
    };
    thread.pid = number("Tgid:")?;
    thread.ptid = number("PPid:")?;
    thread.uid = field("Uid:", 1).and_then(decimal)?;
    thread.gid = field("Gid:", 1).and_then(decimal)?;
    thread.vtid = inner("NSpid:").unwrap_or(thread.tid);
    thread.vpid = inner("NStgid:").unwrap_or(thread.pid);
    thread.vpgid = inner("NSpgid:").unwrap_or(-1);
    thread.cap_inheritable = capabilities("CapInh:");
    thread.cap_permitted = capabilities("CapPrm:");
    thread.cap_effective = capabilities("CapEff:");
    thread.vmsize_kb = kilobytes("VmSize:");
    thread.vmrss_kb = kilobytes("VmRSS:");
    thread.vmswap_kb = kilobytes("VmSwap:");
    Some(())
}

/// Reads `/proc/PID/stat`; returns the ticks from boot to the start of the task. The name in parentheses may contain
/// anything, so fields are counted from its end.
fn read_stat(stat: &[u8], thread: &mut Thread) -> Option<u64> {
    let line = lines(stat.get(stat.iter().rposition(|&byte| byte == b')')? + 1..)?).next()?;
    // state ppid pgrp session tty tpgid flags minflt cminflt majflt … starttime is the 20th.
    let mut fields = words(line);
    thread.pgid = decimal(fields.nth(2)?)?;
    thread.sid = decimal(fields.next()?)?;
    thread.tty = decimal::<i32>(fields.next()?)? as u32;
    thread.pfminor = decimal(fields.nth(2)?)?;
    thread.pfmajor = decimal(fields.nth(1)?)?;
    decimal(fields.nth(9)?)
}

/// Returns whether the task of a `stat` line is a zombie or dead.
fn has_ended(stat: &[u8]) -> bool {
    let state = stat.iter().rposition(|&byte| byte == b')').and_then(|at| stat.get(at + 2));
    matches!(state, Some(b'Z' | b'X' | b'x'))
}

/// Returns the ticks from boot to the start of the task, from its `stat`.
pub(super) fn start_of(stat: &[u8]) -> Option<u64> {
    read_stat(stat, &mut Thread::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_parentheses() {
        let mut thread = Thread::default();
        let stat = b"7 (a) b) (c) S 1 7 6 34816 7 4194560 100 200 3 4 1 2 3 4 20 0 1 0 5000 1 2\n";
        assert_eq!(read_stat(stat, &mut thread), Some(5000));
        assert_eq!((thread.pgid, thread.sid, thread.tty, thread.pfminor, thread.pfmajor), (7, 6, 34816, 100, 3));
        assert_eq!(read_stat(b"7 (a) S 1 7", &mut thread), None);
        assert_eq!(read_stat(b"", &mut thread), None);
    }

    #[test]
    fn command_lines() {
        let split = |line: &[u8]| split_command_line(line.to_vec());
        assert_eq!(split(b"sh\0-c\0id\0"), (b"sh".to_vec(), b"-c\0id\0".to_vec()));
        assert_eq!(split(b"nginx: master"), (b"nginx: master".to_vec(), b"".to_vec()));
        assert_eq!(split(b"sh\0cut"), (b"sh".to_vec(), b"cut\0".to_vec()));
        assert_eq!(split(b""), (b"".to_vec(), b"".to_vec()));
        assert_eq!(split(b"\0"), (b"".to_vec(), b"".to_vec()));
    }
}
