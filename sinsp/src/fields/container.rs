//! `container.*` and `k8s.*`: the container and the pod that the thread lives in.
//!
//! The id comes from the thread's cgroups; the rest is [added to the state](crate::state::State::insert_container) by
//! the host program. The host itself counts as a container called `host` without further facts. Until a container is
//! described only its id has a value.

use bumpalo::Bump;
use peregrine_text::glob;

use super::macros::fields;
use super::value::{Sink, Text};
use super::{Arg, FieldRef, Value};
use crate::Event;
use crate::state::{ContainerInfo, Mount};

fields! {
    /// The container and the pod that the thread of the event lives in.
    pub(crate) CONTAINER = "container" "" {
        "container.id" CharBuf na [FORMAT_SUGGESTED], Thread, |e, _, _| {
                let thread = e.thread()?;
                Some(if thread.container_id.is_empty() { "host".into() } else { (&*thread.container_id).into() })
            },
            "the first 12 characters of the container's id; `host` outside of containers." on exec = "host";
        "container.full_id" CharBuf na, Event, |e, _, _| text(e, |c| &c.full_id),
            "the full id of the container." on exec = "host";
        "container.name" CharBuf na [FORMAT_SUGGESTED], Thread, |e, _, _| text(e, |c| &c.name),
            "the container's name; `host` outside of containers." on exec = "host";
        "container.image" CharBuf na, Thread, |e, _, _| text(e, |c| &c.image),
            "the image, as in `nginx:latest`." on exec = "";
        "container.image.id" CharBuf na, Thread, |e, _, _| text(e, |c| &c.image_id),
            "the image's id." on exec = "";
        "container.type" CharBuf na, Thread, |e, _, _| text(e, |c| &c.engine),
            "the runtime: docker, containerd, cri-o, podman, lxc …; `host` outside of containers." on exec = "host";
        "container.privileged" Bool na, Thread, |e, _, _| Some(meta(e)?.privileged.into()),
            "whether the container is privileged." on exec = "false";
        "container.mounts" CharBuf na, Event, |e, _, arena| {
                let mut out = Text::new_in(arena);
                for (i, mount) in meta(e)?.mounts.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    push_mount(&mut out, mount);
                }
                Some(Value::Bytes(out.into_bump_slice()))
            },
            "all mounts as source:destination:mode:writable:propagation, separated by commas." on exec = "";
        "container.mount" CharBuf na [ARG_REQUIRED|ARG_INDEX|ARG_KEY] (IndexOrKey), Event, |e, f, arena| {
                let mut out = Text::new_in(arena);
                push_mount(&mut out, mount(e, f, |mount| &mount.source)?);
                Some(Value::Bytes(out.into_bump_slice()))
            },
            "one mount, by number or source; `*` and `?` in the source match any text and any character."
            on exec ["[0]"] = none;
        "container.mount.source" CharBuf na [ARG_REQUIRED|ARG_INDEX|ARG_KEY] (IndexOrKey), Event,
            |e, f, _| Some(mount(e, f, |mount| &mount.dest)?.source.as_str().into()),
            "the source of a mount, by number or destination." on exec ["[0]"] = none;
        "container.mount.dest" CharBuf na [ARG_REQUIRED|ARG_INDEX|ARG_KEY] (IndexOrKey), Event,
            |e, f, _| Some(mount(e, f, |mount| &mount.source)?.dest.as_str().into()),
            "the destination of a mount, by number or source." on exec ["[0]"] = none;
        "container.mount.mode" CharBuf na [ARG_REQUIRED|ARG_INDEX|ARG_KEY] (IndexOrKey), Event,
            |e, f, _| Some(mount(e, f, |mount| &mount.source)?.mode.as_str().into()),
            "the mode of a mount, by number or source." on exec ["[0]"] = none;
        "container.mount.rdwr" CharBuf na [ARG_REQUIRED|ARG_INDEX|ARG_KEY] (IndexOrKey), Event,
            |e, f, _| Some(if mount(e, f, |mount| &mount.source)?.rdwr { "true" } else { "false" }.into()),
            "whether a mount is writable, by number or source." on exec ["[0]"] = none;
        "container.mount.propagation" CharBuf na [ARG_REQUIRED|ARG_INDEX|ARG_KEY] (IndexOrKey), Event,
            |e, f, _| Some(mount(e, f, |mount| &mount.source)?.propagation.as_str().into()),
            "the propagation of a mount, by number or source." on exec ["[0]"] = none;
        "container.image.repository" CharBuf na [FORMAT_SUGGESTED], Thread, |e, _, _| text(e, |c| &c.image_repository),
            "the repository of the image, as in `docker.io/library/nginx`." on exec = "";
        "container.image.tag" CharBuf na [FORMAT_SUGGESTED], Thread, |e, _, _| text(e, |c| &c.image_tag),
            "the tag of the image, as in `latest`." on exec = "";
        "container.image.digest" CharBuf na, Thread, |e, _, _| text(e, |c| &c.image_digest),
            "the digest of the image in its registry." on exec = "";
        "container.healthcheck" CharBuf na, Event, |_, _, _| None,
            "no longer has a value." on exec = none;
        "container.liveness_probe" CharBuf na, Event, |_, _, _| None,
            "no longer has a value." on exec = none;
        "container.readiness_probe" CharBuf na, Event, |_, _, _| None,
            "no longer has a value." on exec = none;
        "container.start_ts" AbsTime dec, Event, |e, _, _| start(e).map(Value::U64),
            "the start of the first process of the thread's pid namespace, in nanoseconds since 1970."
            on exec = none;
        "container.duration" RelTime dec, Event, |e, _, _| Some(Value::U64(e.ts().wrapping_sub(start(e)?))),
            "nanoseconds since `container.start_ts`." on exec = none;
        "container.ip" CharBuf na, Event, |e, _, _| text(e, |c| &c.ip),
            "the container's address." on exec = "";
        "container.cni.json" CharBuf na, Event, |e, _, _| text(e, |c| &c.cni_json),
            "the result of the network plugin for the container, as JSON." on exec = "";
        "container.host_pid" Bool na, Event, |e, _, _| Some(meta(e)?.host_pid.into()),
            "whether the container shares the host's pid namespace." on exec = "false";
        "container.host_network" Bool na, Event, |e, _, _| Some(meta(e)?.host_network.into()),
            "whether the container shares the host's network namespace." on exec = "false";
        "container.host_ipc" Bool na, Event, |e, _, _| Some(meta(e)?.host_ipc.into()),
            "whether the container shares the host's ipc namespace." on exec = "false";
        "container.label" CharBuf na [ARG_REQUIRED|ARG_KEY] (Key), Event, |e, f, _| label(&meta(e)?.labels, f),
            "the value of one label." on exec ["[app]"] = none;
        "container.labels" CharBuf na, Event, |e, _, arena| Some(labels(&meta(e)?.labels, arena)),
            "all labels as name:value, separated by commas and spaces; without the labels that kubernetes sets itself."
            on exec = "";
        "proc.is_container_healthcheck" Bool na, Event, |_, _, _| None,
            "no longer has a value." on exec = none;
        "proc.is_container_liveness_probe" Bool na, Event, |_, _, _| None,
            "no longer has a value." on exec = none;
        "proc.is_container_readiness_probe" Bool na, Event, |_, _, _| None,
            "no longer has a value." on exec = none;
        "k8s.pod.name" CharBuf na [FORMAT_SUGGESTED], Thread, |e, _, _| own_label(e, b"io.kubernetes.pod.name"),
            "the name of the pod." on exec = none;
        "k8s.ns.name" CharBuf na [FORMAT_SUGGESTED], Thread, |e, _, _| own_label(e, b"io.kubernetes.pod.namespace"),
            "the kubernetes namespace of the pod." on exec = none;
        "k8s.pod.id" CharBuf na, Thread, |e, _, _| own_label(e, b"io.kubernetes.pod.uid"),
            "as `k8s.pod.uid`." on exec = none;
        "k8s.pod.uid" CharBuf na, Thread, |e, _, _| own_label(e, b"io.kubernetes.pod.uid"),
            "the id of the pod in kubernetes." on exec = none;
        "k8s.pod.sandbox_id" CharBuf na, Event, |e, _, _| Some(sandbox_id(meta(e)?).into()),
            "the first 12 characters of the id of the pod's sandbox container." on exec = "";
        "k8s.pod.full_sandbox_id" CharBuf na, Event, |e, _, _| text(e, |c| &c.pod_sandbox_id),
            "the full id of the pod's sandbox container." on exec = "";
        "k8s.pod.label" CharBuf na [ARG_REQUIRED|ARG_KEY] (Key), Event, |e, f, _| {
                let container = meta(e)?;
                label(&sandbox(e, container).unwrap_or(container).pod_sandbox_labels, f).or_else(|| label(&container.pod_sandbox_labels, f))
            },
            "the value of one label of the pod." on exec ["[app]"] = none;
        "k8s.pod.labels" CharBuf na, Event, |e, _, arena| {
                let container = meta(e)?;
                Some(labels(&sandbox(e, container).unwrap_or(container).pod_sandbox_labels, arena))
            },
            "all labels of the pod, as `container.labels`." on exec = "";
        "k8s.pod.ip" CharBuf na, Event, |e, _, _| Some(pod(e)?.ip.as_str().into()),
            "the address of the pod." on exec = "";
        "k8s.pod.cni.json" CharBuf na, Event, |e, _, _| Some(pod(e)?.cni_json.as_str().into()),
            "the result of the network plugin for the pod, as JSON." on exec = "";
        "k8s.rc.name" CharBuf na, Event, |_, _, _| None,
            "no longer has a value." on exec = none;
        "k8s.rc.id" CharBuf na, Event, |_, _, _| None,
            "no longer has a value." on exec = none;
        "k8s.rc.label" CharBuf na [ARG_REQUIRED|ARG_KEY] (Key), Event, |_, _, _| None,
            "no longer has a value." on exec ["[app]"] = none;
        "k8s.rc.labels" CharBuf na, Event, |_, _, _| None,
            "no longer has a value." on exec = none;
        "k8s.svc.name" CharBuf na, Event, |_, _, _| None,
            "no longer has a value." on exec = none;
        "k8s.svc.id" CharBuf na, Event, |_, _, _| None,
            "no longer has a value." on exec = none;
        "k8s.svc.label" CharBuf na [ARG_REQUIRED|ARG_KEY] (Key), Event, |_, _, _| None,
            "no longer has a value." on exec ["[app]"] = none;
        "k8s.svc.labels" CharBuf na, Event, |_, _, _| None,
            "no longer has a value." on exec = none;
        "k8s.ns.id" CharBuf na, Event, |_, _, _| None,
            "no longer has a value." on exec = none;
        "k8s.ns.label" CharBuf na [ARG_REQUIRED|ARG_KEY] (Key), Event, |_, _, _| None,
            "no longer has a value." on exec ["[app]"] = none;
        "k8s.ns.labels" CharBuf na, Event, |_, _, _| None,
            "no longer has a value." on exec = none;
        "k8s.rs.name" CharBuf na, Event, |_, _, _| None,
            "no longer has a value." on exec = none;
        "k8s.rs.id" CharBuf na, Event, |_, _, _| None,
            "no longer has a value." on exec = none;
        "k8s.rs.label" CharBuf na [ARG_REQUIRED|ARG_KEY] (Key), Event, |_, _, _| None,
            "no longer has a value." on exec ["[app]"] = none;
        "k8s.rs.labels" CharBuf na, Event, |_, _, _| None,
            "no longer has a value." on exec = none;
        "k8s.deployment.name" CharBuf na, Event, |_, _, _| None,
            "no longer has a value." on exec = none;
        "k8s.deployment.id" CharBuf na, Event, |_, _, _| None,
            "no longer has a value." on exec = none;
        "k8s.deployment.label" CharBuf na [ARG_REQUIRED|ARG_KEY] (Key), Event, |_, _, _| None,
            "no longer has a value." on exec ["[app]"] = none;
        "k8s.deployment.labels" CharBuf na, Event, |_, _, _| None,
            "no longer has a value." on exec = none;
    }
}

