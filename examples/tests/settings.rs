//! Every key of the configuration: a value, and what it does.
//!
//! The table below is compared with the program's own schema, so that no key can be without a row. A row names what
//! shows the effect: a check in this file, a test elsewhere (which must exist), or why there is nothing to show.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod common;
#[path = "peers/mod.rs"]
mod peers;

use common::service::Service;
use common::{Ran, alerts, bundled, peregrine, replay, root};
use peers::http::{Answer, Server};
use peers::tls::Certificates;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

enum Shown {
    /// By a check in this file.
    Here(fn()),
    /// By a test in this file of the repository.
    At(&'static str, &'static str),
    /// It is read for the sake of old files, and does nothing.
    Nothing(&'static str),
}
use Shown::{At, Here, Nothing};

const CONFIG: &str = "examples/peregrine/config/tests.rs";
const ALERTS: &str = "examples/tests/alerts.rs";
const OUTPUTS: &str = "examples/tests/outputs.rs";
const RELOAD: &str = "examples/tests/reload.rs";
const SERVICE: &str = "examples/tests/service.rs";
const WEB: &str = "examples/peregrine/web.rs";
const SELECTION: &str = "examples/peregrine/selection.rs";
const PROBE: &str = "bpf/tests/settings.rs";

const KEYS: &[(&str, Shown)] = &[
    ("append_output[].match.rule", Here(append_output)),
    ("append_output[].match.source", Here(append_output)),
    ("append_output[].match.tags", Here(append_output)),
    ("append_output[].extra_output", Here(append_output)),
    ("append_output[].extra_fields", Here(append_output)),
    ("append_output[].suggested_output", Here(append_output)),
    ("static_fields", Here(alert_form)),
    ("config_files", At(CONFIG, "further_files_are_merged_by_strategy")),
    ("watch_config_files", At(SERVICE, "changed_rules_are_taken_over_and_broken_ones_are_not")),
    ("plugins_hostinfo", Nothing("the plugins are built in and ask nothing of the host by this way")),
    ("rules_files", Here(rules)),
    ("rule_files", At(CONFIG, "faults_are_named_with_their_place")),
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
    ("engine.modern_ebpf.disable_iterators", Nothing("/proc is always read, never by iterators")),
    ("engine.replay.capture_file", Here(engine)),
    ("capture.enabled", At("examples/tests/capture.rs", "the_events_from_a_match_on_are_kept_with_the_state")),
    ("capture.path_prefix", At("examples/tests/capture.rs", "where_no_file_can_be_made_the_rules_go_on")),
    ("capture.mode", At("examples/tests/capture.rs", "every_rule_may_begin_one")),
    ("capture.default_duration", At("examples/tests/capture.rs", "the_events_from_a_match_on_are_kept_with_the_state")),
    ("capture.max_file_size_mb", At(CONFIG, "every_key_is_read")),
    ("load_plugins", At(CONFIG, "values_that_cannot_be_meant_are_refused")),
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
    ("http_output.keep_alive", At(OUTPUTS, "posts_have_the_form_that_was_asked_for")),
    ("http_output.max_consecutive_timeouts", Here(retries)),
    ("http_output.headers", Here(http)),
    ("http_output.batch", Here(http)),
    ("http_output.timeout", Here(retries)),
    ("http_output.spool", At(ALERTS, "a_killed_program_delivers_what_it_had_spooled")),
    ("program_output.enabled", Here(plain_outputs)),
    ("program_output.keep_alive", Here(plain_outputs)),
    ("program_output.program", Here(plain_outputs)),
    ("program_output.spool", Here(spools)),
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
    ("outputs_spool.path", Here(spools)),
    ("outputs_spool.max_size_mb", Here(spools)),
    ("noise_control.rules[].rule", At(ALERTS, "alerts_that_are_alike_are_told_once_in_a_window")),
    ("noise_control.rules[].key", At(ALERTS, "alerts_that_are_alike_are_told_once_in_a_window")),
    ("noise_control.rules[].window", At(ALERTS, "alerts_that_are_alike_are_told_once_in_a_window")),
    ("noise_control.rate", At(ALERTS, "alerts_that_are_alike_are_told_once_in_a_window")),
    ("noise_control.max_burst", At(ALERTS, "alerts_that_are_alike_are_told_once_in_a_window")),
    ("rules_bundle.url", At(RELOAD, "signed_bundles_are_followed")),
    ("rules_bundle.public_key", At(RELOAD, "signed_bundles_are_followed")),
    ("rules_bundle.interval", At(RELOAD, "signed_bundles_are_followed")),
    ("rules_bundle.cache", At(RELOAD, "signed_bundles_are_followed")),
    ("rules_bundle.tls.insecure", Here(https)),
    ("rules_bundle.tls.ca_cert", Here(https)),
    ("rules_bundle.tls.ca_path", Here(https)),
    ("rules_bundle.tls.client_cert", Here(https)),
    ("rules_bundle.tls.client_key", Here(https)),
    ("webserver.enabled", At(SERVICE, "metrics_are_served_and_told")),
    ("webserver.threadiness", Here(web_threads)),
    ("webserver.listen_port", At(SERVICE, "metrics_are_served_and_told")),
    ("webserver.listen_address", At(SERVICE, "metrics_are_served_and_told")),
    ("webserver.k8s_healthz_endpoint", At(WEB, "pages_are_served")),
    ("webserver.prometheus_metrics_enabled", At(WEB, "metrics_only_when_wanted")),
    ("webserver.ssl_enabled", At(WEB, "with_tls_from_one_file")),
    ("webserver.ssl_certificate", At(WEB, "with_tls_from_one_file")),
    ("webserver.ui_enabled", At("examples/tests/page.rs", "alerts_appear_live_and_filters_work")),
    ("webserver.ui_token", At("examples/tests/page.rs", "a_token_is_asked_for_once")),
    ("log_stderr", Here(logging)),
    ("log_syslog", Here(logging)),
    ("log_level", Here(logging)),
    ("libs_logger.enabled", At("examples/peregrine/libs_log.rs", "libraries_are_heard_from_a_level_on")),
    ("libs_logger.severity", At("examples/peregrine/libs_log.rs", "libraries_are_heard_from_a_level_on")),
    ("output_timeout", Here(slow_output)),
    ("syscall_event_timeouts.max_consecutives", At(SERVICE, "sigusr1_opens_the_file_anew")),
    ("syscall_event_drops.threshold", At("examples/peregrine/drops.rs", "losses_above_the_threshold_are_acted_upon")),
    ("syscall_event_drops.actions", Here(drops)),
    ("syscall_event_drops.rate", At("examples/peregrine/drops.rs", "actions_are_not_taken_too_often")),
    ("syscall_event_drops.max_burst", Here(drops)),
    ("syscall_event_drops.simulate_drops", Here(drops)),
    ("syscall_event_drops.state_uncertain_seconds", At(ALERTS, "alerts_after_a_loss_say_that_they_are_uncertain")),
    ("metrics.enabled", Here(metrics)),
    ("metrics.interval", At(SERVICE, "metrics_must_go_somewhere_and_have_an_interval")),
    ("metrics.output_rule", At(SERVICE, "metrics_are_served_and_told")),
    ("metrics.output_file", Here(metrics)),
    ("metrics.rules_counters_enabled", Here(metrics)),
    ("metrics.resource_utilization_enabled", Here(metrics)),
    ("metrics.state_counters_enabled", Here(metrics)),
    ("metrics.kernel_event_counters_enabled", Here(metrics)),
    (
        "metrics.kernel_event_counters_per_cpu_enabled",
        At("examples/peregrine/metrics/collect.rs", "parts_can_be_left_out"),
    ),
    ("metrics.libbpf_stats_enabled", At("examples/peregrine/metrics/collect.rs", "parts_can_be_left_out")),
    ("metrics.plugins_metrics_enabled", Nothing("the plugins are built in and count nothing of their own")),
    ("metrics.kernel_iter_event_counters_enabled", Nothing("/proc is read, never by iterators")),
    ("metrics.convert_memory_to_mb", Here(metrics)),
    ("metrics.include_empty_values", Here(metrics)),
    ("metrics.jemalloc_stats_enabled", Nothing("the allocator is that of the system")),
    ("base_syscalls.all", At(SELECTION, "rules_and_state_without_the_frequent_ones")),
    ("base_syscalls.custom_set", At(SELECTION, "a_custom_set_takes_the_place_of_the_state")),
    ("base_syscalls.repair", At(SELECTION, "repair_adds_only_what_is_needed")),
    ("falco_libs.thread_table_size", Here(thread_table)),
    ("falco_libs.thread_table_auto_purging_interval_s", At("sinsp/tests/inspector.rs", "a_replay_is_not_purged")),
    ("falco_libs.thread_table_auto_purging_thread_timeout_s", At("sinsp/tests/inspector.rs", "a_replay_is_not_purged")),
    ("falco_libs.snaplen", At(PROBE, "more_is_kept_where_the_content_is_worth_it")),
];

const CLI: &str = "examples/tests/cli.rs";
const PARSER: &str = "examples/peregrine/cli.rs";

/// Every option of the command line, by its last name. Removed ones: `removed_options_say_what_to_write`.
const OPTIONS: &[(&str, Shown)] = &[
    ("-c", At(CONFIG, "options_come_last")),
    ("--option", At(CONFIG, "options_come_last")),
    ("-r", At(CLI, "a_directory_of_rules_is_read_in_order")),
    ("--validate", At("examples/tests/broken.rs", "rule_files")),
    ("--test", At(CLI, "rules_are_tested")),
    ("--explain-rule", At(CLI, "a_rule_is_explained")),
    ("--explain-event", At(CLI, "an_event_is_explained")),
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
    ("--dry-run", At(RELOAD, "a_dry_run_says_what_a_reload_would_change")),
    ("--enable-source", At(CLI, "sources_are_checked")),
    ("--disable-source", At(CLI, "sources_are_checked")),
    ("-M", At("examples/tests/bundled.rs", "time_may_be_over_before_the_capture")),
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

/// What is printed for others to read.
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
    // A line such as `  -o, --option <KEY=VALUE>`; the values of one are indented further.
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
    assert!(text.contains("fn removed_options_say_what_to_write()"));
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
    assert_eq!(rows.len(), KEYS.len(), "a key stands twice");
    let keys = schema_keys();
    let missing: Vec<_> = keys.difference(&rows).collect();
    let gone: Vec<_> = rows.difference(&keys).collect();
    assert!(missing.is_empty() && gone.is_empty(), "without a row: {missing:?}; without a key: {gone:?}");
    check_rows(KEYS);
}

/// The tests that rows name exist.
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
fn every_key_does_what_it_says() {
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

/// Two rules, of which the first has matches in the capture that the second has too.
const RULES: &str = "
- rule: First
  desc: d
  condition: evt.type = execve and proc.name = sh
  output: \"%proc.name\"
  priority: NOTICE
  tags: [one, both]
- rule: Second
  desc: d
  condition: evt.type = execve and proc.name = sh
  output: second
  priority: WARNING
  tags: [two, both]
- rule: Off
  desc: d
  condition: evt.type = execve and proc.name = sh
  output: off
  priority: ERROR
  tags: [off]
  enabled: false
- rule: Buffers
  desc: d
  condition: evt.type = write and evt.buflen > 20 and proc.name = sh
  output: buffer
  priority: DEBUG
";

/// Replays the capture with these rules and settings.
fn run(more: &str) -> (tempfile::TempDir, Ran) {
    let folder = tempfile::tempdir().unwrap();
    let ran = run_in(folder.path(), more);
    (folder, ran)
}

fn run_in(folder: &Path, more: &str) -> Ran {
    let path = |name: &str| folder.join(name);
    fs::write(path("rules.yaml"), RULES).unwrap();
    let mut config = String::from("log_syslog: false\nlog_stderr: true\n");
    for (key, value) in [
        ("stdout_output:", "{enabled: true}"),
        ("json_output:", "true"),
        ("rules_files:", "[DIR/rules.yaml]"),
        ("log_level:", "notice"),
    ] {
        if !more.contains(key) {
            config += &format!("{key} {value}\n");
        }
    }
    fs::write(path("falco.yaml"), (config + more).replace("DIR", &folder.display().to_string())).unwrap();
    let mut args = vec!["-c".to_owned(), path("falco.yaml").display().to_string()];
    args.extend(replay(&bundled()));
    peregrine(&args)
}

/// The alerts of a replay that ends well.
fn told(more: &str) -> Vec<Json> {
    let (_folder, ran) = run(more);
    assert_eq!(ran.code, 0, "{more}: {}", ran.err);
    alerts(&ran.out)
}

fn of<'a>(alerts: &'a [Json], rule: &str) -> Vec<&'a Json> {
    alerts.iter().filter(|alert| alert["rule"] == rule).collect()
}

