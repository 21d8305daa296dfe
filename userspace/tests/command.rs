//! A command, its children and its threads: what they do is reported, and they notice nothing.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::time::{Duration, Instant};

use peregrine_userspace::{Builder, Userspace};
use scap::schema::{SyscallCode, SyscallSet};
use scap::{EventCode, Next, Source as _};

/// An event: code, thread, parameters.
#[derive(Debug, Clone)]
struct Seen {
    code: EventCode,
    tid: i64,
    params: Vec<Vec<u8>>,
}

impl Seen {
    fn number(&self, index: usize) -> i64 {
        let mut bytes = [0; 8];
        let raw = &self.params[index];
        bytes[..raw.len()].copy_from_slice(raw);
        i64::from_le_bytes(bytes)
    }

    fn text(&self, index: usize) -> String {
        String::from_utf8_lossy(self.params[index].strip_suffix(b"\0").unwrap_or(&self.params[index])).into_owned()
    }
}

/// Returns all events up to the end.
fn drain(source: &mut Userspace) -> Vec<Seen> {
    let mut seen = Vec::new();
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        assert!(Instant::now() < end, "the command does not end after {} events", seen.len());
        match source.next().expect("a live source") {
            Next::Event(event) => seen.push(Seen {
                code: event.code(),
                tid: event.tid(),
                params: event.raws().map(<[u8]>::to_vec).collect(),
            }),
            Next::End => return seen,
            _ => {}
        }
    }
}

fn state() -> SyscallSet {
    SyscallSet::state().union([SyscallCode::SIGNAL_DELIVER].into_iter().collect())
}

/// Runs a script, and returns its events and its exit code.
fn run(script: &str) -> (Vec<Seen>, Userspace) {
    let mut source = Builder::new().command(["sh", "-c", script]).select(state()).open().expect("the command starts");
    (drain(&mut source), source)
}

fn code(source: &Userspace) -> Option<i32> {
    source.status().expect("it has ended").code()
}

#[test]
fn opens_execs_and_ends_of_a_tree_are_reported() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("new");
    let path = file.to_str().expect("UTF-8");
    let (seen, source) = run(&format!("cat /etc/hostname > {path}; exit 3"));
    assert_eq!(code(&source), Some(3));
    let shell = i64::from(source.pid());
    let execs: Vec<(i64, String, String)> = seen
        .iter()
        .filter(|event| event.code == EventCode::EXECVE_19_X && event.number(0) == 0)
        .map(|event| (event.tid, event.text(1), event.text(30)))
        .collect();
    assert_eq!((execs[0].0, execs[0].1.as_str()), (shell, "sh"));
    assert!(execs[0].2.ends_with("/sh"), "{execs:?}");
    assert_eq!((execs[1].1.as_str(), execs.len()), ("cat", 2));
    let cat = execs[1].0;
    let own = seen.iter().position(|event| event.tid == cat && event.number(0) == 0).expect("the child's clone");
    let births = [EventCode::CLONE_20_X, EventCode::CLONE3_X, EventCode::FORK_20_X, EventCode::VFORK_20_X];
    assert!(births.contains(&seen[own].code), "{:?}", seen[own]);
    let open = |name: &str| {
        seen.iter().find(|event| event.code == EventCode::OPENAT_2_X && event.text(2) == name).expect("an open")
    };
    assert_eq!(open("/etc/hostname").tid, cat);
    let created = open(path);
    assert_eq!(created.number(3) & (1 << 14), 1 << 14, "O_F_CREATED: {created:?}");
    use std::os::unix::fs::MetadataExt as _;
    assert_eq!(created.number(6), std::fs::metadata(path).expect("the file").ino() as i64);
    let ends: BTreeMap<i64, i64> = seen
        .iter()
        .filter(|event| event.code == EventCode::PROCEXIT_1_E)
        .map(|event| (event.tid, event.number(1)))
        .collect();
    assert_eq!(ends, BTreeMap::from([(shell, 3), (cat, 0)]));
}

