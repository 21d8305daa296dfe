//! Processes that no action may concern, so that neither a mistake in a rule nor an attacker turns responses against the
//! host.

use crate::process::Facts;
use std::path::{Path, PathBuf};

/// Executables of which no process is acted upon, where the host's own file system has them: the manager of services,
/// container engines, and the agent of Kubernetes.
const EXECUTABLES: &[&str] = &[
    "/init",
    "/lib/systemd/systemd",
    "/sbin/init",
    "/usr/bin/conmon",
    "/usr/bin/containerd",
    "/usr/bin/containerd-shim",
    "/usr/bin/containerd-shim-runc-v2",
    "/usr/bin/crio",
    "/usr/bin/crun",
    "/usr/bin/dbus-broker",
    "/usr/bin/dbus-broker-launch",
    "/usr/bin/dbus-daemon",
    "/usr/bin/docker-proxy",
    "/usr/bin/dockerd",
    "/usr/bin/kubelet",
    "/usr/bin/podman",
    "/usr/bin/runc",
    "/usr/libexec/crio/conmon",
    "/usr/libexec/podman/conmon",
    "/usr/local/bin/containerd",
    "/usr/local/bin/containerd-shim-runc-v2",
    "/usr/local/bin/k3s",
    "/usr/local/bin/kubelet",
    "/usr/local/sbin/runc",
    "/usr/sbin/crio",
    "/usr/sbin/init",
    "/usr/sbin/runc",
];

/// Folders of executables that are protected likewise.
const FOLDERS: &[&str] = &["/lib/systemd/", "/usr/lib/systemd/"];

/// Executables of sshd. The listener is protected, the process of a session is not: its parent is an sshd too.
const SSHD: &[&str] = &["/sbin/sshd", "/usr/lib/openssh/sshd-session", "/usr/sbin/sshd"];

/// The processes that are never acted upon. It can be added to, but what it holds from the beginning stays.
#[derive(Debug, Clone, Default)]
pub struct Protected {
    executables: Vec<String>,
    host_cgroup: bool,
}

impl Protected {
    /// Returns what is always protected: the first process, this one and its ancestors, kernel threads, the manager of
    /// services, container engines, and the listener of sshd.
    pub fn new() -> Self {
        Self::default()
    }

    /// Also protects processes of an executable, an absolute path on the host's file system.
    #[must_use]
    pub fn with_executable(mut self, path: impl Into<String>) -> Self {
        self.executables.push(path.into());
        self
    }

    /// Returns the executables that are protected: absolute paths on the host's file system, directories with a slash at
    /// the end. All of sshd is among them, not its listener alone.
    pub fn executables(&self) -> impl Iterator<Item = &str> {
        let always = [EXECUTABLES, FOLDERS, SSHD].into_iter().flatten().copied();
        always.chain(self.executables.iter().map(String::as_str))
    }

    /// Also protects everything in the root of the host's cgroups.
    #[must_use]
    pub fn with_host_cgroup(self, yes: bool) -> Self {
        Self { host_cgroup: yes, ..self }
    }
}

/// Returns this process and its ancestors, as a `/proc` shows them.
pub fn own_processes(proc: &Path) -> Vec<i32> {
    let mut own = Vec::new();
    let mut pid = i32::try_from(std::process::id()).unwrap_or(0);
    while pid > 0 && !own.contains(&pid) {
        own.push(pid);
        pid = Facts::read(proc, pid).map_or(0, |facts| facts.parent);
    }
    own
}

/// The protected set on this host, now.
#[derive(Debug)]
pub(crate) struct Guard {
    set: Protected,
    proc: PathBuf,
    /// This process and its ancestors.
    own: Vec<i32>,
    /// The mount namespace of the first process: the file system on which paths of executables mean something. In
    /// another one, anybody may have a file of any name.
    mounts: PathBuf,
}

impl Guard {
    pub(crate) fn new(set: Protected, proc: &Path) -> Self {
        let own = own_processes(proc);
        let mounts = Facts::read(proc, 1).map(|facts| facts.mounts).unwrap_or_default();
        Self { set, proc: proc.to_owned(), own, mounts }
    }

