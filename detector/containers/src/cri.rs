//! CRI, the interface of Kubernetes runtimes: `runtime.v1.RuntimeService` by gRPC. The numbers are those of its messages.

use super::image;
use super::rpc::{Error, Grpc};
use super::wire::{Message, Writer};
use serde_json::Value as Json;
use sinsp::state::{ContainerInfo, Mount};
use std::path::Path;

/// The longest description of network interfaces that is kept.
const LONGEST_CNI: usize = 4096;

async fn call(cri: &mut Grpc, method: &str, request: Writer) -> Result<hyper::body::Bytes, Error> {
    cri.call(&format!("/runtime.v1.RuntimeService/{method}"), &request.0).await
}

/// What a runtime knows of a container, or of the sandbox of a pod, which is a container too; nothing if it knows neither.
pub(super) async fn container(socket: &Path, id: &str) -> Result<Option<ContainerInfo>, Error> {
    let mut cri = Grpc::connect(socket).await?;
    let version = call(&mut cri, "Version", Writer::default()).await?;
    let engine = Message(&version).text(2);
    let by_id = || Writer::default().bytes(1, &Writer::default().bytes(1, id.as_bytes()).0);
    let list = call(&mut cri, "ListContainers", by_id()).await?;
    let one = Message(&list).messages(1).find(|one| one.text(1).starts_with(id));
    let mut info = match one {
        Some(one) => {
            let request = Writer::default().bytes(1, one.text(1).as_bytes()).number(2, 1);
            let status = call(&mut cri, "ContainerStatus", request).await?;
            let mut info = of_container(Message(&status));
            let pod = one.text(2);
            match sandbox(&mut cri, &pod).await {
                Ok(status) => of_sandbox(&mut info, Message(&status), &pod),
                // A pod that is just being removed.
                Err(_) => info.pod_sandbox_id = pod,
            }
            info
        }
        None => {
            let list = call(&mut cri, "ListPodSandbox", by_id()).await?;
            let Some(one) = Message(&list).messages(1).find(|one| one.text(1).starts_with(id)) else { return Ok(None) };
            let full = one.text(1);
            let status = sandbox(&mut cri, &full).await?;
            let mut info = ContainerInfo::default();
            info.full_id.clone_from(&full);
            info.name = Message(&status).message(1).message(2).text(1);
            info.created = Message(&status).message(1).number(4);
            of_sandbox(&mut info, Message(&status), &full);
            info
        }
    };
    info.engine = if engine.is_empty() { "cri".to_owned() } else { engine };
    Ok(Some(info))
}

async fn sandbox(cri: &mut Grpc, id: &str) -> Result<hyper::body::Bytes, Error> {
    call(cri, "PodSandboxStatus", Writer::default().bytes(1, id.as_bytes()).number(2, 1)).await
}

/// The JSON that a runtime adds to a status.
fn verbose(response: Message<'_>) -> Json {
    let info = response.map(2).into_iter().find(|(key, _)| key == "info");
    info.and_then(|(_, json)| serde_json::from_str(&json).ok()).unwrap_or_default()
}

fn of_container(response: Message<'_>) -> ContainerInfo {
    let (status, more) = (response.message(1), verbose(response));
    let mut info = ContainerInfo::default();
    info.full_id = status.text(1);
    info.name = status.message(2).text(1);
    info.created = status.number(4);
    info.labels = status.map(12);
    info.user = status.message(18).message(1).number(1).to_string();
    info.mounts = status
        .messages(14)
        .map(|mount| Mount {
            source: mount.text(2),
            dest: mount.text(1),
            mode: String::new(),
            rdwr: mount.number(3) == 0,
            propagation: match mount.number(5) {
                0 => "private",
                1 => "rslave",
                2 => "rshared",
                _ => "unknown",
            }
            .to_owned(),
        })
        .collect();
    let privileged =
        ["/runtimeSpec/linux/security_context/privileged", "/config/linux/security_context/privileged", "/privileged"];
    info.privileged = privileged.iter().find_map(|place| more.pointer(place)?.as_bool()).unwrap_or(false);
    of_image(&mut info, status, &more);
    info
}

