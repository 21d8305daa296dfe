//! Any bytes, as correlations and a stream: what runs finds what the oracle finds.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peregrine_fuzz::correlations::correlation(data));
