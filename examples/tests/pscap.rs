//! `pscap` as people run it: on small traces, and on every capture for which Falco's values are available.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value as Json;

const TRACE: &str = r#"
machine cpus=2 hostname="box"
user uid=0 gid=0 name="root"
thread tid=7 pid=7 ptid=1 comm="sh" exe="sh" exepath="/bin/sh" cwd="/root/"
1700000000.000000001 tid=7 openat fd=3 dirfd=AT_FDCWD name="notes" flags=O_RDONLY mode=0 dev=0 ino=0
+1ms tid=7 read res=2 data=b"hi" fd=3 size=9
+1ms tid=7 close res=0 fd=3
+1ms tid=8 getcwd res=-ENOENT path=-
"#;

fn pscap(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pscap")).args(args).output().expect("pscap runs")
}

#[track_caller]
fn good(args: &[&str]) -> String {
    let output = pscap(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[track_caller]
fn bad(args: &[&str]) -> String {
    let output = pscap(args);
    assert_eq!(output.status.code(), Some(1), "{args:?}");
    String::from_utf8(output.stderr).expect("UTF-8")
}

/// Creates a directory with the trace in it.
fn trace() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("x.trace");
    std::fs::write(&path, TRACE).expect("the trace");
    (dir, path.to_str().expect("UTF-8").to_owned())
}

#[test]
fn events_are_read_for_people_and_programs() {
    let (_dir, file) = trace();
    let lines = good(&["read", &file]);
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[0].starts_with("1 ") && lines[0].contains(" sh (7) openat fd=3(<f>/root/notes) "), "{}", lines[0]);
    assert!(lines[1].ends_with(" sh (7) read res=2 data=hi fd=3(<f>/root/notes) size=9"), "{}", lines[1]);

    assert_eq!(good(&["read", &file, "-p", "%evt.num %fd.name", "evt.type=read"]), "2 /root/notes\n");
    assert_eq!(good(&["read", &file, "evt.type", "=", "read", "-p", "%evt.num"]), "2\n", "the words are one filter");
    assert_eq!(good(&["read", &file, "-p", "%evt.num", "-n", "2"]), "1\n2\n");
    assert_eq!(good(&["read", &file, "-p", "%evt.num %fd.num"]), "1 3\n2 3\n3 3\n", "4 has no file descriptor");
    assert_eq!(good(&["read", &file, "-p", "*%evt.num %fd.num"]), "1 3\n2 3\n3 3\n4 <NA>\n");
    assert!(good(&["read", &file, "--buffers", "base64", "evt.type=read"]).contains(" data=aGk= "));

    let json =
        good(&["read", &file, "--json", "--fields", "evt.num,fd.name,evt.arg.res,proc.aname[1]", "evt.type=read"]);
    let json: Json = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json, serde_json::json!({"evt.num": 2, "fd.name": "/root/notes", "evt.arg.res": "2"}));
}

#[test]
fn captures_are_converted_back_and_forth() {
    let (dir, file) = trace();
    let path = |name: &str| dir.path().join(name).to_str().expect("UTF-8").to_owned();
    let text = good(&["read", &file, "--text"]);
    for name in ["a.scap", "a.scap.gz", "b.trace"] {
        let made = path(name);
        good(&["convert", &file, &made]);
        assert_eq!(good(&["read", &made, "--text"]), text, "{name}");
    }
    let magic = |name: &str| std::fs::read(path(name)).expect("the file").get(..2).map(<[u8]>::to_vec);
    assert_eq!(magic("a.scap.gz"), Some(vec![0x1f, 0x8b]));
    assert_ne!(magic("a.scap"), magic("a.scap.gz"));

    // Events that do not match are kept for the state, and not shown.
    let filtered = path("c.scap");
    good(&["convert", &file, &filtered, "evt.type=read"]);
    assert_eq!(good(&["read", &filtered, "-p", "%evt.type %fd.name"]), "read /root/notes\n");
    let info: Json = serde_json::from_str(&good(&["info", &filtered, "--json"])).expect("JSON");
    assert_eq!((&info["events"]["count"], &info["events"]["state_only"]), (&3.into(), &2.into()));
    good(&["convert", &file, &filtered, "evt.type=read", "--only-matching"]);
    let info: Json = serde_json::from_str(&good(&["info", &filtered, "--json"])).expect("JSON");
    assert_eq!(info["events"]["count"], 1);
}

