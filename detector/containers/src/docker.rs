//! Docker: `GET /containers/ID/json`, `GET /images/ID/json` and `GET /events` of its HTTP API.

use super::change::{Change, Changes};
use super::image;
use super::rpc::{Error, Http};
use serde_json::Value as Json;
use sinsp::state::{ContainerInfo, Mount};

/// Events of containers and of networks: `{"type":["container","network"]}`.
pub(super) const EVENTS: &str = "/events?filters=%7B%22type%22%3A%5B%22container%22%2C%22network%22%5D%7D";

/// Reports every change of a container, until docker or podman ends the stream.
pub(super) async fn events(http: Http, path: &'static str, changes: &Changes) -> Result<(), Error> {
    let mut events = http.stream(path).await?;
    while let Some(event) = events.next().await? {
        if let Some(change) = change(&event) {
            changes.report(change).await;
        }
    }
    Ok(())
}

/// Returns what an event of docker or podman changes; `None` if that is nothing in the metadata. Networks name the
/// container as an attribute.
pub(super) fn change(event: &Json) -> Option<Change> {
    let action = event.get("Action")?.as_str()?;
    let id = match (event.get("Type")?.as_str()?, action) {
        ("container", _) => event.pointer("/Actor/ID"),
        ("network", "connect" | "disconnect") => event.pointer("/Actor/Attributes/container"),
        _ => None,
    }?;
    let id = id.as_str()?.to_owned();
    match action {
        "create" | "start" => Some(Change::Started(id)),
        "destroy" | "remove" => Some(Change::Removed(id)),
        "rename" | "update" | "connect" | "disconnect" | "die" | "died" | "stop" | "restart" => {
            Some(Change::Changed(id))
        }
        _ => None,
    }
}

/// Returns the metadata of a container; `None` if docker does not know it.
pub(super) async fn container(docker: &mut Http, id: &str) -> Result<Option<ContainerInfo>, Error> {
    let Some(found) = docker.json(&format!("/containers/{id}/json")).await? else { return Ok(None) };
    let mut info = common(&found);
    "docker".clone_into(&mut info.engine);
    info.image = text(&found, "/Config/Image");
    // A container that shares the network of another has its address.
    if info.ip.is_empty()
        && let Some(other) = text(&found, "/HostConfig/NetworkMode").strip_prefix("container:")
        && let Some(other) = docker.json(&format!("/containers/{other}/json")).await?
    {
        info.ip = address(&other);
    }
    // If the image was removed, its name still has some of the information.
    let image = docker.json(&format!("/images/{}/json", text(&found, "/Image"))).await.ok().flatten();
    of_image(&mut info, &image.unwrap_or_default());
    Ok(Some(info))
}

/// Returns the text at a path; empty if there is none.
pub(super) fn text(json: &Json, place: &str) -> String {
    json.pointer(place).and_then(Json::as_str).unwrap_or_default().to_owned()
}

fn address(container: &Json) -> String {
    let own = text(container, "/NetworkSettings/IPAddress");
    if !own.is_empty() {
        return own;
    }
    let networks = container.pointer("/NetworkSettings/Networks").and_then(Json::as_object);
    let mut addresses = networks.into_iter().flat_map(|networks| networks.values()).map(|of| text(of, "/IPAddress"));
    addresses.find(|address| !address.is_empty()).unwrap_or_default()
}

/// Parses the fields that docker and podman have in common.
pub(super) fn common(found: &Json) -> ContainerInfo {
    let mut info = ContainerInfo::default();
    info.full_id = text(found, "/Id");
    text(found, "/Name").trim_start_matches('/').clone_into(&mut info.name);
    info.user = text(found, "/Config/User");
    info.created = image::time(&text(found, "/Created"));
    info.privileged = found.pointer("/HostConfig/Privileged") == Some(&Json::Bool(true));
    let of_host = |mode: &str| text(found, &format!("/HostConfig/{mode}")) == "host";
    (info.host_pid, info.host_network, info.host_ipc) =
        (of_host("PidMode"), of_host("NetworkMode"), of_host("IpcMode"));
    info.ip = address(found);
    let labels = found.pointer("/Config/Labels").and_then(Json::as_object);
    let labels = labels.into_iter().flatten();
    info.labels = labels.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
    let mounts = found.get("Mounts").and_then(Json::as_array);
    info.mounts = mounts
        .into_iter()
        .flatten()
        .map(|mount| Mount {
            source: text(mount, "/Source"),
            dest: text(mount, "/Destination"),
            mode: text(mount, "/Mode"),
            rdwr: mount.get("RW") == Some(&Json::Bool(true)),
            propagation: text(mount, "/Propagation"),
        })
        .collect();
    info
}

/// Sets names, tags and digests of an image. Where it has several names, that with which the container was started is
/// meant; one that was started by an id has the first name of the image.
fn of_image(info: &mut ContainerInfo, image: &Json) {
    text(image, "/Id").trim_start_matches("sha256:").clone_into(&mut info.image_id);
    let list = |name: &str| {
        let items = image.get(name).and_then(Json::as_array).cloned().unwrap_or_default();
        items.into_iter().filter_map(|item| item.as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let (tags, digests) = (list("RepoTags"), list("RepoDigests"));
    let names = image::Names { tags: &tags, digests: &digests };
    let by_id = image::is_id(&info.image, &info.image_id);
    let found = if by_id { names.first() } else { names.of(&info.image) };
    (info.image_repository, info.image_tag, info.image_digest) = (found.repository, found.tag, found.digest);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_name_the_container_that_changed() {
        let of = |kind: &str, action: &str| {
            let attributes = json!({"container": "c2"});
            change(&json!({"Type": kind, "Action": action, "Actor": {"ID": "c1", "Attributes": attributes}}))
        };
        assert_eq!(of("container", "start"), Some(Change::Started("c1".into())));
        assert_eq!(of("container", "rename"), Some(Change::Changed("c1".into())));
        assert_eq!(of("network", "connect"), Some(Change::Changed("c2".into())));
        assert_eq!(of("container", "destroy"), Some(Change::Removed("c1".into())));
        assert_eq!(of("container", "remove"), Some(Change::Removed("c1".into())));
        for (kind, action) in [("container", "exec_start: sh"), ("image", "pull"), ("network", "create")] {
            assert_eq!(of(kind, action), None, "{kind} {action}");
        }
        assert_eq!(change(&json!({"Type": "container", "Action": "start"})), None);
        assert_eq!(change(&json!([])), None);
    }
}
