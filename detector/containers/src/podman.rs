//! Podman: `GET /libpod/containers/ID/json` of its own API, which has more fields than the docker-compatible one.

use super::docker::{common, text};
use super::image;
use super::rpc::{Error, Http};
use sinsp::state::ContainerInfo;

/// Events of containers and of networks: `{"type":["container","network"]}`. They have the form of docker's.
pub(super) const EVENTS: &str =
    "/v4.0.0/libpod/events?stream=true&filters=%7B%22type%22%3A%5B%22container%22%2C%22network%22%5D%7D";

/// Returns the metadata of a container; `None` if podman does not know it.
pub(super) async fn container(podman: &mut Http, id: &str) -> Result<Option<ContainerInfo>, Error> {
    let Some(found) = podman.json(&format!("/v4.0.0/libpod/containers/{id}/json")).await? else { return Ok(None) };
    let mut info = common(&found);
    "podman".clone_into(&mut info.engine);
    info.image = text(&found, "/ImageName");
    info.image_id = text(&found, "/Image");
    info.image_digest = text(&found, "/ImageDigest");
    let (repository, tag) = image::repository_and_tag(&info.image);
    (info.image_repository, info.image_tag) = (repository.to_owned(), tag.to_owned());
    // Containers of a pod have its id.
    info.pod_sandbox_id = text(&found, "/Pod");
    Ok(Some(info))
}
