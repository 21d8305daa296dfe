//! Every key has an effect, every error a place.

use super::*;
use settings::*;
use std::fs;

fn load_text(text: &str, options: &[&str]) -> Result<Loaded, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("falco.yaml");
    fs::write(&path, text).unwrap();
    load(Some(&path), &options.iter().map(ToString::to_string).collect::<Vec<_>>())
}

#[track_caller]
fn refuses(text: &str, part: &str) {
    let error = load_text(text, &[]).expect_err(text).to_string();
    assert!(error.contains(part), "{text}: {error}");
}

#[track_caller]
fn warns(text: &str, part: &str) {
    let loaded = load_text(text, &[]).unwrap();
    let faults = loaded.files.iter().flat_map(|file| &file.faults).chain(&loaded.warnings);
    let all: Vec<_> = faults.map(ToString::to_string).collect();
    assert!(all.iter().any(|fault| fault.contains(part)), "{text}: {all:?}");
}

/// Sets every leaf to a value that is not its default, and checks that it arrives in the settings.
#[test]
fn every_key_is_read() {
    let text = r#"
append_output:
  - match: {rule: R, source: syscall, tags: [a, b]}
    extra_output: "cpu=%evt.cpu"
    extra_fields: ["proc.aexepath[2]", {home: "${NO_SUCH_VARIABLE}/x"}]
    suggested_output: true
static_fields: {team: blue}
config_files: [{path: "/no/such.yaml", strategy: override}]
watch_config_files: false
plugins_hostinfo: false
rules_files: [/a.yaml]
rule_files: [/b.yaml]
rules: [{disable: {rule: "*"}}, {enable: {tag: network}}]
engine:
  kind: replay
  kmod: {buf_size_preset: 5, drop_failed_exit: true}
  modern_ebpf: {cpus_for_each_buffer: 3, buf_size_preset: 6, drop_failed_exit: true, disable_iterators: true, plan: verify}
  replay: {capture_file: /c.scap}
  userspace: {command: [sh, -c, id], pid: 7}
capture: {enabled: true, path_prefix: /p, mode: all_rules, default_duration: 1, max_file_size_mb: 2, max_daily_size_mb: 3}
load_plugins: [json]
plugins: [{name: json, library_path: libjson.so, init_config: {a: 1}, open_params: x}]
time_format_iso_8601: true
buffer_format_base64: true
priority: warning
json_output: true
json_include_output_property: false
json_include_message_property: true
json_include_output_fields_property: false
json_include_tags_property: false
buffered_outputs: true
rule_matching: all
correlations: {memory_bytes: 7}
outputs_queue: {capacity: 7}
stdout_output: {enabled: true}
syslog_output: {enabled: true, address: "udp://log", format: rfc5424, spool: true}
file_output: {enabled: true, keep_alive: true, filename: ./e.txt, spool: true}
http_output:
  enabled: true
  url: http://h/
  user_agent: me
  insecure: true
  ca_cert: a
  ca_bundle: b
  ca_path: c
  mtls: true
  client_cert: d
  client_key: e
  echo: true
  compress_uploads: true
  keep_alive: true
  max_consecutive_timeouts: 9
  headers: {x-token: t}
  batch: 8
  timeout: 7
  spool: true
program_output: {enabled: true, keep_alive: true, program: cat, spool: true}
elasticsearch_output:
  enabled: true
  url: http://e:9200
  index: i
  suffix: none
  pipeline: p
  username: u
  password: w
  api_key: k
  batch: 9
  compress_uploads: true
  timeout: 2
  max_retries: 3
  tls: {insecure: true, ca_cert: a2, ca_path: /b, client_cert: c, client_key: /d}
  spool: true
kafka_output:
  enabled: true
  brokers: [k:9092]
  topic: t
  client_id: c
  batch: 4
  compress_uploads: true
  timeout: 5
  max_retries: 6
  tls_enabled: true
  tls: {insecure: true, ca_cert: a2, ca_path: /b, client_cert: c, client_key: /d}
  sasl_mechanism: plain
  username: u
  password: w
  spool: true
parquet_output: {enabled: true, directory: /p, max_file_size_mb: 3, max_file_age: 4}
grpc:
  enabled: true
  bind_address: 127.0.0.1:5060
  threadiness: 3
  private_key: /k
  cert_chain: /c
  root_certs: /r
grpc_output: {enabled: true}
outputs_spool: {path: /s, max_size_mb: 17}
noise_control: {rules: [{rule: R, key: [proc.name], window: 5s}], rate: 2.5, max_burst: 18}
rules_bundle:
  url: http://b/rules.tar.gz
  public_key: RW
  interval: 19s
  max_age: 3d
  cache: /k
  tls: {insecure: true, ca_cert: a2, ca_path: /b, client_cert: c, client_key: /d}
protection: {confine: false, priority: 3, refuse_writable_files: true, heartbeat_file: /h}
response:
  enabled: true
  mode: act
  max_per_minute: 21
  max_per_minute_per_rule: 22
  warm_up_seconds: 23
  max_age_seconds: 24
  protected_executables: [/x]
  protect_host_cgroup: true
  programs: [{name: p, command: [/p], environment: {A: b}, user: u, timeout_seconds: 25, concurrency: 26}]
  webhook: {url: "http://h/", headers: {A: b}, timeout_seconds: 29, tls: {insecure: true, ca_cert: a3, ca_path: /b, client_cert: c, client_key: /d}}
responses: [{match: {rule: R, tags: [t], priority: error, source: syscall}, action: run, program: p, after_alerts: 27, within_seconds: 28}]
webserver:
  enabled: true
  threadiness: 2
  listen_port: 1234
  listen_address: "::1"
  k8s_healthz_endpoint: /ok
  prometheus_metrics_enabled: true
  ssl_enabled: true
  ssl_certificate: /x.pem
  ui_enabled: false
  ui_token: t
log_stderr: true
log_syslog: false
log_level: debug
libs_logger: {enabled: false, severity: trace}
output_timeout: 11
syscall_event_timeouts: {max_consecutives: 12}
syscall_event_drops: {threshold: 0.5, actions: [log, exit], rate: 1.5, max_burst: 4, simulate_drops: true, state_uncertain_seconds: 20}
metrics:
  enabled: true
  interval: 1m
  output_rule: true
  output_file: /m
  rules_counters_enabled: false
  resource_utilization_enabled: false
  state_counters_enabled: false
  kernel_event_counters_enabled: false
  kernel_event_counters_per_cpu_enabled: false
  libbpf_stats_enabled: false
  plugins_metrics_enabled: false
  kernel_iter_event_counters_enabled: false
  convert_memory_to_mb: false
  include_empty_values: true
  jemalloc_stats_enabled: false
base_syscalls: {all: true, custom_set: [open, "!close"], repair: true}
falco_libs:
  thread_table_size: 1
  thread_table_auto_purging_interval_s: 2
  thread_table_auto_purging_thread_timeout_s: 3
  snaplen: 4
"#;
    let loaded = load_text(text, &[]).unwrap();
    assert_eq!(loaded.files[0].faults, []);
    let (config, defaults) = (loaded.config, Config::default());
    let changed = format!("{config:#?}");
    let before = format!("{defaults:#?}");
    // Every leaf differs from its default, except where its text is the same as that of another leaf's default.
    let leaves = |text: &str| {
        text.lines().map(str::trim).filter(|line| line.contains(": ")).map(str::to_owned).collect::<Vec<_>>()
    };
    let same: Vec<_> = leaves(&before).into_iter().filter(|leaf| leaves(&changed).contains(leaf)).collect();
    let shared = ["enabled: false,", "enabled: true,", "drop_failed_exit: false,", "rule_matching: First,"];
    let unchanged: Vec<_> = same
        .iter()
        .filter(|leaf| !leaf.ends_with('{') && !leaf.ends_with('[') && !shared.contains(&leaf.as_str()))
        .collect();
    assert_eq!(unchanged, Vec::<&String>::new());
    assert_eq!(
        config.append_output[0].extra_fields[1],
        ExtraField::Formatted { name: "home".into(), format: "/x".into() }
    );
    assert_eq!(config.plugins[0].init_config.0, r#"{"a":1}"#);
    assert_eq!(config.rules[0].disable.as_ref().map(|able| able.rule.as_str()), Some("*"));
    assert!(config.webserver.enabled && config.outputs.stdout.enabled && config.capture.enabled);
    assert!(!config.libs_logger.enabled);
}

#[test]
fn absent_keys_have_the_defaults_of_falco() {
    let config = load_text("json_output: false", &[]).unwrap().config;
    assert!(!config.outputs.stdout.enabled && !config.webserver.enabled && !config.log_stderr && config.log_syslog);
    let drops = &config.syscall_event_drops;
    assert_eq!(
        (&*drops.actions, drops.threshold, drops.max_burst),
        (&[DropAction::Log, DropAction::Alert][..], 0.1, 1)
    );
    let silent = load_text("syscall_event_drops: {actions: []}", &[]).unwrap().config;
    assert_eq!(silent.syscall_event_drops.actions, [DropAction::Ignore]);
    assert_eq!((config.output_timeout, config.metrics.interval.as_str()), (2000, "5000"));
    assert!(config.json_include_output_property && !config.json_include_message_property);
}

#[test]
fn errors_have_places() {
    warns("json_outputs: true", "falco.yaml:1:1: json_outputs: unknown setting; did you mean 'json_output'?");
    warns("engine:\n  kind: nodriver\n  kindd: x", "falco.yaml:3:3: engine.kindd: unknown setting");
    warns("json_output: perhaps", "falco.yaml:1:14: json_output: expected true or false, found 'perhaps'");
    warns("webserver: {listen_port: 99999}", "a whole number from 0 to 65535");
    warns("priority: debug\npriority: error", "twice");
    warns("container_engines: {cri: {enabled: true}}", "init_config of the container plugin");
    warns("engine: {kind: nodriver, ebpf: {probe: x}}", "the old BPF probe was removed");
    warns("outputs: {rate: 1, max_burst: 10}", "outputs_queue.capacity");
    warns("rules_file: [/a.yaml]", "is deprecated; use rules_files");
    warns("rule_files: [/a.yaml]", "use rules_files");
    warns("engine: {kind: kmod}", "using the modern_ebpf probe instead");
    warns("append_output: [{match: {rule: a, tags: [b, c]}}]", "all of the tags b, c");
    warns("syslog_output: {enabled: true, format: rfc5424}", "on a local socket for text");
    warns("syslog_output: {enabled: true, format: rfc5424, address: /run/log}", "use auto");
}

#[test]
fn invalid_values_are_errors() {
    refuses("engine: {kind: replay}", "no capture file");
    refuses("engine: {kind: ebpf}", "falco.yaml:1:16: engine.kind: 'ebpf': the old BPF probe was removed");
    refuses("engine: {kind: userspace}", "engine.kind is 'userspace', but neither a command nor a pid is set");
    refuses("engine: {kind: x}", "must be one of modern_ebpf, kmod, replay, nodriver, userspace");
    refuses("priority: loud", "must be one of emergency");
    refuses("rule_matching: some", "must be one of first, all");
    refuses("log_level: loud", "must be one of emergency");
    refuses("capture: {mode: x}", "must be one of rules, all_rules");
    refuses("file_output: {enabled: true}", "no file name");
    refuses("program_output: {enabled: true}", "no program");
    refuses("http_output: {enabled: true}", "no URL");
    refuses("webserver: {listen_address: localhost}", "not a valid IP address");
    refuses("syscall_event_drops: {actions: [ignore, log]}", "cannot be combined");
    refuses("syscall_event_drops: {actions: [page]}", "must be one of ignore, log, alert, exit");
    refuses("syscall_event_drops: {threshold: 2}", "between 0 and 1");
    refuses("syscall_event_timeouts: {max_consecutives: 0}", "greater than 0");
    refuses("rules_file: a\nrules_files: b", "both 'rules_files' and 'rules_file'");
    refuses("load_plugins: [x]", "plugin 'x' is not defined");
    refuses("append_output: [{extra_fields: [a, {a: b}]}]", "twice");
    refuses("a: [", "falco.yaml:1");
    // All errors at once, not the first alone.
    refuses("priority: loud\nengine: {kind: x}", "must be one of emergency");
    refuses("priority: loud\nengine: {kind: x}", "must be one of modern_ebpf");
}

#[test]
fn options_come_last() {
    let loaded = load_text(
        "json_output: false\nrules: [{enable: {tag: a}}]",
        &["json_output=true", "rules[].disable.tag=b", "engine.kind=replay", "engine.replay.capture_file=x.scap"],
    )
    .unwrap();
    assert!(loaded.config.json_output);
    assert_eq!(loaded.config.rules.len(), 2);
    assert_eq!(loaded.config.engine.replay.capture_file, PathBuf::from("x.scap"));
    // What is misspelt there is no warning.
    let error = load_text("", &["json_outputs=true", "webserver.listen_port=x"]).unwrap_err().to_string();
    assert_eq!(
        error,
        "-o json_outputs: json_outputs: unknown setting; did you mean 'json_output'?\n\
         -o webserver.listen_port: webserver.listen_port: expected a whole number from 0 to 65535, found 'x'"
    );
}

#[test]
fn further_files_are_merged_by_strategy() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let merged = |strategy: &str| {
        fs::create_dir_all(path("d")).unwrap();
        fs::write(path("d/10.yaml"), "rules_files: [b]\npriority: error\njson_output: true").unwrap();
        fs::write(path("d/20.yaml"), "rules_files: [c]").unwrap();
        let main = format!(
            "config_files: [{{path: {}, strategy: {strategy}}}, /no/such]\nrules_files: [a]\npriority: debug",
            path("d").display()
        );
        fs::write(path("falco.yaml"), main).unwrap();
        let loaded = load(Some(&path("falco.yaml")), &[]).unwrap();
        let files: Vec<_> = loaded.config.rules_files.iter().map(|file| file.display().to_string()).collect();
        assert_eq!(loaded.files.len(), 3);
        (files.concat(), loaded.config.priority, loaded.config.json_output)
    };
    assert_eq!(merged("append"), ("abc".into(), MinPriority::Error, true));
    assert_eq!(merged("override"), ("c".into(), MinPriority::Error, true));
    assert_eq!(merged("add-only"), ("a".into(), MinPriority::Debug, true));

    fs::write(path("d/30.yaml"), "config_files: [x]").unwrap();
    assert!(load(Some(&path("falco.yaml")), &[]).unwrap_err().to_string().contains("only valid in the main"));
    fs::write(path("self.yaml"), format!("config_files: {}", path("self.yaml").display())).unwrap();
    assert!(load(Some(&path("self.yaml")), &[]).unwrap_err().to_string().contains("itself"));
    fs::write(path("main.yaml"), "").unwrap();
    fs::write(path("one.yaml"), "priority: alert").unwrap();
    let option = format!("config_files={}", path("one.yaml").display());
    assert_eq!(load(Some(&path("main.yaml")), &[option]).unwrap().config.priority, MinPriority::Alert);
}

