//! The container that a process lives in, determined from its cgroup path.
//!
//! Each engine has its own form of path, and a program may add more: [`ContainerPattern`]. Some forms could be anything:
//! `/namespace/name` is a container of containerd's `ctr`, or any service that was given a cgroup. Such a path is only a
//! claim, which something else must prove: its own namespaces, or an engine that knows the container.
//!
//! Users may make cgroups below their own, with any name. So a container has an owner: the user in whose slice it is, or
//! 0 for the host. A description applies only to containers of its owner.
//!
//! Names and images are not in the path: a [`ContainerMetadata`] provider knows them, if the host has one.

use crate::config::ContainerPattern;

/// Provider of facts about containers that the kernel does not know.
pub trait ContainerMetadata {
    /// Returns the facts about the container with this (short) id, if they are known by now. `owner` is the user in
    /// whose slice it is, 0 for the host: only an engine of that user can know it.
    fn container(&mut self, id: &[u8], owner: u32) -> Option<ContainerInfo>;
}

/// The description of a container by its engine. Unknown texts are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names are those of the fields")]
pub struct ContainerInfo {
    pub id: String,
    /// The user whose engine runs it, 0 for the host; `None` if it applies to every container with this id.
    pub owner: Option<u32>,
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

/// A container that a cgroup path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Named<'a> {
    /// The short id.
    pub id: &'a [u8],
    /// Whether only containers have paths of this form.
    pub proven: bool,
}

/// Returns the short id in a cgroup path; `None` on the host. A path whose form is not only that of containers counts as
/// one; see [`named`].
pub fn id<'a>(path: &'a [u8], patterns: &[ContainerPattern]) -> Option<&'a [u8]> {
    named(path, patterns).map(|named| named.id)
}

/// Returns the container that a cgroup path names; `None` on the host. The forms of the known engines are tried first,
/// then `patterns`, then those that other software has too.
pub fn named<'a>(path: &'a [u8], patterns: &[ContainerPattern]) -> Option<Named<'a>> {
    let proven = hex_id(path)
        .or_else(|| kind(path).map(|(_, id)| id))
        .or_else(|| patterns.iter().find_map(|pattern| pattern.id(path)));
    match proven {
        Some(id) => Some(Named { id, proven: true }),
        None => bare_id(path).or_else(|| machine(path)).or_else(|| ctr(path)).map(|id| Named { id, proven: false }),
    }
}

/// Returns the kind and the id of a container whose engine has no API: all that is known of it is in its path.
pub(crate) fn kind(path: &[u8]) -> Option<(&'static str, &[u8])> {
    libvirt_lxc(path)
        .map(|id| ("libvirt-lxc", id))
        .or_else(|| lxc(path).map(|id| ("lxc", id)))
        .or_else(|| bpm(path).map(|id| ("bpm", id)))
        .or_else(|| nspawn(path).map(|id| ("nspawn", id)))
}

/// Returns the kind in a path that names a container, which may be one that only claims to be a container.
pub(super) fn claimed_kind(path: &[u8]) -> Option<&'static str> {
    kind(path).map(|(kind, _)| kind).or_else(|| machine(path).map(|_| "nspawn"))
}

/// Returns the user in whose slice a cgroup is; 0 for the host. Only the first two parts count: below them, a user can
/// choose the names.
pub fn owner(path: &[u8]) -> u32 {
    let rest = path.strip_prefix(b"/user.slice/user-").unwrap_or_default();
    let uid = memchr::memmem::find(rest, b".slice").and_then(|end| std::str::from_utf8(rest.get(..end)?).ok());
    uid.and_then(|uid| uid.parse().ok()).unwrap_or(0)
}

/// The number of digits of an id; the number that is shown.
const HEX_LEN: usize = 64;
const SHORT_LEN: usize = 12;

/// Splits a path before the id of 64 digits at its end, without what may follow that.
fn hex(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let path = path.strip_suffix(b".scope/container").or_else(|| path.strip_suffix(b".scope")).unwrap_or(path);
    let (before, id) = path.split_at(path.len().checked_sub(HEX_LEN)?);
    id.iter().all(u8::is_ascii_hexdigit).then_some((before, id))
}

/// Parses an id of 64 digits, with a prefix and a suffix of the engine, or in a folder of one: podman, docker, CRI engines
/// and nerdctl.
fn hex_id(path: &[u8]) -> Option<&[u8]> {
    const PREFIXES: [&[u8]; 6] =
        [b"docker-", b"libpod-", b"libpod-payload-", b"crio-", b"cri-containerd-", b"nerdctl-"];
    const FOLDERS: [&[u8]; 4] = [b"docker", b"libpod_parent", b"kubepods", b"kubepods.slice"];
    let (before, id) = hex(path)?;
    let mut parts = before.rsplit(|byte| *byte == b'/');
    let unit = parts.next().unwrap_or_default();
    let in_folder = unit.is_empty() && parts.any(|part| FOLDERS.contains(&part));
    let has_prefix = PREFIXES.contains(&unit) && unit.len() < before.len();
    (in_folder || has_prefix || before.ends_with(b":cri-containerd:")).then(|| &id[..SHORT_LEN])
}

