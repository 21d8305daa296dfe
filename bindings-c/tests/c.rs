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
        returns_the_progress,
        opens_from_memory,
        opens_a_file_descriptor,
        opens_a_pipe,
        limits_what_it_keeps,
        suppresses_threads,
        recognizes_containers,
        rejects_what_is_not_a_capture,
        rejects_null,
    }
    callback {
        forwards_a_capture,
        reports_idle_and_errors,
        rejects_malformed_events,
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
    ruleset {
        reports_every_error,
        lists_and_enables,
        lists_correlations,
        rejects_invalid_arguments,
        loads_a_directory_in_order,
        is_shared_by_threads,
    }
    engine {
        calls_back,
        queues_alerts,
        takes_json_events,
        lets_a_callback_swap_engines,
        replaces_rules_between_events,
        counts_dropped_alerts,
        finds_misuse,
    }
    alert {
        has_typed_fields,
        outlives_engine_and_inspector,
        takes_notes,
        goes_to_other_threads,
        finds_misuse,
        has_the_steps_of_a_correlation,
        proposes_what_its_rule_asks_for,
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
    recording {
        records_everything,
        records_users_of_containers,
        records_selected_events,
        starts_in_the_middle,
        rejects_invalid_arguments,
        reports_a_full_disk,
    }
    container {
        asks_who_knows,
        takes_descriptions,
        rejects_invalid_arguments,
    }
    plugins {
        describes,
        evaluates_their_events,
        extracts_fields_of_system_calls,
        says_what_is_wrong,
    }
    log {
        logs_errors,
        rejects_invalid_arguments,
    }
    live {
        rejects_invalid_arguments,
    }
}

#[test]
fn the_wrapper_for_cpp_reaches_everything() {
    run(&program("tests/c/wrapper.cpp", Language::Cpp), &[]);
}
