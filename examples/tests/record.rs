//! `pscap record`: recordings are read back as the events were seen.
#![cfg(feature = "live")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json};

/// A load of everything: files, sockets, threads, processes, memory, failures.
const LOAD: &str = r#"
import os, socket, threading, subprocess, mmap, select, tempfile
d = tempfile.mkdtemp()
p = os.path.join(d, "file")
with open(p, "w") as f: f.write("hello " * 50)
with open(p) as f: f.read()
os.rename(p, p + "2"); os.symlink(p + "2", p); os.chmod(p, 0o600); os.unlink(p)
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(5)
def serve():
    c, _ = s.accept(); c.recv(100); c.sendall(b"HTTP/1.1 200 OK\r\n\r\n"); c.close()
t = threading.Thread(target=serve); t.start()
c = socket.create_connection(s.getsockname()); c.sendall(b"GET / HTTP/1.1\r\n\r\n"); c.recv(100); c.close(); t.join()
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("127.0.0.1", 0)); u.sendto(b"x", u.getsockname()); u.recvfrom(10)
a, b = socket.socketpair(); a.sendmsg([b"one", b"two"]); b.recvmsg(10)
subprocess.run(["sh", "-c", "cd /; echo $PWD | cat >/dev/null; exit 3"])
pid = os.fork()
if pid == 0:
    os.setsid(); os.execv("/bin/true", ["true", "an argument"])
os.waitpid(pid, 0)
r, w = os.pipe(); os.dup2(w, 50); os.write(50, b"p"); os.read(r, 1); select.select([r], [], [], 0.01)
m = mmap.mmap(-1, 4096); m.close()
try: os.open("/nonexistent", os.O_RDONLY)
except OSError: pass
os.memfd_create("x"); os.unlink(p + "2"); os.rmdir(d)
"#;

/// Captures have no place for the start time of a process that existed before. Numbers of events include those with the
/// users of containers, which are in the file only.
const NOT_IN_FILES: [&str; 3] = ["proc.ppid.duration", "proc.ppid.ts", "evt.num"];

fn pscap<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pscap")).args(args).stdin(Stdio::null()).output().expect("pscap runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Waits for the probe, or records a skip. One recording at a time: the host has few processors.
#[track_caller]
fn probe_runs() -> Option<MutexGuard<'static, ()>> {
    static ONE: Mutex<()> = Mutex::new(());
    let guard = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    static REFUSAL: OnceLock<Option<String>> = OnceLock::new();
    let refusal = REFUSAL.get_or_init(|| {
        let output = pscap(["record", "/dev/null", "--for", "1ms"]);
        (!output.status.success()).then(|| text(&output.stderr))
    });
    let Some(refusal) = refusal else { return Some(guard) };
    testkit::skip(&testkit::BPF, refusal);
    None
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("x.scap");
    (folder, path)
}

/// Returns the lines of a capture or recording, without the fields that no file has.
fn lines(out: &[u8]) -> Vec<Map<String, Json>> {
    let parse = |line: &[u8]| {
        let mut fields: Map<String, Json> = serde_json::from_slice(line).expect("JSON");
        NOT_IN_FILES.iter().for_each(|name| {
            fields.remove(*name);
        });
        fields
    };
    out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(parse).collect()
}

/// Returns every field that requires no argument.
fn fields() -> String {
    let listed: Json = serde_json::from_slice(&pscap(["fields", "--format", "json"]).stdout).expect("JSON");
    let classes = listed["fieldclasses"].as_array().expect("classes");
    let fields = classes.iter().flat_map(|class| class["fields"].as_array().expect("fields"));
    let plain = fields.filter(|field| !field["argument"]["required"].as_bool().unwrap_or(false));
    let names: Vec<&str> = plain.filter_map(|field| field["name"].as_str()).collect();
    assert!(names.len() > 200, "{names:?}");
    names.join(",")
}

#[track_caller]
fn assert_equal(live: &[Map<String, Json>], read: &[Map<String, Json>]) {
    let mut different: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for (live, read) in live.iter().zip(read) {
        for name in live.keys().chain(read.keys()) {
            if live.get(name) != read.get(name) {
                let example =
                    || format!("{:?} live, {:?} read, of {:?}", live.get(name), read.get(name), live.get("evt.type"));
                different.entry(name.clone()).or_insert_with(|| (0, example())).0 += 1;
            }
        }
    }
    assert!(different.is_empty(), "{different:#?}");
    assert_eq!(live.len(), read.len());
}

