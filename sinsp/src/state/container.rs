//! The container that a process lives in, determined from its cgroup path.
//!
//! Each engine has its own form of path, and a program may add more: [`ContainerPattern`]. Names and images are not in
//! the path: a [`ContainerMetadata`] provider knows them, if the host has one.

use crate::config::ContainerPattern;

/// Provider of facts about containers that the kernel does not know.
pub trait ContainerMetadata {
    /// Returns the facts about the container with this (short) id, if they are known by now.
    fn container(&mut self, id: &[u8]) -> Option<ContainerInfo>;
}

/// The description of a container by its engine. Unknown texts are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names are those of the fields")]
pub struct ContainerInfo {
    pub id: String,
    pub full_id: String,
    pub name: String,
    /// The engine, such as `docker`.
    pub engine: String,
    /// The user that the image is configured with.
    pub user: String,
    pub image: String,
    pub image_id: String,
    pub image_repository: String,
    pub image_tag: String,
    pub image_digest: String,
    pub privileged: bool,
    pub mounts: Vec<Mount>,
    /// The time of its creation, in nanoseconds since 1970.
    pub created: u64,
    pub ip: String,
    pub cni_json: String,
    pub host_pid: bool,
    pub host_network: bool,
    pub host_ipc: bool,
    pub labels: Vec<(String, String)>,
    pub pod_sandbox_id: String,
    pub pod_sandbox_labels: Vec<(String, String)>,
}

/// One mount of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the fields")]
pub struct Mount {
    pub source: String,
    pub dest: String,
    pub mode: String,
    pub rdwr: bool,
    pub propagation: String,
}

/// Returns the short id in a cgroup path; `None` on the host. The forms of the known engines are tried first, then
/// `patterns`.
pub fn id<'a>(path: &'a [u8], patterns: &[ContainerPattern]) -> Option<&'a [u8]> {
    hex_id(path)
        .or_else(|| lxc(path))
        .or_else(|| libvirt_lxc(path))
        .or_else(|| bpm(path))
        .or_else(|| nspawn(path))
        .or_else(|| ctr(path))
        .or_else(|| patterns.iter().find_map(|pattern| pattern.id(path)))
}

/// The number of digits of an id; the number that is shown.
const HEX_LEN: usize = 64;
const SHORT_LEN: usize = 12;

/// Parses an id of 64 digits, with a prefix and a suffix of the engine: podman, docker, CRI engines and nerdctl.
fn hex_id(path: &[u8]) -> Option<&[u8]> {
    const PREFIXES: [&[u8]; 7] =
        [b"", b"docker-", b"libpod-", b"libpod-payload-", b"crio-", b"cri-containerd-", b"nerdctl-"];
    let path = path.strip_suffix(b".scope/container").or_else(|| path.strip_suffix(b".scope")).unwrap_or(path);
    let at = path.len().checked_sub(HEX_LEN)?;
    let (before, id) = path.split_at(at);
    if !id.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let unit = before.rsplit(|byte| *byte == b'/').next().filter(|unit| unit.len() < before.len());
    let known = unit.is_some_and(|unit| PREFIXES.contains(&unit)) || before.ends_with(b":cri-containerd:");
    known.then(|| &id[..SHORT_LEN])
}

/// Parses containerd's own `ctr`: any namespace and any name. Falco accepts deeper paths too, and with them services of
/// systemd that have cgroups below them.
fn ctr(path: &[u8]) -> Option<&[u8]> {
    let (namespace, name) = split(path.strip_prefix(b"/")?, b'/')?;
    let of_systemd = |part: &[u8]| [&b".slice"[..], b".scope", b".service"].iter().any(|end| part.ends_with(end));
    let fits = !namespace.is_empty()
        && (1..=HEX_LEN).contains(&name.len())
        && !name.contains(&b'/')
        && !of_systemd(namespace)
        && !of_systemd(name);
    fits.then(|| &name[..name.len().min(SHORT_LEN)])
}

fn lxc(path: &[u8]) -> Option<&[u8]> {
    let marks: [&[u8]; 3] = [b"/lxc/", b"/lxc.payload/", b"/lxc.payload."];
    let name = marks.iter().find_map(|mark| after(path, mark))?;
    name.split(|byte| *byte == b'/').next().filter(|name| !name.is_empty())
}

fn libvirt_lxc(path: &[u8]) -> Option<&[u8]> {
    if let Some(path) = path.strip_suffix(b".libvirt-lxc") {
        return path.rsplit(|byte| *byte == b'/').next().filter(|name| !name.is_empty());
    }
    if let Some(rest) = after(path, b"-lxc\\x2d") {
        return rest.strip_suffix(b".scope/libvirt").or_else(|| rest.strip_suffix(b".scope"));
    }
    after(path, b"/libvirt/lxc/").filter(|name| !name.is_empty())
}

