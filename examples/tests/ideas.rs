//! The one-idea examples as people run them.

mod common;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use common::root;

/// Returns where cargo puts the examples, rebuilt if they are not current: a test of this file alone does not build
/// them.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let exe = std::env::current_exe().expect("this program's path");
        let target = exe.ancestors().nth(2).expect("deps lies in the profile's folder");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--examples", "--manifest-path"]).arg(root().join("examples/Cargo.toml"));
        if target.ends_with("release") {
            build.arg("--release");
        }
        if !cfg!(feature = "live") {
            build.arg("--no-default-features");
        }
        assert!(build.status().expect("cargo runs").success(), "the examples do not build");
        target.join("examples")
    })
}

fn run(example: &str, args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(folder().join(example))
        .args(args)
        .env("TZ", "UTC")
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|fault| panic!("{example}: {fault}"));
    let mut stdin = child.stdin.take().expect("stdin");
    let input = input.to_vec();
    // It may write before it has read everything, and need not read at all.
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let done = child.wait_with_output().expect("it ends");
    feeder.join().expect("no panic");
    done
}

#[track_caller]
fn good(example: &str, args: &[&str], input: &[u8]) -> String {
    let done = run(example, args, input);
    assert!(done.status.success(), "{example} {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

const PROCS: &str = "testdata/captures/procs.scap";

#[test]
fn a_capture_is_read_in_thirty_lines() {
    let source = std::fs::read_to_string(root().join("examples/ideas/read_capture.rs")).expect("the source");
    assert!(source.lines().count() <= 30);
    let said = good("read_capture", &[PROCS], b"");
    assert!(said.lines().count() > 1000);
    assert!(said.lines().any(|line| line.contains(") openat /etc/ld.so.cache")), "{said}");
    assert!(!run("read_capture", &["/no/such/file"], b"").status.success());
}

#[test]
fn fields_are_listed() {
    let all = good("list_fields", &[], b"");
    let sockets = good("list_fields", &["fd.s"], b"");
    assert!(all.lines().count() > 200 && sockets.lines().count() < 20);
    assert!(sockets.lines().any(|line| line.starts_with("fd.sip ") && line.contains("IPADDR")), "{sockets}");
}

#[test]
fn a_reader_that_is_gone_is_no_panic() {
    for (example, args) in [
        ("read_capture", &[PROCS][..]),
        ("list_fields", &[]),
        ("filter", &[PROCS, "evt.type = execve"]),
        ("own_events", &[]),
        ("own_source", &[]),
    ] {
        // The other end of each pipe is closed before the program starts.
        let (_, output) = std::io::pipe().expect("a pipe");
        let (_, errors) = std::io::pipe().expect("a pipe");
        let mut command = Command::new(folder().join(example));
        let status = command.args(args).current_dir(root()).stdout(output).stderr(errors).status().expect("it runs");
        assert!(matches!(status.code(), Some(0 | 1)), "{example}: {status:?}");
    }
}

#[test]
fn a_filter_prints_matching_events() {
    let said = good("filter", &[PROCS, "evt.type = execve and evt.rawres = 0"], b"");
    assert!(said.lines().count() > 10 && said.lines().all(|line| line.contains(" execve ")), "{said}");
    let refused = run("filter", &[PROCS, "proc.nose = a"], b"");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("proc.nose"));
}

#[test]
fn audit_records_become_alerts() {
    let rules = "- rule: secret read\n  desc: d\n  condition: ka.verb = get and ka.target.resource = secrets\n  \
                 output: secret read (user=%ka.user.name name=%ka.target.name)\n  priority: warning\n  source: k8s_audit\n";
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("rules.yaml");
    std::fs::write(&path, rules).expect("the rules");
    let record =
        br#"{"kind":"Event","auditID":"1","verb":"get","user":{"username":"ann"},"objectRef":{"resource":"secrets","name":"k"}}"#;
    let input = [&record[..], b"\nno json\n", record, b"\n"].concat();
    let done = run("k8s_audit", &[path.to_str().expect("UTF-8")], &input);
    let (said, complaint) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert_eq!(said.lines().count(), 2, "{said}{complaint}");
    assert!(said.lines().all(|line| line.ends_with("Warning secret read (user=ann name=k)")), "{said}");
    assert!(complaint.contains("line 2: invalid JSON"), "{complaint}");
}

#[test]
fn a_custom_source_is_inspected() {
    let said = good("own_source", &[], b"");
    assert_eq!(said, "snoop opened /etc/hosts\nsnoop opened /etc/passwd\nsnoop opened /etc/shadow\n");
}

#[test]
fn custom_events_are_evaluated() {
    let said = good("own_events", &[], b"");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.ends_with("Warning laboratory opened at night (door=lab 7 badge=42)\n"), "{said}");
}

#[test]
fn rules_are_replaced_between_two_events() {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |name: &str| {
        let path = dir.path().join(format!("{name}.yaml"));
        let rule = format!(
            "- rule: {name}\n  desc: d\n  condition: evt.type = execve and evt.rawres = 0\n  \
             output: {name} %evt.num %proc.name\n  priority: notice\n"
        );
        std::fs::write(&path, rule).expect("the rules");
        path.to_str().expect("UTF-8").to_owned()
    };
    let (first, second) = (write("first"), write("second"));
    let said = good("swap_rules", &[PROCS, &first, &second], b"");
    let lines: Vec<&str> = said.lines().collect();
    let at = lines.iter().position(|line| *line == "-- new rules").expect("the swap");
    assert!(at > 0 && at + 1 < lines.len(), "{said}");
    assert!(lines[..at].iter().all(|line| line.contains("Notice first ")), "{said}");
    assert!(lines[at + 1..].iter().all(|line| line.contains("Notice second ")), "{said}");
    // Before and after together are the alerts of one set of rules for the whole capture.
    let whole = good("swap_rules", &[PROCS, &first, &first], b"");
    assert_eq!(whole.lines().count(), lines.len());
    assert!(!run("swap_rules", &[PROCS, &first, "/no/such/file"], b"").status.success());
}

#[cfg(feature = "live")]
#[test]
fn live_events_are_printed() {
    let over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let seen = std::sync::Arc::clone(&over);
    let busy = std::thread::spawn(move || {
        while !seen.load(std::sync::atomic::Ordering::SeqCst) {
            let _ = Command::new("/bin/true").arg("--of-the-live-example").status();
        }
    });
    let done = run("live", &["2"], b"");
    over.store(true, std::sync::atomic::Ordering::SeqCst);
    busy.join().expect("no panic");
    let (said, complaint) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    if !done.status.success() {
        testkit::skip!(BPF, "{complaint}");
    }
    assert!(said.lines().any(|line| line.ends_with("/true --of-the-live-example")), "{said}{complaint}");
}
