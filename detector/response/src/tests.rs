//! A responder and planted processes.

mod brakes;
mod webhook;

use crate::process::executable;
use crate::responder::now;
use crate::*;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver as Reports, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const SECOND: u64 = 1_000_000_000;
const MOMENT: Duration = Duration::from_secs(20);

/// A responder that acts at once, and what it reports.
struct Tried {
    responder: Responder,
    reports: Reports<Report>,
    boot: u64,
}

fn config() -> Config {
    let limits = Limits { warm_up: Duration::ZERO, per_minute: 100_000, per_rule: 100_000, ..Limits::default() };
    Config { mode: Mode::Act, limits, ..Config::default() }
}

fn boot_time() -> u64 {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(wall.as_nanos()).unwrap() - now(0)
}

impl Tried {
    fn new(config: Config) -> Self {
        let (sender, reports) = channel();
        let boot = boot_time();
        let responder =
            Responder::start_here(Plan::new(config).unwrap(), boot, move |report| sender.send(report).unwrap())
                .unwrap();
        Self { responder, reports, boot }
    }

    fn now(&self) -> u64 {
        now(self.boot)
    }

    fn propose(&self, action: Action, subject: Process, time: u64) {
        let rule = "Planted".into();
        let alert = bytes::Bytes::from_static(b"{}");
        let process = Some(subject);
        self.responder.propose(Proposal { rule, event: 1, time, process, action, uncertain: false, alert });
    }

    fn outcome(&self) -> Outcome {
        self.reports.recv_timeout(MOMENT).unwrap().outcome
    }

    fn of(&self, action: Action, subject: Process) -> Outcome {
        self.propose(action, subject, self.now());
        self.outcome()
    }
}

/// A process that does nothing, and is ended with the test.
struct Planted(Child);

impl Planted {
    fn new() -> Self {
        let planted = Self::young("sleep 1000");
        // Longer than a tick, so that its start is in an earlier one than events from now on.
        std::thread::sleep(Duration::from_millis(25));
        planted
    }

    /// One that starts within the tick of its events.
    fn young(script: &str) -> Self {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("exec {script}")]).stdin(Stdio::null()).stdout(Stdio::piped());
        let planted = Self(command.spawn().unwrap());
        // The shell has become the program.
        let start = Instant::now();
        while planted.subject().exe.ends_with("sh") && script.starts_with("sleep") {
            assert!(start.elapsed() < MOMENT);
        }
        planted
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }

    fn subject(&self) -> Process {
        let exe = std::fs::read_link(format!("/proc/{}/exe", self.pid())).unwrap_or_default();
        Process { pid: self.pid(), start: now(boot_time()), exe: exe.display().to_string(), ..Process::default() }
    }

    fn state(&self) -> char {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        stat.rsplit(") ").next().unwrap().chars().next().unwrap()
    }

    fn signal(&mut self) -> Option<i32> {
        self.0.wait().unwrap().signal()
    }

    fn is_alive(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn until(what: &str, condition: impl Fn() -> bool) {
    testkit::until(what, MOMENT, condition);
}

#[test]
fn a_process_is_stopped_continued_and_killed() {
    let tried = Tried::new(config());
    let mut planted = Planted::new();
    assert_eq!(tried.of(Action::Stop(Scope::Process), planted.subject()), Outcome::Done(1));
    until("stopped", || planted.state() == 'T');
    assert_eq!(tried.of(Action::Continue(Scope::Process), planted.subject()), Outcome::Done(1));
    until("continued", || planted.state() == 'S');
    assert_eq!(tried.of(Action::Kill(Scope::Process), planted.subject()), Outcome::Done(1));
    assert_eq!(planted.signal(), Some(9));
    assert_eq!(
        tried.of(Action::Kill(Scope::Process), Process { pid: planted.pid(), ..planted.subject() }),
        Outcome::Gone
    );
}

#[test]
fn a_tree_is_killed_with_what_it_creates_meanwhile() {
    let tried = Tried::new(config());
    let script = "sh -c 'sleep 1000 & sh -c \"sleep 1000 & echo ready; while :; do sleep 0.01; done\" & wait'";
    let mut planted = Planted::young(script);
    let mut line = [0; 6];
    std::io::Read::read_exact(planted.0.stdout.as_mut().unwrap(), &mut line).unwrap();
    std::thread::sleep(Duration::from_millis(25));
    let outcome = tried.of(Action::Kill(Scope::Tree), planted.subject());
    assert!(matches!(outcome, Outcome::Done(4..=8)), "{outcome:?}");
    assert_eq!(planted.signal(), Some(9));
    // All of them have this pipe.
    let mut rest = String::new();
    std::io::Read::read_to_string(planted.0.stdout.as_mut().unwrap(), &mut rest).unwrap();
}

#[test]
fn a_process_that_started_with_its_event_waits_for_the_stream() {
    let tried = Tried::new(config());
    let mut planted = Planted::young("sleep 1000");
    let ticks = rustix::param::clock_ticks_per_second();
    let start = crate::process::Facts::read(Path::new("/proc"), planted.pid()).unwrap().start;
    let event = tried.boot + start * SECOND / ticks + SECOND / ticks / 2;
    // Nobody reads events: nothing is certain.
    tried.propose(Action::Kill(Scope::Process), planted.subject(), event);
    assert_eq!(tried.outcome(), Outcome::Uncertain);
    assert!(planted.is_alive());
    // The stream goes on, and the process has not ended.
    tried.propose(Action::Kill(Scope::Process), planted.subject(), event);
    tried.responder.read_to(tried.now() + SECOND);
    assert_eq!(tried.outcome(), Outcome::Done(1));
    assert_eq!(planted.signal(), Some(9));
}

#[test]
fn a_process_that_has_the_id_of_one_that_ended_is_not_hit() {
    let tried = Tried::new(config());
    let mut planted = Planted::young("sleep 1000");
    // It got the ID after the process of the event, which is older than it, has ended.
    tried.propose(Action::Kill(Scope::Process), planted.subject(), tried.now() - SECOND);
    tried.responder.ended(planted.pid());
    tried.responder.read_to(tried.now() + SECOND);
    assert_eq!(tried.outcome(), Outcome::Gone);
    assert!(planted.is_alive());
}

#[test]
fn programs_run_beside_the_thread_and_not_too_often() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("go");
    let script = format!("while [ ! -e {} ]; do sleep 0.01; done", path.display());
    let program = Program::new(["/bin/sh", "-c", &script].map(str::to_owned).to_vec());
    let programs = BTreeMap::from([("page".to_owned(), program)]);
    let tried = Tried::new(Config { programs: programs.clone(), ..config() });
    let run = |tried: &Tried| tried.propose(Action::Run("page".into()), Process::default(), tried.now());
    run(&tried);
    run(&tried);
    assert!(matches!(tried.outcome(), Outcome::Failed(why) if why.contains("still running")));
    // Also after a reload.
    tried.responder.reset(Plan::new(Config { programs, ..config() }).unwrap());
    run(&tried);
    assert!(matches!(tried.outcome(), Outcome::Failed(why) if why.contains("still running")));
    std::fs::write(&path, "").unwrap();
    assert_eq!(tried.outcome(), Outcome::Done(1));
    assert!(matches!(tried.of(Action::Run("other".into()), Process::default()), Outcome::Failed(_)));
    let bad = BTreeMap::from([("bad".to_owned(), Program::new(vec!["relative".to_owned()]))]);
    let error = Plan::new(Config { programs: bad, ..config() }).unwrap_err();
    assert_eq!(error.to_string(), "response program bad: the command must begin with an absolute path");
}

