//! The container that a process lives in, as its cgroup path tells it.
//!
//! Each engine has its own shape of path. Names and images are not in the path: a [`ContainerMetadata`] provider knows
//! them, if the host has one.

/// Facts about a container that are not in the kernel.
pub trait ContainerMetadata {
    /// The facts about the container with this (short) id, if they are known by now.
    fn container(&mut self, id: &[u8]) -> Option<ContainerInfo>;
}

/// What an engine knows of a container. Texts are empty where it does not say.
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
    /// When it was created, nanoseconds since 1970.
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

/// The short id in a cgroup path; `None` on the host.
pub fn id(path: &[u8]) -> Option<&[u8]> {
    let last = path.rsplit(|byte| *byte == b'/').next()?;
    hex_id(last).or_else(|| named(path, last))
}

const HEX_LEN: usize = 64;

fn is_hex(text: &[u8]) -> bool {
    text.len() == HEX_LEN && text.iter().all(u8::is_ascii_hexdigit)
}

/// Engines that name their cgroup by a 64-digit id, with a prefix and a suffix of their own.
fn hex_id(last: &[u8]) -> Option<&[u8]> {
    let last = last.strip_suffix(b".scope").unwrap_or(last);
    let prefixes: [&[u8]; 7] =
        [b"", b"docker-", b"libpod-", b"libpod-payload-", b"crio-", b"cri-containerd-", b"nerdctl-"];
    let id = prefixes
        .iter()
        .find_map(|prefix| last.strip_prefix(*prefix).filter(|id| is_hex(id)))
        .or_else(|| last.rsplit(|byte| *byte == b':').next().filter(|id| id.len() < last.len() && is_hex(id)))?;
    id.get(..12)
}

/// Engines that name their cgroup by a name.
fn named<'a>(path: &'a [u8], last: &'a [u8]) -> Option<&'a [u8]> {
    let after = |mark: &[u8]| {
        let at = memchr::memmem::find(path, mark)? + mark.len();
        path[at..].split(|byte| *byte == b'/').next().filter(|name| !name.is_empty())
    };
    if let Some(name) = after(b"/lxc.payload/").or_else(|| after(b"/lxc.payload.")).or_else(|| after(b"/lxc/")) {
        return Some(name);
    }
    if let Some(name) = last.strip_suffix(b".libvirt-lxc").filter(|name| !name.is_empty()) {
        return Some(name);
    }
    if let Some(name) = after(b"/libvirt/lxc/") {
        return Some(name);
    }
    last.strip_prefix(b"bpm-")?.strip_suffix(b".scope").filter(|name| !name.is_empty())
}