#[test]
fn a_capture_is_written_for_an_older_program() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name).to_str().expect("UTF-8").to_owned();
    let (file, old) = (path("new.trace"), path("old.scap"));
    // A BPF program among the file descriptors, a system call and an event of newer tables, each beside an older one.
    let trace = r#"
thread tid=7 pid=7 ptid=1 comm="sh" exe="sh" exepath="/bin/sh" cwd="/root/"
fd tid=7 num=3 kind=file name="/root/notes" flags=O_RDWR
fd tid=7 num=4 kind=bpf name="bpf-prog"
fd tid=7 num=5 kind=memfd name="/memfd:x"
1700000000.000000001 tid=7 syscall ID=3 nativeID=0
+1ms tid=7 syscall ID=411 nativeID=444
+1ms tid=7 prctl res=0 option=PR_SET_NAME arg2_str="x" arg2_int=0
+1ms tid=7 close res=0 fd=3
"#;
    std::fs::write(&file, trace).expect("the trace");
    let output = pscap(&["convert", &file, &old, "--compatible", "sysdig-0.29"]);
    let report = String::from_utf8(output.stderr).expect("UTF-8");
    let wanted = "pscap: sysdig 0.29: 1 events left out and 1 system calls without a name, which it does not know\n";
    assert_eq!((output.status.code(), report.as_str()), (Some(0), wanted));
    let text = good(&["read", &old, "--text"]);
    let kinds: Vec<&str> = text.lines().filter(|line| line.starts_with("fd ")).collect();
    assert_eq!(kinds.len(), 3, "{text}");
    for (line, kind) in kinds.iter().zip(["kind=file", "kind=unsupported", "kind=unsupported"]) {
        assert!(line.contains(kind), "{line}");
    }
    assert!(kinds[1].contains("bpf-prog") && kinds[2].contains("/memfd:x"), "{kinds:?}");
    let events = good(&["read", &old, "-p", "*%evt.type.is[0] %evt.rawarg.ID %evt.type"]);
    assert_eq!(events.lines().count(), 3, "{events}");
    let numbers: Vec<&str> = events.lines().filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(numbers, ["3", "0", "<NA>"], "{events}");
    // Without the option nothing changes.
    good(&["convert", &file, &old]);
    assert!(good(&["read", &old, "--text"]).contains("kind=bpf"));
}