fn append_output() {
    let all = told(
        "rule_matching: all\nappend_output:\n\
         - {match: {rule: First}, extra_output: 'pid=%proc.pid'}\n\
         - {match: {source: syscall, tags: [two]}, extra_fields: [proc.pid, {who: 'u=%user.uid'}]}\n\
         - {match: {source: other}, extra_output: 'never'}\n\
         - {match: {tags: [one, two]}, extra_output: 'never'}\n",
    );
    let (first, second) = (of(&all, "First")[0], of(&all, "Second")[0]);
    assert!(first["output"].as_str().unwrap().contains("pid="));
    assert!(first["output_fields"]["proc.pid"].is_u64() && second["output_fields"]["proc.pid"].is_u64());
    assert!(first["output_fields"].get("who").is_none());
    assert!(second["output_fields"]["who"].as_str().unwrap().starts_with("u="));
    assert!(all.iter().all(|alert| !alert["output"].as_str().unwrap().contains("never")));
    let suggested = told("append_output: [{suggested_output: true}]\n");
    assert!(suggested[0]["output_fields"].get("container.id").is_some(), "{}", suggested[0]);
    assert!(told("")[0]["output_fields"].get("container.id").is_none());
}

fn alert_form() {
    let plain = told("");
    assert!(!plain.is_empty());
    let alert = &plain[0];
    let keys = |alert: &Json| alert.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let without = |key: &str| keys(alert).into_iter().filter(|known| known != key).collect::<BTreeSet<_>>();
    assert_eq!(keys(&told("json_include_output_property: false\n")[0]), without("output"));
    assert_eq!(keys(&told("json_include_output_fields_property: false\n")[0]), without("output_fields"));
    assert_eq!(keys(&told("json_include_tags_property: false\n")[0]), without("tags"));
    let message = &told("json_include_message_property: true\n")[0];
    assert!(alert["output"].as_str().unwrap().ends_with(message["message"].as_str().unwrap()));

    let (_folder, ran) = run("json_output: false\n");
    let line = ran.out.lines().find(|line| line.contains(": Notice ")).expect("a line of text");
    assert_eq!(line.find(": Notice "), Some("00:00:00.000000000".len()));
    let (_folder, ran) = run("json_output: false\ntime_format_iso_8601: true\n");
    let line = ran.out.lines().find(|line| line.contains(": Notice ")).expect("a line of text");
    assert_eq!(line.find(": Notice "), Some("2026-01-01T00:00:00.000000000+0000".len()));

    let team = told("static_fields: {team: blue}\nappend_output: [{extra_fields: [static.team]}]\n");
    assert_eq!(team[0]["output_fields"]["static.team"], "blue");

    let buffer = |more: &str| {
        let text = format!("append_output: [{{match: {{rule: Buffers}}, extra_fields: [evt.buffer]}}]\n{more}");
        let all = told(&text);
        of(&all, "Buffers").iter().map(|alert| alert["output_fields"]["evt.buffer"].clone()).collect::<Vec<_>>()
    };
    let (dots, base64) = (buffer(""), buffer("buffer_format_base64: true\n"));
    assert!(!dots.is_empty() && dots.len() == base64.len());
    let sound = |text: &Json| {
        text.as_str()
            .is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)))
    };
    assert!(base64.iter().all(sound) && !dots.iter().all(sound), "{dots:?} {base64:?}");
}

