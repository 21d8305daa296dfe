//! Any text, read as a trace; any bytes, as an event and a state that are written as text and read again.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peregrine_fuzz::oracle::text(data));
