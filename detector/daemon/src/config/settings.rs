//! Every setting of `falco.yaml`: name, type, default and meaning. Rows only; `setting.rs` gives them life.
//!
//! The defaults are those that hold when a key is absent from the file, which for some keys is not what Falco's
//! shipped file says: every output, for one, is off until it is named.

pub(crate) use super::choices::{
    CaptureMode, DropAction, EngineKind, LibsSeverity, LogLevel, MinPriority, RuleMatching, Strategy,
};
pub(crate) use super::forms::{ConfigFile, ExtraField, InitConfig};
use super::outputs::OutputSettings;
use super::setting::settings;
use std::collections::BTreeMap;
use std::path::PathBuf;

settings! {
    /// The whole of falco.yaml.
    Config and outputs: OutputSettings, behind outputs_queue {
        /// What is added to the output of rules.
        append_output: Vec<AppendOutput> = Vec::new(),
        /// Fields with a fixed value, for outputs and conditions.
        static_fields: BTreeMap<String, String> = BTreeMap::new(),
        /// Further configuration files or directories, merged in this order.
        config_files: Vec<ConfigFile> = Vec::new(),
        /// Whether a change of a configuration or rules file is taken over at once.
        watch_config_files: bool = true,
        /// Whether plugins may read the host's network interfaces and users.
        plugins_hostinfo: bool = true,
        /// Rules files or directories, loaded in this order.
        rules_files: Vec<PathBuf> = Vec::new(),
        /// In the schema for the sake of old files; not read. The name is rules_files.
        rule_files: Vec<PathBuf> = Vec::new(),
        /// Which rules are switched on or off after loading, in this order.
        rules: Vec<RuleSelection> = Vec::new(),
        /// Where events come from.
        engine: Engine = Engine::default(),
        /// Capture files written when a rule matches.
        capture: Capture = Capture::default(),
        /// Which of the plugins below are loaded; absent: all of them.
        load_plugins: Option<Vec<String>> = None,
        /// Plugins.
        plugins: Vec<Plugin> = Vec::new(),
        /// Times in ISO 8601 and UTC instead of the local time of day.
        time_format_iso_8601: bool = false,
        /// Buffers in alerts as base64.
        buffer_format_base64: bool = false,
        /// The least urgent priority of rules that are loaded.
        priority: MinPriority = MinPriority::Debug,
        /// Alerts as JSON instead of text.
        json_output: bool = false,
        /// The whole line, with time and priority, in JSON alerts.
        json_include_output_property: bool = true,
        /// The rule's message alone in JSON alerts.
        json_include_message_property: bool = false,
        /// The value of each field in JSON alerts.
        json_include_output_fields_property: bool = true,
        /// The rule's tags in JSON alerts.
        json_include_tags_property: bool = true,
        /// Collect output in memory instead of writing each alert at once.
        buffered_outputs: bool = false,
        /// How many rules one event may set off.
        rule_matching: RuleMatching = RuleMatching::First,
        /// The queue in front of each output.
        outputs_queue: OutputsQueue = OutputsQueue::default(),
        /// Where alerts wait on disk for outputs that are away. Not in Falco.
        outputs_spool: OutputsSpool = OutputsSpool::default(),
        /// Fewer alerts of the same kind. Not in Falco.
        noise_control: NoiseControl = NoiseControl::default(),
        /// Correlations over several events. Not in Falco.
        correlations: CorrelationSettings = CorrelationSettings::default(),
        /// Rules from a server, signed. Not in Falco.
        rules_bundle: RulesBundle = RulesBundle::default(),
        /// The built-in web server.
        webserver: Webserver = Webserver::default(),
        /// Log lines to standard error.
        log_stderr: bool = false,
        /// Log lines to syslog.
        log_syslog: bool = true,
        /// The most talkative kind of log line written.
        log_level: LogLevel = LogLevel::Info,
        /// Log lines of the libraries.
        libs_logger: LibsLogger = LibsLogger::default(),
        /// Milliseconds after which an output that does not return is complained of.
        output_timeout: u32 = 2000,
        /// Long silence of the event source.
        syscall_event_timeouts: SyscallEventTimeouts = SyscallEventTimeouts::default(),
        /// Dropped events.
        syscall_event_drops: SyscallEventDrops = SyscallEventDrops::default(),
        /// Numbers about the program itself.
        metrics: Metrics = Metrics::default(),
        /// Which system calls are captured.
        base_syscalls: BaseSyscalls = BaseSyscalls::default(),
        /// Limits of the state that is kept.
        falco_libs: FalcoLibs = FalcoLibs::default(),
    }
    /// Correlations over several events.
    CorrelationSettings {
        /// The most memory for partial matches, in bytes; the oldest are dropped and counted when it is full.
        memory_bytes: u64 = 16_777_216,
    }
    /// What is added to the output of some rules.
    AppendOutput {
        /// Which rules; absent: all.
        r#match: AppendMatch = AppendMatch::default(),
        /// Text with fields, added to the end of the output.
        extra_output: String = String::new(),
        /// Fields added to the output_fields of JSON alerts.
        extra_fields: Vec<ExtraField> = Vec::new(),
        /// Whether the fields that sources suggest are added.
        suggested_output: bool = false,
    }
    /// Rules must meet all of these.
    AppendMatch {
        /// The rule's name.
        rule: String = String::new(),
        /// The rule's source.
        source: String = String::new(),
        /// Tags that the rule has, all of them.
        tags: Vec<String> = Vec::new(),
    }
    /// Switches rules on or off.
    RuleSelection {
        /// Switched on.
        enable: Option<Able> = None,
        /// Switched off.
        disable: Option<Able> = None,
    }
    /// Rules by name or by tag.
    Able {
        /// A name; * stands for any text.
        rule: String = String::new(),
        /// A tag.
        tag: String = String::new(),
    }
    /// Where events come from.
    Engine {
        /// Which engine.
        kind: EngineKind = EngineKind::ModernEbpf,
        /// Settings of the kernel module.
        kmod: Kmod = Kmod::default(),
        /// Settings of the probe.
        modern_ebpf: ModernEbpf = ModernEbpf::default(),
        /// Settings of the replay.
        replay: Replay = Replay::default(),
    }
    /// The kernel module of Falco.
    Kmod {
        /// The size of each ring, as a step from 1 to 10.
        buf_size_preset: u8 = 4,
        /// Leave out system calls that failed.
        drop_failed_exit: bool = false,
    }
    /// The CO-RE probe.
    ModernEbpf {
        /// How many CPUs share a ring; 0: all of them.
        cpus_for_each_buffer: u16 = 2,
        /// The size of each ring, as a step from 1 to 10.
        buf_size_preset: u8 = 4,
        /// Leave out system calls that failed.
        drop_failed_exit: bool = false,
        /// Read /proc at the start instead of BPF iterators. Peregrine always does.
        disable_iterators: bool = false,
    }
    /// The replay of a capture file.
    Replay {
        /// The file.
        capture_file: PathBuf = PathBuf::new(),
    }
    /// Capture files written when a rule matches.
    Capture {
        /// Whether any are written.
        enabled: bool = false,
        /// What their names begin with.
        path_prefix: String = "/tmp/falco".to_owned(),
        /// Which matches start one.
        mode: CaptureMode = CaptureMode::Rules,
        /// Milliseconds a capture lasts unless the rule says otherwise.
        default_duration: u32 = 5000,
        /// The largest size of one file; 0: no limit.
        max_file_size_mb: u64 = 0,
    }
    /// A plugin.
    Plugin {
        /// Its name.
        name: String = String::new(),
        /// Its file.
        library_path: PathBuf = PathBuf::new(),
        /// Its settings.
        init_config: InitConfig = InitConfig::default(),
        /// What it opens.
        open_params: String = String::new(),
    }
    /// The queue in front of each output.
    OutputsQueue {
        /// How many alerts it holds; 0: no limit.
        capacity: u64 = 0,
    }
    /// Where alerts wait on disk.
    OutputsSpool {
        /// The directory.
        path: PathBuf = "/var/lib/peregrine/spool".into(),
        /// The limit for each output that says `spool: true`.
        max_size_mb: u32 = 256,
    }
    /// Fewer alerts of the same kind.
    NoiseControl {
        /// Alerts of a rule with the same key are told once in a window; the next one says how many were not.
        rules: Vec<Quiet> = Vec::new(),
        /// Alerts of all rules in a second; 0: no limit.
        rate: f64 = 0.0,
        /// How many of them may come at once.
        max_burst: u32 = 1000,
    }
    /// Which alerts are told once in a window.
    Quiet {
        /// The rule's name; * stands for any text.
        rule: String = "*".to_owned(),
        /// Fields that make the key, such as proc.name; none: the rule alone.
        key: Vec<String> = Vec::new(),
        /// How long the window is: a duration such as 30s or 5m.
        window: String = "60s".to_owned(),
    }
    /// Rules from a server: a tar.gz of rules files and, beside it, its signature by minisign.
    RulesBundle {
        /// Where the bundle is; the signature has the same URL with .minisig at the end. Empty: there is none.
        url: String = String::new(),
        /// The key that it must be signed with, as minisign prints it.
        public_key: String = String::new(),
        /// How often the server is asked for a new one: a duration such as 5m.
        interval: String = "5m".to_owned(),
        /// Where the last good one is kept, for a start without the server.
        cache: PathBuf = "/var/lib/peregrine/bundle".into(),
        /// Certificates.
        tls: Tls = Tls::default(),
    }
    /// Certificates of both sides.
    Tls {
        /// Do not verify the server's certificate.
        insecure: bool = false,
        /// A file of certificates of authorities.
        ca_cert: String = String::new(),
        /// A directory of such files.
        ca_path: PathBuf = "/etc/ssl/certs".into(),
        /// A certificate of our own; empty: none is shown.
        client_cert: String = String::new(),
        /// Its key.
        client_key: PathBuf = PathBuf::new(),
    }
    /// The built-in web server.
    Webserver {
        /// Whether it runs.
        enabled: bool = false,
        /// How many threads serve it; 0: one for each CPU.
        threadiness: u32 = 0,
        /// Its port.
        listen_port: u16 = 8765,
        /// Its address. Falco listens everywhere (0.0.0.0) unless told otherwise; this must be asked for here.
        listen_address: String = "127.0.0.1".to_owned(),
        /// The path of the health check.
        k8s_healthz_endpoint: String = "/healthz".to_owned(),
        /// Whether /metrics answers, given that metrics are enabled.
        prometheus_metrics_enabled: bool = false,
        /// Whether it speaks TLS.
        ssl_enabled: bool = false,
        /// A PEM file with certificate and key.
        ssl_certificate: PathBuf = "/etc/falco/falco.pem".into(),
        /// Whether the page /ui is there. Where the address is not loopback it takes a token too. Not in Falco.
        ui_enabled: bool = true,
        /// The token that the page asks for; empty: none is asked for, which is for loopback alone. Not in Falco.
        ui_token: String = String::new(),
    }
    /// Log lines of the libraries.
    LibsLogger {
        /// Whether there are any.
        enabled: bool = true,
        /// The most talkative kind.
        severity: LibsSeverity = LibsSeverity::Info,
    }
    /// Long silence of the event source.
    SyscallEventTimeouts {
        /// After how many time-outs in a row an internal alert is made.
        max_consecutives: u32 = 1000,
    }
    /// Dropped events.
    SyscallEventDrops {
        /// The share of dropped events in a second above which something is done.
        threshold: f64 = 0.1,
        /// What is done.
        actions: Vec<DropAction> = Vec::new(),
        /// How often in a second it may be done.
        rate: f64 = 0.03333,
        /// How often at once.
        max_burst: u32 = 1,
        /// Pretend that there are drops.
        simulate_drops: bool = false,
        /// For how many seconds after a drop alerts carry state_uncertain; 0: they do not. Not in Falco.
        state_uncertain_seconds: u32 = 60,
    }
    /// Numbers about the program itself.
    Metrics {
        /// Whether they are taken.
        enabled: bool = false,
        /// How often: a duration such as 15m or 1h30m.
        interval: String = "5000".to_owned(),
        /// As internal alerts.
        output_rule: bool = false,
        /// As lines of JSON in this file.
        output_file: PathBuf = PathBuf::new(),
        /// Matches of each rule.
        rules_counters_enabled: bool = true,
        /// CPU and memory.
        resource_utilization_enabled: bool = true,
        /// Threads and descriptors in the state.
        state_counters_enabled: bool = true,
        /// Events and drops in the kernel.
        kernel_event_counters_enabled: bool = true,
        /// The same for each CPU.
        kernel_event_counters_per_cpu_enabled: bool = true,
        /// Runs and time of the BPF programs.
        libbpf_stats_enabled: bool = true,
        /// Numbers of the plugins.
        plugins_metrics_enabled: bool = true,
        /// Events and drops of the iterators.
        kernel_iter_event_counters_enabled: bool = true,
        /// Memory in megabytes.
        convert_memory_to_mb: bool = true,
        /// Numbers that are zero too.
        include_empty_values: bool = false,
        /// Numbers of the allocator.
        jemalloc_stats_enabled: bool = true,
    }
    /// Which system calls are captured.
    BaseSyscalls {
        /// Also those with very many events.
        all: bool = false,
        /// These, instead of what the state needs; !name leaves one out.
        custom_set: Vec<String> = Vec::new(),
        /// Only what the rules and the state need.
        repair: bool = false,
    }
    /// Limits of the state that is kept.
    FalcoLibs {
        /// How many threads are kept at most.
        thread_table_size: u32 = 262_144,
        /// How often idle threads are looked for.
        thread_table_auto_purging_interval_s: u32 = 300,
        /// After how many seconds a thread is idle.
        thread_table_auto_purging_thread_timeout_s: u32 = 300,
        /// How many bytes of a buffer are captured; 0: as many as the source likes.
        snaplen: u64 = 0,
    }
}
