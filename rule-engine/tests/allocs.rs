//! Nothing is allocated for an event that matches no rule.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use peregrine_rule_engine::event::record::RecordSchema;
use peregrine_rule_engine::event::{Kind, Lifetime, Value};
use peregrine_rule_engine::filter::FilterSetBuilder;

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn no_allocation_without_a_match() {
    let schema = RecordSchema::new("test", ["open", "execve"])
        .field_with("proc.name", Kind::CharBuf, |info| info.lifetime = Lifetime::Thread)
        .field_with("proc.pname", Kind::CharBuf, |info| info.lifetime = Lifetime::Lineage)
        .field("fd.name", Kind::CharBuf)
        .field("fd.num", Kind::Int64);
    let mut set = FilterSetBuilder::new(schema.clone());
    let mut add = |text: &str| {
        set.add(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    };
    for number in 0..200 {
        add(&format!("evt.type = open and fd.name startswith /data/{number} and proc.name = p{number}"));
        add(&format!("evt.type = open and fd.name contains w{number}w and proc.pname in (a{number}, b{number})"));
    }
    add("fd.name glob *.nothing or fd.name regex \"/never/[a-z]+\" or fd.name endswith .none");
    add("tolower(fd.name) = x or concat(proc.name, \"-\", proc.pname) = y or len(fd.name) > 1000");
    add("fd.name pmatch (/never, /nor/*/this) or fd.num < -5 or fd.name icontains NEVER");
    let mut set = set.build();
    let mut matches = 0;
    let mut pass = |round: u64| {
        for number in 0..100u64 {
            let event = schema
                .record("open")
                .with("fd.name", Value::Bytes(b"/usr/lib/x86_64-linux-gnu/libc.so.6"))
                .with("proc.name", Value::Bytes(b"cat"))
                .with("proc.pname", Value::Bytes(b"bash"))
                .with("fd.num", Value::I64(3))
                .at(round * 100 + number, 0)
                .stamped(u128::from(number / 10) + 1, u128::from(number / 20) + 1);
            let before = ALLOCATIONS.load(Ordering::Relaxed);
            set.try_matches(&event, |_| matches += 1).expect("a record of the schema");
            let made = ALLOCATIONS.load(Ordering::Relaxed) - before;
            // The first pass may make caches of patterns.
            assert!(round == 0 || made == 0, "{made} allocations for event {number}");
        }
    };
    (0..3).for_each(&mut pass);
    assert_eq!(matches, 0);
}
