//! CRI, the interface of Kubernetes runtimes: `runtime.v1.RuntimeService` by gRPC.

use super::change::{Change, Changes};
use super::cri_api::{
    ContainerEvent, ContainerStatus, ContainerStatusResponse, Entry, Filter, GetEventsRequest, ListContainersResponse,
    ListPodSandboxResponse, ListRequest, NamespaceOption, PodSandboxStatusResponse, StatusRequest, VersionRequest,
    VersionResponse,
};
use super::image;
use super::rpc::{Error, Grpc};
use serde_json::Value as Json;
use sinsp::state::{ContainerInfo, Mount};

/// Maximum length of the description of network interfaces. Longer ones are dropped.
const LONGEST_CNI: usize = 4096;

const VERSION: &str = "/runtime.v1.RuntimeService/Version";
const LIST_CONTAINERS: &str = "/runtime.v1.RuntimeService/ListContainers";
const CONTAINER_STATUS: &str = "/runtime.v1.RuntimeService/ContainerStatus";
const LIST_POD_SANDBOX: &str = "/runtime.v1.RuntimeService/ListPodSandbox";
const POD_SANDBOX_STATUS: &str = "/runtime.v1.RuntimeService/PodSandboxStatus";
const EVENTS: &str = "/runtime.v1.RuntimeService/GetContainerEvents";

/// Checks that the runtime answers.
pub(super) async fn ping(cri: &mut Grpc) -> Result<(), Error> {
    cri.call::<_, VersionResponse>(VERSION, VersionRequest {}).await.map(drop)
}

/// Reports every change, until the runtime ends the stream. containerd has it since version 1.7.
pub(super) async fn events(mut cri: Grpc, changes: &Changes) -> Result<(), Error> {
    let mut events = cri.stream::<_, ContainerEvent>(EVENTS, GetEventsRequest {}).await?;
    while let Some(event) = events.message().await? {
        let id = event.container_id;
        let change = match event.kind {
            ContainerEvent::CREATED | ContainerEvent::STARTED => Change::Started(id),
            ContainerEvent::DELETED => Change::Removed(id),
            _ => Change::Changed(id),
        };
        changes.report(change).await;
    }
    Ok(())
}

/// Returns the metadata of a container, or of the sandbox of a pod, which is a container too; `None` if there is
/// neither.
pub(super) async fn container(cri: &mut Grpc, id: &str) -> Result<Option<ContainerInfo>, Error> {
    let version: VersionResponse = cri.call(VERSION, VersionRequest {}).await?;
    let engine = version.runtime_name;
    let by_id = || ListRequest { filter: Some(Filter { id: id.to_owned() }) };
    let list: ListContainersResponse = cri.call(LIST_CONTAINERS, by_id()).await?;
    let one = list.containers.into_iter().find(|one| one.id.starts_with(id));
    let mut info = match one {
        Some(one) => {
            let request = StatusRequest { id: one.id, verbose: true };
            let status: ContainerStatusResponse = cri.call(CONTAINER_STATUS, request).await?;
            let mut info = of_container(status);
            let pod = one.pod_sandbox_id;
            match sandbox(cri, &pod).await {
                Ok(status) => of_sandbox(&mut info, status, &pod),
                // The pod is being removed.
                Err(_) => info.pod_sandbox_id = pod,
            }
            info
        }
        None => {
            let list: ListPodSandboxResponse = cri.call(LIST_POD_SANDBOX, by_id()).await?;
            let Some(one) = list.items.into_iter().find(|one| one.id.starts_with(id)) else { return Ok(None) };
            let response = sandbox(cri, &one.id).await?;
            let mut info = ContainerInfo::default();
            info.full_id.clone_from(&one.id);
            if let Some(status) = &response.status {
                info.name = status.metadata.as_ref().map(|metadata| metadata.name.clone()).unwrap_or_default();
                info.created = status.created_at.cast_unsigned();
            }
            of_sandbox(&mut info, response, &one.id);
            info
        }
    };
    info.engine = if engine.is_empty() { "cri".to_owned() } else { engine };
    Ok(Some(info))
}

async fn sandbox(cri: &mut Grpc, id: &str) -> Result<PodSandboxStatusResponse, Error> {
    cri.call(POD_SANDBOX_STATUS, StatusRequest { id: id.to_owned(), verbose: true }).await
}

fn pairs(entries: Vec<Entry>) -> Vec<(String, String)> {
    entries.into_iter().map(|entry| (entry.key, entry.value)).collect()
}

