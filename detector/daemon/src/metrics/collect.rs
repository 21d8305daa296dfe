//! Collection of all metrics, from the counts of the event loop and from the system.

use super::resources::Resources;
use super::{Form, Kind, Metric, Part, Unit, fields, plain_name};
use crate::clock::now;
use crate::config::settings::Metrics as Settings;
use crate::metrics::families::FAMILIES;
use crate::metrics::telemetry::{RESPONSE_LATENCIES, Snapshot};
use crate::names::VERSION;
use crate::server::places::Places;
use peregrine_containers::{EngineState, Health};
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Values that do not change while the program runs.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) settings: Settings,
    pub(crate) engine: &'static str,
    pub(crate) hostname: String,
    pub(crate) started: u64,
    /// Time of the last reload of rules.
    pub(crate) reloaded: AtomicU64,
    /// Times of the rules bundle.
    pub(crate) bundle: BundleTimes,
    pub(crate) resources: Resources,
    /// The places of connections of each server.
    pub(crate) places: Mutex<Vec<Arc<Places>>>,
    /// File name and SHA-256 of each file.
    pub(crate) config_files: Vec<(String, String)>,
    pub(crate) rules_files: Vec<(String, String)>,
}

/// Times of the rules bundle, in nanoseconds since 1970; 0 if there is none.
#[derive(Debug, Default)]
pub(crate) struct BundleTimes {
    /// When the current bundle was signed.
    pub(crate) signed: AtomicU64,
    /// When the server last confirmed that it is the newest one.
    pub(crate) confirmed: AtomicU64,
}

/// Returns the name and the SHA-256 of a file.
pub(crate) fn fingerprint(path: &Path, bytes: &[u8]) -> (String, String) {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    (name, digest)
}

/// Returns the names and SHA-256 of files on disk. Files that cannot be read are skipped.
pub(crate) fn fingerprints<'p>(paths: impl Iterator<Item = &'p PathBuf>) -> Vec<(String, String)> {
    paths.filter_map(|path| Some(fingerprint(path, &std::fs::read(path).ok()?))).collect()
}

impl Facts {
    /// Returns all metrics, for both formats.
    pub(crate) fn metrics(&self, now: &Snapshot) -> Vec<Metric> {
        let mut metrics = vec![Metric::info(Part::Program, "version", &[("version", VERSION)])];
        for (name, files) in [("sha256_rules_files", &self.rules_files), ("sha256_config_files", &self.config_files)] {
            let info = |(file, digest): &(String, String)| {
                Metric::info(Part::Program, name, &[("file_name", file), ("sha256", digest)])
            };
            metrics.extend(files.iter().map(info));
        }
        metrics.push(Metric::info(
            Part::Source,
            "engine_name",
            &[("engine_name", self.engine), ("evt_source", "syscall")],
        ));
        let release = rustix::system::uname().release().to_string_lossy().into_owned();
        metrics.push(Metric::info(Part::Program, "kernel_release", &[("kernel_release", &release)]));
        metrics.push(Metric::info(Part::Event, "hostname", &[("hostname", &self.hostname)]));
        self.own(now, &mut metrics);
        if self.settings.rules_counters_enabled {
            rules(now, &mut metrics);
            correlations(now, &mut metrics);
        }
        if self.settings.resource_utilization_enabled {
            metrics.extend(self.resources.metrics());
        }
        if self.settings.state_counters_enabled {
            state(now, &mut metrics);
        }
        if self.settings.kernel_event_counters_enabled {
            source(now, &mut metrics);
            if self.settings.kernel_event_counters_per_cpu_enabled {
                cpus(now, &mut metrics);
            }
        }
        if self.settings.libbpf_stats_enabled {
            programs(now, &mut metrics);
        }
        if self.settings.plugins_metrics_enabled {
            plugins(now, &mut metrics);
        }
        metrics
    }

