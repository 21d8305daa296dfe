//! Docker: `GET /containers/ID/json` and `GET /images/ID/json` of its HTTP API.

use super::image;
use super::rpc::{Error, Http};
use serde_json::Value as Json;
use sinsp::state::{ContainerInfo, Mount};
use std::path::Path;

/// Returns the metadata of a container; `None` if docker does not know it.
pub(super) async fn container(socket: &Path, id: &str) -> Result<Option<ContainerInfo>, Error> {
    let mut docker = Http::connect(socket).await?;
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

/// Sets names, tags and digests of an image. The first name is used; a digest and a tag belong to it.
fn of_image(info: &mut ContainerInfo, image: &Json) {
    text(image, "/Id").trim_start_matches("sha256:").clone_into(&mut info.image_id);
    let list = |name: &str| {
        let items = image.get(name).and_then(Json::as_array).cloned().unwrap_or_default();
        items.into_iter().filter_map(|item| item.as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let digests: Vec<_> = list("RepoDigests")
        .iter()
        .filter_map(|text| text.split_once('@').map(|(a, b)| (a.to_owned(), b.to_owned())))
        .collect();
    let tags: Vec<_> = list("RepoTags")
        .iter()
        .map(|name| image::repository_and_tag(name))
        .filter(|(repository, tag)| !repository.is_empty() && !tag.is_empty())
        .map(|(repository, tag)| (repository.to_owned(), tag.to_owned()))
        .collect();
    let named = digests.first().or(tags.first()).map(|(repository, _)| repository.clone());
    match named {
        Some(repository) => {
            let with = |all: &[(String, String)]| {
                all.iter().find(|(of, _)| *of == repository).map(|(_, found)| found.clone()).unwrap_or_default()
            };
            (info.image_digest, info.image_tag) = (with(&digests), with(&tags));
            info.image_repository = repository;
        }
        None => {
            let (repository, tag) = image::repository_and_tag(&info.image);
            (info.image_repository, info.image_tag) = (repository.to_owned(), tag.to_owned());
        }
    }
}
