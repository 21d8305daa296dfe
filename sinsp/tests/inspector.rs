//! Tests of the inspector on a live source: queries to `/proc`, idle threads, observers, recordings that start in the
//! middle.

mod common;

use std::sync::{Arc, Mutex};

use common::Live;
use peregrine_sinsp::fields::FieldRef;
use peregrine_sinsp::state::{ContainerInfo, ContainerMetadata, FdKind, Thread};
use peregrine_sinsp::{Config, Event, Inspector, Next, Observer, Proc};
use scap::savefile::{Compression, Reader, Writer};
use scap::text::Trace;
use scap::{Source, host};

fn live(trace: &str, config: Config, proc: impl Proc + 'static) -> Inspector<Live> {
    Inspector::builder(Live(trace.parse().expect("a trace"))).config(config).proc(proc).build()
}

fn run<S: Source>(inspector: &mut Inspector<S>) -> usize {
    let mut shown = 0;
    inspector.for_each(|_| shown += 1).expect("the source does not fail");
    inspector.state().check().expect("the tables agree");
    shown
}

/// A host with one process, 50, which records the queries.
#[derive(Clone, Default)]
struct Machine(Arc<Mutex<Vec<String>>>);

impl Machine {
    fn asked(&self, question: String) {
        self.0.lock().expect("not poisoned").push(question);
    }
}

impl Proc for Machine {
    fn thread(&mut self, tid: i64) -> Option<host::Thread> {
        self.asked(format!("thread {tid}"));
        (tid == 50).then(|| host::Thread {
            tid,
            pid: tid,
            ptid: 7,
            comm: b"found".to_vec(),
            cwd: b"/found".to_vec(),
            fds: vec![host::Fd { num: 3, ino: 1, kind: host::FdKind::Named { ty: 7, name: b"pipe:[1]".to_vec() } }],
            ..host::Thread::default()
        })
    }

    fn fd(&mut self, pid: i64, num: i64) -> Option<host::FdKind> {
        self.asked(format!("fd {pid} {num}"));
        Some(host::FdKind::File { flags: 1, name: b"/passed".to_vec(), dev: 2 })
    }

    fn is_alive(&mut self, tid: i64) -> bool {
        self.asked(format!("alive {tid}"));
        tid == 7
    }

    fn environ(&mut self, pid: i64) -> Option<Vec<u8>> {
        self.asked(format!("environ {pid}"));
        Some(b"WHOLE=1\0".to_vec())
    }

    fn start_ts(&mut self, tid: i64) -> Option<u64> {
        (tid == 50).then_some(1_000_000_000_000)
    }

    fn users(&mut self, pid: i64) -> Option<(Vec<host::User>, Vec<host::Group>)> {
        self.asked(format!("users {pid}"));
        let name = b"ann".to_vec();
        let user = host::User { uid: 33, gid: 44, name, home: b"/home/ann".to_vec(), shell: b"/bin/sh".to_vec() };
        Some((vec![user], vec![host::Group { gid: 44, name: b"www".to_vec() }]))
    }
}

const SHELL: &str = "thread tid=7 pid=7 ptid=1 comm=\"sh\" cwd=\"/\" vtid=7 vpid=7\n";

#[test]
fn an_unknown_thread_is_looked_up_once() {
    let trace = format!(
        "{SHELL}1.0 tid=50 read res=1 data=b\"x\" fd=3 size=1\ntid=50 close res=0 fd=3\ntid=51 close\ntid=51 close\n"
    );
    let machine = Machine::default();
    let mut inspector = live(&trace, Config::default(), machine.clone());
    let Ok(Next::Event(event)) = inspector.next() else { panic!("an event") };
    assert_eq!(event.thread().map(|thread| thread.comm.to_vec()), Some(b"found".to_vec()));
    assert_eq!(event.fd().map(|fd| fd.kind.clone()), Some(FdKind::Fifo));
    run(&mut inspector);
    assert!(inspector.state().thread(51).is_some_and(Thread::is_placeholder));
    assert_eq!(*machine.0.lock().expect("not poisoned"), ["thread 50", "thread 51"]);
}

