//! The program as a service: signals, reload, web server, metrics. Without a driver, so that it runs everywhere.

mod common;

use common::service::{Service, watches_files, write};
use std::fs;
use std::io::{PipeWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

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
         metrics: {enabled: true, interval: 100ms, output_rule: true}\n",
    );
    service.until("the first alert", |service| service.text("alerts").contains("metrics snapshot"));
    fs::rename(service.path("alerts"), service.path("old")).expect("renamed");
    service.signal("-USR1");
    service.until("the new file", |service| service.text("alerts").contains("metrics snapshot"));
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

/// Without a driver there is nothing to wait for, so silence is not a reason for an alert, and `-M` counts real seconds.
#[test]
fn without_a_driver_a_run_ends_in_time_and_is_silent() {
    let folder = tempfile::tempdir().expect("a directory");
    let config = folder.path().join("falco.yaml");
    write(&config, "syscall_event_timeouts: {max_consecutives: 1}\nstdout_output: {enabled: true}\n");
    let rules = common::root().join("detector/daemon/rules/peregrine_rules.yaml");
    let (config, rules) = (config.display().to_string(), rules.display().to_string());
    let ran = common::peregrine(["-c", &config, "-r", &rules, "-o", "engine.kind=nodriver", "-M", "1"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("Events detected: 0") && !ran.out.contains("timeouts"), "{}", ran.out);
}

/// Starts a service that writes all the time to one pipe: alerts, and log lines about a server that is not there.
fn service_on_a_pipe(pipe: &PipeWriter, folder: &std::path::Path) -> Child {
    let path = |name: &str| folder.join(name).display().to_string();
    let config = "engine: {kind: nodriver}\nstdout_output: {enabled: true}\nlog_stderr: true\nlog_syslog: false\n\
                  log_level: debug\nprogram_output: {enabled: true, program: exit 1}\n\
                  metrics: {enabled: true, interval: 100ms, output_rule: true, output_file: METRICS}\n";
    write(&folder.join("falco.yaml"), &config.replace("METRICS", &path("metrics")));
    let rules = common::root().join("detector/daemon/rules/peregrine_rules.yaml").display().to_string();
    Command::new(env!("CARGO_BIN_EXE_peregrine"))
        .args(["-c", &path("falco.yaml"), "-r", &rules, "-P", &path("pid"), "-v"])
        .stdout(pipe.try_clone().expect("a pipe"))
        .stderr(pipe.try_clone().expect("a pipe"))
        .spawn()
        .expect("the program starts")
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Writes to a pipe until it is full.
fn fill(pipe: &PipeWriter) {
    let path = format!("/proc/self/fd/{}", pipe.as_raw_fd());
    let o_nonblock = 0o4000;
    let mut filler = fs::OpenOptions::new().write(true).custom_flags(o_nonblock).open(path).expect("the pipe");
    while filler.write(&[b'x'; 512]).is_ok() {}
}

/// A reader that stops for a while costs log lines, which are counted, and no alert.
#[test]
fn log_lines_that_nobody_takes_are_counted() {
    let folder = tempfile::tempdir().expect("a directory");
    let (mut reader, pipe) = std::io::pipe().expect("a pipe");
    let mut child = service_on_a_pipe(&pipe, folder.path());
    let send = |signal: &str| {
        let status = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill");
        assert!(status.success());
    };
    let samples = || fs::read_to_string(folder.path().join("metrics")).map_or(0, |text| text.lines().count());
    wait_until("start", || folder.path().join("pid").exists() && samples() > 0);
    fill(&pipe);
    send("-USR1");
    // More than a second of samples, which the event loop has a part in.
    let before = samples();
    wait_until("work without a reader", || samples() > before + 15);
    let text = Arc::new(Mutex::new(Vec::new()));
    let taken = Arc::clone(&text);
    let reading = std::thread::spawn(move || {
        let mut part = [0; 4096];
        while let Ok(count @ 1..) = reader.read(&mut part) {
            taken.lock().expect("text").extend(&part[..count]);
        }
    });
    let has = |part: &str| String::from_utf8_lossy(&text.lock().expect("text")).contains(part);
    wait_until("the count", || {
        send("-USR1");
        has(" log lines were dropped, since standard error was not read")
    });
    send("-TERM");
    assert!(child.wait().expect("a child").success());
    drop(pipe);
    reading.join().expect("a thread");
    let text = String::from_utf8(text.lock().expect("text").clone()).expect("text");
    let totals = text.lines().find(|line| line.contains("stdout output: ") && line.contains(" from the spool, "));
    assert!(totals.is_some_and(|line| line.contains(" 0 lost, 0 unknown")), "{totals:?}");
}

/// Without a configuration, the rules files of the command line are watched.
#[test]
fn a_rules_file_of_the_command_line_is_reloaded() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = |name: &str| folder.path().join(name);
    let rule = "- rule: Only one\n  desc: d\n  condition: evt.type = execve\n  output: x\n  priority: INFO\n";
    write(&path("rules.yaml"), rule);
    let (rules, pid) = (path("rules.yaml").display().to_string(), path("pid").display().to_string());
    let mut child = Command::new(env!("CARGO_BIN_EXE_peregrine"))
        .args(["-r", &rules, "-P", &pid, "-o", "engine.kind=nodriver"])
        .stdout(fs::File::create(path("out")).expect("a file"))
        .stderr(fs::File::create(path("err")).expect("a file"))
        .spawn()
        .expect("the program starts");
    wait_until("a watch of files", || watches_files(child.id()));
    write(&path("rules.yaml"), &(rule.to_owned() + &rule.replace("Only one", "Another")));
    wait_until("the reload", || {
        fs::read_to_string(path("err")).is_ok_and(|text| text.contains("reloaded: 2 rules are enabled"))
    });
    child.kill().expect("a child");
    child.wait().expect("a child");
}

/// A service manager, a shell, and a reader that closes its output can end it.
#[test]
fn it_ends_by_signal_whether_its_output_is_read_or_not() {
    for gone in [true, false] {
        let folder = tempfile::tempdir().expect("a directory");
        let (reader, pipe) = std::io::pipe().expect("a pipe");
        let mut child = service_on_a_pipe(&pipe, folder.path());
        wait_until("start", || folder.path().join("pid").exists());
        let reader = if gone {
            drop(reader);
            None
        } else {
            fill(&pipe);
            Some(reader)
        };
        // Alerts and log lines go there in the meantime.
        let voluntary = |pid: u32| fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let before = voluntary(child.id());
        wait_until("some work", || voluntary(child.id()) != before);
        let status = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill");
        assert!(status.success());
        let mut code = None;
        wait_until("the end", || {
            code = child.try_wait().expect("a child");
            code.is_some()
        });
        assert_eq!(code.and_then(|code| code.code()), Some(0), "the reader is gone: {gone}");
        drop(reader);
    }
}

/// A disk that is full for a while costs no line, and does not merge two.
#[test]
fn standard_output_on_a_full_disk_has_whole_lines() {
    let folder = tempfile::tempdir().expect("a directory");
    let mount = folder.path().join("small");
    fs::create_dir(&mount).expect("a directory");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "small"]).arg(&mount).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        testkit::skip!(MOUNT);
    }
    let outcome = std::panic::catch_unwind(|| on_a_small_disk(folder.path(), &mount));
    let unmounted = Command::new("umount").arg("-l").arg(&mount).status();
    assert!(unmounted.expect("umount").success());
    outcome.unwrap_or_else(|why| std::panic::resume_unwind(why));
}

