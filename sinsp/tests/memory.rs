//! Memory: none per event that changes nothing, bounded for many threads, given back when they are gone.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use peregrine_sinsp::{Config, Inspector, Next};
use scap::{EventBuilder, EventCode as E, HostState, Source, SourceStats};

struct Counting;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<i64> = const { Cell::new(0) };
}

fn count(calls: u64, bytes: i64) {
    // A thread that ends frees after its counters are gone: that is not of interest.
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

/// A source of events that a function makes, one for each number.
struct Made<F> {
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

fn inspector<F: FnMut(u64, &mut EventBuilder)>(
    host: HostState,
    end: u64,
    config: Config,
    make: F,
) -> Inspector<Made<F>> {
    Inspector::with_config(Made { make, builder: EventBuilder::new(), number: 0, end, host }, config)
}

fn thread(tid: i64, fds: i64) -> scap::host::Thread {
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

fn fork(event: &mut EventBuilder, caller: i64, child: i64) {
    event.start(E::FORK_20_X).ts(1).tid(caller);
    event.i64(child).text("/usr/bin/worker").raw(b"--config\0/etc/worker/worker.conf\0");
    event.i64(caller).i64(caller).i64(1).text("").i64(1024).u64(0).u64(0).u32(1).u32(1).u32(1);
    event.text("worker").raw(b"cpu=/system.slice/worker.service\0").u32(0).u32(0).u32(0).i64(caller).i64(caller).u64(0);
}

fn exit(event: &mut EventBuilder, tid: i64) {
    event.start(E::PROCEXIT_1_E).ts(1).tid(tid).i64(0).i64(0).raw(&[0]).raw(&[0]).i64(0);
}

#[test]
fn events_that_change_nothing_allocate_nothing() {
    const WARM: u64 = 1000;
    const END: u64 = 50_000;
    let host = HostState { threads: (1..8).map(|tid| thread(tid, 10)).collect(), ..HostState::default() };
    let mut inspector = inspector(host, END, Config::default(), |number, event| {
        let tid = 1 + (number / 5 % 7) as i64;
        let tuple = [2, 10, 0, 0, 5, 1, 1, 8, 8, 8, 8, 53, 0];
        match number {
            0..7 => {
                event.start(E::SOCKET_X).ts(1).tid(number as i64 + 1).i64(20).u32(2).u32(2).u32(17).u32(0);
                return;
            }
            _ => event.start(E::READ_X).ts(number),
        };
        match number % 11 {
            0 => event.start(E::READ_X).tid(tid).i64(5).raw(b"hello").i64(3).u32(5),
            1 => event.start(E::WRITE_X).tid(tid).i64(5).raw(b"hello").i64(3).u32(5),
            2 => event.start(E::MMAP_X).tid(tid).i64(0).u32(1).u32(2).u32(3),
            3 => event.start(E::OPENAT_2_E).tid(tid).i64(-100).text("/nowhere/at/all/to/be/found").u32(1).u32(0),
            4 => event.start(E::OPENAT_2_X).tid(tid).i64(-2).i64(-100).text("/nowhere").u32(1).u32(0).u32(0).u64(0),
            5 => event.start(E::SENDTO_X).tid(tid).i64(5).raw(b"hello").i64(20).u32(5).raw(&tuple),
            6 => event.start(E::SETUID_X).tid(tid).i64(0).u32(0),
            7 => event.start(E::CLOSE_X).tid(tid).i64(-9).i64(77),
            8 => event.start(E::GENERIC_X).tid(tid).raw(&[1, 0, 1, 0]),
            9 => event.start(E::FCNTL_X).tid(tid).i64(0).i64(3).raw(&[4]).u64(0),
            _ => event.start(E::BRK_4_X).tid(tid).i64(0).u32(1).u32(2).u32(3),
        };
    });
    let mut before = 0;
    for number in 0..END {
        assert!(!matches!(inspector.next().expect("an event"), Next::End), "{number}");
        if number == WARM {
            before = CALLS.get();
        }
    }
    assert_eq!(CALLS.get() - before, 0);
    assert!(inspector.state().metrics().stored_events > 1000);
}

#[test]
fn a_hundred_thousand_processes_fit_and_are_given_back() {
    const PROCESSES: u64 = 100_000;
    let host = HostState { threads: vec![thread(1, 0), thread(7, 20)], ..HostState::default() };
    let empty = BYTES.get();
    let mut inspector = inspector(host, 2 * PROCESSES + 1, Config::default(), |number, event| match number {
        ..PROCESSES => fork(event, 7, 1000 + number as i64),
        _ => exit(event, 1000 + (number % PROCESSES) as i64),
    });
    for _ in 0..PROCESSES {
        inspector.next().expect("an event");
    }
    let full = BYTES.get() - empty;
    let state = inspector.state();
    assert_eq!(state.threads().count() as u64, PROCESSES + 2);
    let last = state.thread(1000 + PROCESSES as i64 - 1).expect("the last");
    assert_eq!(state.fds(last).map_or(0, |fds| fds.len()), 20);
    for _ in 0..=PROCESSES {
        inspector.next().expect("an event");
    }
    let left = BYTES.get() - empty;
    println!("{PROCESSES} processes with 20 descriptors: {} MB, after their exit {} KB", full >> 20, left >> 10);
    assert!(full < 200 << 20, "{full} bytes");
    assert!(left < 4 << 20, "{left} bytes");
    assert!(inspector.state().threads().count() < 4);
    inspector.state().check().expect("the tables agree");
}

#[test]
fn a_fork_bomb_stays_within_the_limit_and_is_counted() {
    // PEREGRINE_FORK_BOMB=10000000 takes some seconds when built with --release.
    let tasks = std::env::var("PEREGRINE_FORK_BOMB").ok().and_then(|text| text.parse().ok()).unwrap_or(200_000u64);
    let mut config = Config::default();
    config.limits.threads = 1000;
    let host = HostState { threads: vec![thread(1, 0), thread(7, 3)], ..HostState::default() };
    let empty = BYTES.get();
    let mut peak = 0;
    // Each task forks the next; of three exits one is lost.
    let mut inspector = inspector(host, tasks * 2, config, |number, event| {
        let task = 1000 + (number / 2) as i64;
        match number % 2 {
            0 => fork(event, if number % 8 == 0 { 7 } else { task - 1 }, task),
            _ => exit(event, if number % 3 == 0 { 0 } else { task }),
        }
    });
    for _ in 0..tasks * 2 {
        inspector.next().expect("an event");
        peak = peak.max(BYTES.get() - empty);
    }
    let metrics = inspector.state().metrics();
    assert!(metrics.threads <= 1001, "{} threads", metrics.threads);
    assert!(metrics.drops_full_threadtable > tasks / 10, "{metrics:?}");
    println!("{tasks} tasks: {} KB at most, {} refused", peak >> 10, metrics.drops_full_threadtable);
    assert!(peak < 8 << 20, "{peak} bytes");
    inspector.state().check().expect("the tables agree");
}
