//! Any bytes, read as one event.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peregrine_fuzz::oracle::event(data));
