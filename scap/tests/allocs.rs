//! Once a capture is open, events pass without an allocation.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use common::generate;
use peregrine_scap::savefile::{Compression, Reader, Writer};
use peregrine_scap::{EventBuilder, EventCode, HostState, Next, Source};

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Reads everything and gives the number of events and of allocations after the first `warm` events.
fn count(capture: &[u8], warm: u64) -> (u64, u64) {
    let mut reader = Reader::new(capture).unwrap();
    let (mut events, mut before, mut sum) = (0, 0, 0_u64);
    while let Next::Event(event) = reader.next().unwrap() {
        if events == warm {
            before = COUNT.with(Cell::get);
        }
        events += 1;
        sum = sum.wrapping_add(event.param(0).and_then(|value| value.u64()).unwrap_or(0));
    }
    let after = COUNT.with(Cell::get);
    assert_ne!(sum, 0);
    (events, after - before)
}

const EVENTS: u64 = 30_000;

fn capture(compression: Compression, mut build: impl FnMut(u64, &mut EventBuilder)) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &HostState::default(), compression).unwrap();
    let mut builder = EventBuilder::new();
    for number in 0..EVENTS {
        build(number, &mut builder);
        writer.write(&builder.finish().unwrap()).unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn reading_events_of_today_allocates_nothing() {
    let bytes: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for compression in [Compression::Plain, Compression::Gzip] {
        let capture = capture(compression, |number, builder| {
            let at = number as usize;
            generate::current_event(&mut generate::Bytes(&bytes[at..at + 2000]), builder);
        });
        assert_eq!(count(&capture, 10), (EVENTS, 0));
    }
}

#[test]
fn lifting_old_events_allocates_nothing_once_warm() {
    let capture = capture(Compression::Plain, |number, builder| {
        if number % 2 == 0 {
            builder.start(EventCode::READ_E).tid(1 + number as i64 % 7).i64(3).u32(100);
        } else {
            builder.start(EventCode::READ_X).tid(number as i64 % 7).i64(100).raw(&[5; 80]);
        }
    });
    assert_eq!(count(&capture, 1000), (EVENTS / 2, 0));
}