#[test]
fn a_missing_file_is_an_error() {
    let error = load(Some(Path::new("/no/falco.yaml")), &[]).unwrap_err().to_string();
    assert_eq!(error, "Could not find configuration file at /no/falco.yaml");
}

/// A setting is one row, as CONTRIBUTING promises. Parsing, default, schema and the hint for a misspelt key follow; the
/// only other place is where it is used.
#[test]
fn a_setting_is_a_row() {
    setting::settings! {
        /// A block.
        Block {
            /// Number of things.
            new_number: u32 = 7,
        }
    }
    let read = |text: &str| {
        let (node, mut report) = (document::parse("a.yaml", text).unwrap(), setting::Report::default());
        let block = <Block as setting::Setting>::read(&node, "block", &mut report).unwrap();
        (block.new_number, report.warnings.first().map(ToString::to_string))
    };
    assert_eq!(read("{}"), (7, None));
    assert_eq!(read("new_number: 9"), (9, None));
    let hint = "a.yaml:1:1: block.new_numbr: unknown setting; did you mean 'new_number'?";
    assert_eq!(read("new_numbr: 9"), (7, Some(hint.to_owned())));
    let mut definitions = serde_json::Map::new();
    <Block as setting::Setting>::schema(&mut definitions);
    assert_eq!(definitions["Block"]["properties"]["new_number"]["description"], "Number of things.");
    assert_eq!(crate::places::of(&["output_timeout"]), ["alerts/outputs.rs", "config/settings.rs"]);
}

