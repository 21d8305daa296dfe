//! Every key of the configuration: a value, and its effect.
//!
//! The table below is compared with the program's own schema, so that no key can be without a row. A row refers to the
//! test of the effect: in this program, or elsewhere (it must exist); or it says why there is no effect.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

#[path = "../common/mod.rs"]
mod common;
mod outputs;
#[path = "../../../detector/sinks/tests/peers/mod.rs"]
mod peers;
mod program;

use common::{bundled, peregrine, replay, root};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::fs;

use outputs::{elasticsearch, http, https, kafka, parquet, plain_outputs, retries, slow_output, spools, syslog};
use program::{RULES, alert_form, append_output, drops, engine, logging, metrics, rules, thread_table, web_threads};

enum Shown {
    /// By a test in this program.
    Here(fn()),
    /// By a test in this file of the repository.
    At(&'static str, &'static str),
    /// The setting is accepted for compatibility, and has no effect.
    Nothing(&'static str),
}
use Shown::{At, Here, Nothing};

const CONFIG: &str = "detector/daemon/src/config/tests.rs";
const ALERTS: &str = "examples/tests/alerts.rs";
const GRPC: &str = "detector/sinks/tests/grpc.rs";
const OUTPUTS: &str = "detector/sinks/tests/outputs.rs";
const RELOAD: &str = "examples/tests/reload.rs";
const SERVICE: &str = "examples/tests/service.rs";
const WEB: &str = "detector/daemon/src/web/mod.rs";
const SELECTION: &str = "detector/daemon/src/sources/selection.rs";
const RESPONSE: &str = "examples/tests/response.rs";
const WEBHOOK: &str = "detector/daemon/src/response/webhook.rs";
const BRAKES: &str = "detector/response/src/brakes.rs";
const PROGRAMS: &str = "detector/response/src/program.rs";
const PROBE: &str = "bpf/tests/settings.rs";
const USERSPACE: &str = "examples/tests/userspace/main.rs";

const KEYS: &[(&str, Shown)] = &[
    ("append_output[].match.rule", Here(append_output)),
    ("append_output[].match.source", Here(append_output)),
    ("append_output[].match.tags", Here(append_output)),
    ("append_output[].extra_output", Here(append_output)),
    ("append_output[].extra_fields", Here(append_output)),
    ("append_output[].suggested_output", Here(append_output)),
    ("static_fields", Here(alert_form)),
    ("config_files", At(CONFIG, "further_files_are_merged_by_strategy")),
    ("watch_config_files", At(SERVICE, "valid_rules_are_reloaded_and_invalid_ones_are_not")),
    ("plugins_hostinfo", At("examples/tests/plugins.rs", "system_calls_of_a_plugin_take_the_place_of_a_driver")),
    ("rules_files", Here(rules)),
    ("rule_files", At(CONFIG, "errors_have_places")),
    ("rules[].enable.rule", Here(rules)),
    ("rules[].enable.tag", Here(rules)),
    ("rules[].disable.rule", Here(rules)),
    ("rules[].disable.tag", Here(rules)),
    ("engine.kind", Here(engine)),
    ("engine.kmod.buf_size_preset", Nothing("there is no kernel module")),
    ("engine.kmod.drop_failed_exit", Nothing("there is no kernel module")),
    ("engine.modern_ebpf.cpus_for_each_buffer", At(PROBE, "seen_is_delivered_and_dropped_on_every_cpu")),
    ("engine.modern_ebpf.buf_size_preset", At(PROBE, "seen_is_delivered_and_dropped_on_every_cpu")),
    ("engine.modern_ebpf.drop_failed_exit", At(PROBE, "selection_and_filters_change_while_running")),
    (
        "engine.modern_ebpf.disable_iterators",
        At("detector/daemon/src/sources/live.rs", "each_setting_is_passed_to_the_probe"),
    ),
    ("engine.modern_ebpf.plan", At("detector/daemon/src/sources/live.rs", "the_plan_is_used_as_it_is_set")),
    ("engine.replay.capture_file", Here(engine)),
    ("engine.userspace.command", At(USERSPACE, "the_detector_traces_a_command")),
    ("engine.userspace.pid", At(USERSPACE, "the_detector_attaches_to_a_process")),
    ("capture.enabled", At("examples/tests/capture.rs", "the_events_from_a_match_on_are_kept_with_the_state")),
    ("capture.path_prefix", At("examples/tests/capture.rs", "rules_continue_if_no_file_can_be_created")),
    ("capture.mode", At("examples/tests/capture.rs", "every_rule_can_start_a_capture")),
    ("capture.default_duration", At("examples/tests/capture.rs", "the_events_from_a_match_on_are_kept_with_the_state")),
    ("capture.max_file_size_mb", At(CONFIG, "every_key_is_read")),
    ("capture.max_daily_size_mb", At(CONFIG, "every_key_is_read")),
    ("load_plugins", At(CONFIG, "invalid_values_are_errors")),
    ("plugins[].name", At("examples/tests/broken.rs", "configurations")),
    ("plugins[].library_path", At("examples/tests/cli.rs", "support_and_the_rest")),
    ("plugins[].init_config", At(CONFIG, "every_key_is_read")),
    ("plugins[].open_params", At(RELOAD, "a_hundred_reloads_lose_nothing")),
    ("time_format_iso_8601", Here(alert_form)),
    ("buffer_format_base64", Here(alert_form)),
    ("priority", Here(rules)),
    ("json_output", Here(alert_form)),
    ("json_include_output_property", Here(alert_form)),
    ("json_include_message_property", Here(alert_form)),
    ("json_include_output_fields_property", Here(alert_form)),
    ("json_include_tags_property", Here(alert_form)),
    ("buffered_outputs", Here(plain_outputs)),
    ("rule_matching", Here(rules)),
    ("outputs_queue.capacity", Here(slow_output)),
    ("stdout_output.enabled", Here(plain_outputs)),
    ("syslog_output.enabled", Here(syslog)),
    ("syslog_output.address", Here(syslog)),
    ("syslog_output.format", Here(syslog)),
    ("syslog_output.spool", Here(spools)),
    ("file_output.enabled", Here(plain_outputs)),
    ("file_output.keep_alive", Here(plain_outputs)),
    ("file_output.filename", Here(plain_outputs)),
    ("file_output.spool", Here(spools)),
    ("http_output.enabled", Here(http)),
    ("http_output.url", Here(http)),
    ("http_output.user_agent", Here(http)),
    ("http_output.insecure", Here(https)),
    ("http_output.ca_cert", Here(https)),
    ("http_output.ca_bundle", Here(https)),
    ("http_output.ca_path", Here(https)),
    ("http_output.mtls", Here(https)),
    ("http_output.client_cert", Here(https)),
    ("http_output.client_key", Here(https)),
    ("http_output.echo", Here(http)),
    ("http_output.compress_uploads", Here(http)),
    ("http_output.keep_alive", At(OUTPUTS, "posts_have_the_configured_format")),
    ("http_output.max_consecutive_timeouts", Here(retries)),
    ("http_output.headers", Here(http)),
    ("http_output.batch", Here(http)),
    ("http_output.timeout", Here(retries)),
    ("http_output.spool", At(ALERTS, "spooled_alerts_are_delivered_after_a_kill")),
    ("program_output.enabled", Here(plain_outputs)),
    ("program_output.keep_alive", Here(plain_outputs)),
    ("program_output.program", Here(plain_outputs)),
    ("program_output.spool", Here(spools)),
    ("parquet_output.enabled", Here(parquet)),
    ("parquet_output.directory", Here(parquet)),
    ("parquet_output.max_file_size_mb", Here(parquet)),
    ("parquet_output.max_file_age", Here(parquet)),
    ("elasticsearch_output.enabled", Here(elasticsearch)),
    ("elasticsearch_output.url", Here(elasticsearch)),
    ("elasticsearch_output.index", Here(elasticsearch)),
    ("elasticsearch_output.suffix", Here(elasticsearch)),
    ("elasticsearch_output.pipeline", Here(elasticsearch)),
    ("elasticsearch_output.username", Here(elasticsearch)),
    ("elasticsearch_output.password", Here(elasticsearch)),
    ("elasticsearch_output.api_key", Here(elasticsearch)),
    ("elasticsearch_output.batch", Here(elasticsearch)),
    ("elasticsearch_output.compress_uploads", Here(elasticsearch)),
    ("elasticsearch_output.timeout", Here(retries)),
    ("elasticsearch_output.max_retries", Here(retries)),
    ("elasticsearch_output.tls.insecure", Here(https)),
    ("elasticsearch_output.tls.ca_cert", Here(https)),
    ("elasticsearch_output.tls.ca_path", Here(https)),
    ("elasticsearch_output.tls.client_cert", Here(https)),
    ("elasticsearch_output.tls.client_key", Here(https)),
    ("elasticsearch_output.spool", Here(spools)),
    ("kafka_output.enabled", Here(kafka)),
    ("kafka_output.brokers", Here(kafka)),
    ("kafka_output.topic", Here(kafka)),
    ("kafka_output.client_id", Here(kafka)),
    ("kafka_output.batch", Here(kafka)),
    ("kafka_output.compress_uploads", Here(kafka)),
    ("kafka_output.timeout", Here(retries)),
    ("kafka_output.max_retries", Here(retries)),
    ("kafka_output.tls_enabled", Here(kafka)),
    ("kafka_output.tls.insecure", Here(kafka)),
    ("kafka_output.tls.ca_cert", Here(kafka)),
    ("kafka_output.tls.ca_path", Here(kafka)),
    ("kafka_output.tls.client_cert", Here(kafka)),
    ("kafka_output.tls.client_key", Here(kafka)),
    ("kafka_output.sasl_mechanism", Here(kafka)),
    ("kafka_output.username", Here(kafka)),
    ("kafka_output.password", Here(kafka)),
    ("kafka_output.spool", Here(spools)),
    ("grpc.enabled", At(GRPC, "alerts_reach_subscribers")),
    ("grpc.bind_address", At(GRPC, "alerts_reach_subscribers")),
    ("grpc.threadiness", At(GRPC, "alerts_reach_subscribers")),
    ("grpc.private_key", At(GRPC, "only_clients_with_a_certificate_are_served")),
    ("grpc.cert_chain", At(GRPC, "only_clients_with_a_certificate_are_served")),
    ("grpc.root_certs", At(GRPC, "only_clients_with_a_certificate_are_served")),
    ("grpc_output.enabled", At(GRPC, "alerts_reach_subscribers")),
    ("outputs_spool.path", Here(spools)),
    ("outputs_spool.max_size_mb", Here(spools)),
    ("noise_control.rules[].rule", At(ALERTS, "duplicate_alerts_are_sent_once_per_window")),
    ("noise_control.rules[].key", At(ALERTS, "duplicate_alerts_are_sent_once_per_window")),
    ("noise_control.rules[].window", At(ALERTS, "duplicate_alerts_are_sent_once_per_window")),
    ("noise_control.rate", At(ALERTS, "duplicate_alerts_are_sent_once_per_window")),
    ("noise_control.max_burst", At(ALERTS, "duplicate_alerts_are_sent_once_per_window")),
    ("protection.confine", At("examples/tests/attacks/process.rs", "privileges_are_dropped_after_the_start")),
    ("protection.priority", At("examples/tests/attacks/process.rs", "privileges_are_dropped_after_the_start")),
    (
        "protection.refuse_writable_files",
        At("examples/tests/attacks/files.rs", "rules_that_everybody_may_write_are_reported_or_refused"),
    ),
    (
        "protection.heartbeat_file",
        At("examples/tests/attacks/told.rs", "a_detector_that_was_killed_or_stopped_says_so"),
    ),
    ("response.enabled", At(RESPONSE, "a_reload_that_removes_or_disables_responses_spares_the_process")),
    ("response.mode", At(RESPONSE, "a_dry_run_harms_nobody_and_says_what_it_would_do")),
    ("response.max_per_minute", At(BRAKES, "all_rules_together_have_a_limit")),
    ("response.max_per_minute_per_rule", At(BRAKES, "a_rule_that_acts_too_often_is_disarmed_until_a_reload")),
    ("response.warm_up_seconds", At(BRAKES, "nothing_is_done_at_once_nor_late")),
    ("response.max_age_seconds", At(BRAKES, "nothing_is_done_at_once_nor_late")),
    (
        "response.protected_executables",
        At("detector/response/src/protected.rs", "what_keeps_the_host_alive_is_refused"),
    ),
    (
        "response.protect_host_cgroup",
        At("detector/response/src/protected.rs", "the_hosts_cgroup_is_protected_on_request"),
    ),
    (
        "response.programs[].name",
        At("detector/response/src/tests.rs", "programs_run_beside_the_thread_and_not_too_often"),
    ),
    ("response.programs[].command", At(PROGRAMS, "a_program_reads_the_alert_in_its_own_environment")),
    ("response.programs[].environment", At(PROGRAMS, "a_program_reads_the_alert_in_its_own_environment")),
    ("response.programs[].user", At(PROGRAMS, "a_program_may_have_another_user")),
    ("response.programs[].timeout_seconds", At(PROGRAMS, "a_program_that_does_not_end_is_killed_with_its_children")),
    (
        "response.programs[].concurrency",
        At("detector/response/src/tests.rs", "programs_run_beside_the_thread_and_not_too_often"),
    ),
    ("response.webhook.url", At(RESPONSE, "a_webhook_receives_the_alert_and_the_proposal")),
    ("response.webhook.headers", At(RESPONSE, "a_webhook_receives_the_alert_and_the_proposal")),
    ("response.webhook.timeout_seconds", At(WEBHOOK, "a_server_that_does_not_answer_is_given_up")),
    ("response.webhook.tls.insecure", At(WEBHOOK, "certificates_are_those_of_the_outputs")),
    ("response.webhook.tls.ca_cert", At(WEBHOOK, "certificates_are_those_of_the_outputs")),
    ("response.webhook.tls.ca_path", At(WEBHOOK, "certificates_are_those_of_the_outputs")),
    ("response.webhook.tls.client_cert", At(WEBHOOK, "certificates_are_those_of_the_outputs")),
    ("response.webhook.tls.client_key", At(WEBHOOK, "certificates_are_those_of_the_outputs")),
    ("responses[].proposes", At(CONFIG, "a_webhook_may_propose_an_action")),
    ("responses[].match.rule", At(RESPONSE, "a_planted_process_is_killed_and_the_detectors_own_family_is_not")),
    ("responses[].action", At(RESPONSE, "a_planted_process_is_killed_and_the_detectors_own_family_is_not")),
    ("responses[].target", At(RESPONSE, "a_tree_is_killed_whole")),
    ("responses[].match.tags", At("detector/daemon/src/response/selected.rs", "all_criteria_must_be_met")),
    ("responses[].match.priority", At("detector/daemon/src/response/selected.rs", "all_criteria_must_be_met")),
    ("responses[].match.source", At("detector/daemon/src/response/selected.rs", "all_criteria_must_be_met")),
    (
        "responses[].after_alerts",
        At("detector/daemon/src/response/selected.rs", "a_response_may_wait_for_more_alerts_about_a_process"),
    ),
    (
        "responses[].within_seconds",
        At("detector/daemon/src/response/selected.rs", "a_response_may_wait_for_more_alerts_about_a_process"),
    ),
    ("responses[].program", At(CONFIG, "responses_that_are_not_clear_are_errors")),
    ("rules_bundle.url", At(RELOAD, "signed_bundles_are_followed")),
    ("rules_bundle.public_key", At(RELOAD, "signed_bundles_are_followed")),
    ("rules_bundle.interval", At(RELOAD, "signed_bundles_are_followed")),
    ("rules_bundle.max_age", At(RELOAD, "an_old_bundle_is_reported_and_not_accepted_again")),
    ("rules_bundle.cache", At(RELOAD, "signed_bundles_are_followed")),
    ("rules_bundle.tls.insecure", Here(https)),
    ("rules_bundle.tls.ca_cert", Here(https)),
    ("rules_bundle.tls.ca_path", Here(https)),
    ("rules_bundle.tls.client_cert", Here(https)),
    ("rules_bundle.tls.client_key", Here(https)),
    ("webserver.enabled", At(SERVICE, "metrics_are_served_and_sent")),
    ("webserver.threadiness", Here(web_threads)),
    ("webserver.listen_port", At(SERVICE, "metrics_are_served_and_sent")),
    ("webserver.listen_address", At(SERVICE, "metrics_are_served_and_sent")),
    ("webserver.k8s_healthz_endpoint", At(WEB, "pages_are_served")),
    ("webserver.prometheus_metrics_enabled", At(WEB, "metrics_only_when_wanted")),
    ("webserver.ssl_enabled", At(WEB, "with_tls_from_one_file")),
    ("webserver.ssl_certificate", At(WEB, "with_tls_from_one_file")),
    ("webserver.ui_enabled", At("examples/tests/page.rs", "alerts_appear_live_and_filters_work")),
    ("webserver.ui_token", At("examples/tests/page.rs", "a_token_is_required_once")),
    ("log_stderr", Here(logging)),
    ("log_syslog", Here(logging)),
    ("log_level", Here(logging)),
    ("libs_logger.enabled", At("detector/daemon/src/log/libs.rs", "libraries_log_from_a_level_on")),
    ("libs_logger.severity", At("detector/daemon/src/log/libs.rs", "libraries_log_from_a_level_on")),
    ("output_timeout", Here(slow_output)),
    (
        "syscall_event_timeouts.max_consecutives",
        At("detector/daemon/src/event_loop/run.rs", "a_live_source_without_events_is_reported"),
    ),
    (
        "syscall_event_drops.threshold",
        At("detector/daemon/src/event_loop/drops.rs", "drops_above_the_threshold_trigger_actions"),
    ),
    ("syscall_event_drops.actions", Here(drops)),
    ("syscall_event_drops.rate", At("detector/daemon/src/event_loop/drops.rs", "actions_are_not_taken_too_often")),
    ("syscall_event_drops.max_burst", Here(drops)),
    ("syscall_event_drops.simulate_drops", Here(drops)),
    ("syscall_event_drops.state_uncertain_seconds", At(ALERTS, "alerts_after_a_drop_are_marked_uncertain")),
    ("metrics.enabled", Here(metrics)),
    ("metrics.interval", At(SERVICE, "metrics_require_a_destination_and_an_interval")),
    ("metrics.output_rule", At(SERVICE, "metrics_are_served_and_sent")),
    ("metrics.output_file", Here(metrics)),
    ("metrics.rules_counters_enabled", Here(metrics)),
    ("metrics.resource_utilization_enabled", Here(metrics)),
    ("metrics.state_counters_enabled", Here(metrics)),
    ("metrics.kernel_event_counters_enabled", Here(metrics)),
    (
        "metrics.kernel_event_counters_per_cpu_enabled",
        At("detector/daemon/src/metrics/collect.rs", "parts_can_be_left_out"),
    ),
    ("metrics.libbpf_stats_enabled", At("detector/daemon/src/metrics/collect.rs", "parts_can_be_left_out")),
    ("metrics.plugins_metrics_enabled", Nothing("the plugins are built in and have no metrics")),
    ("metrics.kernel_iter_event_counters_enabled", Nothing("the iterators have no counters")),
    ("metrics.convert_memory_to_mb", Here(metrics)),
    ("metrics.include_empty_values", Here(metrics)),
    ("metrics.jemalloc_stats_enabled", Nothing("the allocator is that of the system")),
    (
        "correlations.memory_bytes",
        At("rule-engine/tests/correlation/bounds.rs", "a_flood_of_keys_does_not_grow_past_the_bound"),
    ),
    ("base_syscalls.all", At(SELECTION, "rules_and_state_without_the_frequent_ones")),
    ("base_syscalls.custom_set", At(SELECTION, "a_custom_set_takes_the_place_of_the_state")),
    ("base_syscalls.repair", At(SELECTION, "repair_adds_only_necessary_keys")),
    ("falco_libs.thread_table_size", Here(thread_table)),
    ("falco_libs.thread_table_auto_purging_interval_s", At("sinsp/tests/inspector.rs", "a_replay_is_not_purged")),
    ("falco_libs.thread_table_auto_purging_thread_timeout_s", At("sinsp/tests/inspector.rs", "a_replay_is_not_purged")),
    ("falco_libs.snaplen", At(PROBE, "more_is_kept_where_the_content_is_worth_it")),
];

const CLI: &str = "examples/tests/cli.rs";
const PARSER: &str = "detector/daemon/src/cli/mod.rs";

/// Every option of the command line, by its last name. For removed options see `removed_options_name_their_replacement`.
const OPTIONS: &[(&str, Shown)] = &[
    ("-c", At(CONFIG, "options_come_last")),
    ("--option", At(CONFIG, "options_come_last")),
    ("-r", At(CLI, "a_directory_of_rules_is_read_in_order")),
    ("--validate", At("examples/tests/broken.rs", "rule_files")),
    ("--test", At(CLI, "rules_are_tested")),
    ("--explain-rule", At(CLI, "a_rule_is_explained")),
    ("--explain-event", At(CLI, "an_event_is_explained")),
    ("--plan", At(CLI, "the_plan_of_the_rules_is_shown")),
    ("--profile", At(CLI, "costs_are_counted")),
    ("-L", At(CLI, "rules_are_described")),
    ("-l", At(CLI, "rules_are_described")),
    ("--list", At(CLI, "fields")),
    ("--list-events", At(CLI, "events_and_calls")),
    ("-N", At(CLI, "fields")),
    ("-v", At(CLI, "fields")),
    ("--format", At(CLI, "fields")),
    ("--markdown", At(CLI, "fields")),
    ("-i", At(CLI, "events_and_calls")),
    ("--list-plugins", At(CLI, "support_and_the_rest")),
    ("--plugin-info", At(CLI, "support_and_the_rest")),
    ("--config-schema", At(CLI, "schemas")),
    ("--rule-schema", At(CLI, "schemas")),
    ("--man", Here(manual)),
    ("--completions", Here(manual)),
    ("--dry-run", At(RELOAD, "a_dry_run_prints_what_a_reload_would_change")),
    ("--enable-source", At(CLI, "sources_are_checked")),
    ("--disable-source", At(CLI, "sources_are_checked")),
    ("-M", At("examples/tests/bundled.rs", "the_duration_ends_a_replay")),
    ("--pidfile", At(CLI, "a_dry_run_checks_and_does_nothing")),
    ("--unbuffered", Here(more_options)),
    ("--print", Here(more_options)),
    ("--support", At(CLI, "support_and_the_rest")),
    ("--audit-webhook", Here(manual)),
    ("--audit-policy", Here(manual)),
    ("--version", At(CLI, "versions")),
    ("--page-size", At(CLI, "support_and_the_rest")),
    ("--help", At(PARSER, "help_is_text")),
];

/// Checks the reports for other programs.
fn manual() {
    for (args, part) in [
        (&["--man"][..], ".TH peregrine"),
        (&["--completions", "bash"], "_peregrine"),
        (&["--audit-webhook"], "clusters:"),
        (&["--audit-policy"], "kind: Policy"),
    ] {
        let ran = peregrine(args);
        assert!(ran.code == 0 && ran.out.contains(part), "{args:?}: {}{}", ran.out, ran.err);
    }
}

fn more_options() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rules.yaml"), RULES).unwrap();
    let with = |more: &[&str]| {
        let mut args = vec!["-r".to_owned(), folder.path().join("rules.yaml").display().to_string()];
        args.extend(replay(&bundled()));
        args.extend(more.iter().map(ToString::to_string));
        peregrine(&args)
    };
    let plain = with(&[]);
    assert_eq!(with(&["-U", "-o", "buffered_outputs=true"]).out, plain.out);
    assert!(
        with(&["-p", "pid %proc.pid"])
            .out
            .lines()
            .filter(|line| line.contains(": Notice "))
            .all(|line| line.contains(" pid "))
    );
    assert_eq!(with(&["-pc"]).out, plain.out);
}

