//! Tests with random sequences of events, by schema and against it: no panic, and the tables stay consistent.
//!
//! `PEREGRINE_RANDOM_SECONDS` runs for that long from a fresh seed. The generator is described in
//! `fuzz/src/inspector.rs`, which the fuzz target `inspector` shares.

use std::time::{Duration, Instant, SystemTime};

use inspector::{Dice, run};
use peregrine_sinsp as sinsp;

#[allow(unreachable_pub, reason = "it belongs to another crate too")]
#[path = "../../fuzz/src/inspector.rs"]
mod inspector;

/// Runs from a seed, which is printed if it fails.
fn from_seed(seed: u64, events: u32) {
    let fault = std::panic::catch_unwind(|| run(Dice::Seed(seed | 1), events));
    assert!(fault.is_ok(), "seed {seed}, {events} events");
}

#[test]
fn the_tables_agree_after_any_events() {
    for seed in 1..=400 {
        from_seed(u64::wrapping_mul(seed, 0x9E37_79B9_7F4A_7C15), 300);
    }
    let Some(seconds) = std::env::var("PEREGRINE_RANDOM_SECONDS").ok().and_then(|text| text.parse().ok()) else {
        return;
    };
    let start = Instant::now();
    let mut seed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(1, |since| since.as_nanos() as u64);
    let mut runs = 0u64;
    while start.elapsed() < Duration::from_secs(seconds) {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        from_seed(seed, 2000);
        runs += 1;
    }
    println!("{runs} runs of 2000 events");
}

#[test]
fn inputs_found_by_fuzzing_are_harmless() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/regressions/inspector");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let bytes = std::fs::read(entry.expect("an entry").path()).expect("a file");
        run(Dice::Bytes(&bytes), u32::MAX);
        count += 1;
    }
    assert!(count > 0);
}