fn rules() {
    let names =
        |more: &str| told(more).iter().map(|alert| alert["rule"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>();
    let set = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!(names(""), set(&["Buffers", "First"]));
    assert_eq!(names("rule_matching: all\n"), set(&["Buffers", "First", "Second"]));
    assert_eq!(names("priority: notice\n"), set(&["First"]));
    assert_eq!(names("priority: warning\n"), set(&["Second"]));
    assert_eq!(names("rules: [{disable: {rule: 'Fi*'}}]\n"), set(&["Buffers", "Second"]));
    assert_eq!(names("rules: [{disable: {tag: both}}]\n"), set(&["Buffers"]));
    assert_eq!(names("rules: [{disable: {rule: '*'}}, {enable: {tag: off}}]\n"), set(&["Off"]));
    assert_eq!(names("rules: [{disable: {rule: '*'}}, {enable: {rule: Off}}]\n"), set(&["Off"]));
    let (_folder, ran) = run("rules_files: [/no/such.yaml]\n");
    assert!(ran.code == 1 && ran.err.contains("no rules"), "{}", ran.err);
}

fn engine() {
    assert!(!told("engine: {kind: replay}\n").is_empty());
    let (_folder, ran) = run("engine: {kind: replay, replay: {capture_file: /no/such.scap}}\n");
    // The option that follows names another file.
    assert_eq!(ran.code, 0, "{}", ran.err);
    let ran = peregrine(["-o", "engine.kind=replay", "-o", "engine.replay.capture_file=/no/such.scap"]);
    assert!(ran.code == 1 && ran.err.contains("/no/such.scap"), "{}", ran.err);
}

fn plain_outputs() {
    let count = told("").len();
    let lines = |path: &Path| fs::read_to_string(path).unwrap().lines().filter(|line| line.starts_with('{')).count();
    for more in ["", "buffered_outputs: true\n"] {
        for keep_alive in [false, true] {
            let (folder, ran) = run(&format!(
                "{more}stdout_output: {{enabled: false}}\n\
                 file_output: {{enabled: true, keep_alive: {keep_alive}, filename: DIR/alerts}}\n\
                 program_output: {{enabled: true, keep_alive: {keep_alive}, program: 'cat >> DIR/piped; echo end >> DIR/piped'}}\n"
            ));
            assert_eq!(ran.code, 0, "{}", ran.err);
            assert!(alerts(&ran.out).is_empty());
            assert_eq!(lines(&folder.path().join("alerts")), count);
            assert_eq!(lines(&folder.path().join("piped")), count);
            let ends = fs::read_to_string(folder.path().join("piped")).unwrap().matches("end\n").count();
            assert_eq!(ends, if keep_alive { 1 } else { count });
        }
    }
}

fn slow_output() {
    let mut service = Service::start(
        "syscall_event_timeouts: {max_consecutives: 1}\noutputs_queue: {capacity: 1}\noutput_timeout: 200\n\
         program_output: {enabled: true, program: 'sleep 1'}\n",
    );
    service.until("the complaints", |service| {
        let text = service.text("err");
        text.contains("program output: the queue is full")
            && text.contains("program output: time-out: one alert has taken more than 200ms")
    });
    assert_eq!(service.end().0, 0);
}

fn syslog() {
    for (format, start) in [("auto", "<13>"), ("rfc3164", "<13>"), ("rfc5424", "<13>1 ")] {
        let folder = tempfile::tempdir().unwrap();
        let daemon = std::os::unix::net::UnixDatagram::bind(folder.path().join("log")).unwrap();
        daemon.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            let count = daemon.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..count].to_vec()).unwrap()
        });
        run_in(
            folder.path(),
            &format!("priority: notice\nsyslog_output: {{enabled: true, address: DIR/log, format: {format}}}\n"),
        );
        let text = reader.join().unwrap();
        assert!(text.starts_with(start) && text.contains("\"rule\":\"First\""), "{text}");
        assert_eq!(text.starts_with("<13>1 "), format == "rfc5424");
    }
}

