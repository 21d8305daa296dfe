//! Several engines at a time: those that hang, change their mind, or speak for others.

use super::super::containerd_api;
use super::super::{EngineState, Health};
use super::*;
use std::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A response that goes on.
struct Stream(UnboundedReceiver<Bytes>);

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, at: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(at).map(|bytes| Some(Ok(Frame::data(bytes?))))
    }
}

/// A docker with one container whose name can be changed.
#[derive(Clone)]
struct Docker {
    name: Arc<Mutex<String>>,
    events: Arc<Mutex<Option<UnboundedSender<Bytes>>>>,
    subscribed: Arc<tokio::sync::Semaphore>,
}

impl Docker {
    fn new(name: &str) -> Self {
        let name = Arc::new(Mutex::new(name.to_owned()));
        Self { name, events: Arc::default(), subscribed: Arc::new(tokio::sync::Semaphore::new(0)) }
    }

    fn serve(&self, socket: PathBuf) {
        let container = async |State(docker): State<Self>, At(id): At<String>| -> Response {
            let name = docker.name.lock().expect("a name").clone();
            match ID.starts_with(&id) && !name.is_empty() {
                true => axum_json(&json!({"Id": ID, "Name": format!("/{name}"), "Config": {"Image": "shop:1"}})),
                false => StatusCode::NOT_FOUND.into_response(),
            }
        };
        let events = async |State(docker): State<Self>| -> Response {
            let (sender, receiver) = unbounded_channel();
            *docker.events.lock().expect("a sender") = Some(sender);
            docker.subscribed.add_permits(1);
            Response::new(axum::body::Body::new(Stream(receiver)))
        };
        let router = Router::new()
            .route("/containers/{id}/json", get(container))
            .route("/events", get(events))
            .route("/_ping", get(async || "OK"))
            .with_state(self.clone());
        serve(socket, router);
    }

    /// Waits until somebody listens to events.
    fn wait(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(self.subscribed.acquire()).expect("open").forget();
    }

    fn report(&self, action: &str) {
        let event = json!({"Type": "container", "Action": action, "Actor": {"ID": ID, "Attributes": {}}});
        let events = self.events.lock().expect("a sender");
        events.as_ref().expect("a listener").send(format!("{event}\n").into()).expect("a listener");
    }

    fn rename(&self, name: &str, action: &str) {
        name.clone_into(&mut self.name.lock().expect("a name"));
        self.report(action);
    }
}

/// A docker with a container `web`, whose events are listened to.
struct Followed {
    docker: Docker,
    containers: Containers,
    answers: Receiver<Answer>,
    _folder: tempfile::TempDir,
}

impl Followed {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let socket = folder.path().join("docker.sock");
        let docker = Docker::new("web");
        docker.serve(socket.clone());
        let (containers, answers) = start(one(Kind::Docker, &socket), Config::default());
        docker.wait();
        Self { docker, containers, answers, _folder: folder }
    }
}

/// A socket where nobody ever answers.
fn hang(socket: &Path) -> std::os::unix::net::UnixListener {
    std::os::unix::net::UnixListener::bind(socket).expect("a socket")
}

fn engines(list: &[(Kind, &Path)]) -> Vec<Engine> {
    list.iter().map(|(kind, socket)| Engine { kind: *kind, socket: socket.to_path_buf() }).collect()
}

const SHORT: &str = "3ad7b26ded6d";

#[test]
fn what_changes_is_followed() {
    let Followed { docker, containers, answers, _folder } = Followed::start();
    assert_eq!(ask(&containers, &answers, SHORT).expect("it is known").name, "web");
    docker.rename("shop", "rename");
    let info = next(&answers).info.expect("it is known");
    assert_eq!((&*info.name, info.owner), ("shop", Some(me())));
    assert_eq!(containers.provider().known(SHORT.as_bytes(), me()), Some(info));
    // An event without a change is not an answer; a later change is one.
    docker.report("update");
    docker.rename("shop-2", "exec_create: sh");
    docker.report("stop");
    assert_eq!(next(&answers).info.expect("it is known").name, "shop-2");
    // A container that is gone is looked up again when it is seen again.
    docker.rename("", "destroy");
    while containers.provider().known(SHORT.as_bytes(), me()).is_some() {
        std::thread::yield_now();
    }
    let [EngineState { health: Health::Connected, changes: 4.., .. }] = &*containers.engines() else {
        panic!("{:?}", containers.engines())
    };
}