#[test]
fn passed_file_descriptors_are_queried() {
    let control = r"\x14\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0\x09\0\0\0".replace(r"\0", r"\x00");
    let trace = format!(
        "{SHELL}1.0 tid=7 socket fd=3 domain=AF_UNIX type=1 proto=0 flags=0\n\
         tid=7 recvmsg res=1 size=1 data=b\"x\" tuple=- msgcontrol=b\"{control}\" fd=3\n"
    );
    let machine = Machine::default();
    let mut inspector = live(&trace, Config::default(), machine.clone());
    run(&mut inspector);
    let state = inspector.state();
    let fd = state.thread(7).and_then(|thread| state.fd(thread, 9)).expect("the passed file descriptor");
    assert_eq!(&*fd.name, b"/passed");
    assert_eq!(*machine.0.lock().expect("not poisoned"), ["fd 7 9"]);
}

#[test]
fn a_cut_environment_is_read_whole() {
    let env = "x".repeat(4095);
    let trace = format!(
        "{SHELL}1.0 tid=7 execve res=0 exe=\"x\" args=- tid=7 pid=7 ptid=1 cwd=\"\" fdlimit=1 pgft_maj=0 pgft_min=0 \
         vm_size=0 vm_rss=0 vm_swap=0 comm=\"x\" cgroups=- env=[\"{env}\"]\n"
    );
    let mut inspector = live(&trace, Config::default(), Machine::default());
    run(&mut inspector);
    let state = inspector.state();
    let thread = state.thread(7).expect("the shell");
    assert_eq!(state.env(thread).collect::<Vec<_>>(), [b"WHOLE=1"]);
}

#[test]
fn idle_threads_that_are_dead_are_removed() {
    let trace = "thread tid=7 pid=7 ptid=1 comm=\"alive\"\nthread tid=8 pid=8 ptid=1 comm=\"dead\"\n\
         thread tid=9 pid=9 ptid=1 comm=\"busy\"\n\
         1000.0 tid=9 close\n1020.0 tid=9 close\n1020.5 tid=60 procexit\n1029.0 tid=9 close\n1031.0 tid=9 close\n";
    let mut config = Config::default();
    config.purge_idle_ns = 5_000_000_000;
    let mut inspector = live(trace, config, Machine::default());
    for _ in 0..4 {
        inspector.next().expect("an event");
    }
    assert!(inspector.state().thread(8).is_some(), "it is too early");
    run(&mut inspector);
    let tids: Vec<bool> = [7, 8, 9].iter().map(|tid| inspector.state().thread(*tid).is_some()).collect();
    assert_eq!(tids, [true, false, true]);
    assert_eq!(inspector.state().metrics().purged_threads, 1);
}

#[test]
fn a_thread_whose_number_was_reused_is_read_again() {
    let trace = "thread tid=7 pid=7 ptid=1\nthread tid=50 pid=50 ptid=7 comm=\"old\" pidns_init_start_ts=0\n\
         1.0 tid=50 fork res=0 exe=\"old\" tid=50 pid=50 ptid=7 comm=\"old\" flags=0 vtid=50 vpid=50\n\
         1000.0 tid=7 close\n1031.0 tid=7 close\n1032.0 tid=7 close\n";
    let mut inspector = live(trace, Config::default(), Alive);
    run(&mut inspector);
    let thread = inspector.state().thread(50).expect("the new one");
    assert_eq!((&*thread.comm, thread.clone_ts), (&b"found"[..], 1_000_000_000_000));
    let metrics = inspector.state().metrics();
    assert_eq!((metrics.healed_threads, metrics.purged_threads), (1, 1));
}

/// Like [`Machine`], with every thread alive.
struct Alive;

impl Proc for Alive {
    fn thread(&mut self, tid: i64) -> Option<host::Thread> {
        let thread = Machine::default().thread(tid)?;
        Some(host::Thread { start_ts: 1_000_000_000_000, ..thread })
    }

    fn fd(&mut self, _pid: i64, _num: i64) -> Option<host::FdKind> {
        None
    }

    fn is_alive(&mut self, _tid: i64) -> bool {
        true
    }

    fn environ(&mut self, _pid: i64) -> Option<Vec<u8>> {
        None
    }

    fn start_ts(&mut self, tid: i64) -> Option<u64> {
        Machine::default().start_ts(tid)
    }
}