fn options_of_help() -> BTreeSet<String> {
    let text = peregrine(["--help"]).out;
    // A line such as `  -o, --option <KEY=VALUE>`; the possible values of an option are indented further.
    let lines = text.lines().filter(|line| line.starts_with("  -") || line.starts_with("      --"));
    lines
        .map(|line| {
            let names = line.split(['<', '[']).next().unwrap_or(line);
            names.split(',').next_back().unwrap_or(names).trim().trim_end_matches('=').to_owned()
        })
        .collect()
}

#[test]
fn every_option_has_a_row_and_every_row_an_option() {
    let rows: BTreeSet<_> = OPTIONS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(rows, options_of_help());
    check_rows(OPTIONS);
    let text = fs::read_to_string(root().join(PARSER)).unwrap();
    assert!(text.contains("fn removed_options_name_their_replacement()"));
}

fn schema_keys() -> BTreeSet<String> {
    let ran = peregrine(["--config-schema"]);
    let schema: Json = serde_json::from_str(&ran.out).expect("JSON");
    fn leaves(root: &Json, at: &Json, path: String, out: &mut BTreeSet<String>) {
        if let Some(name) = at["$ref"].as_str() {
            return leaves(root, &root["definitions"][name.trim_start_matches("#/definitions/")], path, out);
        }
        if let Some(properties) = at["properties"].as_object() {
            for (name, below) in properties {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                leaves(root, below, path, out);
            }
        } else if at["items"]["$ref"].is_string() || at["items"]["properties"].is_object() {
            leaves(root, &at["items"], path + "[]", out);
        } else {
            out.insert(path);
        }
    }
    let mut out = BTreeSet::new();
    leaves(&schema, &schema, String::new(), &mut out);
    out
}

