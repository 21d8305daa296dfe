//! The cgroup of a container, in the v2 hierarchy.

use crate::process::Facts;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Mount point of the v2 hierarchy: alone, or beside v1.
const MOUNTS: &[&str] = &["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// The depth to which cgroups below that of the container are searched for processes.
const DEPTH: usize = 16;

/// Returns where the v2 hierarchy is mounted, below a root of the host's file system.
pub(crate) fn mount(host: &Path) -> Option<PathBuf> {
    let mounts = MOUNTS.iter().map(|mount| host.join(mount.trim_start_matches('/')));
    mounts.into_iter().find(|mount| mount.join("cgroup.controllers").exists())
}

/// The cgroup of one container.
#[derive(Debug)]
pub(crate) struct Cgroup {
    folder: PathBuf,
}

impl Cgroup {
    /// Returns the outermost cgroup of a process whose name is that of its container, so that what the container
    /// itself has below it is included. `None` if there is none: a process on the host must never stop the host's.
    pub(crate) fn of(facts: &Facts, container: &str, mount: &Path) -> Option<Self> {
        if container.is_empty() {
            return None;
        }
        let mut folder = mount.to_owned();
        for part in facts.cgroup.split('/').filter(|part| !part.is_empty()) {
            // `/..` is what a process in another cgroup namespace shows of those above.
            if part == ".." {
                return None;
            }
            folder.push(part);
            if names(part, container) {
                return folder.is_dir().then_some(Self { folder });
            }
        }
        None
    }

    /// Returns the processes in it and below it.
    pub(crate) fn processes(&self) -> Vec<i32> {
        let mut found = Vec::new();
        collect(&self.folder, DEPTH, &mut found);
        found
    }

    /// Kills all processes in it at once, those that it creates meanwhile too.
    ///
    /// # Errors
    ///
    /// `NotFound` before Linux 5.14; otherwise what the kernel says.
    pub(crate) fn kill(&self) -> io::Result<()> {
        self.write("cgroup.kill", "1")
    }

    /// Freezes or thaws all processes in it.
    ///
    /// # Errors
    ///
    /// Error of the kernel.
    pub(crate) fn freeze(&self, yes: bool) -> io::Result<()> {
        self.write("cgroup.freeze", if yes { "1" } else { "0" })
    }

    fn write(&self, file: &str, text: &str) -> io::Result<()> {
        let path = self.folder.join(file);
        // Not created: on a file system that is none of cgroups that would only seem to work.
        let mut file = fs::File::options().write(true).open(path)?;
        io::Write::write_all(&mut file, text.as_bytes())
    }
}

/// Digits to which IDs and names of containers are cut.
const SHORT: usize = 12;

/// Returns whether the name of a cgroup is that of a container, with what engines write before the ID and after it. Names
/// that only contain the ID are others: there are containers with short names, such as those of LXC, and one that is called
/// `user` must not mean all users. Slices and services of systemd hold more than a container.
fn names(part: &str, container: &str) -> bool {
    let name = part.strip_suffix(".scope").unwrap_or(part);
    if name.ends_with(".slice") || name.ends_with(".service") {
        return false;
    }
    let is_it = |rest: &str| rest == container || container.len() == SHORT && rest.starts_with(container);
    is_it(name) || name.match_indices(['-', '.', ':']).any(|(at, _)| is_it(&name[at + 1..]))
}

fn collect(folder: &Path, depth: usize, found: &mut Vec<i32>) {
    let text = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    // 0 is a process of another PID namespace.
    found.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()).filter(|pid| *pid > 0));
    if depth == 0 {
        return;
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&entry.path(), depth - 1, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_the_outermost_cgroup_with_its_id() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("system.slice/docker-0123456789abcdef.scope/init.scope");
        fs::create_dir_all(&inner).unwrap();
        fs::write(inner.join("cgroup.procs"), "12\n0\n13\n").unwrap();
        let of = |cgroup: &str, container: &str| {
            let facts = Facts { cgroup: cgroup.into(), ..Facts::default() };
            Cgroup::of(&facts, container, root.path())
        };
        let cgroup = "/system.slice/docker-0123456789abcdef.scope/init.scope";
        let found = of(cgroup, "0123456789ab").unwrap();
        assert_eq!(found.folder, inner.parent().unwrap());
        assert_eq!(found.processes(), [12, 13]);
        // Neither the host's cgroups, nor those of others, nor what is not there.
        for (cgroup, container) in [
            ("/", "0123456789ab"),
            (cgroup, ""),
            (cgroup, "ffffffffffff"),
            ("/system.slice/docker-ffffffffffff.scope", "ffffffffffff"),
            ("/../docker-0123456789abcdef.scope", "0123456789ab"),
            // A container with a short name.
            (cgroup, "system"),
            (cgroup, "e"),
        ] {
            assert!(of(cgroup, container).is_none(), "{cgroup} {container}");
        }
    }

    #[test]
    fn a_name_that_contains_an_id_is_not_that_of_the_container() {
        let id = "0123456789ab";
        let long = format!("{id}{}", "cd".repeat(26));
        for part in [
            format!("docker-{long}.scope"),
            format!("crio-{long}.scope"),
            format!("cri-containerd-{long}.scope"),
            format!("system.slice:docker:{long}"),
            long.clone(),
            format!("lxc.payload.{id}"),
        ] {
            assert!(names(&part, id), "{part}");
        }
        assert!(names("lxc.payload.web", "web") && names("web", "web"));
        for (part, container) in [
            ("user.slice", "user"),
            ("user.slice", "e"),
            ("user.slice", "slice"),
            ("user-1000.slice", "1000"),
            ("ssh.service", "ssh"),
            ("user@1000.service", "1000"),
            ("website", "web"),
            ("lxc.payload.website", "web"),
        ] {
            assert!(!names(part, container), "{part} {container}");
        }
    }

    #[test]
    fn files_that_are_not_there_are_not_made() {
        let root = tempfile::tempdir().unwrap();
        let cgroup = Cgroup { folder: root.path().to_owned() };
        assert_eq!(cgroup.kill().unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
        fs::write(root.path().join("cgroup.freeze"), "0").unwrap();
        cgroup.freeze(true).unwrap();
        assert_eq!(fs::read_to_string(root.path().join("cgroup.freeze")).unwrap(), "1");
    }
}
