//! `pscap sql` as people run it: values are those of `pscap read --json`; inputs, formats, the prompt, and what goes wrong.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};

use serde_json::Value as Json;

const TRACE: &str = r#"
machine cpus=2 hostname="box"
user uid=0 gid=0 name="root"
thread tid=7 pid=7 ptid=1 comm="sh" exe="sh" exepath="/bin/sh" cwd="/root/"
1700000000.000000001 tid=7 openat fd=3 dirfd=AT_FDCWD name="notes" flags=O_RDONLY mode=0 dev=0 ino=0
+1ms tid=7 read res=2 data=b"h\x1b[2J" fd=3 size=9
+86400s tid=7 close res=0 fd=3
"#;

fn pscap(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pscap"));
    command.args(args).current_dir(folder).env("XDG_STATE_HOME", folder);
    command
}

#[track_caller]
fn good(folder: &Path, args: &[&str]) -> String {
    let Output { status, stdout, stderr } = pscap(folder, args).output().expect("pscap runs");
    assert!(status.success() && stderr.is_empty(), "{args:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).expect("UTF-8")
}

#[track_caller]
fn bad(folder: &Path, args: &[&str]) -> String {
    let output = pscap(folder, args).output().expect("pscap runs");
    assert!(!output.status.success(), "{args:?} fails");
    String::from_utf8(output.stderr).expect("UTF-8")
}

fn traces() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["a.trace", "b.trace"] {
        std::fs::write(folder.path().join(name), TRACE).expect("a file");
    }
    folder
}

fn captures() -> PathBuf {
    testkit::root().join("testdata/captures")
}

#[test]
fn values_are_those_of_read() {
    let fields = "evt.num,evt.type,evt.rawres,evt.args,evt.arg.name,proc.name,proc.pid,proc.cmdline,proc.aname[2],proc.apid[1],\
                  user.name,fd.num,fd.name,fd.typechar,fd.sport,thread.tid,evt.is_open_read";
    let read = good(&captures(), &["read", "procs.scap", "--json", "--fields", fields]);
    let read: Vec<Json> = read.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let query = format!("SELECT {fields} FROM events ORDER BY evt.num");
    let sql = good(&captures(), &["sql", &query, "procs.scap", "--format", "json"]);
    let sql: Vec<Json> = sql.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(sql.len(), read.len());
    let mut compared = 0;
    for (ours, theirs) in sql.iter().zip(&read) {
        for field in fields.split(',') {
            let (ours, theirs) = (&ours[field], &theirs[field]);
            assert_eq!(ours, theirs, "{field}");
            compared += usize::from(!ours.is_null());
        }
    }
    assert!(compared > 10_000, "{compared}");
}

#[test]
fn an_answer_is_a_table_or_a_file() {
    let folder = traces();
    let here = folder.path();
    let query = "SELECT evt.type, evt.num, evt.buffer.text FROM events WHERE evt.num < 3 ORDER BY 2";
    assert_eq!(
        good(here, &["sql", query, "a.trace"]),
        " evt.type | evt.num | evt.buffer.text\n\
         ----------+---------+-----------------\n \
         openat   |       1 | NULL\n \
         read     |       2 | h.[2J\n\
         (2 rows)\n"
    );
    assert_eq!(
        good(here, &["sql", query, "a.trace", "--format", "csv"]),
        "evt.type,evt.num,evt.buffer.text\nopenat,1,\nread,2,h.[2J\n"
    );
    assert_eq!(good(here, &["sql", "SELECT 1 AS one WHERE false", "a.trace"]), " one\n-----\n(0 rows)\n");
    assert_eq!(
        good(here, &["sql", "SELECT chr(27) || 'x' AS cell", "a.trace"]),
        " cell\n---------\n \\u{1b}x\n(1 row)\n"
    );
}

#[test]
fn a_plan_is_drawn() {
    let folder = traces();
    let plan = good(folder.path(), &["sql", "EXPLAIN SELECT proc.name FROM events WHERE evt.type = 'read'", "a.trace"]);
    let scan = "CaptureScan: table=events, captures=1, columns=[proc.name], condition=evt.type = \"read\"";
    assert!(plan.lines().any(|line| line.trim() == scan), "{plan}");
}

