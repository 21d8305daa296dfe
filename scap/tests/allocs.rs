//! Tests that events of an open capture pass without an allocation, and that no capture, however hostile, makes its
//! reader use much memory.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Write;

use common::generate;
use peregrine_scap::host::Thread;
use peregrine_scap::render::{self, Buffers};
use peregrine_scap::savefile::{BlockType, Compression, Limits, Reader, Writer};
use peregrine_scap::{EventBuilder, EventCode, HostState, Next, Source};

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    /// The bytes currently allocated, and their maximum.
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        LIVE.set(LIVE.get().wrapping_add(layout.size()));
        PEAK.set(PEAK.get().max(LIVE.get()));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get().wrapping_sub(layout.size()));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Reads everything and returns the number of events and of allocations after the first `warm` events.
fn count(capture: &[u8], warm: u64) -> (u64, u64) {
    let mut reader = Reader::new(capture).unwrap();
    let (mut events, mut before, mut sum) = (0, 0, 0_u64);
    while let Next::Event(event) = reader.next().unwrap() {
        if events == warm {
            before = COUNT.get();
        }
        events += 1;
        sum = sum.wrapping_add(event.param(0).and_then(|value| value.u64()).unwrap_or(0));
    }
    let after = COUNT.get();
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
fn upgrading_old_events_allocates_nothing_once_warm() {
    let capture = capture(Compression::Plain, |number, builder| {
        if number % 2 == 0 {
            builder.start(EventCode::READ_E).tid(1 + number as i64 % 7).i64(3).u32(100);
        } else {
            builder.start(EventCode::READ_X).tid(number as i64 % 7).i64(100).raw(&[5; 80]);
        }
    });
    assert_eq!(count(&capture, 1000), (EVENTS / 2, 0));
}

#[test]
fn decoding_and_printing_allocate_nothing() {
    let bytes: Vec<u8> = (0..60_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 23) as u8).collect();
    let mut builder = EventBuilder::new();
    let mut out = Vec::with_capacity(1 << 20);
    let mut printed = 0;
    for at in 0..20_000 {
        generate::event(&mut generate::Bytes(&bytes[at..at + 2000]), &mut builder);
        let event = builder.finish().unwrap();
        out.clear();
        let before = COUNT.get();
        for form in [Buffers::Dots, Buffers::Hex, Buffers::HexAscii, Buffers::Printable, Buffers::Base64] {
            render::args(&event, &Form(form), &mut out);
        }
        assert_eq!(COUNT.get() - before, 0, "{event:?}");
        printed += out.len();
    }
    assert!(printed > 1 << 20, "{printed} bytes");

    struct Form(Buffers);
    impl render::Resolve for Form {
        fn buffers(&self) -> Buffers {
            self.0
        }
    }
}

/// Returns the maximum memory that reading takes, and the error that it ends with.
fn peak(capture: &[u8], limits: Limits) -> (usize, String) {
    LIVE.set(0);
    PEAK.set(0);
    let error = match Reader::with_limits(capture, limits) {
        Ok(mut reader) => loop {
            match reader.next() {
                Ok(Next::End) => break String::new(),
                Ok(_) => {}
                Err(error) => break error.to_string(),
            }
        },
        Err(error) => error.to_string(),
    };
    (PEAK.get(), error)
}

#[test]
fn hostile_captures_are_read_in_little_memory() {
    const MB: usize = 1 << 20;
    let header = |ty: BlockType, len: u32| [ty.0.to_le_bytes(), len.to_le_bytes()].concat();
    let mut writer = Writer::new(Vec::new(), &HostState::default(), Compression::Plain).unwrap();
    writer.write(&EventBuilder::new().start(EventCode::CLOSE_X).i64(0).i64(3).finish().unwrap()).unwrap();
    let start = writer.finish().unwrap();

    let lies = [start.clone(), header(BlockType::EVENT_V2_LARGE, 200 << 20), vec![0; MB]].concat();
    let (memory, error) = peak(&lies, Limits::default());
    assert!(memory < 4 * MB && error.contains("Is the file truncated?"), "{memory} bytes, {error}");

    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&start).unwrap();
    bomb.write_all(&header(BlockType(0x999), u32::MAX)).unwrap();
    for _ in 0..64 {
        bomb.write_all(&vec![0; MB]).unwrap();
    }
    let (memory, error) = peak(&bomb.finish().unwrap(), Limits::default());
    assert!(memory < MB && error.contains("Is the file truncated?"), "{memory} bytes, {error}");

    // A hundred thousand threads, none of which the limit has room for.
    let threads = |count| HostState {
        threads: (0..count).map(|tid| Thread { tid, args: vec![b'x'; 400], ..Thread::default() }).collect(),
        ..HostState::default()
    };
    let state = Writer::new(Vec::new(), &threads(100_000), Compression::Plain).unwrap().finish().unwrap();
    let limits = Limits { state: 4 << 20, ..Limits::default() };
    let (memory, error) = peak(&state, limits);
    assert!(memory < 16 * MB && error.contains("more memory than its limit"), "{memory} bytes, {error}");

    // As many entries of calls that never return.
    let mut writer = Writer::new(Vec::new(), &HostState::default(), Compression::Plain).unwrap();
    let mut builder = EventBuilder::new();
    let path = vec![b'x'; 4000];
    for tid in 0..40_000 {
        writer.write(&builder.start(EventCode::MKDIR_E).tid(tid).text(&path).u32(0).finish().unwrap()).unwrap();
    }
    let entries = writer.finish().unwrap();
    assert!(entries.len() > 150 * MB);
    let (memory, error) = peak(&entries, Limits::default());
    assert!(memory < 80 * MB && error.is_empty(), "{memory} bytes, {error}");
}
