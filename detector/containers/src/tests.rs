//! Engines that answer as docker, podman and CRI runtimes are documented to, on unix sockets.

use super::wire::{Message, Writer};
use super::{Answer, Containers, Engine, Kind, Settings};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as At, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http_body::{Body, Frame};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
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
                    // A client that goes away is no fault of the test.
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
    });
}

fn start(engines: Vec<Engine>, settings: Settings) -> (Containers, Receiver<Answer>) {
    let (sender, answers) = channel();
    let settings = Settings { engines, ..settings };
    let containers = Containers::start(settings, move |answer| drop(sender.send(answer))).expect("a thread");
    (containers, answers)
}

/// Asks, waits, and asks again.
fn ask(containers: &Containers, answers: &Receiver<Answer>, id: &str) -> Option<ContainerInfo> {
    let provider = containers.provider();
    assert_eq!(provider.container(id.as_bytes()), None, "nobody waits");
    let answer = answers.recv_timeout(Duration::from_secs(20)).expect("an answer");
    assert_eq!(answer.id, id.as_bytes());
    assert_eq!(provider.container(id.as_bytes()), answer.info);
    answer.info
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
        .with_state(counter)
}

fn axum_json(json: &Json) -> Response {
    ([("content-type", "application/json")], json.to_string()).into_response()
}

#[test]
fn docker_is_asked_once_for_each_container() {
    let folder = tempfile::tempdir().expect("a directory");
    let socket = folder.path().join("docker.sock");
    let counter = Arc::new(AtomicUsize::new(0));
    serve(socket.clone(), docker(Arc::clone(&counter)));
    let (containers, answers) = start(one(Kind::Docker, &socket), Settings::default());
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
        assert!(containers.provider().container(&ID.as_bytes()[..12]).is_some());
    }
    assert_eq!(counter.load(Ordering::SeqCst), 1);
}

#[test]
fn what_no_engine_knows_is_asked_again_and_then_left() {
    let folder = tempfile::tempdir().expect("a directory");
    let socket = folder.path().join("docker.sock");
    let counter = Arc::new(AtomicUsize::new(0));
    serve(socket.clone(), docker(Arc::clone(&counter)));
    let settings = Settings { again: vec![Duration::from_millis(5); 2], ..Settings::default() };
    let (containers, answers) = start(one(Kind::Docker, &socket), settings);
    assert_eq!(ask(&containers, &answers, "ffffffffffff"), None);
    assert_eq!(counter.load(Ordering::SeqCst), 3);
    assert_eq!(containers.provider().container(b"ffffffffffff"), None);
    assert!(!containers.provider().is_asked(b"ffffffffffff"), "the answer holds for a while");
    // What is no id is asked of nobody.
    assert_eq!(ask(&containers, &answers, "../etc"), None);
    assert_eq!(counter.load(Ordering::SeqCst), 3);
}

#[test]
fn podman_says_it_in_its_own_words() {
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
    let (containers, answers) = start(one(Kind::Podman, &socket), Settings::default());
    let info = ask(&containers, &answers, &ID[..12]).expect("it is known");
    assert_eq!((&*info.engine, &*info.name, &*info.pod_sandbox_id), ("podman", "web", POD));
    let image = (&*info.image_repository, &*info.image_tag, &*info.image_digest, &*info.image_id);
    assert_eq!(image, ("docker.io/library/nginx", "1.27", "sha256:22bb", "11aa"));
    assert!(info.host_network && info.labels.is_empty() && info.ip == "10.88.0.3");
}

/// A body of gRPC: one message, then the status.
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

fn text(number: u64, text: &str) -> Writer {
    Writer::default().bytes(number, text.as_bytes())
}

fn entry(key: &str, value: &str) -> Vec<u8> {
    text(1, key).bytes(2, value.as_bytes()).0
}

