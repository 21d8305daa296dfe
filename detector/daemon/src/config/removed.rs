//! Options and settings that Falco removed, with their replacements.
//!
//! Old guides live long. Their readers get the replacement instead of "unknown option".

/// A command-line option.
struct Flag {
    names: &'static [&'static str],
    sentence: &'static str,
}

const FLAGS: &[Flag] = &[
    Flag { names: &["-A"], sentence: "was removed; write -o base_syscalls.all=true" },
    Flag { names: &["-b"], sentence: "was removed; write -o buffer_format_base64=true" },
    Flag { names: &["-S", "--snaplen"], sentence: "was removed; write -o falco_libs.snaplen=N" },
    Flag {
        names: &["-d", "--daemon"],
        sentence: "was removed; run the program under a service manager such as systemd (-P still writes a pid file)",
    },
    Flag { names: &["-D"], sentence: "was removed; write -o 'rules[].disable.rule=*TEXT*'" },
    Flag { names: &["-T"], sentence: "was removed; write -o rules[].disable.tag=TAG" },
    Flag { names: &["-t"], sentence: "was removed; write -o 'rules[].disable.rule=*' -o rules[].enable.tag=TAG" },
    Flag { names: &["-e"], sentence: "was removed; write -o engine.kind=replay -o engine.replay.capture_file=FILE" },
    Flag {
        names: &["-g", "--gvisor-config", "--gvisor-root", "--gvisor-generate-config"],
        sentence: "was removed together with the gVisor engine; there is no replacement",
    },
    Flag {
        names: &["-k", "-K", "--k8s-api", "--k8s-api-cert", "--k8s-node-name", "--disable-k8s-async"],
        sentence: "was removed; Kubernetes metadata comes from the k8smeta collector, not from the API server",
    },
    Flag { names: &["-m", "--mesos-api"], sentence: "was removed together with the support of Mesos" },
    Flag {
        names: &["-s", "--stats-interval"],
        sentence: "was removed; enable the metrics block (metrics.enabled, metrics.interval, metrics.output_file)",
    },
    Flag { names: &["--list-syscall-events"], sentence: "was removed; write --list-events" },
    Flag {
        names: &["-u", "--userspace"],
        sentence: "was removed together with tracing by ptrace; there is no replacement",
    },
    Flag { names: &["--modern-bpf"], sentence: "was removed; write -o engine.kind=modern_ebpf" },
    Flag { names: &["--nodriver"], sentence: "was removed; write -o engine.kind=nodriver" },
    Flag {
        names: &["--cri", "--disable-cri-async"],
        sentence: "was removed; container engines are set up in the init_config of the container plugin",
    },
];

/// Returns the message for a removed option, written as `-x` or `--name`.
pub(crate) fn flag(name: &str) -> Option<&'static str> {
    FLAGS.iter().find(|flag| flag.names.contains(&name)).map(|flag| flag.sentence)
}

const KEYS: &[(&str, &str)] = &[
    ("outputs", "the limit on alerts was removed; outputs_queue.capacity bounds the queue"),
    ("syscall_buf_size_preset", "moved to engine.<kind>.buf_size_preset"),
    ("syscall_drop_failed_exit", "moved to engine.<kind>.drop_failed_exit"),
    ("modern_bpf", "moved to engine.modern_ebpf (cpus_for_each_buffer)"),
    ("container_engines", "moved to the init_config of the container plugin"),
    ("engine.ebpf", "the old BPF probe was removed; use engine.kind: modern_ebpf"),
    ("engine.gvisor", "the gVisor engine was removed; there is no replacement"),
    ("webserver.k8s_audit_endpoint", "audit events are received by the k8saudit plugin on its own listener"),
    ("metrics.kernel_event_counters_per_cpu", "was renamed to metrics.kernel_event_counters_per_cpu_enabled"),
    ("falco_libs.enable_container_metadata", "container metadata comes from the container plugin"),
];

/// Returns the message for a removed setting, by its path.
pub(crate) fn key(path: &str) -> Option<&'static str> {
    KEYS.iter().find(|(name, _)| *name == path).map(|(_, sentence)| *sentence)
}

/// Returns the message for a removed value of a setting.
pub(crate) fn word(path: &str, word: &str) -> Option<String> {
    let sentence = match (path, word) {
        ("engine.kind", "ebpf") => "the old BPF probe was removed; use modern_ebpf",
        ("engine.kind", "gvisor") => "the gVisor engine was removed; there is no replacement",
        ("engine.kind", "none") => "was removed; use nodriver",
        _ => return None,
    };
    Some(sentence.to_owned())
}

/// Environment variables that no longer have an effect.
pub(crate) const VARIABLES: &[(&str, &str)] = &[("FALCO_BPF_PROBE", "is ignored; set engine.kind: modern_ebpf")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_option_is_repeated() {
        let mut names: Vec<_> = FLAGS.iter().flat_map(|flag| flag.names).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
