//! `pscap export` as people run it: inputs, filters, formats, and what goes wrong.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use rexpect::session::spawn_command;
use serde_json::Value as Json;

const TRACE: &str = r#"
machine cpus=2 hostname="box"
user uid=0 gid=0 name="root"
thread tid=7 pid=7 ptid=1 comm="sh" exe="sh" exepath="/bin/sh" cwd="/root/"
1700000000.000000001 tid=7 openat fd=3 dirfd=AT_FDCWD name="notes" flags=O_RDONLY mode=0 dev=0 ino=0
+1ms tid=7 read res=2 data=b"hi" fd=3 size=9
+86400s tid=7 close res=0 fd=3
"#;

fn export(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pscap")).arg("export").args(args).current_dir(folder).output().expect("pscap runs")
}

#[track_caller]
fn good(folder: &Path, args: &[&str]) -> String {
    let output = export(folder, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[track_caller]
fn bad(folder: &Path, args: &[&str]) -> String {
    let output = export(folder, args);
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

#[test]
fn several_captures_are_one_table() {
    let folder = traces();
    let here = folder.path();
    let fields = ["--fields", "capture,host,evt.num,evt.rawtime,fd.name", "--format", "csv"];
    let expect = "capture,host,evt.num,evt.rawtime,fd.name\n\
        a.trace,box,2,2023-11-14T22:13:20.001000001Z,/root/notes\n\
        b.trace,box,2,2023-11-14T22:13:20.001000001Z,/root/notes\n";
    for captures in [&["a.trace", "b.trace"][..], &["*.trace"], &["."]] {
        let args = [captures, &["evt.type", "=", "read", "-"], &fields].concat();
        assert_eq!(good(here, &args).replace("./", ""), expect, "{captures:?}");
    }
    let json = good(here, &["a.trace", "-", "--format", "json", "-f", "proc.name,evt.buffer,evt.arg.flags"]);
    let rows: Vec<Json> = json.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0], serde_json::json!({"proc.name": "sh", "evt.arg.flags": "O_RDONLY"}));
    assert_eq!(rows[1], serde_json::json!({"proc.name": "sh", "evt.buffer": "6869", "evt.buffer.text": "hi"}));
}

#[test]
fn a_capture_comes_from_a_pipe_and_goes_to_one() {
    let folder = traces();
    let made = |name: &str| folder.path().join(name);
    let convert = ["convert", "a.trace", "a.scap"];
    let done = Command::new(env!("CARGO_BIN_EXE_pscap")).args(convert).current_dir(folder.path()).status();
    assert!(done.expect("pscap runs").success());
    let piped = Command::new(env!("CARGO_BIN_EXE_pscap"))
        .args(["export", "-", "-", "--format", "arrow", "-f", "evt.type"])
        .stdin(Stdio::from(std::fs::File::open(made("a.scap")).expect("a file")))
        .output()
        .expect("pscap runs");
    assert!(piped.status.success(), "{}", String::from_utf8_lossy(&piped.stderr));
    // A message of the stream format begins with these bytes.
    assert_eq!(piped.stdout.get(..4), Some(&[0xff; 4][..]));
    good(folder.path(), &["a.scap", "a.arrow", "-f", "evt.type"]);
    assert_eq!(std::fs::read(made("a.arrow")).expect("a file").get(..6), Some(&b"ARROW1"[..]));
}

/// Returns what is on a terminal while captures are exported.
fn on_a_terminal(folder: &Path, args: &[&str]) -> String {
    let capture = testkit::testdata("captures/attack-a.scap");
    let mut command = Command::new(env!("CARGO_BIN_EXE_pscap"));
    command.arg("export").args([&capture, &capture]).args(args).current_dir(folder);
    let mut terminal = spawn_command(command, Some(300_000)).expect("pscap starts");
    terminal.exp_eof().expect("it ends")
}

#[test]
fn a_bar_on_a_terminal_shows_how_far_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let shown = on_a_terminal(folder.path(), &["x.csv", "-f", "all"]);
    let bars: Vec<&str> = shown.split("\r\x1b[K").skip(1).collect();
    let (end, bars) = bars.split_last().expect("bars");
    assert_eq!(*end, "", "the last line is empty again");
    let parts = |bar: &&str| -> u64 {
        let (bar, percent) = bar.rsplit_once(' ').map(|(rest, sign)| (rest, sign == "%")).expect("a sign");
        assert!(percent && bar.starts_with('['), "{bar}");
        bar.rsplit([' ', ']']).next().and_then(|number| number.parse().ok()).expect("a number")
    };
    let parts: Vec<u64> = bars.iter().map(parts).collect();
    assert!(parts.len() > 1 && parts.is_sorted() && parts.last().is_some_and(|last| *last <= 100), "{parts:?}");
    // The whole of all files, not of each.
    assert!(parts.windows(2).all(|two| two[1] - two[0] < 50), "{parts:?}");
    let written = std::fs::read_to_string(folder.path().join("x.csv")).expect("a file");
    assert!(written.lines().count() > 2 * 55_000 && !written.contains('\x1b'));
    // Rows on the screen have no bar among them.
    assert!(!on_a_terminal(folder.path(), &["-", "--format", "csv"]).contains("\r\x1b[K["));
}

