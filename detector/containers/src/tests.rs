//! Test engines that respond as docker, podman and CRI runtimes are documented to, on unix sockets.

mod engines;

use super::cri_api::*;
use super::{Answer, Config, Containers, Engine, Kind};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as At, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http_body::{Body, Frame};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use prost::Message;
use serde_json::{Value as Json, json};
use sinsp::state::ContainerInfo;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::task::{Context, Poll};
use std::time::Duration;

const ID: &str = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";
const POD: &str = "77d7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";

/// Serves a router on a unix socket for as long as the test runs.
fn serve(socket: PathBuf, router: Router) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let listener = std::os::unix::net::UnixListener::bind(socket).expect("a socket");
    listener.set_nonblocking(true).expect("a socket");
    std::thread::spawn(move || {
        runtime.block_on(async {
            let listener = tokio::net::UnixListener::from_std(listener).expect("a socket");
            while let Ok((stream, _)) = listener.accept().await {
                let service = TowerToHyperService::new(router.clone());
                tokio::spawn(async move {
                    let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    // A client that closes the connection is not an error of the test.
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
    });
}

/// Returns a message as gRPC frames it: not compressed, and its length.
fn framed(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).expect("short");
    [&[0][..], &length.to_be_bytes(), message].concat().into()
}

fn start(engines: Vec<Engine>, config: Config) -> (Containers, Receiver<Answer>) {
    let (sender, answers) = channel();
    let config = Config { engines, ..config };
    let containers = Containers::start(config, move |answer| drop(sender.send(answer))).expect("a thread");
    (containers, answers)
}

/// Returns the owner of containers of an engine that this process runs.
fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Starts a lookup, waits for the answer, and looks up again.
fn ask(containers: &Containers, answers: &Receiver<Answer>, id: &str) -> Option<ContainerInfo> {
    let provider = containers.provider();
    assert_eq!(provider.container(id.as_bytes(), me()), None, "nobody waits");
    let answer = next(answers);
    assert_eq!((&*answer.id, answer.owner), (id.as_bytes(), me()));
    assert_eq!(provider.known(id.as_bytes(), me()), answer.info);
    answer.info
}

fn next(answers: &Receiver<Answer>) -> Answer {
    answers.recv_timeout(Duration::from_secs(20)).expect("an answer")
}

fn one(kind: Kind, socket: &Path) -> Vec<Engine> {
    vec![Engine { kind, socket: socket.to_owned() }]
}

fn docker(counter: Arc<AtomicUsize>) -> Router {
    let container = async |State(counter): State<Arc<AtomicUsize>>, At(id): At<String>| -> Response {
        counter.fetch_add(1, Ordering::SeqCst);
        if !ID.starts_with(&id) {
            return (StatusCode::NOT_FOUND, "{\"message\": \"No such container\"}").into_response();
        }
        let found = json!({
            "Id": ID, "Name": "/web", "Created": "2026-03-11T09:00:00.5Z", "Image": "sha256:11aa",
            "Config": {"Image": "registry.example:5000/shop/web:1.2", "User": "www", "Labels": {"app": "shop", "long": "x".repeat(200)}},
            "HostConfig": {"Privileged": true, "PidMode": "host", "NetworkMode": "bridge", "IpcMode": "private"},
            "NetworkSettings": {"IPAddress": "", "Networks": {"bridge": {"IPAddress": "172.17.0.2"}}},
            "Mounts": [{"Source": "/srv", "Destination": "/data", "Mode": "ro", "RW": false, "Propagation": "rprivate"}],
        });
        axum_json(&found)
    };
    let image = async |At(id): At<String>| {
        assert_eq!(id, "sha256:11aa");
        axum_json(&json!({
            "Id": "sha256:11aa",
            "RepoTags": ["registry.example:5000/shop/web:1.2", "other:latest"],
            "RepoDigests": ["registry.example:5000/shop/web@sha256:22bb"],
        }))
    };
    Router::new()
        .route("/containers/{id}/json", get(container))
        .route("/images/{id}/json", get(image))
        .route("/_ping", get(async || "OK"))
        .with_state(counter)
}

fn axum_json(json: &Json) -> Response {
    ([("content-type", "application/json")], json.to_string()).into_response()
}

#[test]
fn docker_is_queried_once_for_each_container() {
    let folder = tempfile::tempdir().expect("a directory");
    let socket = folder.path().join("docker.sock");
    let counter = Arc::new(AtomicUsize::new(0));
    serve(socket.clone(), docker(Arc::clone(&counter)));
    let (containers, answers) = start(one(Kind::Docker, &socket), Config::default());
    let info = ask(&containers, &answers, &ID[..12]).expect("it is known");
    assert_eq!((&*info.id, &*info.full_id, &*info.name, &*info.engine), (&ID[..12], ID, "web", "docker"));
    assert_eq!((&*info.image, &*info.image_id), ("registry.example:5000/shop/web:1.2", "11aa"));
    let image = (&*info.image_repository, &*info.image_tag, &*info.image_digest);
    assert_eq!(image, ("registry.example:5000/shop/web", "1.2", "sha256:22bb"));
    assert_eq!((info.privileged, info.host_pid, info.host_network, info.host_ipc), (true, true, false, false));
    assert_eq!((&*info.ip, &*info.user, info.created), ("172.17.0.2", "www", 1_773_219_600_500_000_000));
    assert_eq!(info.labels, [("app".to_owned(), "shop".to_owned())], "long labels are left out");
    let mount = &info.mounts[0];
    assert_eq!(
        (&*mount.source, &*mount.dest, &*mount.mode, mount.rdwr, &*mount.propagation),
        ("/srv", "/data", "ro", false, "rprivate")
    );
    for _ in 0..5 {
        assert!(containers.provider().container(&ID.as_bytes()[..12], me()).is_some());
    }
    // Once more when the events of the engine are subscribed to: something may have changed since.
    assert!((1..=2).contains(&counter.load(Ordering::SeqCst)));
}

#[test]
fn unknown_containers_are_retried_a_few_times() {
    let folder = tempfile::tempdir().expect("a directory");
    let socket = folder.path().join("docker.sock");
    let counter = Arc::new(AtomicUsize::new(0));
    serve(socket.clone(), docker(Arc::clone(&counter)));
    let config = Config { retry_delays: vec![Duration::from_millis(5); 2], ..Config::default() };
    let (containers, answers) = start(one(Kind::Docker, &socket), config);
    assert_eq!(ask(&containers, &answers, "ffffffffffff"), None);
    assert_eq!(counter.load(Ordering::SeqCst), 3);
    assert_eq!(containers.provider().container(b"ffffffffffff", me()), None);
    assert!(!containers.provider().is_pending(b"ffffffffffff", me()), "the answer holds for a while");
    // An invalid id is not looked up.
    assert_eq!(ask(&containers, &answers, "../etc"), None);
    assert_eq!(counter.load(Ordering::SeqCst), 3);
}

#[test]
fn podman_is_queried_by_its_own_api() {
    let folder = tempfile::tempdir().expect("a directory");
    let socket = folder.path().join("podman.sock");
    let container = async || {
        axum_json(&json!({
            "Id": ID, "Name": "web", "Created": "2026-03-11T09:00:00Z", "Image": "11aa", "Pod": POD,
            "ImageName": "docker.io/library/nginx:1.27", "ImageDigest": "sha256:22bb",
            "Config": {"User": "", "Labels": null}, "HostConfig": {"NetworkMode": "host"}, "NetworkSettings": {"IPAddress": "10.88.0.3"},
        }))
    };
    serve(socket.clone(), Router::new().route("/v4.0.0/libpod/containers/{id}/json", get(container)));
    let (containers, answers) = start(one(Kind::Podman, &socket), Config::default());
    let info = ask(&containers, &answers, &ID[..12]).expect("it is known");
    assert_eq!((&*info.engine, &*info.name, &*info.pod_sandbox_id), ("podman", "web", POD));
    let image = (&*info.image_repository, &*info.image_tag, &*info.image_digest, &*info.image_id);
    assert_eq!(image, ("docker.io/library/nginx", "1.27", "sha256:22bb", "11aa"));
    assert!(info.host_network && info.labels.is_empty() && info.ip == "10.88.0.3");
}

/// A gRPC body: one message, then the status.
struct Grpc(Option<Bytes>, Option<&'static str>);

impl Body for Grpc {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(message) = self.0.take() {
            return Poll::Ready(Some(Ok(Frame::data(message))));
        }
        let trailers = self.1.take().map(|status| {
            let mut trailers = axum::http::HeaderMap::new();
            trailers.insert("grpc-status", status.parse().expect("a status"));
            Ok(Frame::trailers(trailers))
        });
        Poll::Ready(trailers)
    }
}

fn entry(key: &str, value: &str) -> Entry {
    Entry { key: key.into(), value: value.into() }
}

/// A runtime with one container in one pod.
fn runtime(method: &str, request: &[u8]) -> Option<Vec<u8>> {
    let listed = || ListRequest::decode(request).expect("a request").filter.expect("a filter").id;
    let wanted = || StatusRequest::decode(request).expect("a request");
    Some(match method {
        "Version" => VersionResponse { runtime_name: "containerd".into() }.encode_to_vec(),
        "ListContainers" => {
            let container = Container { id: ID.into(), pod_sandbox_id: POD.into() };
            let containers = if ID.starts_with(&listed()) { vec![container] } else { Vec::new() };
            ListContainersResponse { containers }.encode_to_vec()
        }
        "ListPodSandbox" => {
            let items = if POD.starts_with(&listed()) { vec![PodSandbox { id: POD.into() }] } else { Vec::new() };
            ListPodSandboxResponse { items }.encode_to_vec()
        }
        "ContainerStatus" => {
            assert_eq!(wanted(), StatusRequest { id: ID.into(), verbose: true });
            let mount =
                Mount { container_path: "/data".into(), host_path: "/srv".into(), readonly: true, propagation: 2 };
            let status = ContainerStatus {
                id: ID.into(),
                metadata: Some(ContainerMetadata { name: "web".into() }),
                created_at: 1_773_219_600_000_000_000,
                image: Some(ImageSpec { image: "registry.example:5000/shop/web:1.2".into() }),
                image_ref: "registry.example:5000/shop/web@sha256:22bb".into(),
                labels: vec![entry("app", "shop")],
                mounts: vec![mount],
                image_id: "11aa".into(),
                user: Some(ContainerUser { linux: Some(LinuxContainerUser { uid: 1000 }) }),
            };
            let more =
                r#"{"config":{"image":{"image":"sha256:11aa"},"linux":{"security_context":{"privileged":true}}}}"#;
            ContainerStatusResponse { status: Some(status), info: vec![entry("info", more)] }.encode_to_vec()
        }
        "PodSandboxStatus" => {
            assert_eq!(wanted(), StatusRequest { id: POD.into(), verbose: true });
            let options = Some(NamespaceOption { network: NamespaceOption::NODE, pid: 0, ipc: 1 });
            let status = PodSandboxStatus {
                id: POD.into(),
                metadata: Some(PodSandboxMetadata {
                    name: "web-7d9".into(),
                    uid: "uid-1".into(),
                    namespace: "shop".into(),
                }),
                created_at: 7,
                network: Some(PodSandboxNetworkStatus { ip: "10.244.1.7".into() }),
                linux: Some(LinuxPodSandboxStatus { namespaces: Some(Namespace { options }) }),
                labels: vec![entry("tier", "front")],
            };
            let more = r#"{"cniResult":{"interfaces":[{"name":"lo"},{"name":"eth0","mtu":1500}]}}"#;
            PodSandboxStatusResponse { status: Some(status), info: vec![entry("info", more)] }.encode_to_vec()
        }
        _ => return None,
    })
}

/// Encoded messages that our own encoder has no part in: field 1 of a list is a container with id and pod, and unknown
/// fields are skipped.
#[test]
fn messages_are_those_of_the_protocol() {
    let bytes = b"\x0a\x0d\x0a\x03abc\x12\x01p\x82\x01\x02zz\x18\x07";
    let list = ListContainersResponse::decode(&bytes[..]).expect("a message");
    assert_eq!(list.containers, [Container { id: "abc".into(), pod_sandbox_id: "p".into() }]);
    let filter = ListRequest { filter: Some(Filter { id: "ab".into() }) };
    assert_eq!(filter.encode_to_vec(), b"\x0a\x04\x0a\x02ab");
    assert_eq!(StatusRequest { id: "a".into(), verbose: true }.encode_to_vec(), b"\x0a\x01a\x10\x01");
    assert!(ListContainersResponse::decode(&b"\x0a\xff"[..]).is_err());
}

fn cri(socket: PathBuf) {
    let call = async |At(method): At<String>, body: Bytes| {
        let (message, status) = match runtime(&method, body.get(5..).unwrap_or_default()) {
            Some(message) => (message, "0"),
            None => (Vec::new(), "12"),
        };
        let body = axum::body::Body::new(Grpc(Some(framed(&message)), Some(status)));
        ([("content-type", "application/grpc")], body)
    };
    serve(socket, Router::new().route("/runtime.v1.RuntimeService/{method}", post(call)));
}

#[test]
fn cri_has_container_and_pod() {
    let folder = tempfile::tempdir().expect("a directory");
    let socket = folder.path().join("containerd.sock");
    cri(socket.clone());
    let (containers, answers) = start(one(Kind::Cri, &socket), Config::default());
    let info = ask(&containers, &answers, &ID[..12]).expect("it is known");
    assert_eq!((&*info.full_id, &*info.name, &*info.engine, &*info.user), (ID, "web", "containerd", "1000"));
    assert_eq!(info.image, "registry.example:5000/shop/web:1.2");
    let image = (&*info.image_repository, &*info.image_tag, &*info.image_digest, &*info.image_id);
    assert_eq!(image, ("registry.example:5000/shop/web", "1.2", "sha256:22bb", "11aa"));
    assert!(info.privileged && info.host_network && !info.host_pid && !info.host_ipc);
    assert_eq!((&*info.ip, &*info.pod_sandbox_id), ("10.244.1.7", POD));
    let label = |name: &str| info.labels.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    assert_eq!(
        ["app", "io.kubernetes.pod.name", "io.kubernetes.pod.namespace", "io.kubernetes.pod.uid"].map(label),
        [Some("shop"), Some("web-7d9"), Some("shop"), Some("uid-1")]
    );
    assert_eq!(info.pod_sandbox_labels, [("tier".to_owned(), "front".to_owned())]);
    assert_eq!(info.cni_json, r#"[{"name":"eth0","mtu":1500}]"#);
    let mount = &info.mounts[0];
    assert_eq!((&*mount.source, &*mount.dest, mount.rdwr, &*mount.propagation), ("/srv", "/data", false, "rshared"));
    // The sandbox of the pod is a container too.
    let info = ask(&containers, &answers, &POD[..12]).expect("it is known");
    assert_eq!((&*info.full_id, &*info.name, &*info.ip), (POD, "web-7d9", "10.244.1.7"));
    assert_eq!(ask(&containers, &answers, "000000000000"), None);
}

#[test]
fn a_broken_or_slow_engine_is_skipped() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = |name: &str| folder.path().join(name);
    // One that never responds, one that sends garbage, one that is a file, one that does not exist, and a good one.
    let silent = std::os::unix::net::UnixListener::bind(path("silent")).expect("a socket");
    let nonsense = std::os::unix::net::UnixListener::bind(path("nonsense")).expect("a socket");
    std::thread::spawn(move || {
        use std::io::Write;
        for stream in nonsense.incoming() {
            let _ = stream.and_then(|mut stream| stream.write_all(b"what?\r\n\r\n"));
        }
    });
    std::fs::write(path("file"), "").expect("written");
    serve(path("docker"), docker(Arc::default()));
    let engines = [
        (Kind::Docker, "silent"),
        (Kind::Cri, "silent"),
        (Kind::Docker, "nonsense"),
        (Kind::Cri, "nonsense"),
        (Kind::Podman, "file"),
        (Kind::Docker, "none"),
        (Kind::Docker, "docker"),
    ];
    let engines = engines.map(|(kind, name)| Engine { kind, socket: path(name) }).to_vec();
    let config = Config { timeout: Duration::from_secs(1), ..Config::default() };
    let (containers, answers) = start(engines, config);
    assert_eq!(ask(&containers, &answers, &ID[..12]).expect("the last one knows it").name, "web");
    drop(silent);
}

#[test]
fn a_lookup_is_in_progress_until_there_is_an_answer() {
    let folder = tempfile::tempdir().expect("a directory");
    let socket = folder.path().join("silent");
    let _silent = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    let config = Config { timeout: Duration::from_secs(3600), ..Config::default() };
    let (containers, answers) = start(one(Kind::Docker, &socket), config);
    let provider = containers.provider();
    assert!(!provider.is_pending(b"ffffffffffff", me()), "before the first question");
    assert_eq!(provider.container(b"ffffffffffff", me()), None);
    assert!(provider.is_pending(b"ffffffffffff", me()));
    assert_eq!(provider.container(b"ffffffffffff", me()), None, "nobody waits");
    assert!(answers.try_recv().is_err());
}
