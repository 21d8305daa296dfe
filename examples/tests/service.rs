//! The program as a service: signals, reload, web server, metrics. Without a driver, so that it runs everywhere.

mod common;

use common::service::{Service, write};
use std::fs;

#[test]
fn it_ends_by_signal_and_prints_its_statistics() {
    let (code, out, _) = Service::start("").end();
    assert_eq!(code, 0);
    assert!(out.contains("Events detected: 0"), "{out}");
}

#[test]
fn valid_rules_are_reloaded_and_invalid_ones_are_not() {
    let mut service = Service::start("");
    service.until("a watch of files", Service::watches_files);
    let rule = "- rule: Only one\n  desc: d\n  condition: evt.type = execve\n  output: x\n  priority: INFO\n";
    write(&service.path("rules.yaml"), rule);
    service.until("reload", |service| service.text("err").contains("reloaded: 1 rules are enabled"));
    write(&service.path("rules.yaml"), "- rule: [");
    service.until("refusal", |service| service.text("out").contains("Falco internal: hot restart failure"));
    assert!(service.text("err").contains("reload failed, keeping the current rules"));
    let two = rule.to_owned() + &rule.replace("Only one", "Another");
    write(&service.path("rules.yaml"), &two);
    service.until("second reload", |service| service.text("err").contains("reloaded: 2 rules are enabled"));
    assert_eq!(service.end().0, 0);
}

#[test]
fn sighup_reloads_without_a_watch() {
    let mut service = Service::start("watch_config_files: false\n");
    service.until("start", |service| service.path("pid").exists());
    let rule = "- rule: Only one\n  desc: d\n  condition: evt.type = execve\n  output: x\n  priority: INFO\n";
    write(&service.path("rules.yaml"), rule);
    service.signal("-HUP");
    service.until("reload", |service| service.text("err").contains("reloaded: 1 rules are enabled"));
    assert_eq!(service.end().0, 0);
}

#[test]
fn sigusr1_reopens_the_file() {
    let mut service = Service::start(
        "file_output: {enabled: true, keep_alive: true, filename: DIR/alerts}\n\
         syscall_event_timeouts: {max_consecutives: 1}\n",
    );
    service.until("the first alert", |service| service.text("alerts").contains("timeouts notification"));
    fs::rename(service.path("alerts"), service.path("old")).expect("renamed");
    service.signal("-USR1");
    service.until("the new file", |service| service.text("alerts").contains("timeouts notification"));
    assert_eq!(service.end().0, 0);
}

#[test]
fn metrics_are_served_and_sent() {
    let port = common::port();
    let mut service = Service::start(&format!(
        "webserver: {{enabled: true, listen_address: 127.0.0.1, listen_port: {port}, prometheus_metrics_enabled: true}}\n\
         metrics: {{enabled: true, interval: 200ms, output_rule: true, output_file: DIR/metrics}}\n"
    ));
    let fetch = |path: &str| {
        let mut answer = ureq::get(&format!("http://127.0.0.1:{port}{path}")).call().ok()?;
        answer.body_mut().read_to_string().ok()
    };
    service.until("health", |_| fetch("/healthz").is_some());
    assert_eq!(fetch("/healthz").as_deref(), Some("{\"status\": \"ok\"}"));
    let metrics = fetch("/metrics").expect("metrics");
    for name in [
        "falcosecurity_falco_version_info{version=",
        "falcosecurity_falco_sha256_rules_files_info{file_name=\"rules.yaml\"",
        "falcosecurity_falco_sha256_config_files_info{file_name=\"falco.yaml\"",
        "falcosecurity_scap_engine_name_info{engine_name=\"nodriver\"",
        "falcosecurity_falco_memory_rss_bytes ",
        "falcosecurity_falco_duration_seconds_total ",
        "falcosecurity_falco_output_delivered_total{output=\"stdout\"}",
    ] {
        assert!(metrics.contains(name), "{name}: {metrics}");
    }
    assert!(fetch("/versions").is_some_and(|text| text.contains("engine_version_semver")));
    service.until("two samples", |service| service.text("metrics").lines().count() >= 2);
    let line = service.text("metrics").lines().last().map(str::to_owned).expect("a sample");
    let sample: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert!(sample["output_fields"]["falco.memory_rss_mb"].is_number(), "{sample}");
    service.until("the alert", |service| service.text("out").contains("Falco internal: metrics snapshot"));
    assert_eq!(service.end().0, 0);
}

#[test]
fn metrics_require_a_destination_and_an_interval() {
    for (more, part) in [
        ("metrics: {enabled: true, interval: 1m}\n", "without a destination"),
        ("metrics: {enabled: true, interval: 5000, output_rule: true}\n", "has no unit"),
    ] {
        let mut service = Service::start(more);
        let code = service.child.wait().expect("a child").code();
        assert!(code == Some(1) && service.text("err").contains(part), "{}", service.text("err"));
    }
}
