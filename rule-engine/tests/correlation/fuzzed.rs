//! The fuzz target of correlations, on bytes that a generator makes, and on what fuzzing found.

use proptest::prelude::*;

#[allow(unreachable_pub, reason = "the fuzz crate exports what is only used here")]
#[path = "../../../fuzz/src/correlations.rs"]
mod correlations;

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_correlated(data in proptest::collection::vec(any::<u8>(), 0..1_300)) {
        correlations::correlation(&data);
    }
}