fn on_a_small_disk(folder: &std::path::Path, mount: &std::path::Path) {
    let mut filler = fs::File::create(mount.join("filler")).expect("a file");
    while filler.write(&[0; 512]).is_ok() {}
    // Space for some alerts and a part of one.
    filler.set_len(filler.metadata().expect("a file").len() - 4096).expect("shorter");
    let path = |name: &str| folder.join(name).display().to_string();
    write(
        &folder.join("falco.yaml"),
        "engine: {kind: nodriver}\nstdout_output: {enabled: true}\nlog_stderr: true\nlog_syslog: false\n\
         json_output: true\nmetrics: {enabled: true, interval: 100ms, output_rule: true}\n",
    );
    let rules = common::root().join("detector/daemon/rules/peregrine_rules.yaml").display().to_string();
    let out = mount.join("out");
    let mut child = Command::new(env!("CARGO_BIN_EXE_peregrine"))
        .args(["-c", &path("falco.yaml"), "-r", &rules])
        .stdout(fs::File::create(&out).expect("a file"))
        .stderr(fs::File::create(path("err")).expect("a file"))
        .spawn()
        .expect("the program starts");
    wait_until("a report", || fs::read_to_string(path("err")).is_ok_and(|text| text.contains("stdout output: ")));
    let before = fs::read_to_string(&out).expect("text");
    assert!(!before.ends_with('\n'), "the last line is a part of one");
    filler.set_len(0).expect("shorter");
    wait_until("more", || fs::read_to_string(&out).is_ok_and(|text| text.lines().count() > before.lines().count() + 5));
    let status = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill");
    assert!(status.success() && child.wait().expect("a child").success());
    let text = fs::read_to_string(&out).expect("text");
    // Each line is one alert.
    let whole = common::alerts(&text);
    assert!(whole.len() > 5 && text.starts_with(&before), "{text}");
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
