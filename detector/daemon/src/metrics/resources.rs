//! Resource usage of the program and its host: CPU, memory, file descriptors.

use super::{Kind, Metric, Part, Unit};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Files with the memory usage of the program's own container, unless `FALCO_CGROUP_MEM_PATH` is set.
const CGROUP_MEMORY: [&str; 2] = ["/sys/fs/cgroup/memory/memory.usage_in_bytes", "/sys/fs/cgroup/memory.current"];

/// Reads the metrics. `/proc` may be that of the host, mounted elsewhere; the entries of the program itself always come
/// from its own `/proc`.
#[derive(Debug)]
pub(crate) struct Resources {
    host_proc: PathBuf,
    started: Instant,
}

impl Resources {
    pub(crate) fn new(host_root: &Path, started: Instant) -> Self {
        Self { host_proc: host_root.join("proc"), started }
    }

    /// Returns when the host was booted, in nanoseconds since 1970.
    pub(crate) fn boot_time(&self) -> Option<u64> {
        let stat = std::fs::read_to_string(self.host_proc.join("stat")).ok()?;
        Some(entry(&stat, "btime ")? as u64 * 1_000_000_000)
    }

    /// Returns the metrics that can be read now.
    pub(crate) fn metrics(&self) -> Vec<Metric> {
        let mut metrics = Vec::new();
        let mut add = |name: &str, unit: Unit, value: Option<f64>| {
            metrics.extend(value.map(|value| Metric::new(Part::Program, name, unit, Kind::Gauge, value)));
        };
        let own = |file: &str| std::fs::read_to_string(Path::new("/proc/self").join(file)).unwrap_or_default();
        let host = |file: &str| std::fs::read_to_string(self.host_proc.join(file)).unwrap_or_default();

        add(
            "cpu_usage_perc",
            Unit::Percent,
            cpu_seconds(&own("stat"))
                .map(|seconds| one_decimal(100.0 * seconds / self.started.elapsed().as_secs_f64().max(0.001))),
        );
        let status = own("status");
        add("memory_rss_kb", Unit::Kibibytes, entry(&status, "VmRSS:"));
        add("memory_vsz_kb", Unit::Kibibytes, entry(&status, "VmSize:"));
        add("memory_pss_kb", Unit::Kibibytes, entry(&own("smaps_rollup"), "Pss:"));
        add("container_memory_used_bytes", Unit::Bytes, container_memory());
        let stat = host("stat");
        add("host_cpu_usage_perc", Unit::Percent, host_cpu(&stat));
        let memory = host("meminfo");
        let used = || {
            let of = |name| entry(&memory, name);
            Some(of("MemTotal:")? - of("MemFree:")? - of("Buffers:")? - of("Cached:")?)
        };
        add("host_memory_used_kb", Unit::Kibibytes, used());
        add("host_procs_running", Unit::Count, entry(&stat, "procs_running"));
        add("host_open_fds", Unit::Count, word(&host("sys/fs/file-nr"), 0));
        metrics
    }
}

fn one_decimal(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Returns the number after a name at the start of a line.
fn entry(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| word(line.strip_prefix(name)?, 0))
}

fn word(text: &str, index: usize) -> Option<f64> {
    text.split_whitespace().nth(index)?.parse().ok()
}

/// Returns the CPU time of the process. `stat` counts all threads, in ticks of a hundredth of a second on all current
/// architectures; its second field is the name, which may contain anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let after_name = &stat[stat.rfind(')')? + 1..];
    Some((word(after_name, 11)? + word(after_name, 12)?) / 100.0)
}

fn host_cpu(stat: &str) -> Option<f64> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let times: Vec<f64> = line.split_whitespace().take(7).filter_map(|time| time.parse().ok()).collect();
    let (idle, sum) = (times.get(3)?, times.iter().sum::<f64>());
    (sum > 0.0).then(|| one_decimal(100.0 - idle * 100.0 / sum))
}

fn container_memory() -> Option<f64> {
    let read = |path: &str| std::fs::read_to_string(path).ok()?.trim().parse().ok();
    match std::env::var("FALCO_CGROUP_MEM_PATH") {
        Ok(path) if !path.is_empty() && !path.contains("..") => read(&path),
        _ => CGROUP_MEMORY.iter().find_map(|path| read(path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_in_their_files() {
        assert_eq!(entry("Name:\tx\nVmRSS:\t  123 kB\n", "VmRSS:"), Some(123.0));
        assert_eq!(host_cpu("cpu  50 0 25 25 0 0 0 9 9 9\ncpu0 1 1"), Some(75.0));
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 1 0 5 6 7";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(cpu_seconds(""), None);
    }

    #[test]
    fn this_process_uses_something() {
        let metrics = Resources::new(Path::new("/"), Instant::now()).metrics();
        for name in ["memory_rss_kb", "memory_vsz_kb", "host_memory_used_kb", "host_procs_running", "host_open_fds"] {
            let metric = metrics.iter().find(|metric| metric.name == name);
            assert!(metric.is_some_and(|metric| metric.value > 0.0), "{name}: {metric:?}");
        }
    }

    #[test]
    fn a_host_without_proc_has_fewer_metrics() {
        let metrics = Resources::new(Path::new("/nowhere"), Instant::now()).metrics();
        assert!(!metrics.iter().any(|metric| metric.name == "host_memory_used_kb"));
    }
}
