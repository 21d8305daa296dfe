//! containerd's own API: containers of every namespace, such as those of `ctr` and `nerdctl`.
//!
//! A namespace is a client of containerd. A cgroup path has the id, but not always the namespace, so that all are
//! searched. What docker and CRI run on containerd is found too, but these know more and are preferred.

use super::change::{Change, Changes, is_short};
use super::containerd_api::{
    AboutContainer, Container, Empty, Envelope, Filters, GetContainerResponse, GetImageResponse, GetRequest,
    ListContainersResponse, ListNamespacesResponse,
};
use super::image;
use super::rpc::{Error, Failed, Grpc};
use prost::Message;
use serde_json::Value as Json;
use sinsp::state::{ContainerInfo, Mount};

const NAMESPACES: &str = "/containerd.services.namespaces.v1.Namespaces/List";
const GET: &str = "/containerd.services.containers.v1.Containers/Get";
const LIST: &str = "/containerd.services.containers.v1.Containers/List";
const IMAGE: &str = "/containerd.services.images.v1.Images/Get";
const SUBSCRIBE: &str = "/containerd.services.events.v1.Events/Subscribe";

/// Maximum number of namespaces that are searched.
const NAMESPACES_MAX: usize = 64;

/// Checks that containerd answers.
pub(super) async fn ping(containerd: &mut Grpc) -> Result<(), Error> {
    namespaces(containerd).await.map(drop)
}

async fn namespaces(containerd: &mut Grpc) -> Result<Vec<String>, Error> {
    let list: ListNamespacesResponse = containerd.call(NAMESPACES, Empty {}).await?;
    Ok(list.namespaces.into_iter().map(|namespace| namespace.name).take(NAMESPACES_MAX).collect())
}

/// Returns the metadata of a container; `None` if no namespace has it.
pub(super) async fn container(containerd: &mut Grpc, id: &str) -> Result<Option<ContainerInfo>, Error> {
    for namespace in namespaces(containerd).await? {
        let Some(found) = find(containerd, &namespace, id).await? else { continue };
        let mut info = describe(&found);
        if !found.image.is_empty() {
            let request = GetRequest { name: found.image };
            // An image can be removed while containers use it.
            if let Ok(response) = containerd.call_in::<_, GetImageResponse>(Some(&namespace), IMAGE, request).await {
                let target = response.image.and_then(|image| image.target);
                info.image_digest = target.map(|target| target.digest).unwrap_or_default();
            }
        }
        return Ok(Some(info));
    }
    Ok(None)
}

/// Returns the container of this id, or the one whose id begins with it if it is the short form of one.
async fn find(containerd: &mut Grpc, namespace: &str, id: &str) -> Result<Option<Container>, Error> {
    let request = GetRequest { name: id.to_owned() };
    match containerd.call_in::<_, GetContainerResponse>(Some(namespace), GET, request).await {
        Ok(response) => return Ok(response.container),
        Err(error) if Failed::is_not_found(&error) => {}
        Err(error) => return Err(error),
    }
    if !is_short(id) {
        return Ok(None);
    }
    let filters = vec![format!("id~=\"^{id}\"")];
    let list: ListContainersResponse = containerd.call_in(Some(namespace), LIST, Filters { filters }).await?;
    Ok(list.containers.into_iter().find(|container| container.id.starts_with(id)))
}

fn describe(found: &Container) -> ContainerInfo {
    let mut info = ContainerInfo::default();
    info.full_id.clone_from(&found.id);
    "containerd".clone_into(&mut info.engine);
    info.labels = found.labels.iter().map(|label| (label.key.clone(), label.value.clone())).collect();
    let label = |name: &str| found.labels.iter().find(|label| label.key == name).map(|label| label.value.as_str());
    // Only nerdctl gives names; a container of ctr has no name but its id.
    label("nerdctl/name").unwrap_or(&found.id).clone_into(&mut info.name);
    info.image.clone_from(&found.image);
    let (repository, tag) = image::repository_and_tag(&found.image);
    (info.image_repository, info.image_tag) = (repository.to_owned(), tag.to_owned());
    if let Some(time) = &found.created_at {
        let seconds = u64::try_from(time.seconds).unwrap_or(0);
        let nanos = u64::try_from(time.nanos).unwrap_or(0);
        info.created = seconds.saturating_mul(1_000_000_000).saturating_add(nanos);
    }
    let spec: Json = found.spec.as_ref().and_then(|spec| serde_json::from_slice(&spec.value).ok()).unwrap_or_default();
    of_spec(&mut info, &spec);
    info
}

/// Capabilities of a privileged container: all of them, of which this is one that no other container has.
const PRIVILEGED: &str = "CAP_SYS_ADMIN";

