//! Containers of processes, their metadata, and their users.

mod common;

use std::sync::{Arc, Mutex};

use common::Live;
use peregrine_sinsp::fields::FieldRef;
use peregrine_sinsp::state::{ContainerInfo, ContainerMetadata};
use peregrine_sinsp::{Config, Inspector, Proc};
use scap::savefile::{Compression, Reader, Writer};
use scap::text::Trace;
use scap::{Source, host};

/// The namespaces and users of processes, which a test changes, and the processes whose users were queried.
#[derive(Clone, Default)]
struct Host(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    contained: Vec<i64>,
    users: Vec<(i64, &'static str)>,
    queried: Vec<i64>,
}

impl Proc for Host {
    fn thread(&mut self, _: i64) -> Option<host::Thread> {
        None
    }

    fn fd(&mut self, _: i64, _: i64) -> Option<host::FdKind> {
        None
    }

    fn is_alive(&mut self, _: i64) -> bool {
        true
    }

    fn environ(&mut self, _: i64) -> Option<Vec<u8>> {
        None
    }

    fn is_contained(&mut self, pid: i64) -> Option<bool> {
        Some(self.0.lock().expect("not poisoned").contained.contains(&pid))
    }

    fn users(&mut self, pid: i64) -> Option<(Vec<host::User>, Vec<host::Group>)> {
        let mut known = self.0.lock().expect("not poisoned");
        known.queried.push(pid);
        let (_, name) = *known.users.iter().find(|(of, _)| *of == pid)?;
        let user = host::User { uid: 33, gid: 44, name: name.into(), ..host::User::default() };
        Some((vec![user], vec![host::Group { gid: 44, name: name.into() }]))
    }
}

/// Knows containers by id and owner.
#[derive(Clone, Default)]
struct Engine(Vec<(&'static str, u32, &'static str)>);

impl ContainerMetadata for Engine {
    fn container(&mut self, id: &[u8], owner: u32) -> Option<ContainerInfo> {
        let (_, _, image) = *self.0.iter().find(|(known, of, _)| known.as_bytes() == id && *of == owner)?;
        let mut info = ContainerInfo::default();
        (info.id, info.owner, info.image) = (String::from_utf8_lossy(id).into_owned(), Some(owner), image.into());
        Some(info)
    }
}

/// Returns the values of a field, one for each event: `<NA>` where there is none.
fn values<S: Source>(inspector: &mut Inspector<S>, field: &str) -> Vec<String> {
    let field = FieldRef::parse(field).expect("a field");
    let (mut values, arena) = (Vec::new(), bumpalo::Bump::new());
    let mut each = |event: peregrine_sinsp::Event<'_>| {
        let text = field.text(&event, &arena).unwrap_or(b"<NA>");
        values.push(String::from_utf8_lossy(text).into_owned());
    };
    inspector.for_each(&mut each).expect("the source does not fail");
    inspector.state().check().expect("the tables agree");
    values
}

fn live(trace: &str, host: &Host, engine: &Engine) -> Inspector<Live> {
    let trace = Live(trace.parse().expect("a trace"));
    Inspector::builder(trace).proc(host.clone()).containers(engine.clone()).build()
}

const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const SHORT: &str = "0123456789ab";

fn exec(ts: &str, tid: i64, cgroup: &str, uid: u32) -> String {
    format!(
        "{ts} tid={tid} execve res=0 exe=\"x\" tid={tid} pid={tid} ptid=1 comm=\"x\" cgroups=[\"cpu={cgroup}\"] \
         uid={uid} gid=44\n"
    )
}

fn process(tid: i64, vtid: i64, cgroup: &str) -> String {
    format!("thread tid={tid} pid={tid} ptid=1 vtid={vtid} vpid={vtid} comm=\"p\" cgroups=[\"cpu={cgroup}\"]\n")
}

