//! Descriptions of containers as captures have them: events with JSON, in the form of Falco's container plugin and of the
//! libraries before it.
//!
//! The description comes from a file, so that anything may be in it: what is not of the right type is treated as absent.

use serde_json::{Map, Value as Json, json};

use super::{ContainerInfo, Mount};

/// The numbers of kinds of containers, by their names.
const KINDS: [(u64, &str); 12] = [
    (0, "docker"),
    (1, "lxc"),
    (2, "libvirt-lxc"),
    (3, "mesos"),
    (4, "rkt"),
    (5, "custom"),
    (6, "cri"),
    (7, "containerd"),
    (8, "cri-o"),
    (9, "bpm"),
    (10, "static"),
    (11, "podman"),
];

/// The length of the id that events show of a longer one.
const SHORT: usize = 12;

/// Returns the description as JSON. Beside the members that Falco has, it has the owner.
pub(super) fn write(info: &ContainerInfo) -> String {
    let labels = |labels: &[(String, String)]| {
        labels.iter().map(|(name, value)| (name.clone(), Json::from(value.as_str()))).collect::<Map<_, _>>()
    };
    let mount = |mount: &Mount| {
        json!({
            "Source": mount.source, "Destination": mount.dest, "Mode": mount.mode, "RW": mount.rdwr,
            "Propagation": mount.propagation,
        })
    };
    let kind = KINDS.iter().find(|(_, name)| *name == info.engine).map_or(Json::Null, |(number, _)| (*number).into());
    let container = json!({
        "type": kind,
        "engine": info.engine,
        "owner": info.owner,
        "id": info.id,
        "full_id": info.full_id,
        "name": info.name,
        "image": info.image,
        "imageid": info.image_id,
        "imagerepo": info.image_repository,
        "imagetag": info.image_tag,
        "imagedigest": info.image_digest,
        "User": info.user,
        "privileged": info.privileged,
        "Mounts": info.mounts.iter().map(mount).collect::<Vec<_>>(),
        "created_time": info.created / SECOND,
        "created_ns": info.created,
        "ip": info.ip,
        "cni_json": info.cni_json,
        "host_pid": info.host_pid,
        "host_network": info.host_network,
        "host_ipc": info.host_ipc,
        "labels": labels(&info.labels),
        "is_pod_sandbox": !info.pod_sandbox_id.is_empty() && info.pod_sandbox_id == info.full_id,
        "pod_sandbox_id": info.pod_sandbox_id,
        "pod_sandbox_labels": labels(&info.pod_sandbox_labels),
    });
    json!({ "container": container }).to_string()
}

const SECOND: u64 = 1_000_000_000;