#[test]
fn signals_and_stops_pass_through() {
    let script = "trap 'echo caught > /dev/null; got=1' USR1; kill -USR1 $$; \
                  sleep 100 & kill -STOP $!; \
                  until grep -q '^State:.[Tt]' /proc/$!/status; do :; done; \
                  kill -CONT $!; until grep -q '^State:.[SR]' /proc/$!/status; do :; done; \
                  kill -TERM $!; wait $!; [ $? = 143 ] && [ \"$got\" = 1 ] && exit 9";
    let (seen, source) = run(script);
    assert_eq!(code(&source), Some(9));
    let signals: Vec<i64> = seen
        .iter()
        .filter(|event| event.code == EventCode::SIGNALDELIVER_E && event.tid == i64::from(source.pid()))
        .map(|event| event.number(2))
        .collect();
    assert!(signals.contains(&i64::from(libc::SIGUSR1)), "{signals:?}");
    let killed = seen.iter().find(|event| event.code == EventCode::PROCEXIT_1_E && event.number(2) == 15);
    assert!(killed.is_some(), "the end by SIGTERM");
}

/// A shell with job control waits for stops of its children, and not only for their ends.
#[test]
fn a_parent_learns_of_stops_and_continuations() {
    const NAME: &str = "a_parent_learns_of_stops_and_continuations";
    if role(NAME) {
        use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
        use std::os::unix::process::CommandExt as _;
        // A group whose parent is in its session: SIGTSTP stops no other.
        let mut child = std::process::Command::new("sleep").arg("1000").process_group(0).spawn().expect("a child");
        let pid = Pid::from_child(&child);
        let wait = |options| waitpid(Some(pid), options).expect("a child").expect("a change").1;
        kill_process(pid, Signal::TSTP).expect("a signal");
        assert_eq!(wait(WaitOptions::UNTRACED).stopping_signal(), Some(libc::SIGTSTP));
        kill_process(pid, Signal::CONT).expect("a signal");
        assert!(wait(WaitOptions::CONTINUED).continued());
        kill_process(pid, Signal::STOP).expect("a signal");
        assert_eq!(wait(WaitOptions::UNTRACED).stopping_signal(), Some(libc::SIGSTOP));
        // A stopped process dies at once.
        kill_process(pid, Signal::KILL).expect("a signal");
        assert_eq!(child.wait().expect("a child").signal(), Some(libc::SIGKILL));
        return;
    }
    let (_, source) = run_role(NAME);
    assert_eq!(code(&source), Some(0));
}

#[test]
fn an_end_by_a_signal_is_the_status() {
    let (seen, source) = run("kill -KILL $$");
    assert_eq!(source.status().expect("it has ended").signal(), Some(9));
    assert_eq!(seen.last().expect("an event").number(2), 9);
}

#[test]
fn a_program_that_is_not_there_is_an_error() {
    let error = Builder::new().command(["/no/such/program"]).open().expect_err("no such program");
    assert_eq!(error.to_string(), "can't run /no/such/program: No such file or directory (os error 2)");
    let error = Builder::new().command(["/etc"]).open().expect_err("no program");
    assert_eq!(error.to_string(), "can't run /etc: Permission denied (os error 13)");
    assert!(Builder::new().open().is_err());
}

/// The variable that makes a copy of this test the traced one.
const ROLE: &str = "PEREGRINE_TEST_ROLE";

fn role(name: &str) -> bool {
    std::env::var(ROLE).is_ok_and(|role| role == name)
}

/// Runs a test of this file as the traced command.
fn run_role(name: &str) -> (Vec<Seen>, Userspace) {
    let own = std::env::current_exe().expect("this program");
    let own = own.to_str().expect("UTF-8");
    let role = format!("{ROLE}={name}");
    let command = ["env", &role, own, "--exact", name, "--nocapture"];
    let mut source = Builder::new().command(command).select(state()).open().expect("the command starts");
    (drain(&mut source), source)
}

