//! Kubernetes audit events through the whole program.

mod common;

use common::{peregrine, root, shared};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::io::BufRead;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const RULE: &str = "- rule: A shell in a pod\n  desc: d\n  condition: ka.target.subresource in (exec, attach)\n  \
                    output: shell (user=%ka.user.name command=%ka.uri.param[command])\n  priority: notice\n  \
                    source: k8s_audit\n";

fn testdata(name: &str) -> std::path::PathBuf {
    root().join("testdata/k8s_audit").join(name)
}

fn events() -> Vec<String> {
    let text = std::fs::read_to_string(testdata("events.jsonl")).expect("the events");
    text.lines().map(str::to_owned).collect()
}

fn plugin(open: &str) -> [String; 2] {
    ["-o".to_owned(), format!(r#"plugins[]={{"name": "k8saudit", "library_path": "x.so", "open_params": "{open}"}}"#)]
}

/// The published rules require this plugin too.
const JSON: [&str; 2] = ["-o", r#"plugins[]={"name": "json", "library_path": "x.so"}"#];

/// Returns the alerts of each event, matched by the time that both have.
fn by_event(alerts: &[Json], events: &[String]) -> Vec<BTreeSet<String>> {
    let time = |text: &str| text.trim_end_matches('Z').trim_end_matches('0').to_owned();
    let events = events.iter().map(|event| {
        let event: Json = serde_json::from_str(event).expect("JSON");
        time(event["stageTimestamp"].as_str().expect("a time"))
    });
    events
        .map(|stamp| {
            let of = alerts.iter().filter(|alert| time(alert["time"].as_str().expect("a time")) == stamp);
            of.map(|alert| alert["rule"].as_str().expect("a name").to_owned()).collect()
        })
        .collect()
}

fn expected() -> Vec<(String, BTreeSet<String>)> {
    let text = std::fs::read_to_string(testdata("expect.txt")).expect("what is expected");
    text.lines()
        .map(|line| {
            let (title, rules) = line.split_once(':').expect("a title");
            (
                title.to_owned(),
                rules.split(';').map(str::trim).filter(|rule| !rule.is_empty()).map(str::to_owned).collect(),
            )
        })
        .collect()
}

struct Service {
    child: Child,
    lines: std::sync::mpsc::Receiver<String>,
    url: String,
}

impl Service {
    /// Starts with a webhook and waits until it responds.
    fn start(args: &[String]) -> Self {
        let port = common::port();
        let mut command = Command::new(env!("CARGO_BIN_EXE_peregrine"));
        command.args(plugin(&format!("http://127.0.0.1:{port}/k8s-audit"))).args(JSON).args(args);
        command.args(["-o", "json_output=true", "--disable-source", "syscall"]);
        let mut child = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().expect("the program starts");
        let (sender, lines) = std::sync::mpsc::channel();
        let out = std::io::BufReader::new(child.stdout.take().expect("its output"));
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut service = Self { child, lines, url: format!("http://127.0.0.1:{port}/k8s-audit") };
        let start = Instant::now();
        while ureq::get(&service.url).config().http_status_as_error(false).build().call().is_err() {
            let ended = service.child.try_wait().expect("a child").is_some();
            assert!(!ended && start.elapsed() < Duration::from_secs(60), "it does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        service
    }

    fn post(&self, body: &str) {
        let answer = ureq::post(&self.url).header("content-type", "application/json").send(body).expect("taken");
        assert_eq!(answer.status(), 200);
    }

    /// Terminates it, and returns all alerts and the rest of its output.
    fn end(mut self) -> (Vec<Json>, String) {
        let status = Command::new("kill").arg(self.child.id().to_string()).status().expect("kill");
        assert!(status.success());
        assert!(self.child.wait().expect("an end").success());
        let lines: Vec<String> = self.lines.iter().collect();
        let (alerts, rest): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line.starts_with('{'));
        (alerts.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect(), rest.join("\n"))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Ended already, unless the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn published_rules_see_sixty_events() {
    let Some(shared) = shared() else { return };
    let rules = [shared.join("data/rules/k8s_audit_rules.yaml"), testdata("site_rules.yaml")];
    let mut args: Vec<String> = rules.iter().flat_map(|path| ["-r".to_owned(), path.display().to_string()]).collect();
    args.extend(["-o", "rule_matching=all"].map(str::to_owned));
    let service = Service::start(&args);
    let events = events();
    assert_eq!(events.len(), 60);
    // In every format that a webhook may post.
    for (place, part) in events.chunks(10).enumerate() {
        match place % 3 {
            0 => service.post(&format!(
                r#"{{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[{}]}}"#,
                part.join(",")
            )),
            1 => service.post(&format!("[{}]", part.join(","))),
            _ => part.iter().for_each(|event| service.post(event)),
        }
    }
    let (alerts, rest) = service.end();
    let found = by_event(&alerts, &events);
    for ((title, wanted), found) in expected().iter().zip(&found) {
        assert_eq!(found, wanted, "{title}");
    }
    let fired: BTreeSet<&str> = alerts.iter().filter_map(|alert| alert["rule"].as_str()).collect();
    assert_eq!(fired.len(), 48, "every published rule");
    assert!(alerts.iter().all(|alert| alert["source"] == "k8s_audit"));
    assert!(rest.contains(&format!("Events detected: {}", alerts.len())), "{rest}");
}

#[test]
fn a_file_is_read_to_its_end() {
    let folder = tempfile::tempdir().expect("a directory");
    let rules = folder.path().join("rules.yaml");
    std::fs::write(&rules, RULE).expect("written");
    let mut args = plugin(&testdata("events.jsonl").display().to_string()).to_vec();
    args.extend(["-r", &rules.display().to_string(), "--disable-source", "syscall"].map(str::to_owned));
    args.extend(["-o", "time_format_iso_8601=true"].map(str::to_owned));
    let ran = peregrine(&args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let lines: Vec<&str> = ran.out.lines().filter(|line| line.contains(": Notice ")).collect();
    assert_eq!(lines.len(), 4, "{}", ran.out);
    assert!(lines[0].ends_with(": Notice shell (user=kubernetes-admin command=sh)"), "{}", lines[0]);
    assert!(lines[0].starts_with("2026-03-11T09:"), "{}", lines[0]);
}

#[test]
fn the_source_is_enabled_by_its_plugin() {
    let folder = tempfile::tempdir().expect("a directory");
    let rules = folder.path().join("rules.yaml");
    std::fs::write(&rules, format!("- required_plugin_versions: [{{name: k8saudit, version: 0.18.0}}]\n{RULE}"))
        .expect("written");
    let rules = rules.display().to_string();
    let run = |more: &[&str]| {
        let mut args: Vec<String> =
            ["-r", &rules, "--dry-run", "-o", "engine.kind=nodriver"].map(str::to_owned).to_vec();
        args.extend(more.iter().map(ToString::to_string));
        peregrine(&args)
    };
    let [option, with] = plugin("http://127.0.0.1:0/");
    assert_eq!(run(&[&option, &with]).code, 0);
    assert!(run(&[]).err.contains("k8saudit"), "the plugin is required");
    assert!(
        run(&[&option, &with, JSON[0], JSON[1], "-o", "load_plugins[]=json"]).err.contains("k8saudit"),
        "it is not loaded"
    );
    for (args, part) in [
        (&["--disable-source", "k8s_audit", "--disable-source", "syscall"][..], "at least one event source"),
        (&["--enable-source", "other"], "unknown event source 'other'"),
    ] {
        let mut all = vec![&*option, &with];
        all.extend(args);
        let ran = run(&all);
        assert!(ran.code == 1 && ran.err.contains(part), "{args:?}: {}", ran.err);
    }
    let [option, with] = plugin("gopher://x");
    assert!(run(&[&option, &with]).err.contains("'gopher' is not one of"));
}

#[test]
fn an_api_server_gets_its_files() {
    let kubeconfig = peregrine(["--audit-webhook", "https://10.0.0.7:9765/k8s-audit"]).out;
    assert!(kubeconfig.contains(r#"    server: "https://10.0.0.7:9765/k8s-audit""#), "{kubeconfig}");
    assert!(peregrine(["--audit-webhook"]).out.contains(r#""http://127.0.0.1:9765/k8s-audit""#));
    let policy = peregrine(["--audit-policy"]).out;
    assert!(policy.contains("kind: Policy") && policy.contains("level: RequestResponse"), "{policy}");
}
