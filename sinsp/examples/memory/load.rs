//! Loads that fill the state: a source that generates events on demand, and a counting allocator.

#![allow(dead_code, reason = "the example and the tests use a part of it each")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use peregrine_sinsp::{Config, Inspector};
use scap::{EventBuilder, EventCode as E, HostState, Source, SourceStats};

/// Counts the allocations of the system's allocator.
struct Counting;

thread_local! {
    pub(crate) static CALLS: Cell<u64> = const { Cell::new(0) };
    pub(crate) static BYTES: Cell<i64> = const { Cell::new(0) };
}

fn count(calls: u64, bytes: i64) {
    // A thread that ends frees memory after its counters are gone; that is not of interest.
    let _ = CALLS.try_with(|count| count.set(count.get() + calls));
    let _ = BYTES.try_with(|count| count.set(count.get() + bytes));
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        count(0, -(layout.size() as i64));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A source of events that a function generates, one for each number.
pub(crate) struct Made<F> {
    make: F,
    builder: EventBuilder,
    number: u64,
    end: u64,
    host: HostState,
}

impl<F: FnMut(u64, &mut EventBuilder)> Source for Made<F> {
    fn next(&mut self) -> scap::Result<scap::Next<'_>> {
        if self.number == self.end {
            return Ok(scap::Next::End);
        }
        (self.make)(self.number, &mut self.builder);
        self.number += 1;
        Ok(scap::Next::Event(self.builder.finish()?))
    }

    fn host(&self) -> &HostState {
        &self.host
    }

    fn stats(&self) -> SourceStats {
        SourceStats::default()
    }
}

pub(crate) fn inspector<F: FnMut(u64, &mut EventBuilder)>(
    host: HostState,
    end: u64,
    config: Config,
    make: F,
) -> Inspector<Made<F>> {
    Inspector::with_config(Made { make, builder: EventBuilder::new(), number: 0, end, host }, config)
}

pub(crate) fn thread(tid: i64, fds: i64) -> scap::host::Thread {
    scap::host::Thread {
        tid,
        pid: tid,
        ptid: 1,
        vtid: tid,
        vpid: tid,
        comm: b"worker".to_vec(),
        exe: b"/usr/bin/worker".to_vec(),
        exepath: b"/usr/bin/worker".to_vec(),
        args: b"--config\0/etc/worker/worker.conf\0".to_vec(),
        cwd: b"/var/lib/worker".to_vec(),
        fds: (0..fds)
            .map(|num| scap::host::Fd {
                num,
                ino: 1,
                kind: scap::host::FdKind::File {
                    flags: 1,
                    name: format!("/var/lib/worker/data/segment-{num}").into_bytes(),
                    dev: 1,
                },
            })
            .collect(),
        ..scap::host::Thread::default()
    }
}

pub(crate) fn fork(event: &mut EventBuilder, caller: i64, child: i64) {
    event.start(E::FORK_20_X).ts(1).tid(caller);
    event.i64(child).text("/usr/bin/worker").raw(b"--config\0/etc/worker/worker.conf\0");
    event.i64(caller).i64(caller).i64(1).text("").i64(1024).u64(0).u64(0).u32(1).u32(1).u32(1);
    event.text("worker").raw(b"cpu=/system.slice/worker.service\0").u32(0).u32(0).u32(0).i64(caller).i64(caller).u64(0);
}

pub(crate) fn exit(event: &mut EventBuilder, tid: i64) {
    event.start(E::PROCEXIT_1_E).ts(1).tid(tid).i64(0).i64(0).raw(&[0]).raw(&[0]).i64(0);
}

/// The file descriptors that a process opens: mostly files, then sockets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paths {
    /// All processes open the same files, like those of one program.
    Same,
    /// Each process opens different files.
    Own,
}

/// Generates the open of a process's `num`th file.
pub(crate) fn open(event: &mut EventBuilder, tid: i64, num: i64, paths: Paths) {
    let (name, ino) = match paths {
        Paths::Same => (format!("/usr/lib/worker/plugins/part-{num:02}.so"), num as u64),
        Paths::Own => (format!("/var/lib/worker/{tid:08}/segment-{num:02}"), (tid * 100 + num) as u64),
    };
    event.start(E::OPENAT_2_X).ts(1).tid(tid).i64(num).i64(-100).text(&name).u32(1).u32(0).u32(8).u64(ino);
}

/// The origin of a process's file descriptors.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// Inherited from the process that forked them.
    Inherited,
    /// Opened by the process.
    Opened(Paths),
}

/// The number of short tasks after the load.
pub(crate) const AFTERWARDS: u64 = 1000;

/// Returns a load of processes that process 7 forks and that get 20 file descriptors each; then all exit, and a few
/// short tasks follow.
pub(crate) fn processes(count: u64, load: Load) -> (Inspector<impl Source>, u64) {
    const FDS: u64 = 20;
    let each = if load == Load::Inherited { 1 } else { 1 + FDS };
    let parent = thread(7, if load == Load::Inherited { FDS as i64 } else { 0 });
    let host = HostState { threads: vec![thread(1, 0), parent], ..HostState::default() };
    let filling = count * each;
    let over = filling + count;
    let inspector = inspector(host, over + 2 * AFTERWARDS, Config::default(), move |number, event| {
        if number >= over {
            let tid = (1 << 30) + ((number - over) / 2) as i64;
            return if number % 2 == over % 2 { fork(event, 7, tid) } else { exit(event, tid) };
        }
        if number >= filling {
            return exit(event, 1000 + ((number - filling) % count) as i64);
        }
        let tid = 1000 + (number / each) as i64;
        match (number % each, load) {
            (0, _) | (_, Load::Inherited) => fork(event, 7, tid),
            (num, Load::Opened(paths)) => open(event, tid, num as i64 - 1, paths),
        }
    });
    (inspector, filling)
}

/// Returns a load of short tasks, each forked by the one before, of which one exit in three is lost; at most a thousand
/// fit.
pub(crate) fn fork_bomb(tasks: u64) -> Inspector<impl Source> {
    let mut config = Config::default();
    config.limits.threads = 1000;
    let host = HostState { threads: vec![thread(1, 0), thread(7, 3)], ..HostState::default() };
    inspector(host, tasks * 2, config, |number, event| {
        let task = 1000 + (number / 2) as i64;
        match number % 2 {
            0 => fork(event, if number % 8 == 0 { 7 } else { task - 1 }, task),
            _ => exit(event, if number % 3 == 0 { 0 } else { task }),
        }
    })
}
