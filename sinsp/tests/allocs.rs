//! Tests that once buffers have grown, no field allocates: neither its value, nor its text, nor its JSON form.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bumpalo::Bump;
use peregrine_sinsp::Inspector;
use peregrine_sinsp::fields::{CLASSES, FieldRef};
use scap::text::Trace;

const SESSION: &str = include_str!("../../testdata/traces/session.txt");

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
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

#[test]
fn no_field_allocates() {
    let mut fields = Vec::new();
    for field in CLASSES.iter().flat_map(|class| class.fields) {
        let text = format!("{}{}", field.name, field.example.arg.unwrap_or_default());
        fields.push(FieldRef::parse(&text).expect("an example is a field"));
    }
    let mut inspector = Inspector::new(Trace::parse(SESSION).expect("a trace"));
    // Space for all fields of one event.
    let mut arena = Bump::with_capacity(1 << 20);
    let (mut asked, mut allocations) = (0, Vec::new());
    inspector
        .for_each(|event| {
            for field in &fields {
                for round in 0..2 {
                    let before = COUNT.get();
                    let found = field.value(&event, &arena).is_some();
                    let printed = field.text(&event, &arena).is_some() | field.json(&event, &arena).is_some();
                    let after = COUNT.get();
                    asked += u64::from(found | printed);
                    if round == 1 && after != before {
                        allocations.push((field.name().to_owned(), event.num(), after - before));
                    }
                }
                arena.reset();
            }
        })
        .expect("a trace does not break");
    assert!(asked > 1000, "{asked} values");
    assert_eq!(allocations, []);
}
