//! Ends of the tracer that nobody planned: what it traced is neither left stopped nor left behind.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use super::{directory, text, unprivileged};

fn until(what: &str, condition: impl Fn() -> bool) {
    testkit::until(what, Duration::from_secs(30), condition);
}

/// Starts a recording by a user without privileges.
fn record(directory: &Path, args: &[&str]) -> Child {
    unprivileged(env!("CARGO_BIN_EXE_pscap"), directory)
        .args(["record", "x.scap", "--userspace"])
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("pscap runs")
}

/// Returns how many processes have an argument and have not ended: traced ones, and the tracer's own.
fn count(argument: &str) -> (usize, usize) {
    let mut found = (0, 0);
    for process in std::fs::read_dir("/proc").expect("/proc").flatten().map(|entry| entry.path()) {
        let words = std::fs::read(process.join("cmdline")).unwrap_or_default();
        let state = std::fs::read_to_string(process.join("status")).unwrap_or_default();
        if state.contains("State:\tZ") || !words.split(|byte| *byte == 0).any(|word| word == argument.as_bytes()) {
            continue;
        }
        if words.starts_with(env!("CARGO_BIN_EXE_pscap").as_bytes()) {
            found.1 += 1;
        } else {
            found.0 += 1;
        }
    }
    found
}

fn status(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default()
}

fn kill(mut tracer: Child) {
    tracer.kill().expect("SIGKILL");
    tracer.wait().expect("a child");
}

#[test]
fn a_killed_tracer_takes_the_command_with_it() {
    let directory = directory();
    // One process waits in a call, one is stopped by a signal, one has left the session.
    let mark = format!("{}.5", 1_000_000 + std::process::id());
    let script =
        "sleep $0 & sleep $0 & kill -STOP $!; setsid sleep $0 & until [ -e go ]; do sleep 0.01; done; sleep $0";
    let tracer = record(directory.path(), &["--", "sh", "-c", script, &mark]);
    // The shell, and three children.
    until("the command runs", || count(&mark).0 == 4);
    std::fs::write(directory.path().join("go"), "").expect("a file");
    until("its last child runs", || count(&mark).0 == 5);
    kill(tracer);
    until("all of it has ended", || count(&mark) == (0, 0));
}

#[test]
fn a_killed_tracer_leaves_an_attached_process_running() {
    let directory = directory();
    let mut target = unprivileged("sh", directory.path())
        .args(["-c", "while read line; do sh -c 'echo $0' $line; done"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sh");
    let pid = target.id();
    let mut input = target.stdin.take().expect("a pipe");
    let mut lines = BufReader::new(target.stdout.take().expect("a pipe")).lines();
    until("setpriv has become the shell", || status(pid).starts_with("Name:\tsh\n"));
    let mut tracer = record(directory.path(), &["--pid", &pid.to_string()]);
    while status(pid).contains("TracerPid:\t0\n") {
        if tracer.try_wait().expect("a child").is_some() {
            drop(input);
            target.wait().expect("it ends with its input");
            return testkit::skip(&testkit::ROOT, "Yama forbids attaching to a process");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut say = |word: &str| {
        writeln!(input, "{word}").expect("a reader");
        assert_eq!(lines.next().expect("a line").expect("text"), word);
    };
    say("traced");
    kill(tracer);
    until("it has no tracer", || status(pid).contains("TracerPid:\t0\n"));
    say("alone");
    drop(input);
    assert!(target.wait().expect("a child").success());
}

#[test]
fn a_setuid_program_runs_without_its_privileges() {
    use std::os::unix::fs::PermissionsExt;
    testkit::need!(ROOT);
    let directory = directory();
    let id = directory.path().join("id");
    std::fs::copy("/usr/bin/id", &id).expect("a copy");
    std::fs::set_permissions(&id, PermissionsExt::from_mode(0o4755)).expect("permissions");
    let alone = unprivileged("./id", directory.path()).arg("-u").output().expect("id runs");
    let traced = unprivileged(env!("CARGO_BIN_EXE_pscap"), directory.path())
        .args(["record", "x.scap", "--userspace", "--", "./id", "-u"])
        .output()
        .expect("pscap runs");
    assert!(traced.status.success(), "{}", text(&traced.stderr));
    let traced = text(&traced.stdout);
    assert_eq!(traced.lines().next(), Some(super::NOBODY), "{traced}");
    // A file system that is mounted with `nosuid` would make the test empty.
    assert_eq!(text(&alone.stdout), "0\n");
    // With CAP_SYS_ADMIN the tracer's filter takes nothing from it.
    let by_root = std::process::Command::new("setpriv")
        .args(["--bounding-set", "-all,+sys_admin,+setuid,+setgid,+sys_ptrace,+dac_override", "--"])
        .arg(env!("CARGO_BIN_EXE_pscap"))
        .args([
            "record",
            "y.scap",
            "--userspace",
            "--",
            "setpriv",
            "--reuid",
            super::NOBODY,
            "--clear-groups",
            "./id",
            "-u",
        ])
        .current_dir(directory.path())
        .output()
        .expect("pscap runs");
    assert!(by_root.status.success(), "{}", text(&by_root.stderr));
    assert_eq!(text(&by_root.stdout).lines().next(), Some("0"), "{}", text(&by_root.stderr));
}