fn has_python() -> bool {
    Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Records a command with every field shown, with further options. Returns the printed lines.
fn record(path: &Path, fields: &str, options: &[&str], command: &[&str]) -> Vec<Map<String, Json>> {
    let path = path.to_str().expect("UTF-8");
    let args = [&["record", path, "--json", "--fields", fields, "--quiet"], options, &["--"], command].concat();
    let output = pscap(args);
    assert!(output.status.success(), "{}", text(&output.stderr));
    // The output of the command is among the lines.
    let shown = output.stdout.split_inclusive(|byte| *byte == b'\n').filter(|line| line.starts_with(b"{"));
    lines(&shown.flatten().copied().collect::<Vec<u8>>())
}

#[test]
fn a_recording_is_read_back_as_it_was_seen() {
    let Some(_one) = probe_runs() else { return };
    let (_folder, path) = folder();
    let fields = fields();
    let shell = ["sh", "-c", "cat /etc/passwd | sort >/dev/null; (cd /; ls)"];
    let python = ["python3", "-c", LOAD];
    let load: &[&str] = if has_python() { &python } else { &shell };
    let live = record(&path, &fields, &["--gzip"], load);
    let output = pscap(["read", path.to_str().expect("UTF-8"), "--json", "--fields", &fields]);
    let read = lines(&output.stdout);
    println!("{} events, {} fields", live.len(), fields.split(',').count());
    assert!(live.len() > 200, "{} events", live.len());
    assert_equal(&live, &read);
    let names: BTreeSet<&str> = live.iter().filter_map(|line| line.get("proc.name")?.as_str()).collect();
    assert!(names.contains("cat") && names.contains("sh"), "children are in it: {names:?}");
}

#[test]
fn rotated_files_begin_with_the_state() {
    let Some(_one) = probe_runs() else { return };
    let (folder, path) = folder();
    let fields = "evt.type,evt.rawtime,evt.args,evt.info,proc.name,proc.cmdline,proc.cwd,proc.pname,proc.exepath,fd.name,fd.type,\
                  user.name,thread.tid,proc.nthreads,proc.sid,proc.tty,proc.stdin.name,thread.vtid";
    let live = record(
        &path,
        fields,
        &["--rotate-events", "150", "--keep", "1000"],
        &["sh", "-c", "cat /etc/passwd | sort >/dev/null; (cd /; ls >/dev/null); true"],
    );
    let mut files: Vec<_> =
        std::fs::read_dir(folder.path()).expect("files").flatten().map(|file| file.path()).collect();
    files.sort_by_key(|path| {
        let name = path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
        name.rsplit('.').next().and_then(|number| number.parse::<u32>().ok()).expect("a number")
    });
    assert!(files.len() > 3, "{files:?}");
    let mut read = Vec::new();
    for file in files {
        let output = pscap(["read", file.to_str().expect("UTF-8"), "--json", "--fields", fields]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        read.extend(lines(&output.stdout));
    }
    assert_equal(&live, &read);
}

#[test]
fn only_events_of_the_command_are_recorded() {
    let Some(_one) = probe_runs() else { return };
    let (_folder, path) = folder();
    let path = path.to_str().expect("UTF-8");
    let end = std::sync::atomic::AtomicBool::new(false);
    let output = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !end.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = std::fs::metadata("/peregrine-noise");
            }
        });
        let output = pscap(["record", path, "--", "sh", "-c", "(cat /peregrine-child & wait)"]);
        end.store(true, std::sync::atomic::Ordering::Relaxed);
        output
    });
    let said = text(&output.stderr);
    let seen = |condition: &str| text(&pscap(["read", path, condition]).stdout).lines().count();
    assert_eq!(seen("evt.args contains peregrine-noise"), 0, "{said}");
    assert!(seen("evt.args contains peregrine-child") > 0, "{said}");
}

#[test]
fn a_filter_keeps_events_that_change_the_state() {
    let Some(_one) = probe_runs() else { return };
    let (_folder, path) = folder();
    let path = path.to_str().expect("UTF-8");
    let command = ["--", "sh", "-c", "cat /etc/hostname; exit 7"];
    let output = pscap([&["record", path, "evt.type = read and fd.name = /etc/hostname"][..], &command].concat());
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "the command's code: {said}");
    assert!(said.contains(" more for the state") && said.contains(", 0 dropped"), "{said}");
    let read = text(&pscap(["read", path, "-p", "%proc.name %evt.type %fd.name"]).stdout);
    assert!(!read.is_empty() && read.lines().all(|line| line == "cat read /etc/hostname"), "{read}");

    let output = pscap(
        [&["record", path, "--only-matching", "evt.type = read and fd.name = /etc/hostname"][..], &command].concat(),
    );
    assert_eq!(output.status.code(), Some(7));
    let info: Json = serde_json::from_slice(&pscap(["info", path, "--json"]).stdout).expect("JSON");
    // If there are containers, the file has their users.
    let types = info["events"]["by_type"].as_array().expect("types");
    let is_of_users = |row: &&Json| matches!(row["name"].as_str(), Some("useradded" | "groupadded"));
    let users: u64 = types.iter().filter(is_of_users).filter_map(|row| row["count"].as_u64()).sum();
    assert_eq!(info["events"]["state_only"].as_u64().unwrap_or(0), users, "{info}");
}

