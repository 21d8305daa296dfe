//! Any bytes, read as a condition.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peregrine_fuzz::rules::condition(data));