#[test]
fn a_capture_is_described() {
    let (dir, file) = trace();
    let scap = dir.path().join("x.scap");
    let scap = scap.to_str().expect("UTF-8");
    good(&["convert", &file, scap]);
    let text = good(&["info", scap]);
    for wanted in [
        "host          box, 2 processors",
        "state         1 threads in 1 processes",
        "0.003 s later",
        "events        4, 0",
    ] {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
    let json: Json = serde_json::from_str(&good(&["info", scap, "--json"])).expect("JSON");
    assert_eq!(json["events"]["by_type"].as_array().map(Vec::len), Some(4));
}

#[test]
fn conditions_are_evaluated_in_one_pass() {
    let (dir, file) = trace();
    let conditions = dir.path().join("conditions.jsonl");
    let lines =
        "\"evt.type=read\"\n{\"condition\": \"proc.name = sh\", \"x\": 1}\n\n\"evt.type in (\"\n\"no.field = 1\"\n";
    std::fs::write(&conditions, lines).expect("conditions");
    let output = good(&["eval", &file, "--conditions", conditions.to_str().expect("UTF-8")]);
    let lines: Vec<Json> = output.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((lines.len(), &lines[0]["first"], &lines[1]["matches"]), (4, &serde_json::json!([2]), &3.into()));
    assert_eq!((&lines[0]["printed"], &lines[0]["condition"]), (&"evt.type = read".into(), &"evt.type=read".into()));
    assert!(lines[2]["error"].as_str().is_some_and(|text| text.starts_with("parse: ")) && lines[2]["column"].is_u64());
    assert!(lines[3]["error"].as_str().is_some_and(|text| text.starts_with("compile: ")), "{}", lines[3]);

    std::fs::write(&conditions, "not JSON\n").expect("conditions");
    assert!(
        bad(&["eval", &file, "--conditions", conditions.to_str().expect("UTF-8")])
            .contains(":1: expected a JSON string")
    );
}

#[test]
fn errors_are_one_line() {
    let (dir, file) = trace();
    let broken = dir.path().join("broken.trace");
    std::fs::write(&broken, "close\nnope\n").expect("a trace");
    for (args, wanted) in [
        (vec!["read", "/nonexistent"], "pscap: can't open file /nonexistent: "),
        (vec!["read", broken.to_str().expect("UTF-8")], "pscap: line 2, column 1: there is no event `nope`"),
        (vec!["read", &file, "evt.type ="], "pscap: expected a string value"),
        (vec!["read", &file, "-p", "%nope"], "pscap: %nope: "),
        (vec!["read", &file, "--json", "--fields", "no.such"], "pscap: no.such: "),
        (vec!["events", "nope"], "pscap: there is no event `nope`"),
        (vec!["man", "nope"], "pscap: there is no command `nope`"),
        (vec!["convert", &file, "/nonexistent/x.trace"], "pscap: can't create /nonexistent/x.trace: "),
    ] {
        let text = bad(&args);
        assert!(text.starts_with(wanted) && text.trim_end().lines().count() == 1, "{args:?}: {text}");
    }
    assert_eq!(pscap(&["read"]).status.code(), Some(2), "a wrong command line");
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let (_dir, file) = trace();
    let mut child = Command::new(env!("CARGO_BIN_EXE_pscap"))
        .args(["read", &file])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("pscap runs");
    drop(child.stdout.take());
    let mut errors = String::new();
    child.stderr.take().expect("its errors").read_to_string(&mut errors).expect("UTF-8");
    assert!(child.wait().expect("it ends").success() && errors.is_empty(), "{errors}");
}

#[test]
fn pages_and_completions_are_made() {
    assert!(good(&["man"]).contains(".TH pscap 1"));
    assert!(good(&["man", "read"]).contains("FILTER"));
    assert!(good(&["completions", "bash"]).contains("_pscap"));
    assert!(good(&["fields", "--names"]).lines().any(|name| name == "proc.name"));
    assert!(good(&["events", "--format", "json", "openat"]).contains("\"relative_to\": \"dirfd\""));
}

/// The fields that depend on the capture alone, compared with Falco's values for every event of every capture.
#[derive(Debug, PartialEq, serde::Deserialize)]
struct Facts {
    #[serde(rename = "evt.num")]
    num: u64,
    #[serde(rename = "evt.type")]
    ty: Option<String>,
    #[serde(rename = "evt.rawtime")]
    time: Option<u64>,
    #[serde(rename = "evt.cpu")]
    cpu: Option<u64>,
    #[serde(rename = "thread.tid")]
    tid: Option<i64>,
    #[serde(rename = "evt.args")]
    args: Option<String>,
}

const FIELDS: &str = "evt.num,evt.type,evt.rawtime,evt.cpu,thread.tid,evt.args";

#[test]
fn every_event_of_every_capture_is_as_falco_sees_it() {
    let Some(shared) = testkit::shared() else { return };
    testkit::need!(XZ);
    let data = shared.join("data");
    let oracle = std::fs::read_dir(data.join("oracle")).expect("what Falco says");
    let mut compared = 0;
    for answers in oracle.flatten().map(|entry| entry.path()) {
        let name = answers.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let name = name.strip_suffix(".jsonl.xz").unwrap_or(name);
        let captures =
            ["upstream", "recorded"].map(|kind| data.join("captures").join(kind).join(format!("{name}.scap")));
        let Some(capture) = captures.iter().find(|path| path.exists()) else { continue };
        compared += compare(&answers, capture);
    }
    assert!(compared > 0, "no capture has answers");
    eprintln!("{compared} events compared");
}

fn compare(answers: &Path, capture: &Path) -> usize {
    let lines = |command: &mut Command| {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap_or_else(|fault| panic!("{command:?}: {fault}"));
        let stdout = BufReader::new(child.stdout.take().expect("its output"));
        let lines = stdout.lines().map(|line| serde_json::from_str::<Facts>(&line.expect("UTF-8")).expect("JSON"));
        (child, lines)
    };
    let (mut xz, theirs) = lines(Command::new("xz").arg("-dc").arg(answers));
    let (mut ours, events) =
        lines(Command::new(env!("CARGO_BIN_EXE_pscap")).args(["read", "--json", "--fields", FIELDS]).arg(capture));
    let mut count = 0;
    let mut theirs = theirs.fuse();
    for event in events {
        let answer = theirs.next().unwrap_or_else(|| panic!("{}: more than {count} events", capture.display()));
        assert_eq!(event, answer, "{}", capture.display());
        count += 1;
    }
    assert!(theirs.next().is_none(), "{}: only {count} events", capture.display());
    assert!(xz.wait().is_ok_and(|status| status.success()) && ours.wait().is_ok_and(|status| status.success()));
    count
}
