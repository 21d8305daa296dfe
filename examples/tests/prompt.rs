//! The prompt of `pscap sql` on a terminal: editing, history, completion, errors, interrupts.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rexpect::process::{Signal, WaitStatus};
use rexpect::session::{PtySession, spawn_command};

/// The time within which something is on the screen, in milliseconds. The host may be busy.
const PATIENCE: u64 = 60_000;

const TRACE: &str = r#"
machine cpus=1 hostname="box"
thread tid=7 pid=7 ptid=1 comm="sh" exe="sh" exepath="/bin/sh" cwd="/root/"
1700000000.000000001 tid=7 openat fd=3 dirfd=AT_FDCWD name="notes" flags=O_RDONLY mode=0 dev=0 ino=0
+1ms tid=7 close res=0 fd=3
"#;

/// Pairs enough for hours, so that only an interrupt ends it.
const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b \
                       WHERE (a.value * b.value) % 7 = 3;";

const PROMPT: &str = "sql> ";
const UP: &str = "\x1b[A";

fn open(folder: &Path) -> PtySession {
    std::fs::write(folder.join("a.trace"), TRACE).expect("a file");
    // So wide that no line is broken.
    let mut command = Command::new("sh");
    command.args(["-c", "stty rows 50 cols 500 && exec \"$0\" sql a.trace", env!("CARGO_BIN_EXE_pscap")]);
    command.current_dir(folder).env("XDG_STATE_HOME", folder).env("TERM", "xterm");
    let mut prompt = spawn_command(command, Some(PATIENCE)).expect("pscap starts");
    prompt.exp_string(PROMPT).expect("a prompt");
    prompt
}

/// Types keys. The terminal gets them as they are.
#[track_caller]
fn keys(prompt: &mut PtySession, keys: &str) {
    assert_eq!(prompt.send(keys).expect("a terminal"), keys.len());
    prompt.flush().expect("a terminal");
}

/// Types a line, and returns what is on the screen until the next prompt.
#[track_caller]
fn ask(prompt: &mut PtySession, line: &str) -> String {
    keys(prompt, &format!("{line}\r"));
    // What is typed is drawn again with each key, behind a prompt; the line ends once.
    prompt.exp_string("\r\n").expect("the end of the line");
    prompt.exp_string(PROMPT).expect("a prompt")
}

#[track_caller]
fn ends(prompt: &PtySession, code: i32) {
    match prompt.process().wait().expect("it ends") {
        WaitStatus::Exited(_, found) => assert_eq!(found, code),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_statement_may_have_several_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut prompt = open(folder.path());
    keys(&mut prompt, "SELECT evt.type,\rfd.name FROM events ORDER BY evt.num;\r");
    prompt.exp_string(" openat   | /root/notes\r\n close    | /root/notes\r\n(2 rows)\r\n").expect("an answer");
    prompt.exp_string(PROMPT).expect("a prompt");
    // The line is edited: the mistake is deleted.
    let answer = ask(&mut prompt, "SELECT 20x\x7f + 3;");
    assert!(answer.contains(" 23\r\n(1 row)"), "{answer:?}");
    prompt.send_control('d').expect("a terminal");
    ends(&prompt, 0);
}

#[test]
fn the_history_outlives_the_prompt() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut prompt = open(folder.path());
    assert!(ask(&mut prompt, "SELECT 41 + 1;").contains(" 42\r\n"));
    assert!(ask(&mut prompt, UP).contains(" 42\r\n"));
    // Even a prompt that is killed leaves its statements.
    prompt.process_mut().kill(Signal::SIGKILL).expect("it is killed");
    let mut prompt = open(folder.path());
    assert!(ask(&mut prompt, UP).contains(" 42\r\n"));
    // Searched backwards: ctrl-R.
    assert!(ask(&mut prompt, "SELECT 1;").contains(" 1\r\n"));
    keys(&mut prompt, "\x1241");
    prompt.exp_string("41 + 1").expect("the statement");
    assert!(ask(&mut prompt, "").contains(" 42\r\n"));
    ask(&mut prompt, "\\q\x01\x0b"); // An empty line instead.
    keys(&mut prompt, "\\q\r");
    ends(&prompt, 0);
    use std::os::unix::fs::PermissionsExt as _;
    let history = folder.path().join("pscap/history");
    let mode = std::fs::metadata(&history).expect("a history").permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
    let text = std::fs::read_to_string(history).expect("a history");
    assert_eq!(text.matches("SELECT 41 + 1;").count(), 2, "{text}");
}