/// Parses an id of 64 digits in any folder, as with docker's `--cgroup-parent`.
fn bare_id(path: &[u8]) -> Option<&[u8]> {
    let (before, id) = hex(path)?;
    before.ends_with(b"/").then(|| &id[..SHORT_LEN])
}

/// Parses containerd's own `ctr`: any namespace and any name. Falco accepts deeper paths too, and with them services of
/// systemd that have cgroups below them; and it cuts names, which are not numbers, to 12 bytes.
fn ctr(path: &[u8]) -> Option<&[u8]> {
    let (namespace, name) = split(path.strip_prefix(b"/")?, b'/')?;
    let of_systemd = |part: &[u8]| [&b".slice"[..], b".scope", b".service"].iter().any(|end| part.ends_with(end));
    // podman's supervisors of containers are beside these.
    let supervisor = name == b"conmon" || name.starts_with(b"libpod-conmon-");
    let fits = !namespace.is_empty()
        && (1..=NAME_LEN).contains(&name.len())
        && !name.contains(&b'/')
        && !of_systemd(namespace)
        && !of_systemd(name)
        && !supervisor;
    let is_hex = name.iter().all(u8::is_ascii_hexdigit);
    fits.then(|| if is_hex { &name[..name.len().min(SHORT_LEN)] } else { name })
}

/// The maximum length of the name of a container of containerd.
const NAME_LEN: usize = 76;

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
    after(path, b"/libvirt/lxc/")?.split(|byte| *byte == b'/').next().filter(|name| !name.is_empty())
}

fn bpm(path: &[u8]) -> Option<&[u8]> {
    let rest = after(path, b"bpm-")?;
    let name = memchr::memmem::find(rest, b".scope").map(|end| &rest[..end])?;
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (!name.is_empty() && name.iter().all(allowed)).then_some(name)
}

fn nspawn(path: &[u8]) -> Option<&[u8]> {
    let rest = after(path, b"/systemd-nspawn@")?;
    memchr::memmem::find(rest, b".service").map(|end| &rest[..end]).filter(|name| !name.is_empty())
}

/// Parses a scope that systemd-machined made for systemd-nspawn. Virtual machines have such scopes too: those of qemu are
/// left out, which have its name in front; the processes of others are in the namespaces of the host.
fn machine(path: &[u8]) -> Option<&[u8]> {
    let rest = path.strip_prefix(b"/machine.slice/machine-")?;
    let name = memchr::memmem::find(rest, b".scope").map(|end| &rest[..end])?;
    (!name.is_empty() && !name.contains(&b'/') && !name.starts_with(b"qemu\\x2d")).then_some(name)
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
            ("/system.slice/bpm-agent.service", None),
            ("/libpod_parent/conmon", None),
            ("/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/emulator", None),
            ("/machine.slice/x.service", None),
            ("/libpod_parent/libpod-conmon-{}", None),
        ] {
            let path = shape.replace("{}", hex);
            let expected = expected.map(|id: &str| Named { id: id.as_bytes(), proven: true });
            assert_eq!(named(path.as_bytes(), &[]), expected, "{path}");
        }
    }

    #[test]
    fn paths_that_other_software_has_too_are_claims() {
        let hex = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";
        for (shape, expected) in [
            // containerd with ctr, docker with a parent
            ("/default/redis", "redis"),
            ("/example/a-name-longer-than-twelve", "a-name-longer-than-twelve"),
            ("/x/b3c7272fd9984e957fa8bc52e51c05d4", "b3c7272fd998"),
            ("/{}", "3ad7b26ded6d"),
            ("/build/{}", "3ad7b26ded6d"),
            ("/build/{}.scope", "3ad7b26ded6d"),
            // systemd-nspawn without a unit
            ("/machine.slice/machine-deb.scope/payload/system.slice/ssh.service", "deb"),
        ] {
            let path = shape.replace("{}", hex);
            assert_eq!(named(path.as_bytes(), &[]), Some(Named { id: expected.as_bytes(), proven: false }), "{path}");
        }
    }

    #[test]
    fn the_owner_is_the_user_of_the_slice() {
        for (path, expected) in [
            ("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-1.scope", 1000),
            ("/user.slice/user-1000.slice/user@1000.service/user.slice/user-0.slice/x", 1000),
            ("/user.slice/user-0.slice/session-1.scope", 0),
            ("/machine.slice/libpod-1.scope", 0),
            ("/x/user.slice/user-7.slice/y", 0),
            ("/user.slice/user-x.slice/y", 0),
            ("/user.slice/user-7", 0),
            ("", 0),
        ] {
            assert_eq!(owner(path.as_bytes()), expected, "{path}");
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