#[test]
fn a_dataset_is_by_host_and_date() {
    let folder = traces();
    good(folder.path(), &["a.trace", "out", "--partition", "-f", "evt.type", "--format", "csv"]);
    let mut found: Vec<String> = std::fs::read_dir(folder.path().join("out/host=box"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    found.sort();
    assert_eq!(found, ["date=2023-11-14", "date=2023-11-15"]);
    let file = std::fs::read_dir(folder.path().join("out/host=box/date=2023-11-15")).expect("a folder").next();
    let text = std::fs::read_to_string(file.expect("a file").expect("a file").path()).expect("text");
    assert_eq!(text, "evt.type,evt.rawtime\nclose,2023-11-15T22:13:20.001000001Z\n");
}

#[test]
fn a_cut_capture_exports_what_it_has_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = std::fs::read(testkit::testdata("captures/procs.scap")).expect("a capture");
    std::fs::write(folder.path().join("cut.scap"), &whole[..whole.len() / 2]).expect("a file");
    let said = bad(folder.path(), &["cut.scap", "cut.csv", "-f", "evt.num"]);
    let rows = std::fs::read_to_string(folder.path().join("cut.csv")).expect("a file").lines().count() - 1;
    assert!(rows > 100, "{rows}");
    assert!(said.starts_with("pscap: cut.scap: "), "{said}");
    assert!(said.contains(&format!("; the {rows} events before that are exported")), "{said}");
    assert!(said.ends_with("pscap: 1 capture is incomplete\n"), "{said}");
    // The other captures are whole.
    std::fs::write(folder.path().join("whole.scap"), &whole).expect("a file");
    let said = bad(folder.path(), &["cut.scap", "whole.scap", "both.csv", "-f", "evt.num"]);
    let both = std::fs::read_to_string(folder.path().join("both.csv")).expect("a file").lines().count() - 1;
    assert_eq!(both, rows + 6_698, "{said}");
}

#[test]
fn errors_name_the_cause() {
    let folder = traces();
    let here = folder.path();
    for (args, expect) in [
        (&["a.trace", "x.parquet", "-f", "proc.nose"][..], "the table `events` has no column `proc.nose`"),
        (&["a.trace", "proc.nam=sh", "x.parquet"], "no field `proc.nam`; did you mean `proc.name`?"),
        (&["none.scap", "x.parquet"], "can't open file none.scap: there is no such file"),
        (&["a.trace", "none.scap", "x.parquet"], "none.scap: there is no such file"),
        (&["a.trace", "b.trace"], "b.trace: the name does not say the format"),
        (&["a.trace", "a.trace", "--format", "csv"], "a.trace would be replaced by its own table"),
        (&["a.trace", "x.csv", "-t", "alerts"], "the table `alerts` requires rules: --rules FILE"),
        (&["a.trace", "x.csv", "-r", "r.yaml"], "only the table `alerts` has rules"),
        (&["a.trace", "none/x.csv"], "can't create none/x.csv: "),
        (&["a.trace", "x.csv", "-t", "alert"], "invalid value 'alert' for '--table <TABLE>'"),
        (&["a.trace", "x.parquet", "--row-group", "0"], "a number of rows is required"),
    ] {
        let said = bad(here, args);
        assert!(said.contains(expect), "{args:?}: {said}");
    }
    let mut left: Vec<_> =
        std::fs::read_dir(here).expect("a folder").map(|entry| entry.expect("it").file_name()).collect();
    left.sort();
    assert_eq!(left, ["a.trace", "b.trace"], "an error leaves no file");
}