    /// Includes the number of connections that a server has refused.
    pub(crate) fn count_refused(&self, places: &Arc<Places>) {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(places));
    }

    fn own(&self, snapshot: &Snapshot, metrics: &mut Vec<Metric>) {
        let program = |name: &str, unit, kind, value: u64| Metric::new(Part::Program, name, unit, kind, value as f64);
        let time = now();
        let lost: u64 = snapshot.outputs.iter().map(|output| output.lost_for_room).sum();
        metrics.push(program("outputs_queue_num_drops", Unit::Count, Kind::Counter, lost));
        metrics.push(program("start_ts", Unit::Time, Kind::Gauge, self.started));
        metrics.push(program("reload_ts", Unit::Time, Kind::Gauge, self.reloaded.load(Ordering::Relaxed)));
        for (name, time) in
            [("rules_bundle_ts", &self.bundle.signed), ("rules_bundle_confirmed_ts", &self.bundle.confirmed)]
        {
            let time = time.load(Ordering::Relaxed);
            metrics.extend((time > 0).then(|| program(name, Unit::Time, Kind::Gauge, time)));
        }
        if let Some(boot) = self.resources.boot_time() {
            metrics.push(program("host_boot_ts", Unit::Time, Kind::Gauge, boot));
        }
        let seconds = time.saturating_sub(self.started) / 1_000_000_000;
        metrics.push(program("duration_sec", Unit::Seconds, Kind::Counter, seconds));
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        metrics.push(program("host_num_cpus", Unit::Count, Kind::Gauge, cpus as u64));
        metrics.push(program("num_evts", Unit::Count, Kind::Counter, snapshot.events));
        for output in &snapshot.outputs {
            let labels = [("output", output.sink)];
            for (name, value) in [
                ("output_alerts", output.sent),
                ("output_delivered", output.delivered),
                ("output_lost", output.lost),
                ("output_unknown", output.unknown),
                ("output_missed", output.missed),
                ("output_retries", output.retries),
                ("output_recovered", output.recovered),
            ] {
                metrics.push(Metric::counter(Part::Program, name, value).labels(&labels));
            }
            metrics.push(Metric::level(Part::Program, "output_queued", output.queued).labels(&labels));
            metrics.push(Metric::level(Part::Program, "output_spooled", output.spooled).labels(&labels));
            metrics.push(Metric::level(Part::Program, "output_failing", output.failing.into()).labels(&labels));
        }
        for state in &snapshot.engines {
            engine(state, metrics);
        }
        for places in &*self.places.lock().unwrap_or_else(PoisonError::into_inner) {
            let refused = Metric::counter(Part::Program, "connections_refused", places.refused());
            metrics.push(refused.labels(&[("server", places.server())]));
        }
        if let Some(audit) = &snapshot.audit {
            for (name, value) in [("k8s_audit_evts", audit.events), ("k8s_audit_refused", audit.refused)] {
                metrics.push(Metric::counter(Part::Program, name, value));
            }
        }
        if let Some(responses) = &snapshot.responses {
            for (outcome, count) in &responses.outcomes {
                metrics.push(Metric::counter(Part::Program, "responses", *count).labels(&[("outcome", *outcome)]));
            }
            for (most, count) in RESPONSE_LATENCIES.iter().zip(responses.latencies) {
                let le = if *most == u64::MAX { "+Inf".to_owned() } else { (*most as f64 / 1e9).to_string() };
                let within = Metric::counter(Part::Program, "responses_within", count);
                metrics.push(within.labels(&[("seconds", le.as_str())]));
            }
        }
        for plugin in &snapshot.plugins {
            let labels = [("source", plugin.source.as_str())];
            for (name, value) in [("plugin_evts", plugin.events), ("plugin_invalid_evts", plugin.invalid)] {
                metrics.push(Metric::counter(Part::Program, name, value).labels(&labels));
            }
        }
        for (reason, value) in [("alike", snapshot.kept.alike), ("rate", snapshot.kept.limited)] {
            metrics.push(Metric::counter(Part::Program, "alerts_suppressed", value).labels(&[("reason", reason)]));
        }
    }

    /// Returns the fields of the metrics alert. `before` has the events and the time of the previous one.
    pub(crate) fn alert(&self, snapshot: &Snapshot, before: Option<(&Snapshot, f64)>) -> Map<String, Json> {
        let mut map = Map::new();
        map.insert("evt.time".into(), now().into());
        map.insert("evt.hostname".into(), self.hostname.clone().into());
        map.insert("evt.source".into(), "syscall".into());
        map.insert("falco.version".into(), VERSION.into());
        map.insert("falco.kernel_release".into(), rustix::system::uname().release().to_string_lossy().into());
        map.insert("scap.engine_name".into(), self.engine.into());
        for (name, files) in [("rules", &self.rules_files), ("config", &self.config_files)] {
            for (file, digest) in files {
                map.insert(format!("falco.sha256_{name}_file.{}", plain_name(file)), digest.clone().into());
            }
        }
        for (name, addresses) in interfaces() {
            map.insert(format!("falco.host_netinfo.interfaces.{name}"), addresses.into());
        }
        let one_decimal = |value: f64| (value * 10.0).round() / 10.0;
        let (last, seconds) = before.unwrap_or((snapshot, 0.0));
        let rate = |now: u64, last: u64| {
            if seconds > 0.0 { one_decimal(now.saturating_sub(last) as f64 / seconds) } else { 0.0 }
        };
        let earlier = before.map(|(last, _)| last.clone()).unwrap_or_default();
        if before.is_some() {
            map.insert("falco.evts_rate_sec".into(), rate(snapshot.events, last.events).into());
        }
        map.insert("falco.num_evts_prev".into(), earlier.events.into());
        if self.settings.rules_counters_enabled {
            let total: u64 = snapshot.rules.iter().map(|rule| rule.count).sum();
            map.insert("falco.rules.matches_total".into(), total.into());
            for rule in snapshot.rules.iter().filter(|rule| rule.count > 0 || self.settings.include_empty_values) {
                map.insert(format!("falco.rules.{}", plain_name(&rule.name)), rule.count.into());
            }
        }
        if self.settings.kernel_event_counters_enabled {
            let (seen, lost) = (snapshot.source.seen, snapshot.source.dropped());
            let (seen_before, lost_before) = (earlier.source.seen, earlier.source.dropped());
            let share =
                100.0 * lost.saturating_sub(lost_before) as f64 / seen.saturating_sub(seen_before).max(1) as f64;
            for (name, value) in [
                ("scap.n_evts", Json::from(seen)),
                ("scap.n_evts_prev", seen_before.into()),
                ("scap.evts_rate_sec", rate(seen, last.source.seen).into()),
                ("scap.n_drops", lost.into()),
                ("scap.n_drops_prev", lost_before.into()),
                ("scap.evts_drop_rate_sec", rate(lost, last.source.dropped()).into()),
                ("scap.n_drops_perc", share.into()),
            ] {
                map.insert(name.into(), value);
            }
        }
        let form = Form { megabytes: self.settings.convert_memory_to_mb, zeros: self.settings.include_empty_values };
        let mut rest = Map::new();
        fields(&self.metrics(snapshot), form, &mut rest);
        for (name, value) in rest {
            map.entry(name).or_insert(value);
        }
        map
    }
}