#[test]
fn a_sweep_checks_a_few_threads_per_event() {
    let mut trace: String = (100..200).map(|tid| format!("thread tid={tid} pid={tid} ptid=1\n")).collect();
    trace.push_str("thread tid=7 pid=7 ptid=1\n1000.0 tid=7 close\n1031.0 tid=7 close\n");
    (0..20).for_each(|_| trace.push_str("tid=7 close\n"));
    let mut config = Config::default();
    config.purge_idle_ns = 5_000_000_000;
    let mut inspector = live(&trace, config, Machine::default());
    inspector.next().expect("an event");
    let mut left = Vec::new();
    while !matches!(inspector.next().expect("an event"), Next::End) {
        left.push(inspector.state().threads().count());
    }
    // Those of the initial state are removed, few at each event, until only the busy one is left.
    assert!(left[0] > 80 && left[1] < left[0], "{left:?}");
    assert_eq!(left.last(), Some(&1));
    assert!(left.windows(2).all(|pair| pair[0] - pair[1] <= 16), "{left:?}");
}

const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn users_of_containers_are_queried_once() {
    let exec = |ts: &str, uid: u32| {
        format!(
            "{ts} tid=7 execve res=0 exe=\"x\" tid=7 pid=7 ptid=1 comm=\"x\" cgroups=[\"cpu=/docker/{HEX}\"] \
             uid={uid} gid=44\n"
        )
    };
    let trace = format!("{SHELL}{}{}{}{}", exec("1.0", 33), exec("1.05", 33), exec("1.1", 34), exec("9.0", 34));
    let machine = Machine::default();
    let mut inspector = live(&trace, Config::default(), machine.clone());
    run(&mut inspector);
    let state = inspector.state();
    let id = b"0123456789ab";
    assert_eq!(state.user(id, 33).map(|user| user.name.to_vec()), Some(b"ann".to_vec()));
    assert_eq!(state.group(id, 44).map(|group| group.name.to_vec()), Some(b"www".to_vec()));
    assert!(state.user(b"", 33).is_none() && state.user(id, 34).is_none());
    // User 34, which they do not have, is queried when a while has passed since the last time.
    assert_eq!(*machine.0.lock().expect("not poisoned"), ["users 7", "users 7"]);
    assert_eq!(state.container_users().count(), 1);
    inspector.remove_container(id);
    assert!(inspector.state().user(id, 33).is_none());
}

#[test]
fn threads_that_live_in_containers_already_have_users() {
    let trace = format!("thread tid=7 pid=7 ptid=1 uid=33 gid=44 cgroups=[\"cpu=/docker/{HEX}\"]\n1.0 tid=7 close\n");
    let inspector = live(&trace, Config::default(), Machine::default());
    assert!(inspector.state().user(b"0123456789ab", 33).is_some());
    // No thread lives there any more: the next sweep removes them.
    let trace = format!(
        "thread tid=7 pid=7 ptid=1 uid=33 gid=44 cgroups=[\"cpu=/docker/{HEX}\"]\n1000.0 tid=7 close\n\
         1001.0 tid=7 procexit\n1002.0 tid=9 close\n1031.0 tid=9 close\n1032.0 tid=9 close\n"
    );
    let mut inspector = live(&trace, Config::default(), Machine::default());
    run(&mut inspector);
    assert!(inspector.state().user(b"0123456789ab", 33).is_none());
    assert_eq!(inspector.state().metrics().purged_user_tables, 1);
}

