//! Responses of the detector on this host, with planted processes.
#![cfg(feature = "live")]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod common;
#[path = "attacks/target.rs"]
#[allow(dead_code, reason = "shared with the attacks")]
mod target;

use serde_json::Value as Json;
use std::io::{BufRead as _, Read as _, Write as _};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use target::Target;

const RULE: &str = "Peregrine response";
const MOMENT: Duration = Duration::from_secs(20);

/// Configuration that kills what opens a marked file.
fn kill(mode: &str, target: &str) -> String {
    format!(
        "response: {{enabled: true, mode: {mode}, warm_up_seconds: 0, max_per_minute: 1000, max_per_minute_per_rule: \
         1000}}\nresponses: [{{match: {{rule: Marked file opened}}, action: kill, target: {target}}}]\n"
    )
}

/// Starts the detector. `None`, with a recorded skip, if responses cannot act here.
fn start(config: &str) -> Option<Target> {
    if !testkit::HOST_PIDS.is_met() {
        testkit::skip(&testkit::HOST_PIDS, testkit::HOST_PIDS.missing);
        return None;
    }
    Target::start(config)
}

/// A shell that opens a marked file itself after a moment, and stays.
struct Planted(Child);

impl Planted {
    fn new(mark: &str) -> Self {
        let script = format!("sleep 1000 & sleep 0.1; true < /peregrine-marked-{mark}; sleep 1000");
        let mut shell = Command::new("/bin/sh");
        Self(shell.args(["-c", &script]).stdin(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn().unwrap())
    }

    fn pid(&self) -> u64 {
        self.0.id().into()
    }

    fn signal(&mut self) -> Option<i32> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.signal();
            }
            assert!(start.elapsed() < MOMENT, "it is still alive");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        // Its children are in its group.
        let group = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.0.wait();
    }
}

/// Waits for the response to a process.
#[track_caller]
fn response(target: &Target, pid: u64) -> Json {
    target.until("a response", |target| find(target, pid).is_some());
    find(target, pid).unwrap()
}

fn find(target: &Target, pid: u64) -> Option<Json> {
    target.alerts(RULE).into_iter().find(|alert| alert["output_fields"]["proc.pid"] == pid)
}

/// Reads the stream of alerts of the page until a line has a text.
fn stream(target: &Target, wanted: &str) -> String {
    let response = ureq::get(&format!("http://127.0.0.1:{}/ui/api/alerts", target.port)).call().unwrap();
    let mut lines = std::io::BufReader::new(response.into_body().into_reader()).lines().map_while(Result::ok);
    lines.find(|line| line.contains(wanted)).unwrap_or_else(|| panic!("the stream ended without {wanted}"))
}

fn outcome(alert: &Json) -> &str {
    alert["output_fields"]["outcome"].as_str().unwrap()
}

#[test]
fn a_planted_process_is_killed_and_the_detectors_own_family_is_not() {
    let Some(target) = start(&kill("act", "process")) else { return };
    let mut latencies = Vec::new();
    for round in 0..20 {
        let mut planted = Planted::new(&format!("kill-{round}"));
        assert_eq!(planted.signal(), Some(9));
        let alert = response(&target, planted.pid());
        let fields = &alert["output_fields"];
        assert_eq!((outcome(&alert), fields["action"].as_str()), ("done", Some("kill process")), "{alert}");
        assert_eq!(fields["rule"], "Marked file opened");
        assert!(fields["evt.num"].as_u64().unwrap() > 0 && alert["source"] == "internal", "{alert}");
        latencies.push(fields["latency_ns"].as_u64().unwrap());
    }
    latencies.sort_unstable();
    println!("latency: median {} us, longest {} us", latencies[10] / 1000, latencies[19] / 1000);
    // This process is the parent of the detector.
    target.expect_alert("family");
    let alert = response(&target, std::process::id().into());
    assert_eq!(outcome(&alert), "protected", "{alert}");
    // The page has them, with their outcome.
    let page = stream(&target, "\"outcome\":\"protected\"");
    assert!(page.contains(&format!("\"rule\":\"{RULE}\"")), "{page}");
    let metrics = target.get("/metrics");
    assert!(metrics.contains("falcosecurity_falco_responses_total{outcome=\"done\"} 20"), "{metrics}");
}

#[test]
fn a_dry_run_harms_nobody_and_says_what_it_would_do() {
    let settings = kill("act", "tree").replace("mode: act, ", "");
    let Some(target) = start(&settings) else { return };
    let mut planted = Planted::new("dry");
    let alert = response(&target, planted.pid());
    assert_eq!(outcome(&alert), "dry_run", "{alert}");
    let text = alert["output"].as_str().unwrap();
    assert!(text.contains("kill tree of process") && text.contains("would have been done"), "{text}");
    assert!(planted.0.try_wait().unwrap().is_none());
}

