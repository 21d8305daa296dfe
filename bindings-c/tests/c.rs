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
        fills_what_the_caller_has,
    }
    field {
        gives_values_and_text,
        refuses_what_is_no_field,
        knows_its_type,
        lists_all,
        finds_misuse,
    }
    rules {
        reports_every_fault,
        lists_and_switches,
        refuses_nonsense,
        loads_a_directory_in_order,
    }
    engine {
        calls_back,
        keeps_alerts_to_be_taken,
        takes_json_events,
        lets_a_callback_swap_engines,
        counts_what_nobody_takes,
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
    template {
        prints_lines_and_objects,
        refuses_what_is_no_template,
        finds_misuse,
    }
    dump {
        records_everything,
        records_users_of_containers,
        records_what_is_chosen,
        begins_in_the_middle,
        refuses_nonsense,
        says_that_the_disk_is_full,
    }
    container {
        asks_who_knows,
        takes_descriptions,
        refuses_nonsense,
    }
    log {
        hears_what_goes_wrong,
        refuses_nonsense,
    }
    live {
        refuses_nonsense,
    }
}

#[test]
fn the_wrapper_for_cpp_reaches_everything() {
    run(&program("tests/c/wrapper.cpp", Language::Cpp), &[]);
}
