//! The floors inside each crate: a module may use those of lower floors, and none of its own floor or above.

/// A crate's folder and its floors, the lowest first.
pub(super) struct House {
    pub(super) folder: &'static str,
    pub(super) floors: &'static [&'static [&'static str]],
}

/// Edges that still violate the floors: crate, module, the module that it should not use. The list can only shrink: an
/// edge that is gone must be removed.
pub(super) const NOT_YET: &[(&str, &str, &str)] = &[];

pub(super) const HOUSES: &[House] = &[
    House { folder: "text", floors: &[&["glob", "json"]] },
    House {
        folder: "scap",
        floors: &[
            &["host", "schema"],
            &["event"],
            &["error", "plan", "render"],
            &["procfs", "source"],
            &["savefile", "text"],
        ],
    },
    House {
        folder: "bpf",
        floors: &[
            &["error", "generated", "layout", "ringbuf", "sys"],
            &["config", "merge", "select", "stats"],
            &["loaded", "losses"],
            &["features", "iterators", "plan"],
            &["loader", "source"],
            &["deny"],
        ],
    },
    House {
        folder: "userspace",
        floors: &[
            &["error", "generated", "place", "process", "queue", "sys"],
            &["convert", "memory", "socket"],
            &["call", "config", "facts"],
            &["clone", "exec", "filter", "tracee"],
            &["launch"],
            &["events"],
            &["tracer"],
            &["source"],
        ],
    },
    House {
        folder: "sinsp",
        floors: &[
            &["error", "live_proc", "text"],
            &["config"],
            &["state"],
            &["container_lookup", "event", "suppress"],
            &["fields", "parse"],
            &["observer"],
            &["inspector"],
        ],
    },
    House {
        folder: "rule-engine",
        floors: &[
            &["operator", "text"],
            &["diag"],
            &["response"],
            &["event"],
            &["correlation"],
            &["source", "syntax"],
            &["ir"],
            &["vm"],
            &["lower"],
            &["explain", "output"],
            &["ruleset"],
            &["engine", "filter"],
            &["deny", "plan", "resolve"],
            &["load"],
            &["testing"],
        ],
    },
    House {
        folder: "plugin-host",
        floors: &[
            &["calls", "codes", "error", "queue", "routines", "version"],
            &["fields", "init_schema"],
            &["library"],
            &["owner", "set"],
            &["tables"],
            &["plugin"],
            &["batch", "extract"],
            &["active"],
            &["source", "syscalls"],
            &["captured", "raw", "schema"],
            &["added"],
        ],
    },
    House {
        folder: "peregrine",
        floors: &[
            &["error"],
            &["found"],
            &["plugins"],
            &["rules"],
            &["json"],
            &["engine"],
            &["detector", "plugin_detector"],
        ],
    },
    House {
        folder: "detector/sinks",
        floors: &[
            &["console", "error", "lines", "program", "queue", "redirect", "spool"],
            &["file", "keeper", "stdout", "syslog", "tls"],
            &["grpc", "http", "kafka", "worker"],
            &["elastic", "outlet"],
        ],
    },
    House {
        folder: "detector/containers",
        floors: &[
            &["change", "cri_api", "engine", "image"],
            &["cache", "containerd_api", "rpc"],
            &["containerd", "cri", "docker"],
            &["podman"],
            &["watch"],
            &["lookup"],
            &["service"],
        ],
    },
    House {
        folder: "detector/response",
        floors: &[
            &["action", "identity", "process", "program"],
            &["brakes", "cgroup", "protected", "webhook"],
            &["target"],
            &["responder"],
        ],
    },
    House {
        folder: "detector/tables",
        floors: &[
            &["interner", "kept"],
            &["column"],
            &["table"],
            &["columns"],
            &["rows"],
            &["tracker"],
            &["alerts", "processes"],
            &["connections", "files"],
            &["scan"],
            &["flat"],
            &["write"],
            &["dataset"],
            &["alert_files"],
        ],
    },
    House {
        folder: "detector/sql",
        floors: &[
            &["capture", "error", "pushdown"],
            &["cluster", "names", "parquet", "scan", "turns"],
            &["table"],
            &["union"],
            &["session"],
        ],
    },
    House {
        folder: "detector/captures",
        floors: &[
            &["captures", "compatible", "input", "marked", "output", "plugins", "quantity", "reference"],
            &["cli", "progress"],
            &["view"],
            &["convert", "eval", "events", "export", "fields", "info", "read"],
            &["record", "sql"],
        ],
    },
    House {
        folder: "detector/daemon",
        floors: &[
            &["clock", "fatal", "interval", "names", "places", "signals", "terminal", "token_bucket"],
            &["config"],
            &["cli", "log"],
            &["plugins"],
            &["protect"],
            &["alerts", "host", "profile", "server"],
            &["capture", "metrics", "rules"],
            &["response"],
            &["denial"],
            &["sources", "web"],
            &["reports"],
            &["event_loop"],
            &["detect"],
        ],
    },
];
