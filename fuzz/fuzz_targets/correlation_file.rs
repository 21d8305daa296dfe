//! Any bytes, as a rules file of correlations and a stream: loading ends, and steps on demand change no alert.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    peregrine_fuzz::correlations::file(data);
});