/// With `spool: true`, alerts go by way of the directory, which is made for each output.
fn spools() {
    let port = common::port();
    let folder = tempfile::tempdir().unwrap();
    let count = told("").len();
    let ran = run_in(
        folder.path(),
        &format!(
            "output_timeout: 500\noutputs_spool: {{path: DIR/spool, max_size_mb: 1}}\n\
             file_output: {{enabled: true, filename: DIR/alerts, spool: true}}\n\
             program_output: {{enabled: true, program: 'cat >> DIR/piped', keep_alive: true, spool: true}}\n\
             syslog_output: {{enabled: true, address: 'tcp://127.0.0.1:{port}', spool: true}}\n\
             elasticsearch_output: {{enabled: true, url: 'http://127.0.0.1:{port}', spool: true}}\n\
             kafka_output: {{enabled: true, brokers: ['127.0.0.1:{port}'], timeout: 200, spool: true}}\n"
        ),
    );
    assert_eq!(ran.code, 0, "{}", ran.err);
    for name in ["file", "program", "syslog", "elasticsearch", "kafka"] {
        assert!(folder.path().join("spool").join(name).join("position").is_file(), "{name}");
    }
    for name in ["syslog", "elasticsearch", "kafka"] {
        let line = format!("{name} output: {count} alerts stay in the spool for the next start");
        assert!(ran.err.contains(&line), "{line}: {}", ran.err);
    }
    assert_eq!(fs::read_to_string(folder.path().join("alerts")).unwrap().lines().count(), count);
    let (_folder, ran) = run("outputs_spool: {max_size_mb: 0}\n");
    assert!(ran.code == 1 && ran.err.contains("must be greater than 0"), "{}", ran.err);
}