/// Parses a description; `None` if it is none.
pub(crate) fn read(json: &[u8]) -> Option<ContainerInfo> {
    let json: Json = serde_json::from_slice(json.strip_suffix(b"\0").unwrap_or(json)).ok()?;
    let from = json.get("container")?;
    let text = |from: &Json, key: &str| from.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    let flag = |from: &Json, key: &str| from.get(key).and_then(Json::as_bool).unwrap_or_default();
    let labels = |key: &str| {
        let labels = from.get(key).and_then(Json::as_object);
        let pairs = labels.into_iter().flatten();
        pairs.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
    };
    let full_id = text(from, "full_id");
    let mut id = text(from, "id");
    if id.is_empty() {
        id = full_id.get(..SHORT).unwrap_or(&full_id).to_owned();
    }
    if id.is_empty() {
        return None;
    }
    let kind = from.get("type").and_then(Json::as_u64);
    let kind = KINDS.iter().find(|(number, _)| Some(*number) == kind).map(|(_, name)| (*name).to_owned());
    let engine = Some(text(from, "engine")).filter(|engine| !engine.is_empty()).or(kind).unwrap_or_default();
    let seconds = from.get("created_time").and_then(Json::as_u64).map(|seconds| seconds.saturating_mul(SECOND));
    let mounts = from.get("Mounts").and_then(Json::as_array).into_iter().flatten();
    let mounts = mounts.map(|mount| Mount {
        source: text(mount, "Source"),
        dest: text(mount, "Destination"),
        mode: text(mount, "Mode"),
        rdwr: flag(mount, "RW"),
        propagation: text(mount, "Propagation"),
    });
    Some(ContainerInfo {
        id,
        full_id,
        owner: from.get("owner").and_then(Json::as_u64).and_then(|owner| u32::try_from(owner).ok()),
        name: text(from, "name"),
        engine,
        user: text(from, "User"),
        image: text(from, "image"),
        image_id: text(from, "imageid"),
        image_repository: text(from, "imagerepo"),
        image_tag: text(from, "imagetag"),
        image_digest: text(from, "imagedigest"),
        privileged: flag(from, "privileged"),
        mounts: mounts.collect(),
        created: from.get("created_ns").and_then(Json::as_u64).or(seconds).unwrap_or_default(),
        ip: text(from, "ip"),
        cni_json: text(from, "cni_json"),
        host_pid: flag(from, "host_pid"),
        host_network: flag(from, "host_network"),
        host_ipc: flag(from, "host_ipc"),
        labels: labels("labels"),
        pod_sandbox_id: text(from, "pod_sandbox_id"),
        pod_sandbox_labels: labels("pod_sandbox_labels"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_read_as_it_was_written() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let info = ContainerInfo {
            id: "3ad7b26ded6d".into(),
            owner: Some(1000),
            full_id: "3ad7b26ded6d8e7b".into(),
            name: "web".into(),
            engine: "podman".into(),
            user: "www".into(),
            image: "shop/web:1".into(),
            image_id: "11aa".into(),
            image_repository: "shop/web".into(),
            image_tag: "1".into(),
            image_digest: "sha256:22bb".into(),
            privileged: true,
            mounts: vec![Mount {
                source: "/srv".into(),
                dest: "/data".into(),
                mode: "ro".into(),
                rdwr: false,
                propagation: "rprivate".into(),
            }],
            created: 1_773_219_600_500_000_000,
            ip: "10.0.0.7".into(),
            cni_json: "[]".into(),
            host_pid: true,
            host_network: false,
            host_ipc: true,
            labels: vec![pair("b", "2"), pair("a", "1")],
            pod_sandbox_id: "77d7".into(),
            pod_sandbox_labels: vec![pair("tier", "front")],
        };
        assert_eq!(read(write(&info).as_bytes()), Some(info.clone()));
        // An engine without a number, and nothing else.
        let bare = ContainerInfo { id: "x".into(), engine: "nspawn".into(), ..ContainerInfo::default() };
        assert_eq!(read(format!("{}\0", write(&bare)).as_bytes()), Some(bare));
    }

    #[test]
    fn descriptions_of_falco_are_read() {
        let json = br#"{"container": {"type": 0, "id": "32a1026ccb88", "full_id": "32a1026ccb88a551", "name": "eager",
            "image": "fedora:38", "imagerepo": "fedora", "imagetag": "38", "created_time": 7, "labels": {"a": "b", "c": 1},
            "Mounts": [{"Source": "/home", "Destination": "/h", "RW": true}, 7], "env": [], "privileged": "yes"}}"#;
        let info = read(json).expect("a description");
        assert_eq!((&*info.engine, &*info.name, &*info.image_tag), ("docker", "eager", "38"));
        assert_eq!((info.created, info.owner, info.privileged), (7_000_000_000, None, false));
        assert_eq!((info.labels.len(), info.mounts.len(), info.mounts[0].rdwr), (1, 2, true));
        for json in ["", "{", "[]", "{}", r#"{"container": 7}"#, r#"{"container": {"name": "x"}}"#] {
            assert_eq!(read(json.as_bytes()), None, "{json}");
        }
    }
}
