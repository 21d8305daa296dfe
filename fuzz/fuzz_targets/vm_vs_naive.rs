//! Conditions over events: the bytecode machine and the tree walker must agree.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peregrine_fuzz::conditions::agree(data));