#[test]
fn changes_while_the_engine_was_away_are_found_when_it_is_back() {
    let Followed { docker, containers, answers, _folder } = Followed::start();
    assert_eq!(ask(&containers, &answers, SHORT).expect("it is known").name, "web");
    "shop".clone_into(&mut docker.name.lock().expect("a name"));
    // The stream ends, as when the engine restarts.
    *docker.events.lock().expect("a sender") = None;
    assert_eq!(next(&answers).info.expect("it is known").name, "shop");
}

#[test]
fn a_container_is_known_before_its_first_event_if_the_engine_reports_its_start() {
    let Followed { docker, containers, answers, _folder } = Followed::start();
    docker.report("create");
    if me() == 0 {
        assert_eq!(next(&answers).info.expect("it is known").name, "web");
        assert!(containers.provider().container(SHORT.as_bytes(), me()).is_some(), "without a question");
    } else {
        // A user could name any number of containers.
        assert_eq!(ask(&containers, &answers, SHORT).expect("it is known").name, "web");
    }
}

#[test]
fn an_engine_that_hangs_costs_the_others_nothing() {
    let folder = tempfile::tempdir().expect("a directory");
    let (silent, socket) = (folder.path().join("silent"), folder.path().join("docker.sock"));
    let _silent = hang(&silent);
    let docker = Docker::new("web");
    docker.serve(socket.clone());
    // With this timeout, nothing that waits for it ends.
    let config = Config { timeout: Duration::from_secs(3600), ..Config::default() };
    let list = [(Kind::Docker, &*silent), (Kind::Podman, &*silent), (Kind::Cri, &*silent), (Kind::Docker, &*socket)];
    let (containers, answers) = start(engines(&list), config);
    assert_eq!(ask(&containers, &answers, SHORT).expect("it is known").name, "web");
}

#[test]
fn an_engine_that_does_not_answer_is_left_alone_until_it_does() {
    let folder = tempfile::tempdir().expect("a directory");
    let socket = folder.path().join("docker.sock");
    let silent = hang(&socket);
    let (sender, healths) = channel();
    let (answer, answers) = channel();
    let config = Config {
        engines: one(Kind::Docker, &socket),
        timeout: Duration::from_millis(50),
        retry_delays: Vec::new(),
        ..Config::default()
    };
    let health = move |state: EngineState| drop(sender.send(state.health));
    let containers = Containers::start_with(config, move |one| drop(answer.send(one)), health).expect("a thread");
    let health = || healths.recv_timeout(Duration::from_secs(20)).expect("a state");
    assert_eq!(health(), Health::Unresponsive);
    assert_eq!(ask(&containers, &answers, SHORT), None);
    drop(silent);
    std::fs::remove_file(&socket).expect("removed");
    assert_eq!(health(), Health::Absent);
    Docker::new("web").serve(socket);
    assert_eq!(health(), Health::Connected);
    // It was unknown only to an engine that did not answer.
    while containers.provider().container(SHORT.as_bytes(), me()).is_none() {
        std::thread::yield_now();
    }
}

#[test]
fn a_better_claim_replaces_an_earlier_answer() {
    let folder = tempfile::tempdir().expect("a directory");
    let (slow, quick) = (folder.path().join("slow"), folder.path().join("quick"));
    let gate = Arc::new(tokio::sync::Notify::new());
    let answer = {
        let gate = Arc::clone(&gate);
        async move || {
            gate.notified().await;
            axum_json(&json!({"Id": ID, "Name": "/of-docker", "Config": {"Image": "shop:1"}}))
        }
    };
    serve(slow.clone(), Router::new().route("/containers/{id}/json", get(answer)));
    Docker::new("of-another").serve(quick.clone());
    let config = Config { timeout: Duration::from_secs(3600), ..Config::default() };
    let (containers, answers) = start(engines(&[(Kind::Docker, &slow), (Kind::Docker, &quick)]), config);
    assert_eq!(ask(&containers, &answers, SHORT).expect("it is known").name, "of-another");
    gate.notify_one();
    assert_eq!(next(&answers).info.expect("it is known").name, "of-docker");
}

#[test]
fn an_engine_of_a_user_speaks_only_for_containers_of_that_user() {
    let folder = tempfile::tempdir().expect("a directory");
    let users = folder.path().join("run/user");
    let own = users.join("4711");
    std::fs::create_dir_all(&own).expect("a directory");
    Docker::new("trusted").serve(own.join("docker.sock"));
    let config = Config { users: Some(users), retry_delays: Vec::new(), ..Config::default() };
    let (containers, answers) = start(Vec::new(), config);
    let provider = containers.provider();
    assert_eq!(ask(&containers, &answers, SHORT), None, "it is a container of the host");
    assert_eq!(provider.container(SHORT.as_bytes(), 4712), None);
    assert_eq!(next(&answers).info, None, "it is a container of another user");
    assert_eq!(provider.container(SHORT.as_bytes(), 4711), None);
    // Only root may listen for somebody else.
    let name = next(&answers).info.map(|info| (info.name, info.owner));
    assert_eq!(name, (me() == 0).then(|| ("trusted".to_owned(), Some(4711))));
}