const SHORT_ID: usize = 12;

/// Returns the container of the event's thread.
fn meta<'e>(e: &'e Event<'e>) -> Option<&'e ContainerInfo> {
    e.state().container_of(e.thread()?)
}

fn text<'e>(e: &'e Event<'e>, of: fn(&'e ContainerInfo) -> &'e String) -> Option<Value<'e>> {
    Some(of(meta(e)?).as_str().into())
}

fn start(e: &Event<'_>) -> Option<u64> {
    Some(e.thread()?.pidns_init_start_ts).filter(|start| *start != 0)
}

fn sandbox_id(container: &ContainerInfo) -> &[u8] {
    let id = container.pod_sandbox_id.as_bytes();
    id.get(..SHORT_ID).unwrap_or(id)
}

/// Returns the sandbox container of the pod, if the container itself does not know the pod's network.
fn sandbox<'e>(e: &'e Event<'e>, container: &ContainerInfo) -> Option<&'e ContainerInfo> {
    if container.cni_json.is_empty() { e.state().container(sandbox_id(container)) } else { None }
}

fn pod<'e>(e: &'e Event<'e>) -> Option<&'e ContainerInfo> {
    let container = meta(e)?;
    if container.cni_json.is_empty() { sandbox(e, container) } else { Some(container) }
}

