//! Changes while the program runs: rules, settings, bundles from a server; and the preview of changes.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod common;
#[path = "../../detector/sinks/tests/peers/mod.rs"]
mod peers;

use common::service::{Service, write};
use common::{alerts, peregrine, root};
use peers::http::{Answer, Server};
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn rule(name: &str) -> String {
    format!("- rule: {name}\n  desc: d\n  condition: evt.type = execve\n  output: x\n  priority: INFO\n")
}

/// Returns the memory of a process in KiB.
fn memory(service: &Service) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", service.child.id())).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.split_whitespace().next().expect("a number").parse().expect("a number")
}

fn reloads(service: &Service) -> usize {
    service.text("err").matches("reloaded: ").count()
}

/// Audit events arrive all the time, rules and outputs change a hundred times, and each event has its alert.
#[test]
fn a_hundred_reloads_lose_nothing() {
    let port = common::port();
    let folder = tempfile::tempdir().expect("a directory");
    let rules = |number: usize| {
        "- rule: All\n  desc: d\n  condition: jevt.value[/auditID] exists\n  output: \"event %jevt.value[/auditID]\"\n  \
         priority: notice\n  source: k8s_audit\n"
            .to_owned()
            + &rule(&format!("Number {number}"))
    };
    write(&folder.path().join("rules.yaml"), &rules(0));
    let mut service = Service::start_in(
        folder,
        &format!(
            "watch_config_files: false\nfile_output: {{enabled: true, keep_alive: true, filename: DIR/alerts}}\n\
             plugins: [{{name: k8saudit, library_path: x.so, open_params: \"http://127.0.0.1:{port}/k8s-audit\"}}]\n"
        ),
    );
    service.until("the webhook", |_| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    let over = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let sender = {
        let over = Arc::clone(&over);
        std::thread::spawn(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
            let mut sent = 0u64;
            while !over.load(std::sync::atomic::Ordering::SeqCst) {
                let event = format!(
                    "{{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"auditID\":\"n{sent}\",\"stage\":\
                     \"ResponseComplete\",\"stageTimestamp\":\"2026-11-22T10:00:00.000000Z\",\"verb\":\"get\"}}"
                );
                let url = format!("http://127.0.0.1:{port}/k8s-audit");
                let answer = agent.post(&url).content_type("application/json").send(&event).expect("an answer");
                assert!(answer.status().is_success(), "{}", answer.status());
                sent += 1;
                std::thread::sleep(Duration::from_millis(1));
            }
            sent
        })
    };
    let config = service.text("falco.yaml");
    let mut early = 0;
    for number in 1..=100 {
        write(&service.path("rules.yaml"), &rules(number));
        // An output comes and goes, and another one has other settings each time.
        let more = if number % 2 == 0 { "program_output: {enabled: true, program: 'cat > /dev/null'}\n" } else { "" };
        let threshold = format!("syscall_event_drops: {{threshold: 0.{}}}\n", number % 10);
        write(&service.path("falco.yaml"), &(config.clone() + more + &threshold));
        service.signal("-HUP");
        service.until("a reload", |service| reloads(service) == number);
        if number == 20 {
            early = memory(&service);
        }
    }
    let late = memory(&service);
    over.store(true, std::sync::atomic::Ordering::SeqCst);
    let sent = sender.join().expect("all events were taken");
    let last = format!("n{}\"", sent - 1);
    service.until("the last alert", |service| service.text("alerts").contains(&last));
    eprintln!("{sent} events during 100 reloads; memory {early} KiB after 20, {late} KiB after 100");
    let text = service.text("alerts");
    let events: Vec<_> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
        .map(|alert| {
            alert["output_fields"]["jevt.value[/auditID]"].as_str().unwrap_or_else(|| panic!("{alert}")).to_owned()
        })
        .collect();
    assert!(events.into_iter().eq((0..sent).map(|number| format!("n{number}"))));
    // Memory that a single reload leaks would be visible after eighty more.
    assert!(late < early + 8 * 1024, "{early} KiB, then {late} KiB");
    let (code, _, err) = service.end();
    assert_eq!(code, 0, "{err}");
}