#[test]
fn a_path_that_names_a_container_is_not_that_container() {
    let folder = tempfile::tempdir().expect("a directory");
    let socket = folder.path().join("docker.sock");
    // An engine that finds a container by its name, and by the first digits of its id.
    let found = async || axum_json(&json!({"Id": ID, "Name": "/web", "Config": {"Image": "shop:1"}}));
    serve(socket.clone(), Router::new().route("/containers/{id}/json", get(found)));
    let config = Config { retry_delays: Vec::new(), ..Config::default() };
    let (containers, answers) = start(one(Kind::Docker, &socket), config);
    for id in ["web", "3ad7", "3ad7b26ded6d8", "3AD7B26DED6D"] {
        assert_eq!(ask(&containers, &answers, id), None, "{id}");
    }
    assert!(ask(&containers, &answers, SHORT).is_some());
}

#[test]
fn the_thread_that_queries_is_known_by_its_number() {
    let containers = Containers::start(Config::default(), |_| {}).expect("a thread");
    let tid = containers.tid().expect("a number");
    let comm = std::fs::read_to_string(format!("/proc/self/task/{tid}/comm")).expect("a thread of this process");
    assert_eq!(comm, "containers\n");
    // Where the host's is not mounted.
    let config = Config { proc: "/nowhere".into(), ..Config::default() };
    assert_eq!(Containers::start(config, |_| {}).expect("a thread").tid(), None);
}

/// A containerd with one container in its second namespace, without a CRI.
fn containerd(socket: PathBuf, id: &'static str) {
    let call = async move |At((service, method)): At<(String, String)>, headers: axum::http::HeaderMap, body: Bytes| {
        use containerd_api::*;
        let namespace = headers.get("containerd-namespace").map(|value| value.to_str().expect("text").to_owned());
        let request = body.get(5..).unwrap_or_default();
        let container = Container { id: id.into(), image: "docker.io/shop/web:1".into(), ..Container::default() };
        let here = namespace.as_deref() == Some("shop");
        let message = match (&*service, &*method) {
            ("containerd.services.namespaces.v1.Namespaces", "List") => {
                let names = ["default", "shop"].map(|name| Namespace { name: name.into() });
                Some(ListNamespacesResponse { namespaces: names.to_vec() }.encode_to_vec())
            }
            ("containerd.services.containers.v1.Containers", "Get") => {
                let wanted = GetRequest::decode(request).expect("a request").name;
                (here && wanted == id).then(|| GetContainerResponse { container: Some(container) }.encode_to_vec())
            }
            ("containerd.services.containers.v1.Containers", "List") => {
                assert_eq!(Filters::decode(request).expect("a request").filters, ["id~=\"^3ad7b26ded6d\""]);
                let containers = if here { vec![container] } else { Vec::new() };
                Some(ListContainersResponse { containers }.encode_to_vec())
            }
            _ => None,
        };
        // Not found, or not implemented.
        let status = if message.is_some() { "0" } else { "5" };
        let message = message.unwrap_or_default();
        let framed = (status == "0").then(|| framed(&message));
        ([("content-type", "application/grpc")], axum::body::Body::new(Grpc(framed, Some(status))))
    };
    serve(socket, Router::new().route("/{service}/{method}", post(call)));
}

#[test]
fn containers_of_containerd_are_found_in_every_namespace() {
    let folder = tempfile::tempdir().expect("a directory");
    for (id, wanted) in [("web", "web"), (ID, SHORT)] {
        let socket = folder.path().join(format!("{wanted}.sock"));
        containerd(socket.clone(), id);
        let (containers, answers) = start(one(Kind::Containerd, &socket), Config::default());
        let info = ask(&containers, &answers, wanted).expect("it is known");
        assert_eq!((&*info.id, &*info.full_id, &*info.engine), (wanted, id, "containerd"));
        assert_eq!((&*info.image_repository, &*info.image_tag), ("docker.io/shop/web", "1"));
        assert_eq!(ask(&containers, &answers, "web-2"), None);
    }
}