fn http() {
    let server = Server::start(|_| Answer::new(200, "answered"));
    let count = told("").len();
    let (_folder, ran) = run(&format!(
        "http_output:\n  enabled: true\n  url: {}\n  user_agent: me/2\n  echo: true\n  compress_uploads: true\n  \
         headers: {{x-team: blue}}\n  keep_alive: true\n",
        server.url()
    ));
    assert_eq!(ran.out.matches("answered\n").count(), count);
    let requests = server.requests();
    assert_eq!(requests.len(), count);
    for line in ["user-agent: me/2\r\n", "content-encoding: gzip\r\n", "x-team: blue\r\n", "application/json\r\n"] {
        assert!(requests[0].head.contains(line), "{line}: {}", requests[0].head);
    }
    let (_folder, _ran) = run(&format!("http_output: {{enabled: true, url: {}, batch: 1000}}\n", server.url()));
    let batches = &server.requests()[count..];
    assert!(batches.iter().all(|request| request.body.starts_with('[')));
    let alerts: usize = batches.iter().map(|request| request.body.matches("\"rule\":").count()).sum();
    assert_eq!(alerts, count);
}

/// The certificates of all that speaks HTTPS: the http output, Elasticsearch, and bundles of rules.
fn https() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::new(folder.path());
    let (certificate, key) = certificates.client();
    let authorities = folder.path().join("authorities");
    fs::create_dir(&authorities).unwrap();
    fs::copy(certificates.authority(), authorities.join("ours.pem")).unwrap();
    let loopback = "127.0.0.1:0".parse().unwrap();
    let open = Server::start_at(loopback, Some(certificates.server(false)), |_| Answer::new(200, "{}"));
    let asking = Server::start_at(loopback, Some(certificates.server(true)), |_| Answer::new(200, "{}"));
    let (ca, path) = (certificates.authority(), authorities);
    let (ca, path, certificate, key) = (ca.display(), path.display(), certificate.display(), key.display());
    let arrives = |server: &Server, template: &str| {
        let before = server.requests().len();
        let url = format!("https://localhost:{}/", server.address.port());
        run(&template.replace("URL", &url));
        server.requests().len() > before
    };
    let http = |more: &str| {
        format!("output_timeout: 300\nhttp_output: {{enabled: true, url: URL, max_consecutive_timeouts: 0, {more}}}\n")
    };
    for (more, open_takes, asking_takes) in [
        ("ca_path: /no/such".to_owned(), false, false),
        ("ca_path: /no/such, insecure: true".to_owned(), true, false),
        (format!("ca_cert: {ca}"), true, false),
        (format!("ca_bundle: {ca}"), true, false),
        (format!("ca_path: {path}"), true, false),
        (format!("ca_cert: {ca}, mtls: true, client_cert: {certificate}, client_key: {key}"), true, true),
    ] {
        assert_eq!(arrives(&open, &http(&more)), open_takes, "{more}");
        assert_eq!(arrives(&asking, &http(&more)), asking_takes, "{more}");
    }
    for template in [
        "output_timeout: 300\nelasticsearch_output: {enabled: true, url: URL, max_retries: 0, tls: {TLS}}\n",
        "rules_bundle: {url: URL, public_key: x, cache: DIR/cache, tls: {TLS}}\n",
    ] {
        for (tls, open_takes, asking_takes) in [
            ("ca_path: /no/such".to_owned(), false, false),
            ("insecure: true".to_owned(), true, false),
            (format!("ca_cert: {ca}"), true, false),
            (format!("ca_path: {path}"), true, false),
            (format!("ca_cert: {ca}, client_cert: {certificate}, client_key: {key}"), true, true),
        ] {
            let template = template.replace("TLS", &tls);
            assert_eq!(arrives(&open, &template), open_takes, "{template}");
            assert_eq!(arrives(&asking, &template), asking_takes, "{template}");
        }
    }
}

