//! Every C test as a Rust test: one C file per object, compiled with warnings as errors, run once per test.

mod support;

use support::{Language, program, run};

macro_rules! c_tests {
    ($($object:ident { $($test:ident),* $(,)? })*) => {$(
        mod $object {
            $(
                #[test]
                fn $test() {
                    let file = concat!("tests/c/", stringify!($object), ".c");
                    super::run(&super::program(file, super::Language::C), &[stringify!($test)]);
                }
            )*
        }
    )*};
}

c_tests! {
    inspector {
        reads_every_event,
        says_how_far_it_is,
        opens_from_memory,
        refuses_what_is_no_capture,
        takes_null_for_an_error,
    }
    event {
        gives_typed_parameters,
        refuses_a_parameter_that_is_not_there,
        finds_a_stale_event,
        wants_the_size_of_the_struct,
    }
    field {
        gives_values_and_text,
        refuses_what_is_no_field,
        knows_its_type,
        finds_misuse,
    }
    rules {
        reports_every_fault,
        lists_and_switches,
        refuses_nonsense,
    }
    engine {
        calls_back,
        keeps_alerts_to_be_taken,
        takes_json_events,
        finds_misuse,
    }
    filter {
        tests_events,
        says_where_a_condition_is_wrong,
    }
    state {
        knows_the_thread_of_an_event,
        lists_descriptors,
        counts,
    }
}