#[test]
fn a_process_on_the_host_is_no_container() {
    let tried = Tried::new(config());
    let mut planted = Planted::new();
    for action in [Action::Freeze, Action::Kill(Scope::Container)] {
        assert_eq!(tried.of(action.clone(), planted.subject()), Outcome::NoContainer);
        let subject = Process { container: "0123456789ab".into(), ..planted.subject() };
        assert_eq!(tried.of(action, subject), Outcome::NoContainer);
    }
    assert!(planted.is_alive());
}

/// A cgroup like that of a container, which ends with the test.
struct Container(std::path::PathBuf);

impl Container {
    /// `None` if there is no hierarchy in which it can be made.
    fn new(id: &str) -> Option<Self> {
        let folder = cgroup::mount(Path::new("/"))?.join(format!("docker-{id}{}.scope", std::process::id()));
        std::fs::create_dir_all(folder.join("inner")).ok()?;
        Some(Self(folder))
    }

    fn id(&self) -> String {
        let name = self.0.file_name().unwrap().to_str().unwrap();
        name.trim_start_matches("docker-")[..12].to_owned()
    }

    fn add(&self, planted: &Planted) {
        std::fs::write(self.0.join("inner/cgroup.procs"), planted.pid().to_string()).unwrap();
    }

    fn is_frozen(&self) -> bool {
        std::fs::read_to_string(self.0.join("cgroup.events")).unwrap().contains("frozen 1")
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = std::fs::write(self.0.join("cgroup.freeze"), "0");
        let _ = std::fs::write(self.0.join("cgroup.kill"), "1");
        let start = Instant::now();
        // A cgroup can be removed once its last process is gone.
        while [self.0.join("inner"), self.0.clone()].iter().any(|folder| std::fs::remove_dir(folder).is_err()) {
            if start.elapsed() > Duration::from_secs(2) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn a_container_is_frozen_thawed_and_killed_whole() {
    if !testkit::ROOT.is_met() {
        testkit::skip(&testkit::ROOT, testkit::ROOT.missing);
        return;
    }
    let Some(container) = Container::new("5afe0ddba11c0de") else {
        testkit::skip(&testkit::KERNEL, "there is no cgroup v2");
        return;
    };
    let tried = Tried::new(config());
    let (mut first, mut second, mut outside) = (Planted::new(), Planted::new(), Planted::new());
    container.add(&first);
    container.add(&second);
    let subject = Process { container: container.id(), ..first.subject() };
    assert_eq!(tried.of(Action::Freeze, subject.clone()), Outcome::Done(2));
    until("frozen", || container.is_frozen());
    assert_eq!(tried.of(Action::Thaw, subject.clone()), Outcome::Done(2));
    until("thawed", || !container.is_frozen());
    // One that is protected keeps the container from being frozen, and is left out of what is killed.
    let exe = executable(&first.subject().exe).to_owned();
    let protects = Config { protected: Protected::new().with_executable(exe), ..config() };
    let careful = Tried::new(protects);
    assert!(matches!(careful.of(Action::Freeze, subject.clone()), Outcome::Protected(_)));
    assert!(first.is_alive() && second.is_alive() && !container.is_frozen());
    assert_eq!(tried.of(Action::Kill(Scope::Container), subject), Outcome::Done(2));
    assert_eq!([first.signal(), second.signal()], [Some(9), Some(9)]);
    assert!(outside.is_alive());
}

/// Set in the process that this test starts in a new PID namespace: the number of rounds.
const ROUNDS: &str = "PEREGRINE_ROUNDS";

/// In each round a process ends and another one gets its ID, before, while or after the action is proposed.
#[test]
fn thousands_of_reused_ids_hit_nobody_else() {
    if let Ok(rounds) = std::env::var(ROUNDS) {
        return reuse(rounds.parse().unwrap());
    }
    if !testkit::ROOT.is_met() {
        testkit::skip(&testkit::ROOT, testkit::ROOT.missing);
        return;
    }
    let name = "tests::thousands_of_reused_ids_hit_nobody_else";
    let rounds = if std::env::var_os("PEREGRINE_LONG").is_some() { "10000" } else { "1000" };
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child", "--mount-proc"]).arg(std::env::current_exe().unwrap());
    let output = command.args(["--exact", name, "--nocapture"]).env(ROUNDS, rounds).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("reused: "), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

fn reuse(rounds: u32) {
    let tried = Tried::new(config());
    let sleeper = |seconds: &str| {
        let mut command = Command::new("/bin/sleep");
        Planted(command.arg(seconds).stdin(Stdio::null()).spawn().unwrap())
    };
    let exe = executable(&std::fs::canonicalize("/bin/sleep").unwrap().display().to_string()).to_owned();
    let (mut reused, mut killed) = (0, 0);
    for round in 0..rounds {
        let mut first = sleeper(if round % 5 == 4 { "1000" } else { "0" });
        let pid = first.pid();
        let subject = Process { pid, start: tried.now(), exe: exe.clone(), ..Process::default() };
        let kill = Action::Kill(Scope::Process);
        if round % 5 == 4 {
            // The process of the event is still there: it is the one that is hit.
            until("exec", || first.subject().exe == exe);
            tried.propose(kill, subject, tried.now());
            tried.responder.read_to(tried.now() + SECOND);
            assert_eq!(tried.outcome(), Outcome::Done(1));
            assert_eq!(first.signal(), Some(9));
            killed += 1;
            tried.responder.read_to(tried.now());
            continue;
        }
        let event = tried.now();
        let next = |reused: &mut u32| {
            std::fs::write("/proc/sys/kernel/ns_last_pid", (pid - 1).to_string()).unwrap();
            let second = sleeper("1000");
            *reused += u32::from(second.pid() == pid);
            second
        };
        let mut second;
        match round % 5 {
            0 => {
                tried.propose(kill, subject, event);
                first.0.wait().unwrap();
                second = next(&mut reused);
            }
            1 => {
                first.0.wait().unwrap();
                second = next(&mut reused);
                tried.propose(kill, subject, event);
            }
            2 => {
                first.0.wait().unwrap();
                tried.propose(kill, subject, event);
                second = next(&mut reused);
            }
            _ => {
                first.0.wait().unwrap();
                second = next(&mut reused);
                until("exec", || second.subject().exe == exe);
                tried.propose(kill, subject, event);
                tried.responder.read_to(event + 1);
            }
        }
        // What the stream of events says next: the end of the first one, which was before this moment.
        let moment = tried.now();
        tried.responder.ended(pid);
        tried.responder.read_to(moment + SECOND);
        let outcome = tried.outcome();
        // The first one may have been hit before it ended by itself.
        assert!(
            matches!(outcome, Outcome::Gone | Outcome::Changed | Outcome::Uncertain | Outcome::Done(1)),
            "round {round}: {outcome:?}"
        );
        assert!(second.is_alive(), "round {round}: another process was hit: {outcome:?}");
        // For the next round the stream is not in the future.
        tried.responder.read_to(tried.now());
    }
    assert!(reused > rounds / 2, "{reused} of {rounds}");
    let said = format!("reused: {reused} killed: {killed}\n");
    std::io::Write::write_all(&mut std::io::stdout(), said.as_bytes()).unwrap();
}
