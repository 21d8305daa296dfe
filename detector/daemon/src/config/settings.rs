//! Every setting of `falco.yaml`: name, type, default and description. Rows only; `setting.rs` implements them.
//!
//! The defaults apply when a key is absent from the file. For some keys they differ from the values in Falco's shipped
//! file: for example, every output is disabled by default.

pub(crate) use super::choices::{
    CaptureMode, DropAction, EngineKind, LibsSeverity, LogLevel, MinPriority, PlanUse, ResponseAction, ResponseMode,
    ResponseTarget, RuleMatching, Strategy,
};
pub(crate) use super::forms::{ConfigFile, ExtraField, InitConfig};
use super::outputs::OutputSettings;
use super::outputs::grpc::GrpcOutput;
use super::setting::settings;
use std::collections::BTreeMap;
use std::path::PathBuf;

settings! {
    /// The configuration file, falco.yaml.
    Config and outputs: OutputSettings, behind outputs_queue {
        /// Text and fields appended to the output of rules.
        append_output: Vec<AppendOutput> = Vec::new(),
        /// Fields with a fixed value, for outputs and conditions.
        static_fields: BTreeMap<String, String> = BTreeMap::new(),
        /// Additional configuration files or directories, merged in this order.
        config_files: Vec<ConfigFile> = Vec::new(),
        /// Reloads when a configuration or rules file changes.
        watch_config_files: bool = true,
        /// Allows plugins to read the host's network interfaces and users.
        plugins_hostinfo: bool = true,
        /// Rules files or directories, loaded in this order.
        rules_files: Vec<PathBuf> = Vec::new(),
        /// Ignored, for compatibility with old files. Use rules_files.
        rule_files: Vec<PathBuf> = Vec::new(),
        /// Enables or disables rules after loading, in this order.
        rules: Vec<RuleSelection> = Vec::new(),
        /// Event source.
        engine: Engine = Engine::default(),
        /// Capture files written when a rule matches.
        capture: Capture = Capture::default(),
        /// Names of the plugins to load; absent: all of them.
        load_plugins: Option<Vec<String>> = None,
        /// Plugin definitions.
        plugins: Vec<Plugin> = Vec::new(),
        /// Uses ISO 8601 in UTC for times instead of the local time of day.
        time_format_iso_8601: bool = false,
        /// Encodes buffers in alerts as base64.
        buffer_format_base64: bool = false,
        /// Minimum priority; rules below it are not loaded.
        priority: MinPriority = MinPriority::Debug,
        /// Formats alerts as JSON instead of text.
        json_output: bool = false,
        /// Includes the whole line, with time and priority, in JSON alerts.
        json_include_output_property: bool = true,
        /// Includes the rule's message alone in JSON alerts.
        json_include_message_property: bool = false,
        /// Includes the value of each field in JSON alerts.
        json_include_output_fields_property: bool = true,
        /// Includes the rule's tags in JSON alerts.
        json_include_tags_property: bool = true,
        /// Buffers output in memory instead of writing each alert immediately.
        buffered_outputs: bool = false,
        /// Number of rules that can match one event.
        rule_matching: RuleMatching = RuleMatching::First,
        /// Queue in front of each output.
        outputs_queue: OutputsQueue = OutputsQueue::default(),
        /// Spool on disk for alerts to unreachable outputs. Not in Falco.
        outputs_spool: OutputsSpool = OutputsSpool::default(),
        /// Suppression of duplicate and excess alerts. Not in Falco.
        noise_control: NoiseControl = NoiseControl::default(),
        /// Correlations over several events. Not in Falco.
        correlations: CorrelationSettings = CorrelationSettings::default(),
        /// Signed rules from a server. Not in Falco.
        rules_bundle: RulesBundle = RulesBundle::default(),
        /// Protection of the program itself. Not in Falco.
        protection: ProtectionSettings = ProtectionSettings::default(),
        /// Alerts to the clients of the gRPC server.
        grpc_output: GrpcOutput = GrpcOutput::default(),
        /// Limits of responses, and the programs that they run. Not in Falco.
        response: ResponseSettings = ResponseSettings::default(),
        /// Alerts that are answered, and how. Not in Falco.
        responses: Vec<Response> = Vec::new(),
        /// Built-in web server.
        webserver: Webserver = Webserver::default(),
        /// Logs to standard error.
        log_stderr: bool = false,
        /// Logs to syslog.
        log_syslog: bool = true,
        /// Minimum severity of log lines.
        log_level: LogLevel = LogLevel::Info,
        /// Logging of the libraries.
        libs_logger: LibsLogger = LibsLogger::default(),
        /// Milliseconds after which an output that does not return is reported.
        output_timeout: u32 = 2000,
        /// Detection of an event source without events.
        syscall_event_timeouts: SyscallEventTimeouts = SyscallEventTimeouts::default(),
        /// Handling of dropped events.
        syscall_event_drops: SyscallEventDrops = SyscallEventDrops::default(),
        /// Metrics of the detector.
        metrics: Metrics = Metrics::default(),
        /// Selection of the system calls to capture.
        base_syscalls: BaseSyscalls = BaseSyscalls::default(),
        /// Limits of the state.
        falco_libs: FalcoLibs = FalcoLibs::default(),
    }
    /// Correlations over several events.
    CorrelationSettings {
        /// Maximum memory for partial matches in bytes; the oldest are dropped and counted when it is full.
        memory_bytes: u64 = 16_777_216,
    }
    /// Text and fields appended to the output of some rules.
    AppendOutput {
        /// Rules to which this applies; absent: all.
        r#match: AppendMatch = AppendMatch::default(),
        /// Template appended to the output.
        extra_output: String = String::new(),
        /// Fields added to the output_fields of JSON alerts.
        extra_fields: Vec<ExtraField> = Vec::new(),
        /// Adds the fields that the sources suggest.
        suggested_output: bool = false,
    }
    /// Criteria that a rule must all meet.
    AppendMatch {
        /// Name of the rule.
        rule: String = String::new(),
        /// Source of the rule.
        source: String = String::new(),
        /// Tags, all of which the rule must have.
        tags: Vec<String> = Vec::new(),
    }
    /// Enables or disables rules.
    RuleSelection {
        /// Rules to enable.
        enable: Option<Able> = None,
        /// Rules to disable.
        disable: Option<Able> = None,
    }
    /// Rules by name or by tag.
    Able {
        /// Name of the rule; * matches any text.
        rule: String = String::new(),
        /// Tag of the rules.
        tag: String = String::new(),
    }
    /// Event source.
    Engine {
        /// Kind of the engine.
        kind: EngineKind = EngineKind::ModernEbpf,
        /// Kernel module.
        kmod: Kmod = Kmod::default(),
        /// BPF probe.
        modern_ebpf: ModernEbpf = ModernEbpf::default(),
        /// Replay of a capture.
        replay: Replay = Replay::default(),
        /// Tracing of one command or process.
        userspace: Userspace = Userspace::default(),
    }
    /// Falco's kernel module.
    Kmod {
        /// Size of each ring buffer, as a preset from 1 to 10.
        buf_size_preset: u8 = 4,
        /// Drops failed system calls.
        drop_failed_exit: bool = false,
    }
    /// The CO-RE probe.
    ModernEbpf {
        /// Number of CPUs that share a ring buffer; 0: all of them.
        cpus_for_each_buffer: u16 = 2,
        /// Size of each ring buffer, as a preset from 1 to 10.
        buf_size_preset: u8 = 4,
        /// Drops failed system calls.
        drop_failed_exit: bool = false,
        /// Reads the initial state from `/proc` and not by BPF iterators.
        disable_iterators: bool = false,
        /// Leaves out in the kernel the events that no rule can want. Not in Falco.
        plan: PlanUse = PlanUse::Off,
    }
    /// Replay of a capture file.
    Replay {
        /// Path of the capture file.
        capture_file: PathBuf = PathBuf::new(),
    }
    /// The command or process that is traced without privileges. Not in Falco.
    Userspace {
        /// Command to run and to trace with its children, with its arguments.
        command: Vec<String> = Vec::new(),
        /// Process to attach to, if there is no command; 0: none.
        pid: u32 = 0,
    }
    /// Capture files written when a rule matches.
    Capture {
        /// Enables captures.
        enabled: bool = false,
        /// Prefix of the file names.
        path_prefix: String = "/tmp/falco".to_owned(),
        /// Matches that start a capture.
        mode: CaptureMode = CaptureMode::Rules,
        /// Duration of a capture in milliseconds, unless the rule sets another.
        default_duration: u32 = 5000,
        /// Maximum size of a file in megabytes; 0: no limit.
        max_file_size_mb: u64 = 0,
        /// Maximum size of all files of 24 hours in megabytes, so that who makes rules match cannot fill the disk; 0: no
        /// limit. Not in Falco.
        max_daily_size_mb: u64 = 4096,
    }
    /// A plugin.
    Plugin {
        /// Name of the plugin.
        name: String = String::new(),
        /// Path of its library.
        library_path: PathBuf = PathBuf::new(),
        /// Its configuration.
        init_config: InitConfig = InitConfig::default(),
        /// Parameters for opening its event source.
        open_params: String = String::new(),
    }
    /// Queue in front of each output.
    OutputsQueue {
        /// Maximum number of alerts in the queue; 0: no limit.
        capacity: u64 = 0,
    }
    /// Spool on disk for alerts.
    OutputsSpool {
        /// Directory of the spool.
        path: PathBuf = "/var/lib/peregrine/spool".into(),
        /// Maximum size in megabytes for each output with `spool: true`.
        max_size_mb: u32 = 256,
    }
    /// Suppression of duplicate and excess alerts.
    NoiseControl {
        /// Rules whose alerts with equal keys are sent once per window; the next one carries the number suppressed.
        rules: Vec<Quiet> = Vec::new(),
        /// Maximum number of alerts per second, of all rules; 0: no limit.
        rate: f64 = 0.0,
        /// Maximum number of alerts in a burst.
        max_burst: u32 = 1000,
    }
    /// Suppression of duplicates of an alert.
    Quiet {
        /// Name of the rule; * matches any text.
        rule: String = "*".to_owned(),
        /// Fields that form the key, such as proc.name; empty: the rule alone.
        key: Vec<String> = Vec::new(),
        /// Length of the window, such as 30s or 5m.
        window: String = "60s".to_owned(),
    }
    /// Rules from a server: a tar.gz of rules files, and its minisign signature beside it.
    RulesBundle {
        /// URL of the bundle; .minisig is appended for the signature. Empty: disabled.
        url: String = String::new(),
        /// Public key that verifies the signature, in minisign's format.
        public_key: String = String::new(),
        /// Interval between checks for a new bundle, such as 5m.
        interval: String = "5m".to_owned(),
        /// Age of the current bundle, from its signature, above which an alert is raised, such as 72h. Empty: never.
        max_age: String = String::new(),
        /// Directory of the last valid bundle, used when the server is unreachable at startup.
        cache: PathBuf = "/var/lib/peregrine/bundle".into(),
        /// TLS certificates.
        tls: Tls = Tls::default(),
    }
    /// TLS certificates.
    Tls {
        /// Skips the verification of the server's certificate.
        insecure: bool = false,
        /// File of CA certificates.
        ca_cert: String = String::new(),
        /// Directory of CA certificates.
        ca_path: PathBuf = "/etc/ssl/certs".into(),
        /// Client certificate; empty: none.
        client_cert: String = String::new(),
        /// Key of the client certificate.
        client_key: PathBuf = PathBuf::new(),
    }
    /// Protection of the program itself.
    ProtectionSettings {
        /// Drops capabilities that the program does not need, and denies such system calls. Without effect if
        /// program_output or a plugin runs the code of others.
        confine: bool = true,
        /// Difference to the priority of ordinary processes: 15 is nice -15; 0 leaves it.
        priority: u8 = 15,
        /// Does not start, or reload, if others than root and the own user may change rules or configuration; otherwise
        /// that is logged.
        refuse_writable_files: bool = false,
        /// File by which the next start notices that the program was killed; empty: none. Its directory must exist.
        heartbeat_file: PathBuf = "/var/lib/peregrine/heartbeat".into(),
    }
    /// Limits of responses, and the programs that they run.
    ResponseSettings {
        /// Enables responses. Otherwise no response is even considered.
        enabled: bool = false,
        /// Whether responses act, or only report what would be done.
        mode: ResponseMode = ResponseMode::DryRun,
        /// Maximum number of actions of all rules in a minute.
        max_per_minute: u32 = 30,
        /// Maximum number of actions of one rule in a minute; with one more the rule is disarmed until the next reload.
        max_per_minute_per_rule: u32 = 10,
        /// Seconds after a start or reload in which nothing is done.
        warm_up_seconds: u32 = 10,
        /// Age of an event in seconds above which nothing is done about it.
        max_age_seconds: u32 = 5,
        /// Paths of executables whose processes are never acted upon, in addition to those that are always protected.
        protected_executables: Vec<String> = Vec::new(),
        /// Never acts upon processes in the root of the host's cgroups.
        protect_host_cgroup: bool = false,
        /// Programs that responses may run.
        programs: Vec<ResponseProgram> = Vec::new(),
        /// Server to which the action webhook posts.
        webhook: ResponseWebhook = ResponseWebhook::default(),
    }
    /// A server that receives alerts with what is proposed about them, and decides.
    ResponseWebhook {
        /// URL; empty: none.
        url: String = String::new(),
        /// Additional headers.
        headers: BTreeMap<String, String> = BTreeMap::new(),
        /// Seconds after which a request is given up.
        timeout_seconds: u32 = 10,
        /// TLS certificates.
        tls: Tls = Tls::default(),
    }
    /// A program that responses may run, without a shell, with the alert as JSON on its standard input.
    ResponseProgram {
        /// Name by which responses refer to it.
        name: String = String::new(),
        /// Absolute path of the executable, and its arguments.
        command: Vec<String> = Vec::new(),
        /// Its whole environment.
        environment: BTreeMap<String, String> = BTreeMap::new(),
        /// User that it runs as; empty: that of the detector.
        user: String = String::new(),
        /// Seconds after which it is killed.
        timeout_seconds: u32 = 10,
        /// Number of instances that run at the same time.
        concurrency: u32 = 1,
    }
    /// Alerts that are answered, and how.
    Response {
        /// Rules that are answered. At least one criterion is required.
        r#match: ResponseMatch = ResponseMatch::default(),
        /// The action.
        action: Option<ResponseAction> = None,
        /// To which processes.
        target: Option<ResponseTarget> = None,
        /// Name of the program to run, for the action run.
        program: String = String::new(),
        /// Action that is proposed to the server, for the action webhook.
        proposes: Option<ResponseAction> = None,
        /// Number of alerts about the same process, of any rules that are meant, from which on it is answered.
        after_alerts: u32 = 1,
        /// Seconds within which these alerts must be.
        within_seconds: u32 = 60,
    }
    /// Criteria that a rule must all meet.
    ResponseMatch {
        /// Name of the rule.
        rule: String = String::new(),
        /// Tags, all of which the rule must have.
        tags: Vec<String> = Vec::new(),
        /// Minimum priority of the rule.
        priority: Option<MinPriority> = None,
        /// Source of the rule. Only system calls have processes.
        source: String = String::new(),
    }
    /// Built-in web server.
    Webserver {
        /// Enables the server.
        enabled: bool = false,
        /// Number of threads; 0: one per CPU.
        threadiness: u32 = 0,
        /// Port.
        listen_port: u16 = 8765,
        /// Address. The default is the loopback address; Falco's is 0.0.0.0.
        listen_address: String = "127.0.0.1".to_owned(),
        /// Path of the health check.
        k8s_healthz_endpoint: String = "/healthz".to_owned(),
        /// Enables /metrics, if metrics are enabled.
        prometheus_metrics_enabled: bool = false,
        /// Enables TLS.
        ssl_enabled: bool = false,
        /// PEM file with certificate and key.
        ssl_certificate: PathBuf = "/etc/falco/falco.pem".into(),
        /// Enables the web UI at /ui. Requires ui_token unless the address is loopback. Not in Falco.
        ui_enabled: bool = true,
        /// Token that the web UI requires; empty: none, which is allowed on loopback only. Not in Falco.
        ui_token: String = String::new(),
    }
    /// Logging of the libraries.
    LibsLogger {
        /// Enables log lines of the libraries.
        enabled: bool = true,
        /// Minimum severity.
        severity: LibsSeverity = LibsSeverity::Info,
    }
    /// Detection of an event source without events.
    SyscallEventTimeouts {
        /// Number of consecutive timeouts after which an internal alert is sent.
        max_consecutives: u32 = 1000,
    }
    /// Handling of dropped events.
    SyscallEventDrops {
        /// Fraction of dropped events per second above which the actions are taken.
        threshold: f64 = 0.1,
        /// Actions to take.
        actions: Vec<DropAction> = vec![DropAction::Log, DropAction::Alert],
        /// Maximum rate of actions per second.
        rate: f64 = 0.03333,
        /// Maximum number of actions in a burst.
        max_burst: u32 = 1,
        /// Simulates drops, for testing.
        simulate_drops: bool = false,
        /// Seconds after a drop during which alerts carry state_uncertain; 0: never. Not in Falco.
        state_uncertain_seconds: u32 = 60,
    }
    /// Metrics of the detector.
    Metrics {
        /// Enables metrics.
        enabled: bool = false,
        /// Interval, such as 15m or 1h30m.
        interval: String = "5000".to_owned(),
        /// Sends metrics as internal alerts.
        output_rule: bool = false,
        /// Appends metrics as JSON lines to this file.
        output_file: PathBuf = PathBuf::new(),
        /// Includes the number of matches of each rule.
        rules_counters_enabled: bool = true,
        /// Includes CPU and memory usage.
        resource_utilization_enabled: bool = true,
        /// Includes the numbers of threads and file descriptors in the state.
        state_counters_enabled: bool = true,
        /// Includes events and drops in the kernel.
        kernel_event_counters_enabled: bool = true,
        /// Includes events and drops per CPU.
        kernel_event_counters_per_cpu_enabled: bool = true,
        /// Includes runs and run time of the BPF programs.
        libbpf_stats_enabled: bool = true,
        /// Includes metrics of the plugins.
        plugins_metrics_enabled: bool = true,
        /// Includes events and drops of the BPF iterators.
        kernel_iter_event_counters_enabled: bool = true,
        /// Reports memory in megabytes.
        convert_memory_to_mb: bool = true,
        /// Includes metrics that are zero.
        include_empty_values: bool = false,
        /// Includes metrics of the allocator.
        jemalloc_stats_enabled: bool = true,
    }
    /// Selection of the system calls to capture.
    BaseSyscalls {
        /// Also captures system calls with a high volume of events.
        all: bool = false,
        /// System calls to capture instead of those that the state requires; !name excludes one.
        custom_set: Vec<String> = Vec::new(),
        /// Captures only what the rules and the state require.
        repair: bool = false,
    }
    /// Limits of the state.
    FalcoLibs {
        /// Maximum number of threads.
        thread_table_size: u32 = 262_144,
        /// Interval in seconds between searches for idle threads.
        thread_table_auto_purging_interval_s: u32 = 300,
        /// Seconds after which a thread is idle.
        thread_table_auto_purging_thread_timeout_s: u32 = 300,
        /// Maximum number of bytes captured of a buffer; 0: the source's default.
        snaplen: u64 = 0,
    }
}