#[test]
fn every_key_has_a_row_and_every_row_a_key() {
    let rows: BTreeSet<_> = KEYS.iter().map(|(key, _)| (*key).to_owned()).collect();
    assert_eq!(rows.len(), KEYS.len(), "a key occurs twice");
    let keys = schema_keys();
    let missing: Vec<_> = keys.difference(&rows).collect();
    let gone: Vec<_> = rows.difference(&keys).collect();
    assert!(missing.is_empty() && gone.is_empty(), "without a row: {missing:?}; without a key: {gone:?}");
    check_rows(KEYS);
}

/// Checks that the tests in the rows exist.
fn check_rows(rows: &[(&str, Shown)]) {
    for (key, shown) in rows {
        match shown {
            Here(_) => {}
            Nothing(why) => assert!(why.len() > 10, "{key}"),
            At(path, test) => {
                let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
                assert!(text.contains(&format!("fn {test}()")), "{key}: there is no test {test} in {path}");
            }
        }
    }
}

#[test]
fn every_key_has_its_effect() {
    let mut done: Vec<fn()> = Vec::new();
    for (_, shown) in KEYS.iter().chain(OPTIONS) {
        if let Here(check) = shown
            && !done.iter().any(|known| std::ptr::fn_addr_eq(*known, *check))
        {
            done.push(*check);
            check();
        }
    }
    assert!(done.len() > 10);
}