#[test]
fn proc_of_this_host_is_read() {
    let mut child = std::process::Command::new("sleep").arg("60").env("MARK", "1").spawn().expect("a child");
    let pid = i64::from(child.id());
    // The events of this child before `close` were lost.
    let trace = format!("{SHELL}1.0 tid={pid} close res=0 fd=1\ntid=4000000 close res=0 fd=1\n");
    let mut proc = peregrine_sinsp::ProcFs::new("/");
    // Until it has called exec, and the kernel has put its strings in place.
    let marked = |proc: &mut peregrine_sinsp::ProcFs| {
        let env = proc.environ(pid).unwrap_or_default();
        env.split(|byte| *byte == 0).any(|entry| entry == b"MARK=1")
            && proc.thread(pid).is_some_and(|thread| thread.comm == b"sleep")
    };
    assert!((0..1000).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(5));
        marked(&mut proc)
    }));
    assert!(proc.fd(pid, 1).is_some() && proc.fd(pid, 999).is_none());
    // Its root directory is that of the host, whose users are not those of a container.
    assert_eq!(proc.users(pid), None);
    assert!(proc.is_alive(pid) && !proc.is_alive(4_000_000));
    assert_eq!(proc.start_ts(pid), proc.thread(pid).map(|thread| thread.start_ts));
    let before = proc.stats();
    let mut inspector = live(&trace, Config::default(), proc);
    let Ok(Next::Event(event)) = inspector.next() else { panic!("an event") };
    let thread = event.thread().expect("the child");
    assert_eq!((&*thread.comm, thread.pid, thread.ptid), (&b"sleep"[..], pid, i64::from(std::process::id())));
    assert!(event.fd().is_some() && thread.clone_ts > 0 && !thread.exepath.is_empty());
    assert_eq!(thread.args().collect::<Vec<_>>(), [b"60"]);
    run(&mut inspector);
    let stats = inspector.proc_stats();
    assert_eq!(stats.threads_missed - before.threads_missed, 1);
    // The ancestors came with it.
    assert!(stats.threads_found - before.threads_found > 1);
    let thread = inspector.state().thread(pid).expect("the child");
    let parent = inspector.state().parent(thread).expect("this process");
    assert_eq!(parent.pid, i64::from(std::process::id()));
    assert!(stats.time_ns > before.time_ns);
    child.kill().expect("it can be killed");
    child.wait().expect("it is gone");
}

#[test]
fn interfaces_are_read_again_with_each_sweep() {
    let trace = format!("{SHELL}1000.0 tid=7 close\n1031.0 tid=7 close\n");
    let mut inspector = live(&trace, Config::default(), peregrine_sinsp::ProcFs::new("/"));
    inspector.next().expect("an event");
    assert_eq!(inspector.state().interfaces().iter().count(), 0);
    run(&mut inspector);
    let names: Vec<_> = inspector.state().interfaces().iter().map(|one| one.name.clone()).collect();
    assert!(names.contains(&b"lo".to_vec()), "{names:?}");
}

#[test]
fn a_replay_is_not_purged() {
    let trace: Trace =
        format!("{SHELL}thread tid=8 pid=8 ptid=1\n1.0 tid=7 close\n5000.0 tid=7 close\n").parse().expect("a trace");
    let mut inspector = Inspector::new(trace);
    run(&mut inspector);
    assert!(inspector.state().thread(8).is_some());
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn line(&mut self, line: String) {
        self.0.lock().expect("not poisoned").push(line);
    }
}

fn name(event: &Event<'_>) -> String {
    event.fd().map_or("none".to_owned(), |fd| String::from_utf8_lossy(&fd.name).into_owned())
}

impl Observer for Log {
    fn on_clone(&mut self, event: &Event<'_>, child: &Thread) {
        self.line(format!("clone {} by {}", child.tid, event.raw().tid()));
    }

    fn on_exec(&mut self, event: &Event<'_>) {
        let comm = event.thread().map(|thread| thread.comm.to_vec()).unwrap_or_default();
        self.line(format!("exec {}", comm.escape_ascii()));
    }

    fn on_exit(&mut self, event: &Event<'_>) {
        self.line(format!("exit {}", event.raw().tid()));
    }

    fn on_open(&mut self, event: &Event<'_>) {
        self.line(format!("open {}", name(event)));
    }

    fn on_close(&mut self, event: &Event<'_>) {
        self.line(format!("close {}", name(event)));
    }

    fn on_bind(&mut self, event: &Event<'_>) {
        self.line(format!("bind {}", name(event)));
    }

    fn on_connect(&mut self, event: &Event<'_>) {
        self.line(format!("connect {}", name(event)));
    }

    fn on_accept(&mut self, event: &Event<'_>) {
        self.line(format!("accept {}", name(event)));
    }

    fn on_shutdown(&mut self, event: &Event<'_>) {
        self.line(format!("shutdown {}", name(event)));
    }

    fn on_read(&mut self, event: &Event<'_>) {
        self.line(format!("read {}", name(event)));
    }

    fn on_write(&mut self, event: &Event<'_>) {
        self.line(format!("write {}", name(event)));
    }

    fn on_error(&mut self, event: &Event<'_>) {
        self.line(format!("error {}", name(event)));
    }
}