#[test]
fn a_path_that_could_be_anything_is_a_container_only_with_namespaces_of_its_own() {
    for (vtid, contained, expected) in [(7, false, "host"), (1, false, "web"), (7, true, "web")] {
        let host = Host::default();
        host.0.lock().expect("not poisoned").contained.extend(contained.then_some(7));
        let trace = format!("{}1.0 tid=7 close\n", process(7, vtid, "/default/web"));
        let mut inspector = live(&trace, &host, &Engine::default());
        assert_eq!(values(&mut inspector, "container.id"), [expected], "{vtid} {contained}");
    }
    // The supervisor of podman's containers, and a service on cgroups of version 1, on replay as live.
    for cgroup in ["/libpod_parent/conmon", "/x/b3c7272fd9984e957fa8bc52e51c05d4", "/build/b3c7272fd998"] {
        let trace: Trace = format!("{}1.0 tid=7 close\n", process(7, 7, cgroup)).parse().expect("a trace");
        assert_eq!(values(&mut Inspector::new(trace), "container.id"), ["host"], "{cgroup}");
    }
    let trace: Trace = format!("{}1.0 tid=7 close\n", process(7, 1, "/default/web")).parse().expect("a trace");
    assert_eq!(values(&mut Inspector::new(trace), "container.id"), ["web"]);
}

#[test]
fn what_a_process_of_a_service_does_proves_nothing_of_the_others() {
    let cgroup = "/default/a-name-longer-than-twelve";
    // 8 has its own root directory and mounts, and so have its children; 7 is a service that started it.
    let child = format!(
        "1.6 tid=10 clone res=0 exe=\"x\" tid=10 pid=10 ptid=8 comm=\"x\" cgroups=[\"cpu={cgroup}\"] flags=0 uid=33 gid=44 \
         vtid=10 vpid=10\n"
    );
    let trace = format!(
        "{}{}1.0 tid=7 close\n{}{child}2.0 tid=7 close\n",
        process(7, 7, cgroup),
        process(9, 9, "/other/service"),
        exec("1.5", 8, cgroup, 33)
    );
    let host = Host::default();
    host.0.lock().expect("not poisoned").contained.push(8);
    let mut inspector = live(&trace, &host, &Engine::default());
    let id = "a-name-longer-than-twelve";
    assert_eq!(values(&mut inspector, "container.id"), ["host", id, id, "host"]);
}

#[test]
fn a_runtime_enters_a_container_before_it_executes_its_program() {
    let cgroup = format!("/docker/{HEX}");
    let clone = |ts: &str, tid: i64, parent: i64| {
        format!(
            "{ts} tid={tid} clone res=0 exe=\"x\" tid={tid} pid={tid} ptid={parent} comm=\"x\" \
             cgroups=[\"cpu={cgroup}\"] flags=0 uid=0 gid=0 vtid=1 vpid=1\n"
        )
    };
    let trace = format!(
        "{}{}{}{}{}",
        process(7, 7, "/"),
        clone("1.0", 8, 7),
        clone("1.1", 9, 8),
        exec("1.2", 9, &cgroup, 0),
        clone("1.3", 10, 9)
    );
    let mut inspector = Inspector::new(trace.parse::<Trace>().expect("a trace"));
    let entering = values(&mut inspector, "proc.is_entering_container");
    assert_eq!(entering, ["true", "true", "false", "false"]);
    // A container inside of a container is not entered from the host.
    let inner = format!("{}{}", process(7, 1, "/docker/x/docker-ff"), clone("1.0", 8, 7));
    let mut inspector = Inspector::new(inner.replace("docker-ff", &"f".repeat(64)).parse::<Trace>().expect("a trace"));
    assert_eq!(values(&mut inspector, "proc.is_entering_container"), ["false"]);
}