/// How often something is tried again, and how long a try may take.
fn retries() {
    let slow = Server::start(|_| {
        std::thread::sleep(std::time::Duration::from_millis(300));
        Answer::new(200, "{\"errors\":false}")
    });
    let lost = |name: &str, more: &str| {
        let (_folder, ran) = run(&format!("priority: warning\nlog_level: debug\noutput_timeout: 5000\n{more}\n"));
        let line =
            ran.err.lines().find(|line| line.contains(&format!("{name} output: ")) && line.contains(" from before, "));
        let line = line.unwrap_or_else(|| panic!("{}", ran.err)).to_owned();
        let word = |after: &str| -> u64 {
            let before = line.split(after).next().unwrap();
            before.rsplit(' ').next().unwrap().parse().unwrap()
        };
        (word(" alerts,"), word(" lost,"), word(" retries"))
    };
    let url = format!("http://{}", slow.address);
    for name in ["http", "elasticsearch"] {
        let retries = if name == "http" { "max_consecutive_timeouts" } else { "max_retries" };
        let settings = |timeout: u32| {
            lost(
                name,
                &format!(
                    "{name}_output: {{enabled: true, url: '{url}', batch: 100, timeout: {timeout}, {retries}: 1}}"
                ),
            )
        };
        let (sent, none, _) = settings(5000);
        assert_eq!(none, 0, "{name}");
        let (_, all, tries) = settings(50);
        assert_eq!(all, sent, "{name}");
        assert!(tries >= 1);
    }
    let closed = common::port();
    let kafka =
        format!("kafka_output: {{enabled: true, brokers: ['127.0.0.1:{closed}'], timeout: 100, max_retries: 1}}");
    let (sent, all, tries) = lost("kafka", &kafka);
    assert!(all == sent && tries >= 1);
}