#[test]
fn observers_are_called() {
    let trace: Trace = format!(
        "{SHELL}1.0 tid=7 fork res=8 exe=\"sh\" args=- tid=7 pid=7 ptid=1 comm=\"sh\" flags=0 vtid=7 vpid=7\n\
         tid=8 fork res=0 exe=\"sh\" args=- tid=8 pid=8 ptid=7 comm=\"sh\" flags=0 vtid=8 vpid=8\n\
         tid=8 execve res=0 exe=\"cat\" args=- tid=8 pid=8 ptid=7 comm=\"cat\"\n\
         tid=8 openat fd=3 dirfd=AT_FDCWD name=\"/a\" flags=O_RDONLY mode=0 dev=0 ino=0\n\
         tid=8 openat fd=-2 dirfd=AT_FDCWD name=\"/b\" flags=O_RDONLY mode=0 dev=0 ino=0\n\
         tid=8 read res=1 data=b\"x\" fd=3 size=1\n\
         tid=8 read res=-EIO data=- fd=3 size=1\n\
         tid=8 write res=1 data=b\"x\" fd=3 size=1\n\
         tid=8 close res=0 fd=3\n\
         tid=8 socket fd=3 domain=AF_INET type=1 proto=0 flags=0\n\
         tid=8 bind res=0 addr=0.0.0.0:80 fd=3\n\
         tid=8 accept fd=4 tuple=1.2.3.4:5->10.0.0.1:80 queuepct=0 queuelen=0 queuemax=0\n\
         tid=8 shutdown res=0 fd=4 how=0\n\
         tid=8 socket fd=5 domain=AF_INET type=1 proto=0 flags=0\n\
         tid=8 connect res=-EINPROGRESS tuple=10.0.0.1:5->1.2.3.4:80 fd=5 addr=1.2.3.4:80\n\
         tid=8 procexit status=0 ret=0 sig=0 core=0 reaper_tid=0\n"
    )
    .parse()
    .expect("a trace");
    let log = Log::default();
    let mut inspector = Inspector::builder(trace).observer(log.clone()).build();
    run(&mut inspector);
    assert_eq!(
        *log.0.lock().expect("not poisoned"),
        [
            "clone 8 by 7",
            "exec cat",
            "open /a",
            "read /a",
            "error /a",
            "write /a",
            "close /a",
            "bind 0.0.0.0:80",
            "accept 1.2.3.4:5->10.0.0.1:80",
            "shutdown 1.2.3.4:5->10.0.0.1:80",
            "connect 10.0.0.1:5->1.2.3.4:80",
            "exit 8",
        ]
    );
}

#[test]
fn a_recording_can_start_in_the_middle() {
    let trace: Trace = format!(
        "machine cpus=2 hostname=\"box\"\nuser uid=5 gid=6 name=\"eve\" home=\"/\" shell=\"\"\n{SHELL}\
         1.0 tid=7 chdir res=0 path=\"/srv\"\n\
         tid=7 openat fd=3 dirfd=AT_FDCWD name=\"a\" flags=O_RDONLY mode=0 dev=0x1 ino=5\n\
         tid=7 socket fd=4 domain=AF_INET type=1 proto=0 flags=0\n\
         tid=7 connect res=0 tuple=10.0.0.1:5->1.2.3.4:80 fd=4 addr=1.2.3.4:80\n\
         tid=7 fork res=8 exe=\"sh\" args=[\"-x\"] tid=7 pid=7 ptid=1 comm=\"sh\" cgroups=[\"cpu=/a\"] flags=0 uid=5 gid=6 vtid=7 vpid=7\n\
         tid=8 read res=1 data=b\"x\" fd=3 size=1\n"
    )
    .parse()
    .expect("a trace");
    let mut inspector = Inspector::new(trace);
    for _ in 0..5 {
        inspector.next().expect("an event");
    }
    let mut writer = Writer::new(Vec::new(), &inspector.state().export(), Compression::Plain).expect("a writer");
    let Ok(Next::Event(event)) = inspector.next() else { panic!("an event") };
    writer.write(&event.raw()).expect("written");
    let bytes = writer.finish().expect("finished");

    let mut again = Inspector::new(Reader::new(&bytes[..]).expect("a capture"));
    let Ok(Next::Event(event)) = again.next() else { panic!("an event") };
    let thread = event.thread().expect("the child");
    assert_eq!((thread.tid, thread.pid, thread.ptid, thread.uid), (8, 8, 7, 5));
    assert_eq!(event.fd().map(|fd| (fd.name.to_vec(), fd.ino)), Some((b"/srv/a".to_vec(), 5)));
    let state = event.state();
    assert_eq!(state.cwd(thread), b"/srv/");
    assert_eq!(thread.args().collect::<Vec<_>>(), [b"-x"]);
    assert_eq!(thread.cgroups().collect::<Vec<_>>(), [(&b"cpu"[..], &b"/a"[..])]);
    assert_eq!(state.fd(thread, 4).map(|fd| fd.name.to_vec()), Some(b"10.0.0.1:5->1.2.3.4:80".to_vec()));
    assert_eq!(state.user(b"", 5).map(|user| user.name.to_vec()), Some(b"eve".to_vec()));
    assert_eq!(state.machine().map(|machine| machine.hostname.clone()), Some(b"box".to_vec()));
    again.state().check().expect("the tables agree");
}

