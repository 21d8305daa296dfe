//! The cgroups of a task as drivers send them: `controller=path` for each controller of either version.

use super::read::{Tree, lines, words};

/// The controllers that drivers report, used where the host does not list its own.
const USUAL: [&[u8]; 4] = [b"cpuset", b"cpu", b"io", b"memory"];

/// Returns the controllers of the unified hierarchy (version 2), if the host has it mounted.
pub(super) fn controllers(tree: &mut Tree) -> Vec<Vec<u8>> {
    let path = ["sys/fs/cgroup/cgroup.controllers", "sys/fs/cgroup/unified/cgroup.controllers"];
    let file = path.into_iter().find(|path| tree.path(path).exists()).and_then(|path| tree.small(path));
    match file {
        Some(file) => words(&file).map(<[u8]>::to_vec).collect(),
        None => USUAL.iter().map(|name| name.to_vec()).collect(),
    }
}

/// Converts the lines of `/proc/PID/cgroup` to the list, each entry ended by a NUL.
pub(super) fn list(file: &[u8], controllers: &[Vec<u8>]) -> Vec<u8> {
    let mut list = Vec::new();
    let mut push = |controller: &[u8], path: &[u8]| {
        for part in [controller, b"=", path, b"\0"] {
            list.extend_from_slice(part);
        }
    };
    // `number:controllers:path`; version 2 has number 0 and no controllers.
    let rows = || {
        lines(file).filter_map(|line| {
            let mut fields = line.splitn(3, |&byte| byte == b':').skip(1);
            Some((fields.next()?, fields.next()?))
        })
    };
    for (names, path) in rows().filter(|(names, _)| !names.is_empty()) {
        for name in names.split(|&byte| byte == b',') {
            push(name, path);
        }
    }
    let old = |name: &[u8]| rows().any(|(names, _)| names.split(|&byte| byte == b',').any(|old| old == name));
    for (_, path) in rows().filter(|(names, _)| names.is_empty()) {
        for name in controllers.iter().filter(|name| !old(name)) {
            push(name, path);
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions() {
        let controllers = [b"cpu".to_vec(), b"io".to_vec()];
        assert_eq!(list(b"0::/user.slice\n", &controllers), b"cpu=/user.slice\0io=/user.slice\0");
        assert_eq!(
            list(b"3:cpu,cpuacct:/a\n1:name=systemd:/b:c\n0::/d\n", &controllers),
            b"cpu=/a\0cpuacct=/a\0name=systemd=/b:c\0io=/d\0"
        );
        assert_eq!(list(b"nonsense\n\n", &controllers), b"");
    }
}
