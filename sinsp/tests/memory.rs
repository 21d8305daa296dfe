//! Tests of memory: none per event that changes nothing, bounded for many threads, freed when they are gone.

#[path = "../examples/memory/load.rs"]
mod load;

use load::{BYTES, CALLS, Load, Paths, fork_bomb, inspector, processes, thread};
use peregrine_sinsp::{Config, Next};
use scap::{EventCode as E, HostState};

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

/// Fills the state with processes of 20 file descriptors each, and returns their number, the bytes used, and the bytes
/// left when all have exited. A hundred thousand processes in an optimized build, else a tenth.
fn fill(load: Load) -> (u64, i64, i64) {
    let count = if cfg!(debug_assertions) { 10_000 } else { 100_000 };
    let empty = BYTES.get();
    let (mut inspector, filling) = processes(count, load);
    for _ in 0..filling {
        inspector.next().expect("an event");
    }
    let full = BYTES.get() - empty;
    let state = inspector.state();
    assert_eq!(
        (state.metrics().threads, state.metrics().fds),
        (count + 2, count * 20 + state.fds(state.thread(7).expect("the parent")).map_or(0, |fds| fds.len() as u64))
    );
    while !matches!(inspector.next().expect("an event"), Next::End) {}
    let left = BYTES.get() - empty;
    assert!(inspector.state().threads().count() < 4);
    inspector.state().check().expect("the tables agree");
    println!("{count} processes with 20 file descriptors: {} KB, after their exit {} KB", full >> 10, left >> 10);
    (count, full, left)
}

#[test]
fn memory_of_processes_that_inherit_file_descriptors_is_freed() {
    let (count, full, left) = fill(Load::Inherited);
    assert!(full < 2000 * count as i64, "{full} bytes");
    assert!(left < 4 << 20, "{left} bytes");
}

#[test]
fn processes_that_open_the_same_files_share_entries() {
    let (count, full, left) = fill(Load::Opened(Paths::Same));
    assert!(full < 2000 * count as i64, "{full} bytes");
    assert!(left < 4 << 20, "{left} bytes");
}

#[test]
fn processes_that_open_different_files_cost_more() {
    let (count, full, left) = fill(Load::Opened(Paths::Own));
    assert!(full < 6000 * count as i64, "{full} bytes");
    assert!(left < 8 << 20, "{left} bytes");
}

#[test]
fn a_fork_bomb_stays_within_the_limit_and_is_counted() {
    // Ten million take some seconds in an optimized build: `cargo run --release --example memory -- tasks`.
    let tasks = 200_000;
    let empty = BYTES.get();
    let mut peak = 0;
    let mut inspector = fork_bomb(tasks);
    while !matches!(inspector.next().expect("an event"), Next::End) {
        peak = peak.max(BYTES.get() - empty);
    }
    let metrics = inspector.state().metrics();
    assert!(metrics.threads <= 1001, "{} threads", metrics.threads);
    assert!(metrics.drops_full_threadtable > tasks / 10, "{metrics:?}");
    assert!(peak < 8 << 20, "{peak} bytes");
    inspector.state().check().expect("the tables agree");
}