#[test]
fn a_recording_holds_the_users_of_containers() {
    let trace = format!(
        "thread tid=7 pid=7 ptid=1 uid=33 gid=44 cgroups=[\"cpu=/docker/{HEX}\"]\n1.0 tid=7 close res=0 fd=1\n"
    );
    let mut inspector = live(&trace, Config::default(), Machine::default());
    let mut writer = Writer::new(Vec::new(), &inspector.export(), Compression::Plain).expect("a writer");
    inspector.state().export_users(1, |event| writer.write(event)).expect("written");
    let Ok(Next::Event(event)) = inspector.next() else { panic!("an event") };
    writer.write(&event.raw()).expect("written");
    let bytes = writer.finish().expect("finished");

    let mut again = Inspector::new(Reader::new(&bytes[..]).expect("a capture"));
    // Readers do not see them as events.
    assert_eq!(run(&mut again), 1);
    let id = b"0123456789ab";
    let user = again.state().user(id, 33).expect("the user");
    assert_eq!((&*user.name, &*user.home, user.gid), (&b"ann"[..], &b"/home/ann"[..], 44));
    assert_eq!(again.state().group(id, 44).map(|group| group.name.to_vec()), Some(b"www".to_vec()));
}

/// Knows one container, from the second query on.
#[derive(Clone, Default)]
struct Engine(Arc<Mutex<Vec<String>>>);

impl ContainerMetadata for Engine {
    fn container(&mut self, id: &[u8], _: u32) -> Option<ContainerInfo> {
        let mut asked = self.0.lock().expect("not poisoned");
        asked.push(String::from_utf8_lossy(id).into_owned());
        let mut info = ContainerInfo::default();
        info.id = "0123456789ab".into();
        info.image = "nginx:1".into();
        (info.id.as_bytes() == id && asked.iter().filter(|other| **other == info.id).count() > 1).then_some(info)
    }
}

#[test]
fn containers_are_queried_when_an_event_shows_them() {
    let id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let trace = format!(
        "thread tid=7 pid=7 ptid=1 comm=\"in\" cgroups=[\"cpu=/docker/{id}\"]\n\
         thread tid=8 pid=8 ptid=1 comm=\"host\"\n\
         1000.0 tid=8 close\n1000.0 tid=7 close\n1000.5 tid=7 close\n1001.1 tid=7 close\n1009.0 tid=7 close\n"
    );
    let image = FieldRef::parse("container.image").expect("a field");
    let engine = Engine::default();
    let mut inspector = Inspector::builder(trace.parse::<Trace>().expect("a trace")).containers(engine.clone()).build();
    let (mut images, arena) = (Vec::new(), bumpalo::Bump::new());
    inspector
        .for_each(|event| {
            let text = image.text(&event, &arena).unwrap_or_default();
            images.push((event.raw().tid(), String::from_utf8_lossy(text).into_owned()));
        })
        .expect("the source does not fail");
    let (none, nginx) = (String::new(), "nginx:1".to_owned());
    // Once for both of the first second, then when it is over; never for the host, and not again once it is known.
    assert_eq!(images[1..], [(7, none.clone()), (7, none), (7, nginx.clone()), (7, nginx)]);
    assert_eq!(*engine.0.lock().expect("not poisoned"), ["0123456789ab", "0123456789ab"]);
}