#[test]
fn tables_and_columns_are_completed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut prompt = open(folder.path());
    let answer = ask(&mut prompt, "SELECT count(*) FROM proces\t;");
    assert!(answer.contains(" 1\r\n(1 row)"), "{answer:?}");
    let answer = ask(&mut prompt, "SELECT proc.exepa\t FROM even\t LIMIT 1;");
    assert!(answer.contains(" /bin/sh\r\n"), "{answer:?}");
    // A column of a table with an alias, and a view that was created here.
    let answer = ask(&mut prompt, "CREATE VIEW opened AS SELECT fd.name FROM events e WHERE e.evt.ty\t = 'openat';");
    assert!(!answer.contains("there is no"), "{answer:?}");
    let answer = ask(&mut prompt, "SELECT * FROM opene\t;");
    assert!(answer.contains(" /root/notes\r\n(1 row)"), "{answer:?}");
    // Several are listed.
    keys(&mut prompt, "SELECT proc.cmdl\t\t");
    prompt.exp_string("proc.cmdlenargs").expect("a list");
    prompt.exp_string("proc.cmdline").expect("a list");
}

#[test]
fn an_error_is_not_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut prompt = open(folder.path());
    let said = ask(&mut prompt, "SELECT proc.nmae FROM events;");
    assert!(said.contains("there is no column `proc.nmae`\r\n 1 | SELECT proc.nmae"), "{said:?}");
    assert!(said.contains("   |        ^^^^^^^^^\r\n"), "{said:?}");
    let said = ask(&mut prompt, "\\d nothing");
    assert!(said.contains("there is no table `nothing`"), "{said:?}");
    assert!(ask(&mut prompt, "SELECT 6 * 7;").contains(" 42\r\n"));
}

#[test]
fn an_interrupt_ends_the_query_and_not_the_prompt() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut prompt = open(folder.path());
    // A line that is begun is given up.
    keys(&mut prompt, "SELECT nonsense");
    prompt.exp_string("nonsense").expect("an echo");
    prompt.send_control('c').expect("a terminal");
    prompt.exp_string(PROMPT).expect("a prompt");
    keys(&mut prompt, &format!("{ENDLESS}\r"));
    prompt.exp_string("\r\n").expect("the end of the line");
    std::thread::sleep(Duration::from_secs(1));
    let before = Instant::now();
    prompt.send_control('c').expect("a terminal");
    prompt.exp_string("interrupted\r\n").expect("it ends");
    assert!(before.elapsed() < Duration::from_secs(10), "{:?}", before.elapsed());
    prompt.exp_string(PROMPT).expect("a prompt");
    assert!(ask(&mut prompt, "SELECT 6 * 7;").contains(" 42\r\n"));
    // A window of another size is not the end either.
    prompt.process_mut().signal(Signal::SIGWINCH).expect("a signal");
    assert!(ask(&mut prompt, "SELECT 6 * 8;").contains(" 48\r\n"));
    prompt.send_control('d').expect("a terminal");
    ends(&prompt, 0);
}

#[test]
fn a_signal_to_end_ends_the_prompt() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut prompt = open(folder.path());
    prompt.process_mut().signal(Signal::SIGTERM).expect("a signal");
    assert!(matches!(prompt.process().wait().expect("it ends"), WaitStatus::Signaled(_, Signal::SIGTERM, _)));
    let mut prompt = open(folder.path());
    keys(&mut prompt, &format!("{ENDLESS}\r"));
    prompt.exp_string("\r\n").expect("the end of the line");
    std::thread::sleep(Duration::from_secs(1));
    prompt.process_mut().signal(Signal::SIGTERM).expect("a signal");
    prompt.exp_string("terminated").expect("it is said");
    ends(&prompt, 1);
}