/// Adds what plugins measure themselves.
fn plugins(now: &Snapshot, metrics: &mut Vec<Metric>) {
    for (plugin, own) in &now.of_plugins {
        for metric in own {
            let name = format!("{plugin}.{}", metric.name);
            metrics.push(match metric.counter {
                true => Metric::new(Part::Plugin, name, Unit::Count, Kind::Counter, metric.value),
                false => Metric::new(Part::Plugin, name, Unit::Level, Kind::Gauge, metric.value),
            });
        }
    }
}

/// Returns the addresses of this host, sorted by name: `eth0.protocols.ipv4.addresses` and its value. Loopback is
/// excluded.
fn interfaces() -> Vec<(String, String)> {
    let mut all: std::collections::BTreeMap<String, Vec<String>> = std::collections::BTreeMap::new();
    for address in nix::ifaddrs::getifaddrs().into_iter().flatten() {
        let Some(socket) = address.address else { continue };
        let (kind, ip): (_, std::net::IpAddr) = match (socket.as_sockaddr_in(), socket.as_sockaddr_in6()) {
            (Some(v4), _) => ("ipv4", v4.ip().into()),
            (_, Some(v6)) => ("ipv6", v6.ip().into()),
            _ => continue,
        };
        if !ip.is_loopback() {
            let name = format!("{}.protocols.{kind}.addresses", address.interface_name);
            all.entry(name).or_default().push(ip.to_string());
        }
    }
    all.into_iter().map(|(name, addresses)| (name, addresses.join(","))).collect()
}