#[test]
fn outputs_follow_the_configuration() {
    let mut service = Service::start(
        "watch_config_files: false\nmetrics: {enabled: true, interval: 100ms, output_rule: true}\n\
         file_output: {enabled: true, filename: DIR/one}\n",
    );
    service.until("the first alert", |service| service.text("one").contains("metrics snapshot"));
    let config = service.text("falco.yaml");
    write(&service.path("falco.yaml"), &(config.replace("/one", "/two") + "time_format_iso_8601: true\n"));
    service.signal("-HUP");
    service.until("the other file", |service| service.text("two").contains("metrics snapshot"));
    // A file with invalid settings changes nothing.
    write(&service.path("falco.yaml"), &config.replace("filename: ", "filename: \"\" #"));
    service.signal("-HUP");
    service.until("a refusal", |service| service.text("two").contains("hot restart failure"));
    let before = service.text("two").lines().count();
    service.until("more alerts", |service| service.text("two").lines().count() > before + 2);
    assert_eq!(service.end().0, 0);
}

#[test]
fn a_dry_run_prints_what_a_reload_would_change() {
    let mut service = Service::start("watch_config_files: false\nelasticsearch_output: {password: old}\n");
    service.until("start", |service| service.path("pid.applied").exists());
    let (config, pid) = (service.path("falco.yaml"), service.path("pid"));
    let dry_run = || {
        let ran = peregrine(["--dry-run", "-c", &config.display().to_string(), "-P", &pid.display().to_string()]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out
    };
    assert_eq!(dry_run(), "a reload would change nothing\n");
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(service.path("pid.applied")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let text = service.text("falco.yaml").replace("json_output: true", "json_output: false");
    write(&config, &(text.replace("password: old", "password: new") + "webserver: {listen_port: 99}\n"));
    write(&service.path("rules.yaml"), &rule("Only one"));
    let out = dry_run();
    for line in [
        "setting json_output: true -> false\n",
        "setting webserver.listen_port: the default -> 99 (requires a restart)\n",
        "setting elasticsearch_output.password: (secret) -> (secret)\n",
        "rule 'Only one': added\n",
        "rule 'Sensitive credential file read': removed\n",
    ] {
        assert!(out.contains(line), "{line}: {out}");
    }
    service.signal("-HUP");
    service.until("the reload", |service| reloads(service) == 1);
    service.until("the new state", |_| dry_run() == "a reload would change nothing\n");
    // Errors are reported, and nothing changes.
    write(&service.path("rules.yaml"), "- rule: [");
    let ran = peregrine(["--dry-run", "-c", &config.display().to_string(), "-P", &pid.display().to_string()]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert_eq!(service.end().0, 0);
}

/// The files of the server: a name in `testdata/bundles`, and the bundle whose signature goes with it.
type Shelf = Arc<Mutex<(String, String)>>;

fn bundles(shelf: &Shelf) -> Server {
    let shelf = Arc::clone(shelf);
    Server::start(move |request| {
        let (bundle, signature) = shelf.lock().unwrap().clone();
        let tag = format!("\"{bundle}\"");
        let path = |name: &str| root().join("testdata/bundles").join(name);
        if request.head.contains(".minisig") {
            return Answer::new(200, fs::read(path(&format!("{signature}.tar.gz.minisig"))).unwrap());
        }
        if request.head.contains(&format!("if-none-match: {tag}")) {
            return Answer::new(304, "");
        }
        let body = fs::read(path(&format!("{bundle}.tar.gz"))).unwrap();
        Answer { headers: format!("etag: {tag}\r\n"), ..Answer::new(200, body) }
    })
}

#[test]
fn signed_bundles_are_followed() {
    let shelf: Shelf = Arc::new(Mutex::new(("v1".into(), "v1".into())));
    let put = |bundle: &str, signature: &str| *shelf.lock().unwrap() = (bundle.into(), signature.into());
    let server = bundles(&shelf);
    let key = fs::read_to_string(root().join("testdata/bundles/key.pub")).unwrap();
    let settings = format!(
        "rules_bundle: {{url: \"http://{}/rules.tar.gz\", public_key: \"{}\", interval: 100ms, cache: DIR/cache}}\n",
        server.address,
        key.trim()
    );
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("rules.yaml"), &rule("Local one"));
    let mut service = Service::start_in(folder, &settings);
    let names = |service: &Service| {
        let applied: serde_json::Value = serde_json::from_str(&service.text("pid.applied")).unwrap_or_default();
        let rules = applied["rules"].as_object().cloned().unwrap_or_default();
        rules.keys().cloned().collect::<Vec<_>>()
    };
    service.until("the first bundle", |service| names(service) == ["Bundled one", "Local one"]);
    // On repeated requests the server returns "not modified".
    let asked = server.requests().len();
    service.until("polls", |_| server.requests().len() > asked + 3);
    assert_eq!(reloads(&service), 0);
    put("v2", "v2");
    service.until("the next bundle", |service| names(service) == ["Bundled one", "Bundled two", "Local one"]);
    for (bundle, signature, complaint) in [
        ("stranger", "stranger", "is not signed with rules_bundle.public_key"),
        ("v1", "v2", "is not signed with rules_bundle.public_key"),
        ("v1", "v1", "is older than the current bundle"),
        ("broken", "broken", "its rules do not load"),
        ("outside", "outside", "a file with the invalid name '../evil.yaml'"),
    ] {
        put(bundle, signature);
        service.until(complaint, |service| service.text("err").contains(complaint));
    }
    assert_eq!(names(&service), ["Bundled one", "Bundled two", "Local one"]);
    assert_eq!(reloads(&service), 1);
    // Each reason is an alert, once.
    let told = |service: &Service, part: &str| {
        let alerts = alerts(&service.text("out"));
        let stale = alerts.iter().filter(|alert| alert["rule"] == "Peregrine internal: rules bundle not updated");
        stale.filter(|alert| alert["output"].as_str().unwrap().contains(part)).count()
    };
    for part in ["is not signed with", "is older than the current bundle", "its rules do not load", "../evil.yaml"] {
        service.until(part, |service| told(service, part) > 0);
    }
    let rejected = server.requests().len();
    service.until("polls", |_| server.requests().len() > rejected + 6);
    assert_eq!(told(&service, "../evil.yaml"), 1, "{}", service.text("out"));
    drop(server);
    service.until("an alert about the server", |service| told(service, "efused") > 0);
    service.signal("-TERM");
    assert_eq!(service.child.wait().unwrap().code(), Some(0));
    // Without the server, the bundle on disk is used.
    let folder = std::mem::replace(&mut service.folder, tempfile::tempdir().unwrap());
    fs::remove_file(folder.path().join("pid.applied")).unwrap();
    let mut service = Service::start_in(folder, &settings);
    service.until("the kept bundle", |service| names(service) == ["Bundled one", "Bundled two", "Local one"]);
    assert_eq!(service.end().0, 0);
}

#[test]
fn an_old_bundle_is_reported_and_not_accepted_again() {
    let shelf: Shelf = Arc::new(Mutex::new(("v2".into(), "v2".into())));
    let server = bundles(&shelf);
    let key = fs::read_to_string(root().join("testdata/bundles/key.pub")).unwrap();
    let settings = format!(
        "rules_bundle: {{url: \"http://{}/rules.tar.gz\", public_key: \"{}\", interval: 100ms, max_age: 24h, cache: \
         DIR/cache}}\nmetrics: {{enabled: true, interval: 100ms, output_file: DIR/metrics}}\n",
        server.address,
        key.trim()
    );
    let old = |service: &Service| {
        let alerts = alerts(&service.text("out"));
        let old = alerts.iter().filter(|alert| alert["rule"] == "Peregrine internal: rules bundle not updated");
        old.filter(|alert| alert["output"].as_str().unwrap().contains("longer than rules_bundle.max_age")).count()
    };
    let mut service = Service::start(&settings);
    service.until("an alert about the age", |service| old(service) == 1);
    // Its time of signing, and that the server still has it.
    service.until("metrics", |service| service.text("metrics").contains("falco.rules_bundle_confirmed_ts"));
    let text = service.text("metrics");
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let signature = fs::read_to_string(root().join("testdata/bundles/v2.tar.gz.minisig")).unwrap();
    let signed = signature.split_once("timestamp:").unwrap().1.split_whitespace().next().unwrap();
    let signed = signed.parse::<u64>().unwrap() * 1_000_000_000;
    assert_eq!(last["output_fields"]["falco.rules_bundle_ts"], signed);
    let asked = server.requests().len();
    service.until("polls", |_| server.requests().len() > asked + 3);
    assert_eq!(old(&service), 1);
    service.signal("-TERM");
    assert_eq!(service.child.wait().unwrap().code(), Some(0));
    // Without the bundle on disk, one that is older than it was is still rejected.
    let folder = std::mem::replace(&mut service.folder, tempfile::tempdir().unwrap());
    fs::remove_dir_all(folder.path().join("cache")).unwrap();
    fs::remove_file(folder.path().join("pid.applied")).unwrap();
    *shelf.lock().unwrap() = ("v1".into(), "v1".into());
    let mut service = Service::start_in(folder, &settings);
    service
        .until("the complaint", |service| service.text("err").contains("is older than one that was accepted before"));
    assert!(!service.text("pid.applied").contains("Bundled one"));
    *shelf.lock().unwrap() = ("v2".into(), "v2".into());
    service.until("the newest bundle", |service| service.text("pid.applied").contains("Bundled two"));
    assert_eq!(service.end().0, 0);
}

/// A time of signing in the future would make every later bundle too old.
#[test]
fn a_bundle_of_the_future_does_not_lock_out_later_ones() {
    let shelf: Shelf = Arc::new(Mutex::new(("future".into(), "future".into())));
    let server = bundles(&shelf);
    let key = fs::read_to_string(root().join("testdata/bundles/other.pub")).unwrap();
    let settings = format!(
        "rules_bundle: {{url: \"http://{}/rules.tar.gz\", public_key: \"{}\", interval: 100ms, cache: DIR/cache}}\n",
        server.address,
        key.trim()
    );
    // As if an earlier version had accepted it.
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str| fs::read(root().join("testdata/bundles").join(name)).unwrap();
    let (signature, bundle) = (read("future.tar.gz.minisig"), read("future.tar.gz"));
    fs::create_dir(folder.path().join("cache")).unwrap();
    let sealed = [&(signature.len() as u64).to_le_bytes()[..], &signature, &bundle].concat();
    fs::write(folder.path().join("cache/bundle"), sealed).unwrap();
    let mut service = Service::start_in(folder, &settings);
    service.until("the alert", |service| {
        service.text("out").contains("signed with a time in the future, 2100-01-01T00:00:00Z, and was rejected")
    });
    *shelf.lock().unwrap() = ("present".into(), "present".into());
    service.until("the next bundle", |service| service.text("pid.applied").contains("Bundled 2"));
    assert_eq!(service.end().0, 0);
}

/// The signature says who made a bundle, whichever server sends it; but the way to it stays encrypted.
#[test]
fn a_bundle_may_come_from_another_host() {
    let shelf: Shelf = Arc::new(Mutex::new(("v1".into(), "v1".into())));
    let store = bundles(&shelf);
    let port = store.address.port();
    let server = Server::start(move |request| {
        let path = request.head.split(' ').nth(1).unwrap();
        Answer { headers: format!("location: http://localhost:{port}{path}\r\n"), ..Answer::new(302, "") }
    });
    let key = fs::read_to_string(root().join("testdata/bundles/key.pub")).unwrap();
    let mut service = Service::start(&format!(
        "rules_bundle: {{url: \"http://{}/rules.tar.gz\", public_key: \"{}\", cache: DIR/cache}}\n",
        server.address,
        key.trim()
    ));
    service.until("the bundle", |service| service.text("pid.applied").contains("Bundled one"));
    assert!(service.text("err").contains("redirected to localhost, whose bundle has a valid signature"));
    assert_eq!(service.end().0, 0);
}

/// A service whose rules come through a pipe: it loads until something is written.
fn loading() -> (Service, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("rules.yaml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let service = Service::start_in(folder, "watch_config_files: false\n");
    (service, pipe)
}

/// Waits until it reads its rules, and keeps it waiting as long as the file is open.
fn writer(pipe: &std::path::Path) -> fs::File {
    fs::File::options().write(true).open(pipe).unwrap()
}

#[test]
fn a_reload_requested_while_rules_load_is_done_afterwards() {
    let (mut service, pipe) = loading();
    let mut rules = writer(&pipe);
    service.send("-HUP");
    std::io::Write::write_all(&mut rules, rule("First").as_bytes()).unwrap();
    drop(rules);
    service.until("its rules are loaded", |service| service.path("pid").exists());
    // It reads them again, for the reload alone.
    std::io::Write::write_all(&mut writer(&pipe), rule("Second").as_bytes()).unwrap();
    service.until("the reload", |service| reloads(service) == 1);
    assert_eq!(service.end().0, 0);
}

#[test]
fn termination_does_not_wait_for_rules_to_load() {
    let (mut service, pipe) = loading();
    let rules = writer(&pipe);
    service.send("-TERM");
    let status = service.child.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(15));
    drop(rules);
}
