//! Any sequence of events of any age, lifted to today's schema.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peregrine_fuzz::oracle::upgrade(data));
