//! Capture without privileges: `pscap record --userspace` as an ordinary user.
#![cfg(feature = "live")]

mod ends;

use std::path::Path;
use std::process::{Command, Output, Stdio};

const NOBODY: &str = "65534";
/// A user of one test, which looks at all that he does on the host while the other tests run.
const ATTACKER: u32 = 65533;

/// Returns a program as a user without privileges runs it.
fn unprivileged(program: &str, directory: &Path) -> Command {
    run_by(NOBODY, program, directory)
}

/// Returns a program as a user runs it; as the caller, who may not choose, if that is not root.
fn run_by(user: &str, program: &str, directory: &Path) -> Command {
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", user, "--regid", user, "--clear-groups", program]);
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

/// The acts of an attacker without privileges, by processes of one user. No step depends on who else traces a process.
const ATTACK: &str = include_str!("attack.py");

/// Returns the rules and outputs of a user's alerts, each once. Numbers differ between two runs.
fn alerts_of(out: &str, user: u64) -> std::collections::BTreeSet<String> {
    let alerts = out.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let of_user = alerts.filter(|alert| alert["output_fields"]["user.uid"] == user);
    let text = |alert: serde_json::Value| {
        let message = alert["output"].as_str().and_then(|text| text.split_once(": ")).map_or("", |(_, text)| text);
        let message: String = message.chars().map(|sign| if sign.is_ascii_digit() { '0' } else { sign }).collect();
        let mut message = message.replace("00", "0");
        while message.contains("00") {
            message = message.replace("00", "0");
        }
        format!("{}: {message}", alert["rule"].as_str().unwrap_or_default())
    };
    of_user.map(text).collect()
}

#[test]
fn an_attack_has_the_alerts_that_the_probe_gives() {
    testkit::need!(PYTHON);
    testkit::need!(ROOT);
    let rules = testkit::root().join("detector/daemon/rules/peregrine_rules.yaml");
    let config = |engine: &str| {
        format!(
            "rules_files: [rules.yaml]\njson_output: true\nstdout_output: {{enabled: true}}\nlog_stderr: true\n\
             rule_matching: all\nappend_output: [{{extra_fields: [user.uid]}}]\nengine: {engine}\n"
        )
    };
    let prepared = |engine: &str| {
        let directory = directory();
        std::fs::copy(&rules, directory.path().join("rules.yaml")).expect("rules");
        std::fs::write(directory.path().join("attack.py"), ATTACK).expect("a script");
        std::fs::write(directory.path().join("config.yaml"), config(engine)).expect("a configuration");
        // The same path in both runs.
        let work = directory.path().join("work");
        std::fs::create_dir(&work).expect("a directory");
        std::os::unix::fs::chown(&work, Some(ATTACKER), Some(ATTACKER)).expect("an owner");
        directory
    };
    let name = |directory: &tempfile::TempDir| directory.path().display().to_string();

    let directory_of_probe = prepared("{kind: modern_ebpf}");
    let mut detector = Command::new(env!("CARGO_BIN_EXE_peregrine"))
        .args(["-c", "config.yaml"])
        .current_dir(directory_of_probe.path())
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(directory_of_probe.path().join("out")).expect("a file"))
        .stderr(std::fs::File::create(directory_of_probe.path().join("err")).expect("a file"))
        .spawn()
        .expect("peregrine runs");
    let read = |file: &str| std::fs::read_to_string(directory_of_probe.path().join(file)).unwrap_or_default();
    while !read("err").contains("watching this host") {
        if detector.try_wait().expect("a child").is_some() {
            return testkit::skip(&testkit::BPF, read("err"));
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let attack = |directory: &tempfile::TempDir| {
        let work = directory.path().join("work").display().to_string();
        // Its parent has the same name in both runs.
        let script = format!("/usr/bin/python3 -I {}/attack.py {work}; exit $?", name(directory));
        ["/bin/sh".to_owned(), "-c".to_owned(), script]
    };
    let words = attack(&directory_of_probe);
    let attacker = ATTACKER.to_string();
    let done = run_by(&attacker, &words[0], directory_of_probe.path()).args(&words[1..]).output().expect("sh");
    assert!(done.status.success(), "{}", text(&done.stderr));
    rustix::process::kill_process(rustix::process::Pid::from_child(&detector), rustix::process::Signal::TERM)
        .expect("a signal");
    assert!(detector.wait().expect("a child").success(), "{}", read("err"));
    let by_probe = alerts_of(&read("out").replace(&name(&directory_of_probe), "DIR"), ATTACKER.into());

    let traced = prepared("{kind: userspace}");
    let command = format!("engine.userspace.command={}", serde_json::json!(attack(&traced)));
    let mut detector = run_by(&attacker, env!("CARGO_BIN_EXE_peregrine"), traced.path());
    let output = detector.args(["-c", "config.yaml", "-o", &command]).output().expect("peregrine runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let by_tracer = alerts_of(&text(&output.stdout).replace(&name(&traced), "DIR"), ATTACKER.into());

    println!("{} alerts:\n{}", by_probe.len(), by_probe.iter().cloned().collect::<Vec<_>>().join("\n"));
    let missing: Vec<_> = by_probe.difference(&by_tracer).collect();
    let more: Vec<_> = by_tracer.difference(&by_probe).collect();
    assert!(missing.is_empty() && more.is_empty(), "only by the probe: {missing:#?}\nonly by the tracer: {more:#?}");
    assert!(by_probe.len() >= 8, "{by_probe:#?}");
}
