//! Any bytes, loaded as a rule file.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peregrine_fuzz::rules::file(data));
