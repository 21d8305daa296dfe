//! Any bytes, as correlations and a stream: the engine and the oracle find the same.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peregrine_fuzz::correlations::correlation(data));