#[test]
fn many_inputs_are_one_table() {
    let folder = traces();
    let here = folder.path();
    let query = "SELECT capture, host, count(*) FROM events GROUP BY 1, 2 ORDER BY 1";
    let expect = "capture,host,count(*)\na.trace,box,3\nb.trace,box,3\n";
    for words in [&["a.trace", "b.trace"][..], &["*.trace"], &["."]] {
        let args = [&["sql", query], words, &["--format", "csv"]].concat();
        assert_eq!(good(here, &args).replace("./", ""), expect, "{words:?}");
    }
    good(here, &["export", "a.trace", "b.trace", "dataset", "--partition"]);
    let query = "SELECT host, date, count(*) FROM events GROUP BY ALL ORDER BY 2";
    let ask = |words: &[&str]| good(here, &[&["sql", query], words, &["--format", "csv"]].concat());
    assert_eq!(ask(&["dataset"]), "host,date,count(*)\nbox,2023-11-14,4\nbox,2023-11-15,2\n");
    // Files and captures are one table, too.
    assert_eq!(ask(&["dataset", "a.trace"]), "host,date,count(*)\nbox,2023-11-14,6\nbox,2023-11-15,3\n");
    let mut child = pscap(here, &["sql", "SELECT count(*) FROM events", "-", "--format", "csv"]);
    let trace = good(here, &["convert", "a.trace", "a.scap"]);
    assert_eq!(trace, "");
    let output =
        child.stdin(std::fs::File::open(here.join("a.scap")).expect("a capture")).output().expect("pscap runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "count(*)\n3\n");
    let twice = "SELECT count(*) FROM events a JOIN events b USING (\"evt.num\")";
    let output =
        pscap(here, &["sql", twice, "-"]).stdin(std::fs::File::open(here.join("a.scap")).expect("a capture")).output();
    let said = String::from_utf8(output.expect("pscap runs").stderr).expect("UTF-8");
    assert!(said.contains("a query can read it once"), "{said}");
}

/// Writes a capture to a program in parts, and returns how much of it the program took, from which part of how much.
fn feed(child: &mut Child, capture: Vec<u8>) -> std::thread::JoinHandle<(usize, usize, ChildStdin)> {
    let mut pipe = child.stdin.take().expect("a pipe");
    std::thread::spawn(move || {
        let taken = capture.chunks(1 << 12).take_while(|part| pipe.write_all(part).is_ok()).count();
        (taken, capture.len() >> 12, pipe)
    })
}

#[test]
fn what_is_enough_ends_the_reading() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = folder.path().join("plain.scap");
    good(&captures(), &["convert", "attack-a.scap", plain.to_str().expect("UTF-8")]);
    let plain = std::fs::read(plain).expect("a capture");
    let start = |query: &str| {
        let mut command = pscap(folder.path(), &["sql", query, "-", "--format", "csv"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("pscap runs")
    };
    // The rest of the capture never comes.
    let mut child = start("SELECT evt.num FROM events LIMIT 5");
    let fed = feed(&mut child, plain[..plain.len() / 2].to_vec());
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 1 + 5);
    drop(fed.join().expect("it is written"));
    // The reader of the answer goes.
    let mut child = start("SELECT evt.num, evt.args FROM events");
    let fed = feed(&mut child, plain);
    let mut line = String::new();
    let mut answer = BufReader::new(child.stdout.take().expect("a pipe"));
    answer.read_line(&mut line).expect("a line");
    assert_eq!(line, "evt.num,evt.args\n");
    drop(answer);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let (taken, all, _) = fed.join().expect("it is written");
    assert!(taken < all, "{taken} of {all}");
}

#[test]
fn a_prompt_reads_statements() {
    let folder = traces();
    let mut child = pscap(folder.path(), &["sql", "a.trace", "--format", "csv"]);
    child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().expect("pscap runs");
    let text = b"\\d\nSELECT nose FROM events;\nCREATE VIEW reads AS SELECT * FROM events WHERE evt.type = 'read';\n\
                 SELECT count(*)\nFROM reads;\n\\d processes\n\\q\nSELECT 7;\n";
    child.stdin.take().expect("a pipe").write_all(text).expect("it is read");
    let output = child.wait_with_output().expect("it ends");
    let (out, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    assert!(out.contains("connections\nevents\nfiles\nprocesses\n"), "{out}");
    assert!(out.contains("count(*)\n1\n"), "{out} {said}");
    assert!(out.contains("exit_signal") && !out.contains("7\n"), "{out}");
    assert!(said.contains("there is no column `nose`"), "{said}");
}

#[test]
fn errors_say_where() {
    let folder = traces();
    let here = folder.path();
    assert_eq!(
        bad(here, &["sql", "SELECT proc.nmae FROM events", "a.trace"]),
        "pscap: there is no column `proc.nmae`\n 1 | SELECT proc.nmae FROM events\n   |        ^^^^^^^^^\n"
    );
    assert!(bad(here, &["sql", "missing.scap"]).contains("missing.scap: there is no such file"));
    assert!(bad(here, &["sql", "SELECT 1", "missing.scap"]).contains("missing.scap"));
    assert!(bad(here, &["sql", "-"]).contains("a query is required"));
    std::fs::write(here.join("bad.scap"), "no capture").expect("a file");
    assert!(bad(here, &["sql", "SELECT 1", "a.trace", "bad.scap"]).contains("bad.scap"));
    assert!(bad(here, &["sql", "SELECT * FROM alerts", "a.trace"]).contains("the table `alerts` requires rules"));
}

#[test]
fn a_cut_capture_answers_with_what_it_has() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = std::fs::read(captures().join("procs.scap")).expect("a capture");
    std::fs::write(folder.path().join("cut.scap"), &whole[..whole.len() * 2 / 3]).expect("a file");
    let output = pscap(folder.path(), &["sql", "SELECT count(*) FROM events", "cut.scap", "--format", "csv"]).output();
    let output = output.expect("pscap runs");
    assert!(!output.status.success());
    let out = String::from_utf8(output.stdout).expect("UTF-8");
    let count: u64 = out.lines().nth(1).and_then(|line| line.parse().ok()).expect("a number");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(count > 100 && said.contains(&format!("the {count} events before that are in the answer")), "{said}");
    assert!(said.ends_with("pscap: 1 capture is incomplete\n"), "{said}");
}
