//! Conditions over events: the machine and the walker must agree.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peregrine_fuzz::conditions::agree(data));