fn elasticsearch() {
    let server = Server::start(|_| Answer::new(200, "{\"errors\":false,\"items\":[]}"));
    let url = format!("http://{}", server.address);
    let (_folder, ran) = run(&format!(
        "elasticsearch_output: {{enabled: true, url: '{url}', index: mine, suffix: none, pipeline: p, username: u, \
         password: w, batch: 3, compress_uploads: true}}\n"
    ));
    assert_eq!(ran.code, 0, "{}", ran.err);
    let requests = server.requests();
    for line in ["POST /_bulk?pipeline=p ", "authorization: Basic dTp3\r\n", "content-encoding: gzip\r\n"] {
        assert!(requests[0].head.contains(line), "{line}: {}", requests[0].head);
    }
    assert!(requests.iter().all(|request| request.body.lines().count() <= 6));
    assert!(requests[0].body.starts_with("{\"create\":{\"_index\":\"mine\",\"_id\":\""), "{}", requests[0].body);
    let documents: usize = requests.iter().map(|request| request.body.lines().count() / 2).sum();
    assert_eq!(documents, told("").len());
    run(&format!("elasticsearch_output: {{enabled: true, url: '{url}', suffix: annually, api_key: k}}\n"));
    let request = server.requests().last().cloned().unwrap();
    assert!(request.head.contains("authorization: ApiKey k\r\n") && request.body.contains("\"_index\":\"falco-20"));
    assert!(!request.body.contains("\"_index\":\"falco-20.."));
}

fn kafka() {
    let count = told("").len();
    let broker = peers::kafka::Broker::start("127.0.0.1:0".parse().unwrap(), "mine", 2, 1 << 20);
    let server = broker.address;
    let (_folder, ran) = run(&format!(
        "kafka_output: {{enabled: true, brokers: ['{server}'], topic: mine, client_id: me, batch: 2, compress_uploads: true}}\n"
    ));
    assert_eq!(ran.code, 0, "{}", ran.err);
    let records = broker.records();
    assert_eq!(records.len(), count);
    assert!(records.iter().all(|record| record.packed && record.key.as_deref() == Some("test")));
    assert_eq!(broker.clients(), ["me"]);
    assert!(broker.most_at_once() <= 2);
    // What a broker without TLS and logins makes of them shows that they are asked for.
    let lost = |more: &str| {
        let (_folder, ran) = run(&format!(
            "output_timeout: 3000\nkafka_output: {{enabled: true, brokers: ['{server}'], topic: mine, timeout: 500, \
             max_retries: 0, {more}}}\n"
        ));
        ran.err.contains("alerts were lost") || ran.err.contains("lost, ") || ran.code == 1
    };
    assert!(lost("tls_enabled: true, tls: {insecure: true}"));
    assert!(lost("sasl_mechanism: plain, username: u, password: w"));
    for (tls, part) in [
        ("ca_cert: /no/ca.pem", "/no/ca.pem"),
        ("ca_path: /no/such", "/no/such"),
        ("insecure: true, client_cert: /no/client.pem, client_key: /no/client.key", "/no/client.pem"),
    ] {
        let text =
            format!("kafka_output: {{enabled: true, brokers: ['{server}'], tls_enabled: true, tls: {{{tls}}}}}\n");
        let (_folder, ran) = run(&text);
        assert!(ran.code == 1 && ran.err.contains(part), "{tls}: {}", ran.err);
    }
}

fn web_threads() {
    for threads in [1, 3] {
        let port = common::port();
        let mut service = Service::start(&format!(
            "webserver: {{enabled: true, listen_address: 127.0.0.1, listen_port: {port}, threadiness: {threads}}}\n"
        ));
        service.until("the server", |_| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        let pid = service.child.id();
        let web_threads = || {
            let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
            let names = tasks.map(|task| fs::read_to_string(task.path().join("comm")).unwrap_or_default());
            names.filter(|name| name.starts_with("web")).count()
        };
        // One more waits for the end. A thread has its name a moment after it began.
        service.until("its threads", |_| web_threads() > threads);
        assert_eq!(web_threads(), threads + 1);
        assert_eq!(service.end().0, 0);
    }
}

fn logging() {
    let (_folder, ran) = run("log_level: debug\n");
    assert!(ran.err.contains("stdout output: "), "{}", ran.err);
    let (_folder, ran) = run("log_level: error\nrules: [{disable: {rule: First}}]\n");
    assert!(!ran.err.contains("Disabling rules"), "{}", ran.err);
    let (_folder, ran) = run("log_level: info\nrules: [{disable: {rule: First}}]\n");
    assert!(ran.err.contains("Disabling rules with name: First"), "{}", ran.err);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("falco.yaml"), "log_stderr: false\nlog_syslog: true\nlog_level: debug\n").unwrap();
    let mut args = vec!["-c".to_owned(), folder.path().join("falco.yaml").display().to_string()];
    args.extend(["-o".to_owned(), "stdout_output.enabled=true".to_owned(), "-r".to_owned()]);
    fs::write(folder.path().join("rules.yaml"), RULES).unwrap();
    args.push(folder.path().join("rules.yaml").display().to_string());
    args.extend(replay(&bundled()));
    // The socket of the machine's daemon, where there is none and we may make one.
    let daemon = std::os::unix::net::UnixDatagram::bind("/dev/log");
    let ran = peregrine(&args);
    assert!(ran.code == 0 && !ran.err.contains("stdout output: "), "{}", ran.err);
    match daemon {
        Ok(daemon) => {
            let mut buffer = [0; 4096];
            daemon.set_nonblocking(true).unwrap();
            let mut lines = std::iter::from_fn(|| {
                daemon.recv(&mut buffer).ok().map(|count| String::from_utf8_lossy(&buffer[..count]).into_owned())
            });
            let found = lines.any(|line| line.contains("peregrine[") && line.contains("stdout output: "));
            fs::remove_file("/dev/log").unwrap();
            assert!(found);
        }
        Err(error) => eprintln!("skipped: log_syslog with /dev/log: {error}"),
    }
}

