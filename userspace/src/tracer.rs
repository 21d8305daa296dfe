//! The tracer: a thread that waits for stops, turns those at calls into events, and lets the threads go on.
//!
//! ```text
//! entry of a selected call   the call is noted                        runs up to its exit
//! exit of it                 its event is written                     runs to the next selected call
//! exec                       its event is written from the new image
//! first stop of a new thread its own clone event is written
//! a signal                   is delivered, and reported if selected
//! a group stop               the thread stays stopped until SIGCONT
//! the end of a thread        its event is written
//! ```
//!
//! A process that was attached to has no filter, so it stops at every call.

use std::io::PipeReader;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::mpsc::SyncSender;

use scap::procfs::{self, FdScan, Lookup};
use scap::schema::{EventCode, SyscallCode, SyscallSet};
use scap::{EventBuilder, HostState};

use crate::call::{Call, Ended};
use crate::convert::O_CREAT;
use crate::events::{self, Outcome};
use crate::launch::{Launched, attach};
use crate::memory::{MAX_PATH, Memory};
use crate::process::Process;
use crate::queue::Queue;
use crate::sys::{self, Phase};
use crate::tracee::Tracees;
use crate::{Builder, Error, Result, clone, exec, filter};

const CLONE_VM: u64 = 0x100;
const CLONE_VFORK: u64 = 0x4000;
const CLONE_THREAD: u64 = 0x10000;
const SYSCALL_STOP: i32 = libc::SIGTRAP | 0x80;
const AT_FDCWD: i32 = -100;

/// The report of a start.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) root: i32,
    pub(crate) host: HostState,
    pub(crate) report: procfs::Report,
}

/// Runs the tracer up to the end of all processes, or until the other end of `bell` is closed.
pub(crate) fn run(builder: &Builder, queue: &Queue, bell: PipeReader, started: &SyncSender<Result<Started>>) {
    let doorkeeper = match sys::doorkeeper(&bell).map_err(Error::io("creating a process")) {
        Ok(pid) => pid,
        Err(error) => return drop(started.send(Err(error))),
    };
    let mut tracer = Tracer::new(builder, queue, doorkeeper);
    match tracer.start(builder) {
        Ok((launched, snapshot)) => tracer.run(launched, snapshot, started),
        Err(error) => drop(started.send(Err(error))),
    }
    tracer.finish();
    queue.end();
}

struct Tracer<'q> {
    queue: &'q Queue,
    tracees: Tracees,
    memory: Memory,
    lookup: Lookup,
    out: EventBuilder,
    selection: SyscallSet,
    snaplen: usize,
    /// Whether there is no filter.
    attached: bool,
    doorkeeper: i32,
    root: i32,
    /// Whether the reader has gone.
    stopping: bool,
}

impl<'q> Tracer<'q> {
    fn new(builder: &Builder, queue: &'q Queue, doorkeeper: i32) -> Self {
        let config = procfs::Config { fds: FdScan::None, users: false, ..procfs::Config::default() };
        Self {
            queue,
            tracees: Tracees::default(),
            memory: Memory::default(),
            lookup: Lookup::new(&builder.host_root, &config),
            out: EventBuilder::new(),
            selection: builder.selection,
            snaplen: builder.snaplen,
            attached: builder.command.is_empty(),
            doorkeeper,
            root: 0,
            stopping: false,
        }
    }

    /// Creates the command, or attaches to the process; then reads the initial state, while neither runs.
    fn start(&mut self, builder: &Builder) -> Result<(Option<Launched>, procfs::Snapshot)> {
        let launched = if builder.command.is_empty() {
            self.root = builder.pid.unwrap_or_default();
            for tid in attach(self.root)? {
                self.enter(tid);
            }
            None
        } else {
            let launched = Launched::new(&builder.command, &builder.selection)?;
            self.root = launched.child;
            self.enter(self.root);
            Some(launched)
        };
        let snapshot = match &builder.proc_scan {
            Some(config) => procfs::scan(&builder.host_root, config).map_err(Error::Host)?,
            None => procfs::Snapshot::default(),
        };
        Ok((launched, snapshot))
    }