#[test]
fn losses_are_part_of_the_recording() {
    let Some(_one) = probe_runs() else { return };
    let (_folder, path) = folder();
    let path = path.to_str().expect("UTF-8");
    // While the recorder is stopped, its smallest ring buffer overflows.
    let load = "kill -STOP $PPID; i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); : </dev/null; done; kill -CONT $PPID";
    let output = pscap(["record", path, "--buffer", "1", "proc.name = nobody", "--", "sh", "-c", load]);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    let count = |line: &str| line.split_once(" seen, ")?.1.strip_suffix(" dropped")?.parse::<u64>().ok();
    let lost = said.lines().find_map(count);
    assert!(lost.is_some_and(|lost| lost > 0), "{said}");
    let read = text(&pscap(["read", path, "evt.type = drop", "-p", "%evt.asynctype %evt.arg.data"]).stdout);
    let told = read.lines().map(|line| {
        let data: Json = serde_json::from_str(line.strip_prefix("drop ").expect("its name")).expect("JSON");
        assert!(data["buffer"]["open"].as_u64() > Some(0), "{data}");
        data["lost"].as_u64().expect("a number")
    });
    assert_eq!(Some(told.sum()), lost, "{read}{said}");
}

#[test]
fn it_ends_by_time_by_count_and_by_signal() {
    let Some(_one) = probe_runs() else { return };
    let (_folder, path) = folder();
    let path = path.to_str().expect("UTF-8");
    let began = Instant::now();
    assert!(pscap(["record", path, "--for", "300ms", "evt.type = chroot"]).status.success());
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert!(pscap(["read", path]).status.success(), "a whole capture, with or without events");

    let output = pscap(["record", path, "-n", "3", "--", "sh", "-c", "while :; do cat /dev/null; done"]);
    assert_eq!(output.status.code(), Some(128 + 15), "the command was terminated");
    assert_eq!(text(&pscap(["read", path]).stdout).lines().count(), 3);

    let mut child = Command::new(env!("CARGO_BIN_EXE_pscap"))
        .args(["record", path, "--", "sleep", "60"])
        .stderr(Stdio::null())
        .spawn()
        .expect("pscap runs");
    let began = Instant::now();
    let mut asked = false;
    // The command is started after the recording: signals from then on are passed to the command.
    let children = format!("/proc/{0}/task/{0}/children", child.id());
    let sleeps = |pid: &str| std::fs::read(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm == b"sleep\n");
    let status = loop {
        if !asked && std::fs::read_to_string(&children).is_ok_and(|pids| pids.split_whitespace().any(sleeps)) {
            assert!(Command::new("kill").arg(child.id().to_string()).status().expect("kill").success());
            asked = true;
        }
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        assert!(began.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(status.code(), Some(128 + 15), "SIGTERM goes on to the command");
    let read = text(&pscap(["read", path]).stdout);
    assert!(read.contains(" sleep "), "what was recorded until then is there: {read}");
}

#[test]
fn a_recording_may_be_piped() {
    let Some(_one) = probe_runs() else { return };
    let mut record = Command::new(env!("CARGO_BIN_EXE_pscap"))
        .args(["record", "-", "--quiet", "evt.type = execve and evt.res = SUCCESS", "--", "true"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("pscap runs");
    let read = Command::new(env!("CARGO_BIN_EXE_pscap"))
        .args(["read", "-", "-p", "%proc.name"])
        .stdin(record.stdout.take().expect("a pipe"))
        .output()
        .expect("pscap runs");
    assert!(record.wait().expect("an end").success());
    assert_eq!(text(&read.stdout), "true\n");
}

#[test]
fn errors_are_one_sentence() {
    for (args, part) in [
        (&["record", "/x", "--also", "no_such"][..], "there is no system call `no_such`"),
        (&["record", "/x", "evt.type ="], "filter"),
        (&["record", "/x", "--for", "soon"], "write for example 10s"),
        (&["record", "/x", "--rotate-size", "0"], "must be greater than 0"),
    ] {
        let output = pscap(args);
        assert!(!output.status.success());
        let said = text(&output.stderr);
        assert!(said.contains(part) || part == "filter" && said.starts_with("pscap: "), "{said}");
    }
    let Some(_one) = probe_runs() else { return };
    for (args, part) in [
        (&["record", "/nonexistent/x"][..], "can't create /nonexistent/x: No such file"),
        (&["record", "/dev/null", "--", "/nonexistent"], "can't run /nonexistent: No such file"),
        (&["record", "/dev/null", "--keep", "2"], "--keep requires --rotate-size"),
        (&["record", "-", "--rotate-events", "2"], "standard output cannot be rotated"),
        (&["record", "-", "--show"], "cannot receive both"),
    ] {
        let output = pscap(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(text(&output.stderr).contains(part), "{args:?}: {}", text(&output.stderr));
    }
}