fn find<'e>(labels: &'e [(String, String)], name: &[u8]) -> Option<Value<'e>> {
    labels.iter().find(|(key, _)| key.as_bytes() == name).map(|(_, value)| value.as_str().into())
}

fn label<'e>(labels: &'e [(String, String)], field: &FieldRef) -> Option<Value<'e>> {
    match &field.arg {
        Arg::Name(name) => find(labels, name),
        _ => None,
    }
}

fn own_label<'e>(e: &'e Event<'e>, name: &[u8]) -> Option<Value<'e>> {
    find(&meta(e)?.labels, name)
}

fn labels<'e>(labels: &[(String, String)], arena: &'e Bump) -> Value<'e> {
    let mut out = Text::new_in(arena);
    for (name, value) in labels {
        if name.starts_with("annotation.") || name.starts_with("io.kubernetes.") {
            continue;
        }
        if !out.is_empty() {
            out.push_bytes(b", ");
        }
        out.push_bytes(name.as_bytes());
        if !value.is_empty() {
            out.push(b':');
            out.push_bytes(value.as_bytes());
        }
    }
    Value::Bytes(out.into_bump_slice())
}

fn push_mount(out: &mut Text<'_>, mount: &Mount) {
    let rdwr = if mount.rdwr { "true" } else { "false" };
    for (i, part) in [&*mount.source, &mount.dest, &mount.mode, rdwr, &mount.propagation].iter().enumerate() {
        if i > 0 {
            out.push(b':');
        }
        out.push_bytes(part.as_bytes());
    }
}

/// Returns the mount with the number in the argument, or the first where `key` matches it.
fn mount<'e>(e: &'e Event<'e>, field: &FieldRef, key: fn(&Mount) -> &String) -> Option<&'e Mount> {
    let mounts = &meta(e)?.mounts;
    match &field.arg {
        Arg::Index(index) => mounts.get(usize::try_from(*index).ok()?),
        Arg::Name(pattern) => mounts.iter().find(|mount| glob::matches(pattern, key(mount).as_bytes(), false)),
        _ => None,
    }
}
