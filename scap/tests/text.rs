//! Tests that generated events and states survive being written as text.

mod common;

use common::oracle;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn generated_events_and_states_survive(data in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        oracle::text(&data);
    }
}
