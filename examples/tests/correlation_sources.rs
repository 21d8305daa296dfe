//! Correlations across the sources of one detector: system calls and Kubernetes audit events.
#![cfg(feature = "live")]

mod common;

use common::service::{Service, write};
use std::process::Command;

/// Returns the output of a command, without the last line break.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect("it starts");
    assert!(output.status.success(), "{program} {arguments:?}");
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

const RULES: &str = "
- macro: opened
  condition: evt.type in (open, openat, openat2) and fd.name startswith DIR/file
- correlation: Secret, file
  desc: d
  type: temporal_ordered
  rules: [{as: secret, condition: ka.verb = get, source: k8s_audit}, {as: file, condition: opened}]
  group-by: [who]
  aliases: {who: {secret: user, file: user.name}}
  timespan: 1h
  output: one
  priority: NOTICE
- correlation: File, secret
  desc: d
  type: temporal_ordered
  rules: [{as: file, condition: opened}, {as: secret, condition: ka.verb = get, source: k8s_audit}]
  group-by: [who]
  aliases: {who: {secret: user, file: user.name}}
  timespan: 1h
  output: two
  priority: NOTICE
- correlation: In any order
  desc: d
  type: temporal
  rules: [{as: secret, condition: ka.verb = get, source: k8s_audit}, {as: file, condition: opened}]
  group-by: [who]
  aliases: {who: {secret: user, file: user.name}}
  timespan: 1h
  output: three
  priority: NOTICE
";

/// The order of the steps is that of the times of the events, not that in which the sources report them: an audit event
/// comes in batches, later than what happened on the host meanwhile.
#[test]
fn system_calls_and_audit_events_are_correlated_by_their_times() {
    let (web, hook) = (common::port(), common::port());
    let folder = tempfile::tempdir().expect("a directory");
    let path = |name: &str| folder.path().join(name).display().to_string();
    output("mkfifo", &[&path("names")]);
    write(&folder.path().join("rules.yaml"), &RULES.replace("DIR", &folder.path().display().to_string()));
    let names = path("names");
    // Reads a file for each name that it receives. The pipe is open for writing, too, so that it has no end.
    let script = "exec 3<> \"$0\"; while read name <&3; do read line < \"$name\"; done";
    let mut service = Service::start_on(
        folder,
        &format!("{{kind: userspace, userspace: {{command: [sh, -c, '{script}', {names}]}}}}"),
        &format!(
            "webserver: {{enabled: true, listen_address: 127.0.0.1, listen_port: {web}, \
             prometheus_metrics_enabled: true}}\nmetrics: {{enabled: true, interval: 1h, output_rule: true}}\n\
             plugins: [{{name: k8saudit, library_path: x.so, open_params: \"http://127.0.0.1:{hook}/k8s-audit\"}}]\n"
        ),
    );
    service.until("the webhook", |_| std::net::TcpStream::connect(("127.0.0.1", hook)).is_ok());
    service.until("the tracer", |service| service.text("err").contains("watching one tree of processes"));
    let who = output("id", &["-un"]);
    let secret = |when: &str| {
        let time = output("date", &["-u", "-d", when, "+%Y-%m-%dT%H:%M:%S.%6NZ"]);
        let event = format!(
            "{{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"auditID\":\"n\",\"verb\":\"get\",\
             \"stage\":\"ResponseComplete\",\"stageTimestamp\":\"{time}\",\"user\":{{\"username\":\"{who}\"}}}}"
        );
        let url = format!("http://127.0.0.1:{hook}/k8s-audit");
        assert_eq!(ureq::post(&url).content_type("application/json").send(&event).expect("taken").status(), 200);
    };
    let partial_matches = |correlation: &str| -> Option<u64> {
        let mut answer = ureq::get(&format!("http://127.0.0.1:{web}/metrics")).call().ok()?;
        let text = answer.body_mut().read_to_string().ok()?;
        let start = format!("falcosecurity_falco_correlation_partial_matches{{correlation=\"{correlation}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&start))?.parse().ok()
    };
    let file = |service: &Service, name: &str| {
        let file = service.path(name);
        write(&file, "line\n");
        write(&service.path("names"), &format!("{}\n", file.display()));
    };
    let alerts = |service: &Service| {
        let out = service.text("out");
        let whole = out.rfind('\n').map_or("", |end| &out[..end]);
        let count = |rule: &str| common::alerts(whole).iter().filter(|alert| alert["rule"] == rule).count();
        ["Secret, file", "File, secret", "In any order"].map(count)
    };
    // In the order of both.
    secret("now");
    service.until("the first step", |_| partial_matches("Secret, file") == Some(1));
    file(&service, "file1");
    service.until("the second step", |service| alerts(service) == [1, 0, 1]);
    secret("now");
    service.until("the other order", |service| alerts(service) == [1, 1, 1]);
    // The second secret has begun one more. It is ended by a file, which begins one that waits for a secret.
    file(&service, "file2");
    service.until("again", |service| alerts(service) == [2, 1, 2]);
    // A secret from before the file, which is reported after it.
    secret("1 minute ago");
    service.until("the late secret", |_| partial_matches("Secret, file") == Some(1));
    file(&service, "file3");
    service.until("the late secret and the file", |service| alerts(service)[2] == 3);
    let steps = |service: &Service, rule: &str| {
        let all = common::alerts(&service.text("out"));
        let last = all.iter().rfind(|alert| alert["rule"] == rule).expect("an alert");
        last["steps"].as_array().expect("steps").iter().map(|step| step["step"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(steps(&service, "In any order"), ["\"secret\"", "\"file\""], "in the order of their times");
    assert_eq!(alerts(&service), [3, 1, 3], "a secret from before the file does not follow it");
    assert_eq!(service.end().0, 0);
}