    /// Returns why a process must not be acted upon, if it must not.
    pub(crate) fn refuses(&self, facts: &Facts) -> Option<String> {
        let why = if facts.pid == 1 {
            "the first process of the host"
        } else if self.own.contains(&facts.pid) {
            "the detector or an ancestor of it"
        } else if facts.kernel_thread || facts.pid == 2 {
            "a kernel thread"
        } else if self.set.host_cgroup && facts.cgroup == "/" {
            "in the root of the host's cgroups"
        } else if self.is_on_the_host(facts) && self.is_protected(facts) {
            "an executable that is protected"
        } else {
            return None;
        };
        Some(format!("process {} ({}) is {why}", facts.pid, if facts.exe.is_empty() { "?" } else { &facts.exe }))
    }

    /// If it is not known which file system a process sees, its paths are believed: that only protects.
    fn is_on_the_host(&self, facts: &Facts) -> bool {
        let unknown = Path::new("");
        facts.mounts == self.mounts || facts.mounts == unknown || self.mounts == unknown
    }

    fn is_protected(&self, facts: &Facts) -> bool {
        let exe = facts.exe.as_str();
        if SSHD.contains(&exe) {
            return !Facts::read(&self.proc, facts.parent).is_some_and(|parent| SSHD.contains(&parent.exe.as_str()));
        }
        EXECUTABLES.contains(&exe)
            || FOLDERS.iter().any(|folder| exe.starts_with(folder))
            || self.set.executables.iter().any(|own| own == exe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(pid: i32, exe: &str) -> Facts {
        Facts { pid, exe: exe.into(), cgroup: "/a".into(), ..Facts::default() }
    }

    #[test]
    fn what_keeps_the_host_alive_is_refused() {
        let proc = Path::new("/proc");
        let set = Protected::new().with_executable("/opt/db");
        let guard = Guard { mounts: "mnt:[1]".into(), ..Guard::new(set, proc) };
        let own = i32::try_from(std::process::id()).unwrap();
        let parent = Facts::read(proc, own).unwrap().parent;
        let host = |pid, exe| Facts { mounts: "mnt:[1]".into(), ..facts(pid, exe) };
        for (process, word) in [
            (host(1, "/x"), "first process"),
            (host(own, "/x"), "the detector"),
            (host(parent, "/x"), "ancestor"),
            (Facts { kernel_thread: true, ..host(77, "") }, "kernel thread"),
            (host(99_999_999, "/usr/lib/systemd/systemd-logind"), "protected"),
            (host(99_999_999, "/usr/bin/containerd-shim-runc-v2"), "protected"),
            (host(99_999_999, "/usr/sbin/sshd"), "protected"),
            (host(99_999_999, "/opt/db"), "protected"),
            // Its file system could not be read.
            (facts(99_999_999, "/opt/db"), "protected"),
        ] {
            let why = guard.refuses(&process).unwrap_or_else(|| panic!("{process:?}"));
            assert!(why.contains(word), "{why}");
        }
        assert_eq!(guard.refuses(&host(99_999_999, "/usr/bin/python3")), None);
        assert_eq!(guard.refuses(&host(99_999_999, "/tmp/usr/bin/dockerd")), None);
    }

    /// A file of a protected name in a container, or in a mount namespace of one's own, protects nobody.
    #[test]
    fn names_mean_nothing_on_another_file_system() {
        let guard = Guard { mounts: "mnt:[1]".into(), ..Guard::new(Protected::new(), Path::new("/proc")) };
        let away = Facts { mounts: "mnt:[2]".into(), ..facts(99_999_999, "/usr/bin/dockerd") };
        assert_eq!(guard.refuses(&away), None);
    }

    #[test]
    fn the_hosts_cgroup_is_protected_on_request() {
        let process = Facts { cgroup: "/".into(), ..facts(99_999_999, "/usr/bin/python3") };
        let guard = |yes| Guard::new(Protected::new().with_host_cgroup(yes), Path::new("/proc"));
        assert_eq!(guard(false).refuses(&process), None);
        assert!(guard(true).refuses(&process).unwrap().contains("cgroups"));
    }
}
