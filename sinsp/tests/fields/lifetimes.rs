//! Tests the lifetimes of fields: equal stamps mean equal values, over real captures.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use bumpalo::Bump;
use peregrine_sinsp::Inspector;
use peregrine_sinsp::fields::{CLASSES, FieldRef, Lifetime};
use scap::savefile::Reader;

/// Returns the fields of one lifetime, with and without the argument of their example.
fn fields(lifetime: Lifetime) -> Vec<FieldRef> {
    let all = CLASSES.iter().flat_map(|class| class.fields).filter(|field| field.lifetime == lifetime);
    let names = all
        .flat_map(|field| [Some(field.name.to_owned()), field.example.arg.map(|arg| format!("{}{arg}", field.name))]);
    names.flatten().filter_map(|name| FieldRef::parse(&name).ok()).collect()
}

fn check(capture: &Path) {
    let of = [Lifetime::Thread, Lifetime::Lineage, Lifetime::Leaders, Lifetime::Fd].map(fields);
    assert!(of[0].len() > 40 && of[1].len() > 20 && of[2].len() == 9 && of[3].len() > 25);
    let mut inspector = Inspector::new(Reader::new(File::open(capture).expect("a capture")).expect("a capture"));
    let mut arena = Bump::new();
    let mut known: [HashMap<_, Vec<Option<String>>>; 4] = Default::default();
    let (mut compared, mut again) = (0_u64, 0_u64);
    inspector
        .for_each(|event| {
            // The rest of a long capture brings nothing new.
            let Some(thread) = event.thread().filter(|_| event.num() < 12_000) else { return };
            let state = event.state();
            let fd = event.fd_stamp().filter(|_| event.num() < 4000).map(u128::from);
            again += u64::from(fd.is_some_and(|stamp| known[3].contains_key(&stamp)));
            let stamps =
                [Some(state.stamp(thread)), Some(state.lineage_stamp(thread)), Some(state.leaders_stamp(thread)), fd];
            for ((stamp, fields), known) in stamps.into_iter().zip(&of).zip(&mut known) {
                let Some(stamp) = stamp else { continue };
                let value = |field: &FieldRef| field.value(&event, &arena).map(|value| format!("{value:?}"));
                let now: Vec<_> = fields.iter().map(value).collect();
                let before = known.entry(stamp).or_insert_with(|| now.clone());
                if *before != now {
                    let changed = fields.iter().zip(before.iter().zip(&now)).find(|(_, (before, now))| before != now);
                    let (field, values) = changed.expect("something changed");
                    panic!("event {}: {} of thread {} changed: {values:?}", event.num(), field.name(), thread.tid);
                }
                compared += fields.len() as u64;
            }
            arena.reset();
        })
        .expect("a sound capture");
    assert!(compared > 100_000, "{compared}");
    println!(
        "{}: {again} of {} file descriptors were known by their stamp",
        capture.display(),
        again + known[3].len() as u64
    );
}

#[test]
fn equal_stamps_mean_equal_values() {
    let Some(shared) = testkit::shared() else { return };
    let captures = shared.join("data/captures/recorded");
    for name in ["procs.scap", "net.scap", "attack-a.scap"] {
        check(&captures.join(name));
    }
}