#[test]
fn a_tree_is_killed_whole() {
    let Some(target) = start(&kill("act", "tree")) else { return };
    let mut planted = Planted::new("tree");
    assert_eq!(planted.signal(), Some(9));
    let alert = response(&target, planted.pid());
    assert!(alert["output"].as_str().unwrap().contains("done, to "), "{alert}");
    // The sleeping child had the shell as its parent; it is nobody's now.
    let group = planted.0.id();
    target.until("the children", |_| {
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        !entries.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok()).any(|stat| {
            let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
            // A zombie waits for the first process.
            fields.get(2) == Some(&group.to_string().as_str()) && fields[0] != "Z"
        })
    });
}

#[test]
fn a_reload_that_removes_or_disables_responses_spares_the_process() {
    spares(|config| config.replace("responses: [{", "responses: []\nunused: [{"));
    spares(|config| config.replace("response: {enabled: true", "response: {enabled: false"));
}

fn spares(change: impl Fn(&str) -> String) {
    let Some(target) = start(&kill("act", "process")) else { return };
    let path = target.path("falco.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let changed = change(&text);
    assert_ne!(text, changed);
    std::fs::write(&path, changed).unwrap();
    target.until("the reload", |target| target.text("err").contains("reloaded"));
    let mut planted = Planted::new("spared");
    target.expect_alert("later");
    assert!(planted.0.try_wait().unwrap().is_none());
    target.until("the alert", |target| {
        target.alerts("Marked file opened").iter().any(|alert| alert["output"].as_str().unwrap().contains("spared"))
    });
    assert!(find(&target, planted.pid()).is_none() && planted.0.try_wait().unwrap().is_none());
}

/// Processes of a capture are no longer there, or others have their IDs.
#[test]
fn a_replay_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let rules = "- {rule: Exec, desc: d, condition: evt.type = execve, output: o, priority: ERROR, response: [kill, {action: \
                 run, program: touch}]}\n";
    std::fs::write(path("rules.yaml"), rules).unwrap();
    let config = format!(
        "rules_files: [{}]\njson_output: true\nengine: {{kind: replay, replay: {{capture_file: {}}}}}\nstdout_output: \
         {{enabled: true}}\nresponse:\n  enabled: true\n  mode: act\n  warm_up_seconds: 0\n  max_age_seconds: 4294967295\n  \
         programs: [{{name: touch, command: [/bin/touch, {}]}}]\n",
        path("rules.yaml").display(),
        common::root().join("testdata/captures/attack-a.scap").display(),
        path("touched").display()
    );
    std::fs::write(path("falco.yaml"), config).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_peregrine")).arg("-c").arg(path("falco.yaml")).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.matches("\"rule\":\"Exec\"").count() > 10, "{text}");
    assert!(!text.contains(RULE) && !path("touched").exists(), "{text}");
}

/// Accepts one request on the loopback; returns its head and body.
fn one_request(listener: &std::net::TcpListener) -> (String, Json) {
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(MOMENT)).unwrap();
    let mut reader = std::io::BufReader::new(stream.try_clone().unwrap());
    let (mut head, mut length) = (String::new(), 0);
    while !head.ends_with("\r\n\r\n") {
        let start = head.len();
        assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
        if let Some(value) = head[start..].to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    (head, serde_json::from_slice(&body).unwrap())
}

#[test]
fn a_webhook_receives_the_alert_and_the_proposal() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let webhook = format!(
        "webhook: {{url: \"http://{}/proposals\", headers: {{X-Token: abc}}}}, warm_up_seconds",
        listener.local_addr().unwrap()
    );
    let config = kill("act", "tree").replace("action: kill", "action: webhook, proposes: kill");
    let Some(target) = start(&config.replace("warm_up_seconds", &webhook)) else { return };
    let mut planted = Planted::new("webhook");
    let (head, body) = one_request(&listener);
    assert!(head.starts_with("POST /proposals ") && head.to_ascii_lowercase().contains("x-token: abc\r\n"), "{head}");
    assert_eq!(body["alert"]["rule"], "Marked file opened", "{body}");
    let proposal = &body["proposal"];
    assert_eq!((&proposal["action"], &proposal["target"]), (&"kill".into(), &"tree".into()), "{body}");
    assert_eq!(proposal["process"]["pid"], planted.pid(), "{body}");
    assert!(proposal["process"]["start_ns"].as_u64().is_some_and(|start| start > 0), "{body}");
    let alert = response(&target, planted.pid());
    assert_eq!(
        (outcome(&alert), &alert["output_fields"]["action"]),
        ("done", &"webhook (kill tree)".into()),
        "{alert}"
    );
    assert!(planted.0.try_wait().unwrap().is_none());
}

