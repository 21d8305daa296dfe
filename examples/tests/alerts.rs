//! Delivery of alerts: noise control, uncertain state, lost alerts, and a killed program.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod common;
#[path = "../../detector/sinks/tests/peers/mod.rs"]
mod peers;

use common::service::Service;
use common::{alerts, bundled, peregrine, replay};
use peers::http::{Answer, Server};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

/// A rule that matches many types of events.
fn rules(folder: &Path) -> String {
    let path = folder.join("rules.yaml");
    let rule = "- rule: Open\n  desc: d\n  condition: evt.type in (open, openat, execve, close, clone, clone3, exit_group)\n  \
                output: \"%evt.num %proc.name %evt.type\"\n  priority: NOTICE\n";
    std::fs::write(&path, rule).expect("written");
    path.display().to_string()
}

fn run(folder: &Path, more: &[&str]) -> (Vec<Json>, String) {
    let mut args = vec!["-r".to_owned(), rules(folder)];
    args.extend(replay(&bundled()));
    for option in ["json_output=true", "log_level=notice"].iter().chain(more) {
        args.extend(["-o".to_owned(), (*option).to_owned()]);
    }
    let ran = peregrine(&args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    (alerts(&ran.out), ran.out + &ran.err)
}

fn number(alert: &Json) -> u64 {
    alert["output_fields"]["evt.num"].as_u64().expect("a number")
}

fn detected(text: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix("Events detected: ")).expect("the statistics");
    line.parse().expect("a number")
}

/// Writes the events of a trace as a capture.
fn capture(path: &Path, trace: &str) {
    use scap::savefile::{Compression, Writer};
    use scap::{Next, Source};
    let mut trace = scap::text::Trace::parse(trace).expect("a trace");
    let host = trace.host().clone();
    let mut writer = Writer::new(std::fs::File::create(path).unwrap(), &host, Compression::Plain).unwrap();
    while let Next::Event(event) = trace.next().unwrap() {
        writer.write(&event).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn alerts_say_which_values_were_cut() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = |name: &str| folder.path().join(name);
    let exec = |length: usize| {
        format!(
            "tid=7 execve res=0 exe=\"sh\" args=[\"-c\",\"{}\"] comm=\"sh\" tid=7 pid=7 ptid=1 filename=\"/bin/sh\"\n",
            "x".repeat(length)
        )
    };
    let open = "tid=7 openat fd=3 dirfd=AT_FDCWD name=\"/etc/hosts\" flags=O_RDONLY mode=0 dev=0 ino=0\n";
    capture(
        &path("c.scap"),
        &format!("thread tid=7 pid=7 ptid=1 comm=\"sh\"\n1.0 {}{open}{}{open}", exec(5000), exec(50)),
    );
    let rule = "- rule: Any\n  desc: d\n  condition: evt.type in (execve, openat)\n  output: \"%evt.type \
                %proc.cmdline\"\n  priority: NOTICE\n- rule: Only in the condition\n  desc: d\n  condition: evt.type = execve \
                and proc.args contains x\n  output: \"%evt.num\"\n  priority: NOTICE\n";
    std::fs::write(path("rules.yaml"), rule).unwrap();
    let ran = |json: &str| {
        let mut args = vec!["-r".to_owned(), path("rules.yaml").display().to_string()];
        args.extend(replay(&path("c.scap")));
        args.extend(["-o", "rule_matching=all", "-o", json].map(str::to_owned));
        let ran = peregrine(&args);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out
    };
    let notes: Vec<_> = alerts(&ran("json_output=true"))
        .iter()
        .map(|alert| (alert["rule"].clone(), alert["output_fields"]["truncated"].clone()))
        .collect();
    let (any, without) = (Json::from("Any"), Json::from("Only in the condition"));
    let (whole, line) = (Json::Null, Json::from("proc.cmdline"));
    assert_eq!(
        notes,
        [
            (any.clone(), line.clone()),
            (without.clone(), Json::from("proc.args")),
            (any.clone(), line),
            (any.clone(), whole.clone()),
            (without, whole.clone()),
            (any, whole),
        ]
    );
    let text = ran("json_output=false");
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("Notice ")).collect();
    assert!(lines[0].ends_with("(truncated=\"proc.cmdline\")"), "{}", &lines[0][lines[0].len() - 80..]);
    assert!(!lines[3].contains("truncated"), "{}", lines[3]);
}