fn drops() {
    let simulated =
        |more: &str| run(&format!("syscall_event_drops: {{simulate_drops: true, {more}}}\nlog_level: debug\n")).1;
    let told = |ran: &Ran| ran.out.matches("\"rule\":\"Falco internal: syscall event drop\"").count();
    let said = |ran: &Ran| ran.err.matches("system calls dropped in last second").count();
    let ignore = simulated("actions: [ignore]");
    assert!(ignore.code == 0 && told(&ignore) == 0 && said(&ignore) == 0);
    let log = simulated("actions: [log]");
    assert!(told(&log) == 0 && said(&log) == 1, "{}", log.err);
    let alert = simulated("actions: [alert], rate: 0.0001, max_burst: 2");
    assert!(told(&alert) == 2 && said(&alert) == 0, "{}", alert.out);
    let exit = simulated("actions: [exit]");
    assert!(exit.code == 1 && exit.err.contains("syscall_event_drops.actions says exit"), "{}", exit.err);
}

fn metrics() {
    let sample = |more: &str| {
        let mut service =
            Service::start(&format!("metrics: {{enabled: true, interval: 100ms, output_file: DIR/metrics, {more}}}\n"));
        service.until("a sample", |service| service.text("metrics").contains('\n'));
        let text = service.text("metrics");
        let line: Json = serde_json::from_str(text.lines().next().unwrap()).expect("JSON");
        assert_eq!(service.end().0, 0);
        line["output_fields"].as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>()
    };
    let all = sample("include_empty_values: true");
    let few = sample("include_empty_values: false");
    for name in
        ["falco.memory_rss_mb", "falco.num_evts_prev", "falco.n_threads", "scap.n_evts", "falco.rules.matches_total"]
    {
        assert!(all.contains(name), "{name}: {all:?}");
    }
    for name in ["falco.reload_ts", "falco.host_boot_ts", "falco.start_ts", "falco.kernel_release", "evt.hostname"] {
        assert!(few.contains(name), "{name}: {few:?}");
    }
    assert!(few.len() < all.len() && !few.contains("scap.n_drops_scratch_map"));
    for (setting, name) in [
        ("rules_counters_enabled", "falco.rules.matches_total"),
        ("resource_utilization_enabled", "falco.memory_rss_mb"),
        ("state_counters_enabled", "falco.n_threads"),
        ("kernel_event_counters_enabled", "scap.n_evts"),
    ] {
        let names = sample(&format!("include_empty_values: true, {setting}: false"));
        assert!(!names.contains(name) && names.len() < all.len(), "{setting}");
    }
    let plain = sample("convert_memory_to_mb: false");
    assert!(plain.contains("falco.memory_rss_kb") && !plain.contains("falco.memory_rss_mb"));
    let service = Service::start("metrics: {enabled: false, interval: 100ms, output_file: DIR/metrics}\n");
    std::thread::sleep(std::time::Duration::from_millis(400));
    assert!(!service.path("metrics").exists());
}

fn thread_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules.yaml");
    let rule = "- rule: Ancestors\n  desc: d\n  condition: evt.type = execve and proc.aname[2] exists\n  output: x\n  \
                priority: NOTICE\n";
    fs::write(&path, rule).unwrap();
    let matches = |size: &str| {
        let mut args = vec!["-r".to_owned(), path.display().to_string(), "-o".to_owned()];
        args.push(format!("falco_libs.thread_table_size={size}"));
        args.extend(replay(&bundled()));
        peregrine(&args).out.matches(": Notice x").count()
    };
    // Where there is room for one thread, nobody has a grandparent.
    assert!(matches("1") == 0 && matches("10") < matches("1000") && matches("10") > 0);
}
