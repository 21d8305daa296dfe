//! Capture without privileges: `pscap record --userspace` as an ordinary user.
#![cfg(feature = "live")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

const NOBODY: &str = "65534";

/// Returns a program as a user without privileges runs it.
fn unprivileged(program: &str, directory: &Path) -> Command {
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", program]);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(directory).stdin(Stdio::null());
    command
}

fn pscap(directory: &Path, args: &[&str]) -> Output {
    unprivileged(env!("CARGO_BIN_EXE_pscap"), directory).args(args).output().expect("pscap runs")
}

fn peregrine(directory: &Path) -> Command {
    unprivileged(env!("CARGO_BIN_EXE_peregrine"), directory)
}

/// Returns the number of that user.
fn user() -> String {
    let own = rustix::process::geteuid();
    if own.is_root() { NOBODY.to_owned() } else { own.as_raw().to_string() }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Creates a directory that any user may write to.
fn directory() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o777)).expect("permissions");
    directory
}

#[test]
fn a_command_is_recorded_without_privileges() {
    let directory = directory();
    let script = "cat /etc/passwd > copy; (exit 4); exit 5";
    let output = pscap(directory.path(), &["record", "x.scap", "--userspace", "--", "sh", "-c", script]);
    assert_eq!(output.status.code(), Some(5), "{}", text(&output.stderr));
    let read = |filter: &str, format: &str| {
        let output = pscap(directory.path(), &["read", "x.scap", filter, "-p", format]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    assert_eq!(
        read("evt.type = openat and fd.name = /etc/passwd", "%proc.name %proc.pname %user.uid %fd.name"),
        format!("cat sh {} /etc/passwd\n", user())
    );
    let copy = directory.path().join("copy");
    assert_eq!(
        read("evt.type = openat and evt.arg.flags contains O_F_CREATED", "%proc.name %fd.name"),
        format!("sh {}\n", copy.display())
    );
    assert_eq!(
        read("evt.type = execve and evt.res = SUCCESS", "%proc.cmdline"),
        format!("sh -c {script}\ncat /etc/passwd\n")
    );
    assert!(read("evt.type = procexit", "%evt.arg.ret").lines().any(|line| line == "4"));
}

#[test]
fn a_filter_stops_only_what_it_needs() {
    let directory = directory();
    let command = ["record", "x.scap", "evt.type = chdir", "--userspace", "--", "sh", "-c", "cd /; echo x > /dev/null"];
    let output = pscap(directory.path(), &command);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let output = pscap(directory.path(), &["read", "x.scap", "-p", "%evt.type %evt.arg.path"]);
    assert_eq!(text(&output.stdout), "chdir /\n");
}

#[test]
fn it_requires_a_command_or_a_process() {
    let directory = directory();
    let output = pscap(directory.path(), &["record", "x.scap", "--userspace"]);
    assert!(!output.status.success() && text(&output.stderr).contains("--pid"), "{}", text(&output.stderr));
}

const RULES: &str = r#"
- rule: Passwords
  desc: "-"
  condition: evt.type in (open, openat, openat2) and fd.name = /etc/passwd and proc.name = cat
  output: "read by %proc.name of %proc.pname"
  priority: CRITICAL
"#;

#[test]
fn the_detector_traces_a_command() {
    let directory = directory();
    std::fs::write(directory.path().join("rules.yaml"), RULES).expect("rules");
    let config = "rules_files: [rules.yaml]\nstdout_output: {enabled: true}\nengine:\n  kind: userspace\n  userspace: {command: [sh, -c, cat /etc/passwd > /dev/null]}\n";
    std::fs::write(directory.path().join("config.yaml"), config).expect("a configuration");
    let output = peregrine(directory.path()).args(["-c", "config.yaml"]).output().expect("peregrine runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        text(&output.stdout).contains("Critical read by cat of sh"),
        "{} {}",
        text(&output.stdout),
        text(&output.stderr)
    );
}

#[test]
fn the_detector_attaches_to_a_process() {
    use std::io::{BufRead as _, BufReader, Write as _};
    let directory = directory();
    std::fs::write(directory.path().join("rules.yaml"), RULES).expect("rules");
    let mut target = unprivileged("sh", directory.path())
        .args(["-c", "while read line; do cat /etc/passwd > /dev/null; done"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("sh");
    let mut input = target.stdin.take().expect("a pipe");
    // setpriv becomes the shell.
    let pid = target.id();
    let mut detector = peregrine(directory.path())
        .args(["-r", "rules.yaml", "-U", "-o", "engine.kind=userspace", "-o", &format!("engine.userspace.pid={pid}")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("peregrine runs");
    let mut log = BufReader::new(detector.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
    let mut said = String::new();
    let watches = log.any(|line| {
        said += &line;
        line.contains("watching one tree of processes")
    });
    assert!(watches, "{said}");
    input.write_all(b"go\n").expect("a reader");
    // Its end is the end of the events.
    drop(input);
    assert!(target.wait().expect("a child").success());
    let mut out = String::new();
    std::io::Read::read_to_string(&mut detector.stdout.take().expect("a pipe"), &mut out).expect("text");
    assert!(detector.wait().expect("a child").success());
    assert!(out.contains("Critical read by cat of sh"), "{out}");
}
