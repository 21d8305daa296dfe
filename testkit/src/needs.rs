//! The requirements of tests on their host: one row each.

use std::path::Path;

/// A requirement that not every host meets.
#[derive(Debug)]
pub struct Need {
    /// Its name in `PEREGRINE_REQUIRE` and in the list of skips.
    pub name: &'static str,
    /// The reason of the skip where it is not met.
    pub missing: &'static str,
    met: Check,
}

#[derive(Debug)]
enum Check {
    /// One of these programs is in `PATH`.
    Program(&'static [&'static str]),
    Function(fn() -> bool),
}

impl Need {
    /// Returns whether this host has it, as far as can be seen without trying.
    pub fn is_met(&self) -> bool {
        match self.met {
            Check::Program(names) => names.iter().any(|name| in_path(name)),
            Check::Function(met) => met(),
        }
    }

    /// Returns whether a value of `PEREGRINE_REQUIRE` names it.
    pub fn is_required_by(&self, required: &str) -> bool {
        required.split(',').map(str::trim).any(|name| name == "all" || name == self.name)
    }
}

macro_rules! needs {
    ($($constant:ident $name:literal, $missing:literal, $met:expr;)*) => {
        $(
            #[doc = concat!("`", $name, "`; without it: ", $missing, ".")]
            pub static $constant: Need = Need { name: $name, missing: $missing, met: $met };
        )*
        /// Every need.
        pub static NEEDS: &[&Need] = &[$(&$constant),*];
    };
}

use Check::{Function, Program};

needs! {
    DATA "data", "no comparison data beside the checkout", Function(|| crate::shared_path().join("data/captures").is_dir());
    ROOT "root", "not run by root", Function(is_root);
    BPF "bpf", "the probe cannot be loaded", Function(has_bpf);
    LSM "lsm", "the kernel does not run BPF programs at the hooks of its security modules", Function(has_lsm);
    HOST_PIDS "host-pids", "not in the host's PID namespace", Function(has_host_pids);
    KERNEL "kernel", "the kernel lacks a feature", Function(|| false);
    CGROUP "cgroup", "control groups cannot be made", Function(|| is_root() && cgroups().is_some());
    MOUNT "mount", "file systems cannot be mounted", Function(can_mount);
    DEV_LOG "dev-log", "a socket at /dev/log cannot be made", Function(|| is_root() && !Path::new("/dev/log").exists());
    UTC "utc", "the time zone is not UTC", Function(is_utc);
    XZ "xz", "xz is not installed", Program(&["xz"]);
    PYTHON "python3", "python3 is not installed", Program(&["python3"]);
    VALGRIND "valgrind", "valgrind is not installed", Program(&["valgrind"]);
    PKG_CONFIG "pkg-config", "pkg-config is not installed", Program(&["pkg-config"]);
    CMAKE "cmake", "cmake is not installed", Program(&["cmake"]);
    CHROMIUM "chromium", "there is no Chromium", Program(CHROMIUMS);
    SYSTEMD "systemd-analyze", "systemd-analyze is not installed", Program(&["systemd-analyze"]);
    CURL "curl", "curl is not installed", Program(&["curl"]);
    GROFF "groff", "groff is not installed", Program(&["groff"]);
    SHELLCHECK "shellcheck", "shellcheck is not installed", Program(&["shellcheck"]);
    LONG "long", "the build is not optimized and PEREGRINE_LONG is not set", Function(is_long);
    TANSU "tansu", "TANSU names no program of the broker Tansu", Function(|| std::env::var_os("TANSU").is_some());
    REGISTRY "registry", "the dependencies of test plugins cannot be loaded", Function(|| false);
    DENY "cargo-deny", "cargo-deny is not installed", Program(&["cargo-deny"]);
}

/// The names that Chromium goes by.
pub const CHROMIUMS: &[&str] = &["chromium", "chromium-browser", "google-chrome", "chrome"];

/// Returns the root of a hierarchy of control groups where processes can be put: the only one, or the one of version 1 that
/// events name and which limits nothing.
pub fn cgroups() -> Option<&'static str> {
    let hierarchies = ["/sys/fs/cgroup", "/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup/unified"];
    hierarchies.into_iter().find(|root| Path::new(root).join("cgroup.procs").exists())
}

/// Returns whether `PATH` has the program.
pub fn in_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// Returns the value of a line of `/proc/self/status`.
fn status(key: &str) -> Option<String> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':').map(|value| value.trim().to_owned()))
}

fn is_root() -> bool {
    status("Uid").is_some_and(|ids| ids.split_whitespace().nth(1) == Some("0"))
}

fn has_capabilities(bits: &[u32]) -> bool {
    let effective = status("CapEff").and_then(|text| u64::from_str_radix(&text, 16).ok()).unwrap_or(0);
    bits.iter().all(|bit| effective >> bit & 1 == 1)
}

/// Returns whether the process has CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN, and the kernel has its types.
fn has_bpf() -> bool {
    let allowed = has_capabilities(&[38, 39]) || has_capabilities(&[21]);
    allowed && Path::new("/sys/kernel/btf/vmlinux").exists()
}

/// Returns whether BPF programs may deny: they can be loaded, and the kernel runs them.
fn has_lsm() -> bool {
    let modules = std::fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
    has_bpf() && modules.trim().split(',').any(|name| name == "bpf")
}

/// Returns whether process IDs here are those of events: in the initial PID namespace, `PROC_PID_INIT_INO` of
/// include/linux/proc_ns.h.
fn has_host_pids() -> bool {
    std::fs::read_link("/proc/self/ns/pid").is_ok_and(|namespace| namespace == Path::new("pid:[4026531836]"))
}

/// Returns whether the process has CAP_SYS_ADMIN.
fn can_mount() -> bool {
    has_capabilities(&[21])
}

/// Returns whether long tests run: in an optimized build, or when PEREGRINE_LONG is set.
fn is_long() -> bool {
    !cfg!(debug_assertions) || std::env::var_os("PEREGRINE_LONG").is_some()
}

fn is_utc() -> bool {
    let zone = std::env::var("TZ").ok();
    let local = std::fs::read_link("/etc/localtime");
    match zone.as_deref() {
        Some(zone) => matches!(zone, "" | "UTC" | ":UTC" | "Etc/UTC"),
        None => local.map_or(true, |path| path.ends_with("UTC") || path.ends_with("Universal")),
    }
}