#[test]
fn an_exec_from_a_thread_takes_the_number_of_the_process() {
    const NAME: &str = "an_exec_from_a_thread_takes_the_number_of_the_process";
    if role(NAME) {
        // The harness runs each test in a separate thread.
        use std::os::unix::process::CommandExt as _;
        panic!("{}", std::process::Command::new("sh").args(["-c", "exit 7"]).exec());
    }
    let (seen, source) = run_role(NAME);
    assert_eq!(code(&source), Some(7));
    let process = i64::from(source.pid());
    let last = seen.iter().rfind(|event| event.code == EventCode::EXECVE_19_X).expect("an exec");
    assert_eq!((last.tid, last.text(1).as_str(), last.text(30).ends_with("/sh")), (process, "sh", true));
    let threads: Vec<&Seen> = seen
        .iter()
        .filter(|event| matches!(event.code, EventCode::CLONE3_X | EventCode::CLONE_20_X) && event.number(0) == 0)
        .collect();
    assert!(!threads.is_empty() && threads.iter().all(|event| event.number(4) == process), "{threads:?}");
}

#[test]
fn threads_and_vfork_go_on_as_alone() {
    const NAME: &str = "threads_and_vfork_go_on_as_alone";
    if role(NAME) {
        let sum: i32 = (0..8)
            .map(|i| {
                std::thread::spawn(move || {
                    let child = std::process::Command::new("sh").args(["-c", &format!("exit {i}")]).status();
                    child.expect("a child").code().expect("a code")
                })
            })
            .collect::<Vec<_>>()
            .into_iter()
            .map(|thread| thread.join().expect("a thread"))
            .sum();
        assert_eq!(sum, 28);
        return;
    }
    let (seen, source) = run_role(NAME);
    assert_eq!(code(&source), Some(0));
    let shells = seen
        .iter()
        .filter(|event| event.code == EventCode::EXECVE_19_X && event.number(0) == 0 && event.text(1) == "sh");
    assert_eq!(shells.count(), 8);
    let mut alive: BTreeMap<i64, i64> = BTreeMap::new();
    for event in &seen {
        match event.code {
            EventCode::PROCEXIT_1_E => *alive.entry(event.tid).or_default() -= 1,
            EventCode::CLONE_20_X | EventCode::CLONE3_X | EventCode::VFORK_20_X | EventCode::FORK_20_X
                if event.number(0) == 0 =>
            {
                *alive.entry(event.tid).or_default() += 1;
            }
            _ => {}
        }
    }
    alive.remove(&i64::from(source.pid()));
    assert!(alive.values().all(|count| *count == 0), "every thread begins and ends once: {alive:?}");
}

#[test]
fn a_command_dies_with_its_reader() {
    let source = Builder::new().command(["sleep", "1000"]).open().expect("the command starts");
    let pid = source.pid();
    drop(source);
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn a_process_that_is_attached_to_is_seen_and_left_alone() {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::process::{Command, Stdio};
    let script = "while read line; do cat /etc/hostname > /dev/null; echo done; done";
    let mut child =
        Command::new("sh").args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("sh");
    let mut input = child.stdin.take().expect("a pipe");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut source = match Builder::new().pid(child.id() as i32).select(state()).open() {
        Ok(source) => source,
        // Yama may forbid it to ordinary users.
        Err(error) => {
            drop(input);
            child.wait().expect("it ends with its input");
            testkit::skip(&testkit::ROOT, error);
            return;
        }
    };
    input.write_all(b"go\n").expect("a reader");
    assert_eq!(lines.next().expect("a line").expect("text"), "done");
    let end = Instant::now() + Duration::from_secs(30);
    let mut cat = false;
    while !cat && Instant::now() < end {
        if let Next::Event(event) = source.next().expect("a live source") {
            cat = event.code() == EventCode::EXECVE_19_X && event.raw(1) == Some(b"cat\0");
        }
    }
    assert!(cat, "the child's exec is seen");
    drop(source);
    // It runs on without a tracer.
    input.write_all(b"again\n").expect("a reader");
    assert_eq!(lines.next().expect("a line").expect("text"), "done");
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it is alive");
    assert!(status.contains("TracerPid:\t0"), "{status}");
    drop(input);
    assert!(child.wait().expect("a child").success());
}