fn engine(state: &EngineState, metrics: &mut Vec<Metric>) {
    // Most hosts do not have all of them.
    if state.health == Health::Absent && state.queries == 0 {
        return;
    }
    let socket = state.engine.socket.display().to_string();
    let labels = [("engine", state.engine.kind.name()), ("socket", &*socket)];
    let up = u64::from(state.health == Health::Connected);
    metrics.push(Metric::gauge(Part::Program, "container_engine_up", up).labels(&labels));
    for (name, value) in [
        ("container_engine_queries", state.queries),
        ("container_engine_failures", state.failures),
        ("container_engine_changes", state.changes),
    ] {
        metrics.push(Metric::counter(Part::Program, name, value).labels(&labels));
    }
}

fn rules(snapshot: &Snapshot, metrics: &mut Vec<Metric>) {
    for rule in snapshot.rules.iter().filter(|rule| rule.count > 0) {
        let priority = (rule.priority as u8).to_string();
        let mut metric = Metric::counter(Part::Program, "rules_matches", rule.count).labels(&[
            ("priority", &priority),
            ("rule_name", &rule.name),
            ("source", &rule.source),
        ]);
        metric.labels.extend(rule.tags.iter().map(|tag| (format!("tag_{tag}"), "true".to_owned())));
        metrics.push(metric);
    }
}

fn correlations(snapshot: &Snapshot, metrics: &mut Vec<Metric>) {
    let (stats, bytes) = &snapshot.correlations;
    if stats.is_empty() {
        return;
    }
    metrics.push(Metric::new(Part::Program, "correlation_memory", Unit::Bytes, Kind::Gauge, *bytes as f64));
    for one in stats {
        let labels = [("correlation", one.name.as_str())];
        let counters = &one.counters;
        metrics.push(Metric::level(Part::Program, "correlation_partial_matches", counters.live).labels(&labels));
        for (name, value) in [
            ("correlation_matches", counters.matches),
            ("correlation_evictions", counters.evicted),
            ("correlation_late_events", counters.late),
        ] {
            metrics.push(Metric::counter(Part::Program, name, value).labels(&labels));
        }
    }
}

fn state(snapshot: &Snapshot, metrics: &mut Vec<Metric>) {
    let state = &snapshot.state;
    metrics.push(Metric::gauge(Part::State, "n_threads", snapshot.threads));
    metrics.push(Metric::gauge(Part::State, "n_fds", snapshot.fds));
    for (name, value) in [
        ("n_noncached_fd_lookups", state.noncached_fd_lookups),
        ("n_cached_fd_lookups", state.cached_fd_lookups),
        ("n_failed_fd_lookups", state.failed_fd_lookups),
        ("n_added_fds", state.added_fds),
        ("n_removed_fds", state.removed_fds),
        ("n_stored_evts", state.stored_events),
        ("n_store_evts_drops", state.store_drops),
        ("n_retrieved_evts", state.retrieved_events),
        ("n_retrieve_evts_drops", state.retrieve_drops),
        ("n_noncached_thread_lookups", state.noncached_thread_lookups),
        ("n_cached_thread_lookups", state.cached_thread_lookups),
        ("n_failed_thread_lookups", state.failed_thread_lookups),
        ("n_added_threads", state.added_threads),
        ("n_removed_threads", state.removed_threads),
        ("n_drops_full_threadtable", state.drops_full_threadtable),
        ("n_drops_full_fdtable", state.drops_full_fdtable),
    ] {
        metrics.push(Metric::counter(Part::State, name, value));
    }
}