fn bpm(path: &[u8]) -> Option<&[u8]> {
    let rest = after(path, b"bpm-")?;
    let name = memchr::memmem::find(rest, b".scope").map_or(rest, |end| &rest[..end]);
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (!name.is_empty() && name.iter().all(allowed)).then_some(name)
}

fn nspawn(path: &[u8]) -> Option<&[u8]> {
    let rest = after(path, b"/systemd-nspawn@")?;
    memchr::memmem::find(rest, b".service").map(|end| &rest[..end]).filter(|name| !name.is_empty())
}

fn after<'a>(path: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    memchr::memmem::find(path, mark).map(|at| &path[at + mark.len()..])
}

fn split(path: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(byte, path)?;
    Some((&path[..at], &path[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_engine_has_its_form_of_path() {
        let hex = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";
        for (shape, expected) in [
            // docker, on cgroups v1 and v2, with both drivers
            ("/docker/{}", Some("3ad7b26ded6d")),
            ("/system.slice/docker-{}.scope", Some("3ad7b26ded6d")),
            ("/{}", Some("3ad7b26ded6d")),
            // podman, as root and not, split cgroups, alpine
            ("/machine.slice/libpod-{}.scope", Some("3ad7b26ded6d")),
            ("/machine.slice/libpod-{}.scope/container", Some("3ad7b26ded6d")),
            ("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{}.scope", Some("3ad7b26ded6d")),
            ("/libpod_parent/libpod-{}", Some("3ad7b26ded6d")),
            ("/system.slice/x.service/libpod-payload-{}", Some("3ad7b26ded6d")),
            ("/machine.slice/libpod-conmon-{}.scope", None),
            // Kubernetes: containerd, cri-o, cri-dockerd
            ("/kubepods/besteffort/pod63b3ebfc-2890-4911-b0b8-7a8b3f4d1c4c/{}", Some("3ad7b26ded6d")),
            ("/kubepods.slice/kubepods-pod1.slice/cri-containerd-{}.scope", Some("3ad7b26ded6d")),
            ("/system.slice/containerd.service/kubepods-burstable-pod1.slice:cri-containerd:{}", Some("3ad7b26ded6d")),
            ("/kubepods.slice/kubepods-pod1.slice/crio-{}.scope", Some("3ad7b26ded6d")),
            ("/kubepods/burstable/pod1/crio-{}", Some("3ad7b26ded6d")),
            ("/system.slice/nerdctl-{}.scope", Some("3ad7b26ded6d")),
            // containerd with ctr
            ("/default/redis", Some("redis")),
            ("/example/a-name-longer-than-twelve", Some("a-name-longe")),
            // lxc, libvirt, bpm, nspawn
            ("/lxc/lxc-3", Some("lxc-3")),
            ("/lxc/lxc-3/a.service", Some("lxc-3")),
            ("/lxc.payload/web/user.slice", Some("web")),
            ("/lxc.payload.web/system.slice/x", Some("web")),
            ("/machine/web.libvirt-lxc", Some("web")),
            (
                "/machine.slice/machine-lxc\\x2d2293906\\x2dlibvirt\\x2dcontainer.scope",
                Some("2293906\\x2dlibvirt\\x2dcontainer"),
            ),
            ("/machine.slice/machine-lxc\\x2d22\\x2dlibvirt.scope/libvirt", Some("22\\x2dlibvirt")),
            ("/libvirt/lxc/container1", Some("container1")),
            ("/system.slice/runc-bpm-router.scope", Some("router")),
            ("/machine.slice/systemd-nspawn@deb.service/payload", Some("deb")),
            // the host
            ("/", None),
            ("/init.scope", None),
            ("/system.slice/ssh.service", None),
            ("/system.slice/scenario.service/00000000000000", None),
            ("/user.slice/user-1000.slice/session-3.scope", None),
            ("/user.slice/user-1000.slice/user@1000.service/app.slice/x.service", None),
            ("/system.slice/docker-{}x.scope", None),
            ("/system.slice/other-{}.scope", None),
        ] {
            let path = shape.replace("{}", hex);
            let found = id(path.as_bytes(), &[]).map(|id| String::from_utf8_lossy(id).into_owned());
            assert_eq!(found.as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn custom_patterns() {
        let pattern = ContainerPattern { prefix: "/firecracker-".to_owned(), suffix: ".vm".to_owned() };
        assert_eq!(id(b"/vms.slice/firecracker-7.vm", std::slice::from_ref(&pattern)), Some(&b"7"[..]));
        assert_eq!(id(b"/vms.slice/firecracker-.vm", std::slice::from_ref(&pattern)), None);
        assert_eq!(id(b"/vms.slice/firecracker-7", &[pattern]), None);
    }
}