/// The reference of an image is a digest, or a name with one; the name itself may be a digest, too.
fn of_image(info: &mut ContainerInfo, status: Message<'_>, more: &Json) {
    let (spec, reference) = (status.message(8).text(1), status.text(9));
    let mut name = spec.clone();
    let mut tag_of_spec = false;
    if let Some((of_reference, digest)) = reference.split_once('@') {
        of_reference.clone_into(&mut name);
        digest.clone_into(&mut info.image_digest);
        tag_of_spec = true;
    } else if reference.starts_with("sha256:") {
        info.image_digest.clone_from(&reference);
    }
    if name.is_empty() || name.starts_with("sha256") {
        let annotations = more.pointer("/runtimeSpec/annotations");
        let keys = ["io.kubernetes.cri.image-name", "io.kubernetes.cri-o.Image", "io.kubernetes.cri-o.ImageName"];
        if let Some(told) = keys.iter().find_map(|key| annotations?.get(key)?.as_str()) {
            told.clone_into(&mut name);
            tag_of_spec = false;
        }
    }
    let (repository, tag) = image::repository_and_tag(&name);
    (info.image_repository, info.image_tag) = (repository.to_owned(), tag.to_owned());
    if tag_of_spec && info.image_tag.is_empty() && !spec.starts_with("sha256") {
        let (_, tag) = image::repository_and_tag(&spec);
        if !tag.is_empty() {
            tag.clone_into(&mut info.image_tag);
            name = format!("{name}:{tag}");
        }
    }
    info.image = name;
    let of_config = more.pointer("/config/image/image").and_then(Json::as_str).unwrap_or_default();
    info.image_id = match image::repository_and_tag(of_config).1 {
        "" => status.text(17),
        id => id.to_owned(),
    };
}

fn of_sandbox(info: &mut ContainerInfo, response: Message<'_>, id: &str) {
    let status = response.message(1);
    id.clone_into(&mut info.pod_sandbox_id);
    info.pod_sandbox_labels = status.map(7);
    info.ip = status.message(5).text(1);
    let options = status.message(6).message(1).message(2);
    let of_node = |number| options.number(number) == 2;
    (info.host_network, info.host_pid, info.host_ipc) = (of_node(1), of_node(2), of_node(3));
    let metadata = status.message(2);
    let known = [
        ("io.kubernetes.sandbox.id", id.to_owned()),
        ("io.kubernetes.pod.name", metadata.text(1)),
        ("io.kubernetes.pod.uid", metadata.text(2)),
        ("io.kubernetes.pod.namespace", metadata.text(3)),
    ];
    for (name, value) in known {
        info.labels.retain(|(known, _)| known != name);
        info.labels.push((name.to_owned(), value));
    }
    info.cni_json = cni(&verbose(response));
}

/// The interfaces of the pod as JSON, but for the loopback and the other ends of pairs.
fn cni(more: &Json) -> String {
    let interfaces = more.pointer("/cniResult/interfaces").or_else(|| more.pointer("/cniResult/Interfaces"));
    let mut text = match interfaces {
        Some(Json::Array(interfaces)) => {
            let name = |interface: &Json| interface.get("name").and_then(Json::as_str).unwrap_or_default().to_owned();
            let kept: Vec<_> = interfaces.iter().filter(|one| !matches!(&*name(one), "lo" | "veth")).collect();
            serde_json::to_string(&kept).unwrap_or_default()
        }
        Some(Json::Object(by_name)) => {
            let kept: serde_json::Map<_, _> = by_name
                .iter()
                .filter(|(name, _)| !matches!(&***name, "lo" | "veth"))
                .map(|(a, b)| (a.clone(), b.clone()))
                .collect();
            Json::Object(kept).to_string()
        }
        _ => {
            let annotations = more.pointer("/runtimeSpec/annotations");
            let told = annotations.and_then(|all| all.get("io.kubernetes.cri-o.CNIResult")?.as_str());
            told.unwrap_or_default().to_owned()
        }
    };
    if text.len() > LONGEST_CNI {
        let end = (0..=LONGEST_CNI).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
    }
    text
}
