//! Any bytes, read as a capture: no panic, bounded memory, and a readable capture can be written and read again.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peregrine_fuzz::oracle::file(data));