fn source(snapshot: &Snapshot, metrics: &mut Vec<Metric>) {
    let stats = &snapshot.source;
    metrics.push(Metric::counter(Part::Source, "n_evts", stats.seen));
    metrics.push(Metric::counter(Part::Source, "n_drops", stats.dropped()));
    let lost = |of: &dyn Fn(&scap::source::Drop) -> bool| -> u64 {
        stats.drops.iter().filter(|drop| of(drop)).map(|drop| drop.count).sum()
    };
    for (name, families) in FAMILIES {
        let count = lost(&|drop| drop.cause == "buffer" && families.contains(&drop.family));
        metrics.push(Metric::counter(Part::Source, *name, count).only_alert());
        let family = name.trim_start_matches("n_drops_buffer_").trim_end_matches("_exit");
        let labels = [("dir", "exit"), ("drop", family)];
        metrics.push(Metric::counter(Part::Source, "n_drops_buffer", count).labels(&labels));
    }
    // Entry events are no longer captured; the series remain for existing dashboards.
    for family in ["clone_fork", "execve", "connect", "open", "dir_file", "other_interest"] {
        let labels = [("dir", "enter"), ("drop", family)];
        metrics.push(Metric::counter(Part::Source, "n_drops_buffer", 0).labels(&labels));
    }
    metrics
        .push(Metric::counter(Part::Source, "n_drops_buffer_total", lost(&|drop| drop.cause == "buffer")).only_alert());
    metrics.push(Metric::counter(Part::Source, "n_drops_scratch_map", lost(&|drop| drop.cause == "scratch")));
    metrics.push(Metric::counter(Part::Source, "n_drops_page_faults", lost(&|drop| drop.cause == "page_fault")));
    let bug = lost(&|drop| !["buffer", "scratch", "page_fault"].contains(&drop.cause));
    metrics.push(Metric::counter(Part::Source, "n_drops_bug", bug));
    let left_out = snapshot.left_out.iter().map(|row| row.count).sum();
    metrics.push(Metric::counter(Part::Source, "n_left_out_total", left_out).only_alert());
    for row in &snapshot.left_out {
        let labels = [("syscall", row.call), ("test", row.test)];
        metrics.push(Metric::counter(Part::Source, "n_left_out", row.count).labels(&labels));
    }
    if let Some(pending) = snapshot.pending {
        metrics.push(Metric::new(Part::Source, "ring_pending_bytes", Unit::Bytes, Kind::Gauge, pending as f64));
    }
    for (code, count) in snapshot.types.iter().enumerate().filter(|(_, count)| **count > 0) {
        let code = scap::EventCode(u16::try_from(code).unwrap_or(u16::MAX));
        let name = code.info().map_or_else(|| code.0.to_string(), |info| info.name.to_owned());
        metrics.push(Metric::counter(Part::Program, "evts_by_type", *count).labels(&[("type", &name)]));
    }
}

fn cpus(snapshot: &Snapshot, metrics: &mut Vec<Metric>) {
    for (number, cpu) in snapshot.cpus.iter().enumerate() {
        for (name, value) in [("n_evts_cpu", cpu.seen), ("n_drops_cpu", cpu.dropped), ("n_faults_cpu", cpu.faults)] {
            metrics.push(Metric::counter(Part::Source, name, value).labels(&[("cpu", &number.to_string())]));
            metrics.push(Metric::counter(Part::Source, format!("{name}_{number}"), value).only_alert());
        }
    }
}