    fn run(
        &mut self,
        mut launched: Option<Launched>,
        snapshot: procfs::Snapshot,
        started: &SyncSender<Result<Started>>,
    ) {
        let mut begun = Some(Started { root: self.root, host: snapshot.host, report: snapshot.report });
        if let Some(Err(error)) = launched.as_mut().map(Launched::go) {
            return drop(started.send(Err(error)));
        }
        if launched.is_none()
            && let Some(begun) = begun.take()
        {
            _ = started.send(Ok(begun));
        }
        while !self.tracees.is_empty() {
            let Ok(Some((tid, status))) = sys::wait(true) else { return };
            self.selection = self.queue.new_selection().unwrap_or(self.selection);
            if tid == self.doorkeeper {
                self.doorkeeper = 0;
                self.stop();
                continue;
            }
            if libc::WIFSTOPPED(status) {
                let executed = self.stopped(tid, libc::WSTOPSIG(status), status >> 16);
                if executed
                    && tid == self.root
                    && let Some(begun) = begun.take()
                {
                    launched = None;
                    _ = started.send(Ok(begun));
                }
            } else {
                self.ended(tid, status);
                if tid == self.root
                    && let Some(launched) = launched.take()
                {
                    return drop(started.send(Err(launched.failure())));
                }
            }
        }
    }

    /// The reader has gone: a command is killed, a process that was attached to is left.
    fn stop(&mut self) {
        self.stopping = true;
        if self.attached {
            self.tracees.threads().for_each(|tid| drop(sys::interrupt(tid)));
        } else {
            self.tracees.processes().for_each(|pid| sys::kill(pid, libc::SIGKILL));
        }
    }

    /// Leaves no child behind.
    fn finish(&mut self) {
        if !self.tracees.is_empty() && !self.attached {
            self.stop();
            while !self.tracees.is_empty() {
                match sys::wait(true) {
                    Ok(Some((tid, status))) if !libc::WIFSTOPPED(status) => drop(self.tracees.remove(tid)),
                    Ok(Some((tid, _))) => drop(sys::resume(tid, false, 0)),
                    _ => break,
                }
            }
        }
        if self.doorkeeper != 0 {
            sys::kill(self.doorkeeper, libc::SIGKILL);
            while let Ok(Some((tid, _))) = sys::wait(true) {
                if tid == self.doorkeeper {
                    break;
                }
            }
        }
    }

    /// Adds a thread.
    fn enter(&mut self, tid: i32) -> i32 {
        let status = std::fs::read_to_string(format!("/proc/{tid}/status")).unwrap_or_default();
        let number = |key: &str| {
            status.lines().find_map(|line| line.strip_prefix(key)).and_then(|value| value.trim().parse().ok())
        };
        let pid = number("Tgid:").unwrap_or(tid);
        self.tracees.insert(tid, pid, number("PPid:").unwrap_or(0));
        pid
    }

    /// Handles a stop; returns whether the thread has executed a program.
    fn stopped(&mut self, tid: i32, signal: i32, event: i32) -> bool {
        if self.stopping && self.attached {
            let deliver = if event == 0 && signal != SYSCALL_STOP { signal } else { 0 };
            _ = sys::detach(tid, deliver);
            self.tracees.remove(tid);
            return false;
        }
        let mut deliver = 0;
        let mut executed = false;
        match event {
            _ if !self.tracees.contains(tid) => self.born(tid),
            libc::PTRACE_EVENT_SECCOMP => self.entry(tid),
            libc::PTRACE_EVENT_EXEC => {
                self.executed(tid);
                executed = true;
            }
            libc::PTRACE_EVENT_STOP if signal != libc::SIGTRAP => {
                // A group stop. An error means that the thread was killed meanwhile.
                _ = sys::listen(tid);
                return false;
            }
            0 if signal == SYSCALL_STOP => match sys::call_info(tid).map(|info| info.phase) {
                Ok(Phase::Entry) => self.entry(tid),
                Ok(Phase::Exit) => self.exit(tid),
                _ => {}
            },
            0 => {
                self.signalled(tid, signal);
                deliver = signal;
            }
            // The creation of a thread is reported at its own first stop and at the exit of the call.
            _ => {}
        }
        let in_call = self.tracees.get_mut(tid).is_some_and(|tracee| tracee.call.is_some());
        // An error means that the thread was killed meanwhile: its end is reported next.
        _ = sys::resume(tid, self.attached || in_call, deliver);
        executed
    }