#[test]
fn an_engine_that_knows_it_makes_it_a_container() {
    let trace = format!("{}1.0 tid=7 close\n1.1 tid=7 close\n", process(7, 7, "/default/web"));
    let mut inspector = live(&trace, &Host::default(), &Engine(vec![("web", 0, "shop:1")]));
    // The event that shows it is evaluated with it.
    assert_eq!(values(&mut inspector, "container.image"), ["shop:1", "shop:1"]);
    // An engine that learns of it later.
    let mut inspector = live(&trace, &Host::default(), &Engine::default());
    inspector.next().expect("an event");
    let mut info = ContainerInfo::default();
    (info.id, info.image) = ("web".into(), "shop:2".into());
    inspector.insert_container(info);
    assert_eq!(values(&mut inspector, "container.image"), ["shop:2"]);
}

#[test]
fn a_cgroup_of_a_user_is_never_a_container_of_another_owner() {
    let fake = format!("/user.slice/user-1000.slice/user@1000.service/docker-{HEX}.scope");
    let trace = format!(
        "{}{}1.0 tid=7 close\n1.1 tid=8 close\n1.2 tid=7 close\n",
        process(7, 7, &format!("/docker/{HEX}")),
        process(8, 8, &fake)
    );
    let trusted = (SHORT, 0, "trusted:1");
    let mut inspector = live(&trace, &Host::default(), &Engine(vec![trusted]));
    assert_eq!(values(&mut inspector, "container.image"), ["trusted:1", "<NA>", "trusted:1"]);
    // The engine of the user says what it likes, about the user's own.
    let mut inspector = live(&trace, &Host::default(), &Engine(vec![trusted, (SHORT, 1000, "own:1")]));
    assert_eq!(values(&mut inspector, "container.image"), ["trusted:1", "own:1", "trusted:1"]);
}

#[test]
fn containers_without_an_engine_to_query_have_type_and_name() {
    for (cgroup, id, kind) in [
        ("/lxc.payload.web/system.slice", "web", "lxc"),
        ("/machine.slice/systemd-nspawn@deb.service/payload", "deb", "nspawn"),
        ("/machine.slice/machine-deb.scope/payload", "deb", "nspawn"),
        ("/libvirt/lxc/c1", "c1", "libvirt-lxc"),
    ] {
        let trace: Trace = format!("{}1.0 tid=7 close\n", process(7, 1, cgroup)).parse().expect("a trace");
        let mut inspector = Inspector::new(trace);
        assert_eq!(values(&mut inspector, "container.type"), [kind], "{cgroup}");
        let info = inspector.state().container(id.as_bytes()).expect("a description");
        assert_eq!((&*info.name, &*info.full_id), (id, id));
    }
    // A virtual machine, and a process before the namespaces of its container are there: only the latter is one later.
    for contained in [false, true] {
        let host = Host::default();
        host.0.lock().expect("not poisoned").contained.extend(contained.then_some(7));
        let cgroup = "/machine.slice/machine-deb.scope/payload";
        let trace = format!("{}1.0 tid=7 close\n", process(7, 7, cgroup));
        let mut inspector = live(&trace, &host, &Engine::default());
        let expected = if contained { "nspawn" } else { "host" };
        assert_eq!(values(&mut inspector, "container.type"), [expected], "{contained}");
    }
}

#[test]
fn the_runtime_on_its_way_into_a_container_does_not_show_its_users() {
    let cgroup = format!("/docker/{HEX}");
    let trace =
        format!("{}1.0 tid=7 close\n{}1.002 tid=7 close\n", process(7, 7, &cgroup), exec("1.001", 7, &cgroup, 33));
    let host = Host::default();
    // As long as its root directory is the host's, there is no answer.
    let mut inspector = live(&trace, &host, &Engine::default());
    inspector.next().expect("an event");
    assert_eq!(host.0.lock().expect("not poisoned").queried, [7]);
    host.0.lock().expect("not poisoned").users = vec![(7, "www")];
    // The exec is the moment when it has arrived, however short it is after the last query.
    assert_eq!(values(&mut inspector, "user.name"), ["www", "www"]);
}