/// A runtime with one container in one pod.
fn runtime(method: &str, request: Message<'_>) -> Option<Vec<u8>> {
    let filter = request.message(1).text(1);
    Some(match method {
        "Version" => text(1, "0.1.0").bytes(2, b"containerd").0,
        "ListContainers" if ID.starts_with(&filter) => {
            Writer::default().bytes(1, &text(1, ID).bytes(2, POD.as_bytes()).0).0
        }
        "ListPodSandbox" if POD.starts_with(&filter) => Writer::default().bytes(1, &text(1, POD).0).0,
        "ListContainers" | "ListPodSandbox" => Vec::new(),
        "ContainerStatus" => {
            assert_eq!((request.text(1), request.number(2)), (ID.to_owned(), 1));
            let mount = text(1, "/data").bytes(2, b"/srv").number(3, 1).number(5, 2);
            let status = text(1, ID)
                .bytes(2, &text(1, "web").0)
                .number(4, 1_773_219_600_000_000_000)
                .bytes(8, &text(1, "registry.example:5000/shop/web:1.2").0)
                .bytes(9, b"registry.example:5000/shop/web@sha256:22bb")
                .bytes(12, &entry("app", "shop"))
                .bytes(14, &mount.0)
                .bytes(17, b"11aa")
                .bytes(18, &Writer::default().bytes(1, &Writer::default().number(1, 1000).0).0);
            let more =
                r#"{"config":{"image":{"image":"sha256:11aa"},"linux":{"security_context":{"privileged":true}}}}"#;
            Writer::default().bytes(1, &status.0).bytes(2, &entry("info", more)).0
        }
        "PodSandboxStatus" => {
            assert_eq!(request.text(1), POD);
            let metadata = text(1, "web-7d9").bytes(2, b"uid-1").bytes(3, b"shop");
            let options = Writer::default().number(1, 2).number(2, 0).number(3, 1);
            let linux = Writer::default().bytes(1, &Writer::default().bytes(2, &options.0).0);
            let status = text(1, POD)
                .bytes(2, &metadata.0)
                .number(4, 7)
                .bytes(5, &text(1, "10.244.1.7").0)
                .bytes(6, &linux.0)
                .bytes(7, &entry("tier", "front"));
            let more = r#"{"cniResult":{"interfaces":[{"name":"lo"},{"name":"eth0","mtu":1500}]}}"#;
            Writer::default().bytes(1, &status.0).bytes(2, &entry("info", more)).0
        }
        _ => return None,
    })
}

fn cri(socket: PathBuf) {
    let call = async |At(method): At<String>, body: Bytes| {
        let message = Message(body.get(5..).unwrap_or_default());
        let (message, status) = match runtime(&method, message) {
            Some(message) => (message, "0"),
            None => (Vec::new(), "12"),
        };
        let mut framed = vec![0];
        framed.extend_from_slice(&u32::try_from(message.len()).expect("short").to_be_bytes());
        framed.extend_from_slice(&message);
        let body = axum::body::Body::new(Grpc(Some(framed.into()), Some(status)));
        ([("content-type", "application/grpc")], body)
    };
    serve(socket, Router::new().route("/runtime.v1.RuntimeService/{method}", post(call)));
}

#[test]
fn cri_tells_container_and_pod() {
    let folder = tempfile::tempdir().expect("a directory");
    let socket = folder.path().join("containerd.sock");
    cri(socket.clone());
    let (containers, answers) = start(one(Kind::Cri, &socket), Settings::default());
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
fn an_engine_that_is_broken_or_slow_is_passed_over() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = |name: &str| folder.path().join(name);
    // One that never answers, one that speaks nonsense, one that is a file, one that is not there, and a good one.
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
    let settings = Settings { timeout: Duration::from_secs(1), ..Settings::default() };
    let (containers, answers) = start(engines, settings);
    assert_eq!(ask(&containers, &answers, &ID[..12]).expect("the last one knows it").name, "web");
    drop(silent);
}

#[test]
fn a_container_is_asked_about_until_there_is_an_answer() {
    let folder = tempfile::tempdir().expect("a directory");
    let socket = folder.path().join("silent");
    let _silent = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    let settings = Settings { timeout: Duration::from_secs(3600), ..Settings::default() };
    let (containers, answers) = start(one(Kind::Docker, &socket), settings);
    let provider = containers.provider();
    assert!(!provider.is_asked(b"ffffffffffff"), "before the first question");
    assert_eq!(provider.container(b"ffffffffffff"), None);
    assert!(provider.is_asked(b"ffffffffffff"));
    assert_eq!(provider.container(b"ffffffffffff"), None, "nobody waits");
    assert!(answers.try_recv().is_err());
}