    /// Notes the call that a thread begins.
    fn entry(&mut self, tid: i32) {
        let Ok(info) = sys::call_info(tid) else { return };
        let memory = self.memory.of(tid);
        let Some(call) = Call::new(&info, memory).filter(|call| filter::wanted(&self.selection, call.number)) else {
            return;
        };
        let [first, second, third, ..] = call.args;
        let mut existed = true;
        let mut exec_name = Vec::new();
        match call.event {
            EventCode::EXECVE_19_X | EventCode::EXECVEAT_X => exec_name = exec::name(&call, memory),
            EventCode::CREAT_X => existed = exists(tid, AT_FDCWD, memory.text(first, MAX_PATH)),
            EventCode::OPEN_X if second as u32 & O_CREAT != 0 => {
                existed = exists(tid, AT_FDCWD, memory.text(first, MAX_PATH));
            }
            EventCode::OPENAT_2_X if third as u32 & O_CREAT != 0 => {
                existed = exists(tid, first as i32, memory.text(second, MAX_PATH));
            }
            EventCode::OPENAT2_X if memory.u64(third) as u32 & O_CREAT != 0 => {
                existed = exists(tid, first as i32, memory.text(second, MAX_PATH));
            }
            // Nothing of it depends on its result.
            EventCode::GENERIC_X if !self.attached => return self.exit_of(tid, call, 0, true),
            _ => {}
        }
        if let Some(tracee) = self.tracees.get_mut(tid) {
            (tracee.call, tracee.existed, tracee.exec_name) = (Some(call), existed, exec_name);
        }
    }

    /// Writes the event of the call that a thread has made.
    fn exit(&mut self, tid: i32) {
        let Some(tracee) = self.tracees.get_mut(tid) else { return };
        let existed = tracee.existed;
        let Some(call) = tracee.call.take() else { return };
        if let Ok(info) = sys::call_info(tid) {
            self.exit_of(tid, call, info.ret, existed);
        }
    }