#[test]
fn any_process_of_a_container_shows_its_users() {
    let cgroup = format!("/docker/{HEX}");
    let trace = format!("{}{}{}", process(6, 1, &cgroup), process(9, 9, "/"), exec("1.0", 7, &cgroup, 33));
    let host = Host::default();
    host.0.lock().expect("not poisoned").users = vec![(6, "www"), (9, "root")];
    let mut inspector = live(&trace, &host, &Engine::default());
    // The first one was queried at the start; 7 has ended already.
    assert_eq!(values(&mut inspector, "user.name"), ["www"]);
    host.0.lock().expect("not poisoned").users = vec![];
    let mut inspector = live(&trace, &host, &Engine::default());
    host.0.lock().expect("not poisoned").users = vec![(6, "www")];
    host.0.lock().expect("not poisoned").queried.clear();
    assert_eq!(values(&mut inspector, "user.name"), ["www"]);
    assert_eq!(host.0.lock().expect("not poisoned").queried, [7, 6]);
}

#[test]
fn a_recording_holds_the_descriptions_of_containers() {
    let cgroup = format!("/docker/{HEX}");
    let trace = format!(
        "{}{}1.0 tid=7 close res=0 fd=1\n2.0 tid=8 close res=0 fd=1\n",
        process(7, 1, &cgroup),
        process(8, 1, "/default/late")
    );
    let mut inspector = live(&trace, &Host::default(), &Engine::default());
    let describe = |id: &str, image: &str, owner| {
        let mut info = ContainerInfo::default();
        (info.id, info.image, info.owner) = (id.into(), image.into(), owner);
        info.labels = vec![("app".into(), "shop".into())];
        info
    };
    inspector.insert_container(describe(SHORT, "nginx:1", Some(0)));
    let mut writer = Writer::new(Vec::new(), &inspector.export(), Compression::Plain).expect("a writer");
    let since = inspector.state().export_containers(0, 1, |event| writer.write(event)).expect("written");
    let Ok(peregrine_sinsp::Next::Event(event)) = inspector.next() else { panic!("an event") };
    writer.write(&event.raw()).expect("written");
    // One that is described while the recording runs.
    inspector.insert_container(describe("late", "shop:2", None));
    let end = inspector.state().export_containers(since, 2, |event| writer.write(event)).expect("written");
    assert_eq!((end, inspector.state().export_containers(end, 2, |_| Err(()))), (since + 1, Ok(end)));
    let Ok(peregrine_sinsp::Next::Event(event)) = inspector.next() else { panic!("an event") };
    writer.write(&event.raw()).expect("written");
    let bytes = writer.finish().expect("finished");

    let mut again = Inspector::new(Reader::new(&bytes[..]).expect("a capture"));
    // Readers do not see the descriptions as events.
    assert_eq!(values(&mut again, "container.image"), ["nginx:1", "shop:2"]);
    let info = again.state().container(SHORT.as_bytes()).expect("a description");
    assert_eq!((info.owner, &*info.labels), (Some(0), &[("app".to_owned(), "shop".to_owned())][..]));
}

#[test]
fn descriptions_of_containers_that_are_gone_are_forgotten() {
    let mut config = Config::default();
    config.purge_interval_ns = 10_000_000_000;
    let trace = format!(
        "{}{}1.0 tid=7 close\n2.0 tid=7 procexit\n3.0 tid=8 close\n32.0 tid=8 close\n43.0 tid=8 close\n54.0 tid=8 close\n",
        process(7, 1, &format!("/docker/{HEX}")),
        process(8, 8, "/")
    );
    let source = Live(trace.parse().expect("a trace"));
    let engine = Engine(vec![(SHORT, 0, "nginx:1")]);
    let mut inspector = Inspector::builder(source).config(config).proc(Host::default()).containers(engine).build();
    let mut known = Vec::new();
    loop {
        match inspector.next().expect("the source does not fail") {
            peregrine_sinsp::Next::End => break,
            _ => known.push(inspector.state().containers().count()),
        }
    }
    assert_eq!((known.first(), known.last()), (Some(&1), Some(&0)), "{known:?}");
}