#[test]
fn duplicate_alerts_are_sent_once_per_window() {
    let folder = tempfile::tempdir().expect("a directory");
    let (all, _) = run(folder.path(), &[]);
    let name = |alert: &Json| {
        let fields = &alert["output_fields"];
        (fields["proc.name"].to_string(), fields["evt.type"].to_string())
    };
    let kinds: BTreeSet<_> = all.iter().map(name).collect();
    let quiet = r#"noise_control.rules[]={"rule": "Op*", "key": ["proc.name", "evt.type"], "window": "1d"}"#;
    let (told, text) = run(folder.path(), &[quiet]);
    assert_eq!(told.len(), kinds.len());
    assert_eq!(told.iter().map(name).collect::<BTreeSet<_>>(), kinds);
    assert_eq!(detected(&text), all.len() as u64);
    let left_out = all.len() - told.len();
    assert!(text.contains(&format!("noise control: suppressed {left_out} duplicate and 0 rate-limited alerts")));

    // With short windows the next alert has the number that was suppressed; only the last few are unaccounted for.
    let quiet = r#"noise_control.rules[]={"key": ["proc.name"], "window": "100ms"}"#;
    let (told, text) = run(folder.path(), &[quiet]);
    let suppressed: u64 = told.iter().filter_map(|alert| alert["output_fields"]["suppressed"].as_u64()).sum();
    let kept = text.split("noise control: suppressed ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a line");
    let kept: u64 = kept.parse().expect("a number");
    assert_eq!(told.len() as u64 + kept, all.len() as u64);
    assert!(suppressed > 0 && suppressed <= kept, "{suppressed} of {kept}");

    let (told, _) = run(folder.path(), &["noise_control.rate=5", "noise_control.max_burst=10"]);
    let limited: u64 = told.iter().filter_map(|alert| alert["output_fields"]["rate_limited"].as_u64()).sum();
    assert!(told.len() < all.len() / 2 && limited > 0);
    assert!(told[..10].iter().map(number).eq(all[..10].iter().map(number)));

    let mut args = vec!["-r".to_owned(), rules(folder.path())];
    args.extend(replay(&bundled()));
    args.extend(["-o".to_owned(), r#"noise_control.rules[]={"key": ["no.field"]}"#.to_owned()]);
    let ran = peregrine(&args);
    assert!(ran.code == 1 && ran.err.contains("noise_control.rules: key: "), "{}", ran.err);
}

#[test]
fn alerts_after_a_drop_are_marked_uncertain() {
    let folder = tempfile::tempdir().expect("a directory");
    let lossy = ["syscall_event_drops.simulate_drops=true", "syscall_event_drops.actions[]=ignore"];
    let uncertain = |more: &[&str]| {
        let options: Vec<_> = lossy.iter().chain(more).copied().collect();
        let (told, _) = run(folder.path(), &options);
        let marks: Vec<_> = told.iter().map(|alert| alert["output_fields"]["state_uncertain"] == true).collect();
        let first = marks.iter().position(|mark| *mark);
        assert!(first.is_none_or(|first| marks[first..].iter().all(|mark| *mark)));
        (first.is_some_and(|first| first > 0), told.len())
    };
    let (after, count) = uncertain(&[]);
    assert!(after && count > 1000);
    assert!(!uncertain(&["syscall_event_drops.state_uncertain_seconds=0"]).0);
    assert!(run(folder.path(), &[]).0.iter().all(|alert| alert["output_fields"].get("state_uncertain").is_none()));
}

#[test]
fn lost_alerts_are_reported_by_an_alert() {
    // Nothing listens on this port.
    let port = common::port();
    let mut service = Service::start(&format!(
        "metrics: {{enabled: true, interval: 100ms, output_rule: true}}\nfile_output: {{enabled: true, filename: DIR/alerts}}\n\
         http_output: {{enabled: true, url: \"http://127.0.0.1:{port}/\", max_consecutive_timeouts: 0}}\n"
    ));
    service.until("the alert", |service| service.text("alerts").contains("Peregrine internal: alerts lost"));
    let text = service.text("alerts");
    let line = text.lines().find(|line| line.contains("alerts lost")).expect("a line");
    let alert: Json = serde_json::from_str(line).expect("JSON");
    assert_eq!((&alert["priority"], &alert["source"]), (&"Critical".into(), &"internal".into()));
    assert_eq!(alert["output_fields"]["output"], "http");
    assert!(alert["output_fields"]["n_lost"].as_u64().is_some_and(|lost| lost > 0), "{alert}");
    assert!(service.text("err").contains("http output: "));
    // When the server is back, the output that lost them gets the alert too.
    let server = Server::start_at(format!("127.0.0.1:{port}").parse().unwrap(), None, |_| Answer::new(200, ""));
    service.until("the same there", |_| server.requests().iter().any(|request| request.body.contains("alerts lost")));
    assert_eq!(service.end().0, 0);
}

/// The program is killed with alerts in the spool; its next run delivers them, in order, each once.
#[test]
fn spooled_alerts_are_delivered_after_a_kill() {
    let folder = tempfile::tempdir().expect("a directory");
    let port = common::port();
    let spool = format!("outputs_spool.path={}", folder.path().join("spool").display());
    let url = format!("http_output.url=http://127.0.0.1:{port}/");
    let options = [
        "json_output=true",
        &spool,
        &url,
        "http_output.enabled=true",
        "http_output.spool=true",
        "http_output.batch=100",
    ];
    let command = |kind: &[String]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_peregrine"));
        command.args(["-r", &rules(folder.path()), "-P", &folder.path().join("pid").display().to_string()]);
        command.args(kind).args(options.iter().flat_map(|option| ["-o", option])).stdin(Stdio::null());
        command
    };
    // The expected alerts, from another output.
    let (expected, _) = run(folder.path(), &[]);
    let mut child = command(&replay(&bundled())).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
    let log = folder.path().join("spool/http");
    peers::until("a spool", || {
        let files = std::fs::read_dir(&log).into_iter().flatten().flatten();
        files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum::<u64>() > 100_000
    });
    child.kill().expect("killed");
    child.wait().expect("gone");

    let server = Server::start_at(format!("127.0.0.1:{port}").parse().unwrap(), None, |_| Answer::new(200, ""));
    let nothing = ["-o", "engine.kind=nodriver", "-o", "log_level=debug"].map(str::to_owned);
    let err = folder.path().join("err");
    let mut child =
        command(&nothing).stdout(Stdio::null()).stderr(std::fs::File::create(&err).unwrap()).spawn().expect("started");
    let text = || std::fs::read_to_string(&err).unwrap();
    peers::until("the news of the spool", || text().contains("alerts of an earlier run are in the spool"));
    let waiting: u64 = {
        let text = text();
        let before = text.split(" alerts of an earlier run").next().unwrap();
        before.rsplit(' ').next().unwrap().parse().expect("a number")
    };
    let received = || -> Vec<u64> {
        let arrays = server.requests();
        let arrays = arrays.iter().map(|request| serde_json::from_str::<Json>(&request.body).expect("JSON"));
        arrays.flat_map(|array| array.as_array().cloned().unwrap_or_default()).map(|alert| number(&alert)).collect()
    };
    peers::until("the alerts", || received().len() as u64 == waiting);
    assert!(waiting > 100);
    // They are the first alerts of the whole run: none is missing, none is duplicated.
    assert!(received().into_iter().eq(expected.iter().map(number).take(waiting as usize)));
    Command::new("kill").arg(child.id().to_string()).status().expect("kill");
    assert_eq!(child.wait().expect("ended").code(), Some(0));
}
