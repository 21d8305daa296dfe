//! Any bytes, as choices that make a sequence of events, through the inspector.
#![no_main]

use peregrine_fuzz::inspector::{Dice, run};

libfuzzer_sys::fuzz_target!(|data: &[u8]| run(Dice::Bytes(data), 2000));
