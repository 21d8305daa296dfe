//! Any sequence of events of any age, upgraded to the current schema.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peregrine_fuzz::oracle::upgrade(data));