#[test]
fn a_webhook_may_propose_an_action() {
    let text = "response: {webhook: {url: \"http://h/\"}}\nresponses: [{match: {rule: R}, action: webhook, proposes: kill, \
                target: tree}]\n";
    let config = load_text(text, &[]).unwrap().config;
    assert_eq!(config.responses[0].read().unwrap().to_string(), "webhook (kill tree)");
}

/// A response that is not what was meant could end the wrong processes.
#[test]
fn responses_that_are_not_clear_are_errors() {
    for (response, why) in [
        ("{action: kill}", "match requires"),
        ("{match: {rule: R}}", "action is required"),
        ("{match: {rule: R}, action: run, program: p}", "'p' is not defined"),
        ("{match: {rule: R}, action: freeze, target: tree}", "container only"),
        ("{match: {rule: R}, action: kill, program: p}", "program is for"),
        ("{match: {source: k8s_audit}, action: kill}", "have no process"),
        ("{match: {rule: R}, action: deny, target: process}", "deny has no target"),
        ("{match: {rule: R}, action: deny, program: p}", "program is for"),
        ("{match: {rule: R}, action: deny, after_alerts: 2}", "before any alert"),
        ("{match: {rule: R}, action: kill, after_alerts: 0}", "after_alerts must be"),
        ("{match: {rule: R}, action: kill, within_seconds: 0}", "within_seconds must be"),
        ("{match: {rule: R}, action: webhook}", "response.webhook.url is required"),
        ("{match: {rule: R}, action: kill, proposes: stop}", "proposes is for"),
    ] {
        refuses(&format!("responses: [{response}]\n"), why);
    }
    refuses("response: {webhook: {timeout_seconds: 0}}\n", "must be greater than 0");
    for (program, why) in [
        ("{command: [/p]}", "name is required"),
        ("{name: p, command: [p]}", "absolute path"),
        ("{name: p, command: [/p], concurrency: 0}", "greater than 0"),
    ] {
        refuses(&format!("response: {{programs: [{program}]}}\n"), why);
    }
}