#[test]
fn a_rule_asks_and_the_configuration_decides() {
    let rules = "
- rule: Asks
  desc: d
  condition: evt.type in (open, openat, openat2) and fd.name startswith /peregrine-asked
  output: asked (file=%fd.name pid=%proc.pid)
  priority: WARNING
  response: kill
";
    let enabled = "response: {enabled: true, mode: act, warm_up_seconds: 0}\n";
    for (config, expected) in [(enabled, Some(9)), ("", None)] {
        if !testkit::HOST_PIDS.is_met() {
            testkit::skip(&testkit::HOST_PIDS, testkit::HOST_PIDS.missing);
            return;
        }
        let Some(target) = Target::start_by(&[], |packaged| packaged + "\n" + config, rules) else { return };
        let script = "sleep 0.1; true < /peregrine-asked; sleep 1000";
        let mut shell = Command::new("/bin/sh");
        let shell = shell.args(["-c", script]).stdin(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn();
        let mut planted = Planted(shell.unwrap());
        target.until("the alert", |target| !target.alerts("Asks").is_empty());
        match expected {
            Some(signal) => {
                assert_eq!(planted.signal(), Some(signal));
                assert_eq!(outcome(&response(&target, planted.pid())), "done");
            }
            None => {
                target.expect_alert("after");
                assert!(find(&target, planted.pid()).is_none() && planted.0.try_wait().unwrap().is_none());
            }
        }
    }
}

/// A rule that the kernel denies, and one that it cannot decide.
const DENIED: &str = "
- rule: Secret read
  desc: d
  condition: evt.type in (open, openat, openat2) and evt.is_open_read = true and fd.name pmatch (/run/peregrine-secret)
  output: read %fd.name
  priority: WARNING
- rule: Undecidable
  desc: d
  condition: evt.type = execve and proc.cmdline contains peregrine-evil
  output: evil
  priority: WARNING
";

/// Writes a configuration with these rules; returns its folder, and what the program says with it.
fn run_once(rule: &str, more: &[&str]) -> (std::process::ExitStatus, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("rules.yaml"), DENIED).unwrap();
    let config = format!(
        "rules_files: [{}]\nengine: {{kind: modern_ebpf}}\nresponse: {{enabled: true}}\nprotection: {{heartbeat_file: \"\"}}\n\
         responses: [{{match: {{rule: {rule}}}, action: deny}}]\nstdout_output: {{enabled: true}}\n",
        path("rules.yaml").display()
    );
    std::fs::write(path("falco.yaml"), config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_peregrine"));
    let output = command.arg("-c").arg(path("falco.yaml")).args(more).output().unwrap();
    (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn what_the_kernel_cannot_decide_is_named_before_the_start() {
    let (status, text) = run_once("Undecidable", &["--dry-run"]);
    assert!(!status.success(), "{text}");
    let expected = "rule 'Undecidable' cannot be denied in the kernel: proc.cmdline contains peregrine-evil: the kernel does \
                    not know proc.cmdline at exec";
    assert!(text.contains(expected), "{text}");
    let (status, text) = run_once("Secret read", &["--dry-run"]);
    assert!(status.success(), "{text}");
}

#[test]
fn where_the_kernel_asks_no_programs_the_start_says_so() {
    if testkit::LSM.is_met() || !testkit::BPF.is_met() || !testkit::HOST_PIDS.is_met() {
        testkit::skip(&testkit::BPF, "the kernel runs BPF programs that deny, or loads none");
        return;
    }
    let (status, text) = run_once("Secret read", &["-M", "20"]);
    assert!(!status.success() && text.contains("deny requires bpf among the security modules of the kernel"), "{text}");
}

#[test]
fn the_kernel_denies_what_a_rule_describes_and_a_reload_ends_it() {
    testkit::need!(LSM);
    let folder = std::path::Path::new("/run/peregrine-secret");
    std::fs::create_dir_all(folder).unwrap();
    let file = folder.join("key");
    std::fs::write(&file, "key").unwrap();
    let config = "response: {enabled: true, mode: act}\nresponses: [{match: {rule: Secret read}, action: deny}]\n";
    let Some(target) = Target::start_by(&[], |packaged| packaged + "\n" + config, DENIED) else { return };
    // A child, as this process is an ancestor of the detector.
    let reads = || Command::new("/bin/cat").arg(&file).output().unwrap().status.success();
    assert!(!reads());
    target.until("the alert", |target| !target.alerts(RULE).is_empty());
    let alert = &target.alerts(RULE)[0];
    let fields = &alert["output_fields"];
    assert_eq!(
        (outcome(alert), &fields["rule"], &fields["object"]),
        ("denied", &"Secret read".into(), &file.to_str().into())
    );
    assert!(target.get("/metrics").contains("responses_total{outcome=\"denied\"}"));
    let path = target.path("falco.yaml");
    let text = std::fs::read_to_string(&path).unwrap().replace("mode: act", "mode: dry_run");
    std::fs::write(&path, text).unwrap();
    target.until("a dry run", |_| reads());
    target.until("its alert", |target| target.alerts(RULE).iter().any(|alert| outcome(alert) == "would_deny"));
    let _ = std::fs::remove_dir_all(folder);
}