/// Returns the JSON that a runtime adds to a status.
fn verbose(info: &[Entry]) -> Json {
    let info = info.iter().find(|entry| entry.key == "info");
    info.and_then(|entry| serde_json::from_str(&entry.value).ok()).unwrap_or_default()
}

fn of_container(response: ContainerStatusResponse) -> ContainerInfo {
    let (mut status, more) = (response.status.unwrap_or_default(), verbose(&response.info));
    let mut info = ContainerInfo::default();
    info.name = status.metadata.take().unwrap_or_default().name;
    info.created = status.created_at.cast_unsigned();
    info.labels = pairs(std::mem::take(&mut status.labels));
    info.user = status.user.take().and_then(|user| user.linux).unwrap_or_default().uid.cast_unsigned().to_string();
    info.mounts = std::mem::take(&mut status.mounts)
        .into_iter()
        .map(|mount| Mount {
            source: mount.host_path,
            dest: mount.container_path,
            mode: String::new(),
            rdwr: !mount.readonly,
            propagation: match mount.propagation {
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
    of_image(&mut info, &status, &more);
    info.full_id = status.id;
    info
}

/// Sets the image. The name with which the container was started is in an annotation; the status has any name of the
/// image, and its reference is a digest, or a name with one.
fn of_image(info: &mut ContainerInfo, status: &ContainerStatus, more: &Json) {
    let text = |place: &str| more.pointer(place).and_then(Json::as_str).unwrap_or_default();
    let annotation = |key: &str| more.pointer("/runtimeSpec/annotations")?.get(key)?.as_str();
    let used = [
        annotation("io.kubernetes.cri.image-name").unwrap_or_default(),
        text("/config/image/user_specified_image"),
        annotation("io.kubernetes.cri-o.ImageName").unwrap_or_default(),
        annotation("io.kubernetes.cri-o.Image").unwrap_or_default(),
    ];
    let is_name = |name: &&str| !image::is_id(name, &status.image_id);
    let used = used.into_iter().find(is_name);
    let spec = status.image.as_ref().map(|spec| spec.image.as_str()).unwrap_or_default();
    let reference = status.image_ref.as_str();
    let (of_reference, digest) = reference.split_once('@').unwrap_or((
        if reference.starts_with("sha256:") { "" } else { reference },
        if reference.starts_with("sha256:") { reference } else { "" },
    ));
    let named = used.or(Some(spec).filter(is_name)).or(Some(of_reference).filter(is_name));
    let name = named.unwrap_or(spec);
    let (repository, tag) = image::repository_and_tag(name);
    // The status names the same repository with a tag where the pod has only a digest.
    let of_spec = image::repository_and_tag(spec);
    let tag = if tag.is_empty() && of_spec.0 == repository { of_spec.1 } else { tag };
    (info.image_repository, info.image_tag) = (repository.to_owned(), tag.to_owned());
    name.clone_into(&mut info.image);
    digest.clone_into(&mut info.image_digest);
    if named.is_none() {
        (info.image_repository, info.image_tag) = (String::new(), String::new());
    }
    info.image_id = match image::repository_and_tag(text("/config/image/image")).1 {
        "" => status.image_id.clone(),
        id => id.to_owned(),
    };
}

fn of_sandbox(info: &mut ContainerInfo, response: PodSandboxStatusResponse, id: &str) {
    info.cni_json = cni(&verbose(&response.info));
    let status = response.status.unwrap_or_default();
    id.clone_into(&mut info.pod_sandbox_id);
    info.pod_sandbox_labels = pairs(status.labels);
    info.ip = status.network.unwrap_or_default().ip;
    let options = status.linux.and_then(|linux| linux.namespaces).and_then(|spaces| spaces.options).unwrap_or_default();
    let of_node = |mode| mode == NamespaceOption::NODE;
    (info.host_network, info.host_pid, info.host_ipc) =
        (of_node(options.network), of_node(options.pid), of_node(options.ipc));
    let metadata = status.metadata.unwrap_or_default();
    let known = [
        ("io.kubernetes.sandbox.id", id.to_owned()),
        ("io.kubernetes.pod.name", metadata.name),
        ("io.kubernetes.pod.uid", metadata.uid),
        ("io.kubernetes.pod.namespace", metadata.namespace),
    ];
    for (name, value) in known {
        info.labels.retain(|(known, _)| known != name);
        info.labels.push((name.to_owned(), value));
    }
}

/// Returns the interfaces of the pod as JSON, without loopback and the other ends of pairs.
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