fn programs(snapshot: &Snapshot, metrics: &mut Vec<Metric>) {
    for program in &snapshot.programs {
        let name = |what: &str| format!("{}.{what}", program.name);
        metrics.push(Metric::counter(Part::Source, name("run_cnt"), program.runs));
        let time =
            |what: &str, kind, value: u64| Metric::new(Part::Source, name(what), Unit::Nanoseconds, kind, value as f64);
        metrics.push(time("run_time_ns", Kind::Counter, program.nanoseconds));
        metrics.push(time("avg_time_ns", Kind::Gauge, program.nanoseconds.checked_div(program.runs).unwrap_or(0)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::prometheus;
    use super::*;
    use crate::metrics::matches::RuleCount;
    use crate::metrics::measured::{Cpu, LeftOut, Program};
    use crate::metrics::telemetry::AuditCounts;
    use rule_engine::output::Priority;
    use std::time::Instant;

    fn facts() -> Facts {
        Facts {
            settings: Settings::default(),
            engine: "bpf",
            hostname: "h".into(),
            started: now(),
            reloaded: AtomicU64::new(now()),
            bundle: BundleTimes::default(),
            resources: Resources::new(Path::new("/"), Instant::now()),
            places: Mutex::default(),
            config_files: vec![("falco.yaml".into(), "ab".into())],
            rules_files: vec![fingerprint(Path::new("/r/rules.yaml"), b"abc")],
        }
    }

    fn snapshot(events: u64, lost: u64) -> Snapshot {
        let rule = RuleCount {
            name: "A rule".into(),
            source: "syscall".into(),
            priority: Priority::Warning,
            tags: vec!["T1059".into()],
            count: 3,
        };
        let drops = vec![scap::source::Drop { cause: "buffer", family: "open", count: lost }];
        let source = SourceStats { seen: events, delivered: events - lost, drops, unknown: 0 };
        let cpu = |seen, dropped| Cpu { seen, dropped, faults: 0 };
        let mut types = vec![0; 512];
        types[usize::from(scap::EventCode::OPENAT_2_X.0)] = 9;
        Snapshot {
            events,
            source,
            rules: vec![rule],
            threads: 5,
            cpus: vec![cpu(60, 6), cpu(40, 4)],
            programs: vec![Program { name: "openat_x".into(), runs: 10, nanoseconds: 5000 }],
            left_out: vec![LeftOut { call: "openat", test: "path", count: 12 }],
            pending: Some(77),
            types,
            ..Snapshot::default()
        }
    }

    use scap::SourceStats;

    #[test]
    fn falcos_names_are_there() {
        let text = prometheus(&facts().metrics(&snapshot(100, 10)));
        for line in [
            "falcosecurity_falco_rules_matches_total{priority=\"4\",rule_name=\"A rule\",source=\"syscall\",tag_T1059=\"true\"} 3",
            "falcosecurity_scap_n_evts_total 100",
            "falcosecurity_scap_n_drops_total 10",
            "falcosecurity_scap_n_drops_buffer_total{dir=\"exit\",drop=\"open\"} 10",
            "falcosecurity_scap_n_left_out_total{syscall=\"openat\",test=\"path\"} 12",
            "falcosecurity_scap_n_threads_total 5",
            "falcosecurity_scap_engine_name_info{engine_name=\"bpf\",evt_source=\"syscall\"} 1",
            "falcosecurity_evt_hostname_info{hostname=\"h\"} 1",
            "falcosecurity_falco_sha256_config_files_info{file_name=\"falco.yaml\",sha256=\"ab\"} 1",
            "falcosecurity_falco_outputs_queue_num_drops_total 0",
            "falcosecurity_scap_n_drops_buffer_total{dir=\"enter\",drop=\"open\"} 0",
            "falcosecurity_scap_n_evts_cpu_total{cpu=\"1\"} 40",
            "falcosecurity_scap_n_drops_cpu_total{cpu=\"1\"} 4",
            "falcosecurity_scap_openat_x_run_cnt_total 10",
            "falcosecurity_scap_openat_x_run_time_nanoseconds_total 5000",
            "falcosecurity_scap_openat_x_avg_time_nanoseconds 500",
            "falcosecurity_scap_ring_pending_bytes 77",
            "falcosecurity_falco_evts_by_type_total{type=\"openat\"} 9",
        ] {
            assert!(text.lines().any(|have| have == line), "{line}\n{text}");
        }
        assert!(text.contains("sha256=\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\""));
    }

    /// Anybody who reaches the port can request the metrics.
    #[test]
    fn a_thousand_rules_cost_little() {
        let facts = facts();
        // Processor time of this thread for one text, in milliseconds. The kernel counts in ticks, hence the number.
        const RUNS: u32 = 50;
        let cost = |count: u64| {
            let mut now = snapshot(100, 10);
            let rule = now.rules[0].clone();
            let named =
                |number| RuleCount { name: format!("A rule of the usual length, number {number}"), ..rule.clone() };
            now.rules = (0..count).map(named).collect();
            let clock = || -> f64 {
                let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
                text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e6
            };
            let start = clock();
            for _ in 0..RUNS {
                let text = prometheus(&facts.metrics(&now));
                assert_eq!(text.matches("falcosecurity_falco_rules_matches_total{").count() as u64, count);
            }
            (clock() - start) / f64::from(RUNS)
        };
        let (hundred, thousand, many) = (cost(100), cost(1000), cost(8000));
        println!("{hundred:.2} ms for 100 rules, {thousand:.2} ms for 1,000, {many:.2} ms for 8,000");
        // The promise, and what a build without optimization may take.
        let most = if cfg!(debug_assertions) { 25.0 } else { 5.0 };
        assert!(thousand < most, "{thousand} ms");
        assert!(many < 8.0 * 2.5 * thousand, "{many} ms for 8,000 rules, {thousand} ms for 1,000");
    }

    #[test]
    fn audit_events_are_counted_where_there_is_such_a_source() {
        let audit = AuditCounts { events: 7, refused: 2, rules: Vec::new() };
        let with = Snapshot { audit: Some(audit), ..snapshot(100, 10) };
        let text = prometheus(&facts().metrics(&with));
        for line in ["falcosecurity_falco_k8s_audit_evts_total 7", "falcosecurity_falco_k8s_audit_refused_total 2"] {
            assert!(text.lines().any(|have| have == line), "{line}\n{text}");
        }
        let fields = facts().alert(&with, None);
        assert_eq!((&fields["falco.k8s_audit_evts"], &fields["falco.k8s_audit_refused"]), (&7.into(), &2.into()));
        assert!(!prometheus(&facts().metrics(&snapshot(100, 10))).contains("k8s_audit"));
    }

    #[test]
    fn rates_are_over_the_time_since_the_last_alert() {
        let before = snapshot(100, 10);
        let fields = facts().alert(&snapshot(300, 30), Some((&before, 2.0)));
        for (name, value) in [
            ("falco.evts_rate_sec", Json::from(100.0)),
            ("scap.evts_rate_sec", 100.0.into()),
            ("scap.evts_drop_rate_sec", 10.0.into()),
            ("scap.n_drops_perc", 10.0.into()),
            ("falco.num_evts", 300.into()),
            ("falco.num_evts_prev", 100.into()),
            ("falco.rules.A_rule", 3.into()),
            ("falco.rules.matches_total", 3.into()),
            ("scap.n_drops_buffer_open_exit", 30.into()),
            ("scap.n_evts_cpu_0", 60.into()),
            ("scap.openat_x.run_time_ns", 5000.into()),
        ] {
            assert_eq!(fields.get(name), Some(&value), "{name}");
        }
    }

    #[test]
    fn parts_can_be_left_out() {
        let text = |settings: Settings| prometheus(&Facts { settings, ..facts() }.metrics(&snapshot(100, 10)));
        for (settings, name) in [
            (Settings { rules_counters_enabled: false, ..Settings::default() }, "rules_matches"),
            (Settings { resource_utilization_enabled: false, ..Settings::default() }, "memory_rss"),
            (Settings { state_counters_enabled: false, ..Settings::default() }, "scap_n_threads"),
            (Settings { kernel_event_counters_enabled: false, ..Settings::default() }, "scap_n_evts"),
            (Settings { kernel_event_counters_per_cpu_enabled: false, ..Settings::default() }, "n_evts_cpu"),
            (Settings { libbpf_stats_enabled: false, ..Settings::default() }, "run_cnt"),
        ] {
            assert!(text(Settings::default()).contains(name) && !text(settings).contains(name), "{name}");
        }
    }
}