    fn exit_of(&mut self, tid: i32, call: Call, result: i64, existed: bool) {
        let Some(pid) = self.tracees.get_mut(tid).map(|tracee| tracee.pid) else { return };
        let is_single = self.tracees.is_single(pid);
        let Some(tracee) = self.tracees.get_mut(tid) else { return };
        let ts = sys::now();
        self.out.start(call.event).ts(ts).tid(tid.into());
        let mut ended = Ended {
            call,
            result,
            process: Process { tid, pid, is_single, pidfd: &mut tracee.pidfd },
            memory: self.memory.of(tid),
            out: &mut self.out,
            lookup: &mut self.lookup,
            snaplen: self.snaplen,
            existed,
            sizes: None,
        };
        let queue = self.queue;
        let mut next = |ended: &mut Ended<'_>| {
            push(queue, ended.out, ended.memory.faults);
            ended.out.start(call.event).ts(ts).tid(tid.into());
        };
        if events::write(&mut ended, &mut next) == Outcome::Event {
            push(queue, &mut self.out, self.memory.faults);
        }
    }

    /// Passes the event on that was written.
    fn push(&mut self) {
        push(self.queue, &mut self.out, self.memory.faults);
    }

    /// A thread that is not known yet has its first stop, at the exit of the call that made it.
    fn born(&mut self, tid: i32) {
        let pid = self.enter(tid);
        let compat = sys::call_info(tid).is_ok_and(|info| info.compat);
        let Ok((number, first)) = sys::birth(tid, compat) else { return };
        let memory = self.memory.of(tid);
        let info = sys::CallInfo { phase: Phase::Exit, compat, number, args: [first, 0, 0, 0, 0, 0], ret: 0 };
        let Some(call) = Call::new(&info, memory) else { return };
        let flags = match call.event {
            EventCode::CLONE3_X => memory.u64(first),
            EventCode::CLONE_20_X => first,
            EventCode::VFORK_20_X => CLONE_VM | CLONE_VFORK,
            _ => 0,
        };
        if flags & CLONE_VM != 0 && flags & (CLONE_THREAD | CLONE_VFORK) == 0 {
            let parent = self.tracees.get_mut(tid).map_or(0, |tracee| tracee.parent);
            self.tracees.share(pid, parent);
        }
        if !filter::wanted(&self.selection, call.number) {
            return;
        }
        let thread = self.lookup.thread(tid.into());
        let flags = if matches!(call.event, EventCode::CLONE_20_X | EventCode::CLONE3_X) { flags } else { 0 };
        self.out.start(call.event).ts(sys::now()).tid(tid.into());
        clone::write(&mut self.out, 0, tid, flags, thread.as_ref());
        self.push();
    }

    /// A thread has executed a program. If it was not the first of its process it is now, with that one's number.
    fn executed(&mut self, tid: i32) {
        let former = sys::event_message(tid).map_or(tid, |former| former as i32);
        let source = self.tracees.get_mut(former).map(|tracee| std::mem::take(&mut tracee.exec_name));
        if former != tid {
            self.tracees.remove(former);
        }
        if let Some(tracee) = self.tracees.get_mut(tid) {
            tracee.call = None;
            let pid = tracee.pid;
            self.tracees.executed(pid);
        }
        let exec = [SyscallCode::EXECVE, SyscallCode::EXECVEAT];
        if !exec.into_iter().any(|call| self.selection.contains(call)) {
            return;
        }
        let thread = self.lookup.thread(tid.into());
        self.out.start(EventCode::EXECVE_19_X).ts(sys::now()).tid(tid.into());
        exec::succeeded(&mut self.out, tid, thread.as_ref(), &source.unwrap_or_default());
        self.push();
    }

    /// A signal is about to reach a thread.
    fn signalled(&mut self, tid: i32, signal: i32) {
        if !self.selection.contains(SyscallCode::SIGNAL_DELIVER) || is_ignored(tid, signal) {
            return;
        }
        let sender = sys::sender(tid, signal).unwrap_or(0);
        self.out.start(EventCode::SIGNALDELIVER_E).ts(sys::now()).tid(tid.into());
        self.out.i64(sender).i64(tid.into()).u8(signal as u8);
        self.push();
    }

    /// A thread has ended.
    fn ended(&mut self, tid: i32, status: i32) {
        let Some(tracee) = self.tracees.remove(tid) else { return };
        if tid == self.root && !self.attached {
            self.queue.set_status(ExitStatus::from_raw(status));
        }
        // Its children have a new parent by now.
        let mut reaper = 0;
        if !self.tracees.has_process(tracee.pid)
            && let Some(child) = self.tracees.child_of(tracee.pid)
        {
            reaper = parent_of(child).unwrap_or(0);
            self.tracees.adopt(tracee.pid, reaper);
        }
        self.out.start(EventCode::PROCEXIT_1_E).ts(sys::now()).tid(tid.into());
        self.out.i64(status.into()).i64((status >> 8 & 0xff).into());
        self.out.u8((status & 0x7f) as u8).u8((status >> 7 & 1) as u8).i64(reaper.into());
        self.push();
    }
}

fn push(queue: &Queue, out: &mut EventBuilder, faults: u64) {
    // A parameter that does not fit cannot be written: all are bounded.
    if let Ok(event) = out.finish() {
        queue.push(event.bytes(), faults);
    }
}

fn parent_of(pid: i32) -> Option<i32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

/// Returns whether a signal has no effect: without a tracer it would not have reached the thread.
fn is_ignored(tid: i32, signal: i32) -> bool {
    const BY_DEFAULT: [i32; 4] = [libc::SIGCHLD, libc::SIGCONT, libc::SIGURG, libc::SIGWINCH];
    let status = std::fs::read_to_string(format!("/proc/{tid}/status")).unwrap_or_default();
    let has = |key: &str| {
        let mask = status.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
        mask.and_then(|mask| u64::from_str_radix(mask, 16).ok()).is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
    };
    has("SigIgn:") || BY_DEFAULT.contains(&signal) && !has("SigCgt:")
}

/// Returns whether a file exists, as a thread sees it.
fn exists(tid: i32, directory: i32, path: Option<&[u8]>) -> bool {
    use std::os::unix::ffi::OsStrExt as _;
    let Some(path) = path else { return true };
    let mut full = match (path.first(), directory) {
        (Some(b'/'), _) => format!("/proc/{tid}/root"),
        (_, AT_FDCWD) => format!("/proc/{tid}/cwd/"),
        (_, fd) => format!("/proc/{tid}/fd/{fd}/"),
    }
    .into_bytes();
    full.extend_from_slice(path);
    std::fs::metadata(std::ffi::OsStr::from_bytes(&full)).is_ok()
}