/// Sets what the configuration of the runtime has: user, mounts, namespaces.
fn of_spec(info: &mut ContainerInfo, spec: &Json) {
    let number = |place: &str| spec.pointer(place).and_then(Json::as_u64);
    if let Some(uid) = number("/process/user/uid") {
        info.user = uid.to_string();
    }
    let list = |place: &str| spec.pointer(place).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let namespaces = list("/linux/namespaces");
    if !namespaces.is_empty() {
        let of_host =
            |kind: &str| !namespaces.iter().any(|space| space.get("type").and_then(Json::as_str) == Some(kind));
        (info.host_pid, info.host_network, info.host_ipc) = (of_host("pid"), of_host("network"), of_host("ipc"));
    }
    let masked = list("/linux/maskedPaths");
    let bounding = list("/process/capabilities/bounding");
    info.privileged = masked.is_empty() && bounding.iter().any(|capability| capability.as_str() == Some(PRIVILEGED));
    let text = |mount: &Json, key: &str| mount.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    let bound = list("/mounts").iter().filter_map(|mount| {
        let options: Vec<_> = mount.get("options").and_then(Json::as_array)?.iter().filter_map(Json::as_str).collect();
        // The others are /proc, /dev and the like, which every container has.
        if !options.iter().any(|option| matches!(*option, "bind" | "rbind")) {
            return None;
        }
        let propagation = ["rprivate", "private", "rshared", "shared", "rslave", "slave"];
        Some(Mount {
            source: text(mount, "source"),
            dest: text(mount, "destination"),
            mode: String::new(),
            rdwr: !options.contains(&"ro"),
            propagation: options
                .iter()
                .find(|option| propagation.contains(option))
                .map_or("", |found| *found)
                .to_owned(),
        })
    });
    info.mounts = bound.collect();
}

/// Reports every change of a container, until containerd ends the stream.
pub(super) async fn events(mut containerd: Grpc, changes: &Changes) -> Result<(), Error> {
    let filters = vec!["topic~=\"^/containers/\"".to_owned(), "topic~=\"^/tasks/(start|exit)\"".to_owned()];
    let mut events = containerd.stream::<_, Envelope>(SUBSCRIBE, Filters { filters }).await?;
    while let Some(event) = events.message().await? {
        if let Some(change) = change(&event) {
            changes.report(change).await;
        }
    }
    Ok(())
}

fn change(event: &Envelope) -> Option<Change> {
    let id = AboutContainer::decode(&*event.event.as_ref()?.value).ok()?.id;
    match &*event.topic {
        "/containers/create" | "/tasks/start" => Some(Change::Started(id)),
        "/containers/delete" => Some(Change::Removed(id)),
        "/containers/update" | "/tasks/exit" => Some(Change::Changed(id)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::containerd_api::{Any, Timestamp};
    use super::super::cri_api::Entry;
    use super::*;

    #[test]
    fn a_container_of_nerdctl_has_name_image_and_mounts() {
        let spec = r#"{"process": {"user": {"uid": 33}, "capabilities": {"bounding": ["CAP_SYS_ADMIN"]}},
            "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}], "maskedPaths": []},
            "mounts": [{"destination": "/proc", "source": "proc", "options": ["nosuid"]},
                {"destination": "/data", "source": "/srv", "options": ["rbind", "ro", "rslave"]}]}"#;
        let found = Container {
            id: "abc".into(),
            labels: vec![Entry { key: "nerdctl/name".into(), value: "web".into() }],
            image: "docker.io/library/nginx:1.27".into(),
            spec: Some(Any { type_url: String::new(), value: spec.into() }),
            created_at: Some(Timestamp { seconds: 7, nanos: 5 }),
        };
        let info = describe(&found);
        assert_eq!((&*info.full_id, &*info.name, &*info.engine, &*info.user), ("abc", "web", "containerd", "33"));
        assert_eq!((&*info.image_repository, &*info.image_tag), ("docker.io/library/nginx", "1.27"));
        assert_eq!((info.created, info.labels.len()), (7_000_000_005, 1));
        assert!(info.privileged && info.host_network && info.host_ipc && !info.host_pid);
        let [mount] = info.mounts.as_slice() else { panic!("{:?}", info.mounts) };
        assert_eq!((&*mount.source, &*mount.dest, mount.rdwr, &*mount.propagation), ("/srv", "/data", false, "rslave"));
        // Damaged ones are described as far as they go.
        let damaged = Container { spec: Some(Any { type_url: String::new(), value: b"{".to_vec() }), ..found };
        assert_eq!(describe(&damaged).image, "docker.io/library/nginx:1.27");
    }

    #[test]
    fn events_name_the_container_that_changed() {
        let of = |topic: &str, value: &[u8]| {
            let event = Some(Any { type_url: String::new(), value: value.to_vec() });
            change(&Envelope { topic: topic.into(), event })
        };
        assert_eq!(of("/tasks/start", b"\x0a\x03abc\x10\x07"), Some(Change::Started("abc".into())));
        assert_eq!(of("/containers/delete", b"\x0a\x03abc"), Some(Change::Removed("abc".into())));
        assert_eq!(of("/containers/update", b"\x0a\x03abc\x12\x01i"), Some(Change::Changed("abc".into())));
        assert_eq!(of("/images/create", b"\x0a\x03abc"), None);
        assert_eq!(of("/tasks/start", b"\x0a\xff"), None);
    }
}
