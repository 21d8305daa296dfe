//! Effects of the settings of rules, alerts and the program itself.

use crate::common::service::Service;
use crate::common::{Ran, alerts, bundled, peregrine, replay};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Two rules, of which the first has matches in the capture that the second has too.
pub(super) const RULES: &str = "
- rule: First
  desc: d
  condition: evt.type = execve and proc.name = sh
  output: \"%proc.name\"
  priority: NOTICE
  tags: [one, both]
- rule: Second
  desc: d
  condition: evt.type = execve and proc.name = sh
  output: second
  priority: WARNING
  tags: [two, both]
- rule: Off
  desc: d
  condition: evt.type = execve and proc.name = sh
  output: off
  priority: ERROR
  tags: [off]
  enabled: false
- rule: Buffers
  desc: d
  condition: evt.type = write and evt.buflen > 20 and proc.name = sh
  output: buffer
  priority: DEBUG
";

/// Replays the capture with these rules and settings.
pub(super) fn run(more: &str) -> (tempfile::TempDir, Ran) {
    let folder = tempfile::tempdir().unwrap();
    let ran = run_in(folder.path(), more);
    (folder, ran)
}

pub(super) fn run_in(folder: &Path, more: &str) -> Ran {
    let path = |name: &str| folder.join(name);
    fs::write(path("rules.yaml"), RULES).unwrap();
    let mut config = String::from("log_syslog: false\nlog_stderr: true\n");
    for (key, value) in [
        ("stdout_output:", "{enabled: true}"),
        ("json_output:", "true"),
        ("rules_files:", "[DIR/rules.yaml]"),
        ("log_level:", "notice"),
    ] {
        if !more.contains(key) {
            config += &format!("{key} {value}\n");
        }
    }
    fs::write(path("falco.yaml"), (config + more).replace("DIR", &folder.display().to_string())).unwrap();
    let mut args = vec!["-c".to_owned(), path("falco.yaml").display().to_string()];
    args.extend(replay(&bundled()));
    peregrine(&args)
}

/// Returns the alerts of a replay that succeeds.
pub(super) fn told(more: &str) -> Vec<Json> {
    let (_folder, ran) = run(more);
    assert_eq!(ran.code, 0, "{more}: {}", ran.err);
    alerts(&ran.out)
}

fn of<'a>(alerts: &'a [Json], rule: &str) -> Vec<&'a Json> {
    alerts.iter().filter(|alert| alert["rule"] == rule).collect()
}

pub(super) fn append_output() {
    let all = told(
        "rule_matching: all\nappend_output:\n\
         - {match: {rule: First}, extra_output: 'pid=%proc.pid'}\n\
         - {match: {source: syscall, tags: [two]}, extra_fields: [proc.pid, {who: 'u=%user.uid'}]}\n\
         - {match: {source: other}, extra_output: 'never'}\n\
         - {match: {tags: [one, two]}, extra_output: 'never'}\n",
    );
    let (first, second) = (of(&all, "First")[0], of(&all, "Second")[0]);
    assert!(first["output"].as_str().unwrap().contains("pid="));
    assert!(first["output_fields"]["proc.pid"].is_u64() && second["output_fields"]["proc.pid"].is_u64());
    assert!(first["output_fields"].get("who").is_none());
    assert!(second["output_fields"]["who"].as_str().unwrap().starts_with("u="));
    assert!(all.iter().all(|alert| !alert["output"].as_str().unwrap().contains("never")));
    let suggested = told("append_output: [{suggested_output: true}]\n");
    assert!(suggested[0]["output_fields"].get("container.id").is_some(), "{}", suggested[0]);
    assert!(told("")[0]["output_fields"].get("container.id").is_none());
}

pub(super) fn alert_form() {
    let plain = told("");
    assert!(!plain.is_empty());
    let alert = &plain[0];
    let keys = |alert: &Json| alert.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let without = |key: &str| keys(alert).into_iter().filter(|known| known != key).collect::<BTreeSet<_>>();
    assert_eq!(keys(&told("json_include_output_property: false\n")[0]), without("output"));
    assert_eq!(keys(&told("json_include_output_fields_property: false\n")[0]), without("output_fields"));
    assert_eq!(keys(&told("json_include_tags_property: false\n")[0]), without("tags"));
    let message = &told("json_include_message_property: true\n")[0];
    assert!(alert["output"].as_str().unwrap().ends_with(message["message"].as_str().unwrap()));

    let (_folder, ran) = run("json_output: false\n");
    let line = ran.out.lines().find(|line| line.contains(": Notice ")).expect("a line of text");
    assert_eq!(line.find(": Notice "), Some("00:00:00.000000000".len()));
    let (_folder, ran) = run("json_output: false\ntime_format_iso_8601: true\n");
    let line = ran.out.lines().find(|line| line.contains(": Notice ")).expect("a line of text");
    assert_eq!(line.find(": Notice "), Some("2026-01-01T00:00:00.000000000+0000".len()));

    let team = told("static_fields: {team: blue}\nappend_output: [{extra_fields: [static.team]}]\n");
    assert_eq!(team[0]["output_fields"]["static.team"], "blue");

    let buffer = |more: &str| {
        let text = format!("append_output: [{{match: {{rule: Buffers}}, extra_fields: [evt.buffer]}}]\n{more}");
        let all = told(&text);
        of(&all, "Buffers").iter().map(|alert| alert["output_fields"]["evt.buffer"].clone()).collect::<Vec<_>>()
    };
    let (dots, base64) = (buffer(""), buffer("buffer_format_base64: true\n"));
    assert!(!dots.is_empty() && dots.len() == base64.len());
    let sound = |text: &Json| {
        text.as_str()
            .is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)))
    };
    assert!(base64.iter().all(sound) && !dots.iter().all(sound), "{dots:?} {base64:?}");
}

pub(super) fn rules() {
    let names =
        |more: &str| told(more).iter().map(|alert| alert["rule"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>();
    let set = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!(names(""), set(&["Buffers", "First"]));
    assert_eq!(names("rule_matching: all\n"), set(&["Buffers", "First", "Second"]));
    assert_eq!(names("priority: notice\n"), set(&["First"]));
    assert_eq!(names("priority: warning\n"), set(&["Second"]));
    assert_eq!(names("rules: [{disable: {rule: 'Fi*'}}]\n"), set(&["Buffers", "Second"]));
    assert_eq!(names("rules: [{disable: {tag: both}}]\n"), set(&["Buffers"]));
    assert_eq!(names("rules: [{disable: {rule: '*'}}, {enable: {tag: off}}]\n"), set(&["Off"]));
    assert_eq!(names("rules: [{disable: {rule: '*'}}, {enable: {rule: Off}}]\n"), set(&["Off"]));
    let (_folder, ran) = run("rules_files: [/no/such.yaml]\n");
    assert!(ran.code == 1 && ran.err.contains("no rules"), "{}", ran.err);
}

pub(super) fn engine() {
    assert!(!told("engine: {kind: replay}\n").is_empty());
    let (_folder, ran) = run("engine: {kind: replay, replay: {capture_file: /no/such.scap}}\n");
    // The option that follows names another file.
    assert_eq!(ran.code, 0, "{}", ran.err);
    let ran = peregrine(["-o", "engine.kind=replay", "-o", "engine.replay.capture_file=/no/such.scap"]);
    assert!(ran.code == 1 && ran.err.contains("/no/such.scap"), "{}", ran.err);
}

pub(super) fn web_threads() {
    for threads in [1, 3] {
        let port = crate::common::port();
        let mut service = Service::start(&format!(
            "webserver: {{enabled: true, listen_address: 127.0.0.1, listen_port: {port}, threadiness: {threads}}}\n"
        ));
        service.until("the server", |_| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        let pid = service.child.id();
        let web_threads = || {
            let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
            let names = tasks.map(|task| fs::read_to_string(task.path().join("comm")).unwrap_or_default());
            names.filter(|name| name.starts_with("web")).count()
        };
        // One more waits for the end. A thread has its name a moment after it began.
        service.until("its threads", |_| web_threads() > threads);
        assert_eq!(web_threads(), threads + 1);
        assert_eq!(service.end().0, 0);
    }
}

pub(super) fn logging() {
    let (_folder, ran) = run("log_level: debug\n");
    assert!(ran.err.contains("stdout output: "), "{}", ran.err);
    let (_folder, ran) = run("log_level: error\nrules: [{disable: {rule: First}}]\n");
    assert!(!ran.err.contains("Disabling rules"), "{}", ran.err);
    let (_folder, ran) = run("log_level: info\nrules: [{disable: {rule: First}}]\n");
    assert!(ran.err.contains("Disabling rules with name: First"), "{}", ran.err);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("falco.yaml"), "log_stderr: false\nlog_syslog: true\nlog_level: debug\n").unwrap();
    let mut args = vec!["-c".to_owned(), folder.path().join("falco.yaml").display().to_string()];
    args.extend(["-o".to_owned(), "stdout_output.enabled=true".to_owned(), "-r".to_owned()]);
    fs::write(folder.path().join("rules.yaml"), RULES).unwrap();
    args.push(folder.path().join("rules.yaml").display().to_string());
    args.extend(replay(&bundled()));
    // The socket of the host's daemon, if there is none and we may create one.
    let daemon = std::os::unix::net::UnixDatagram::bind("/dev/log");
    let ran = peregrine(&args);
    assert!(ran.code == 0 && !ran.err.contains("stdout output: "), "{}", ran.err);
    match daemon {
        Ok(daemon) => {
            let mut buffer = [0; 4096];
            daemon.set_nonblocking(true).unwrap();
            let mut lines = std::iter::from_fn(|| {
                daemon.recv(&mut buffer).ok().map(|count| String::from_utf8_lossy(&buffer[..count]).into_owned())
            });
            let found = lines.any(|line| line.contains("peregrine[") && line.contains("stdout output: "));
            fs::remove_file("/dev/log").unwrap();
            assert!(found);
        }
        Err(error) => testkit::skip(&testkit::DEV_LOG, format_args!("/dev/log: {error}")),
    }
}

pub(super) fn drops() {
    let simulated =
        |more: &str| run(&format!("syscall_event_drops: {{simulate_drops: true, {more}}}\nlog_level: debug\n")).1;
    let told = |ran: &Ran| ran.out.matches("\"rule\":\"Falco internal: syscall event drop\"").count();
    let said = |ran: &Ran| ran.err.matches("system calls dropped in last second").count();
    // Without a word about it in the configuration, drops are logged and raise an alert.
    let default = run("syscall_event_drops: {simulate_drops: true}\n").1;
    assert!(told(&default) == 1 && said(&default) == 1, "{}", default.err);
    let ignore = simulated("actions: [ignore]");
    assert!(ignore.code == 0 && told(&ignore) == 0 && said(&ignore) == 0);
    let log = simulated("actions: [log]");
    assert!(told(&log) == 0 && said(&log) == 1, "{}", log.err);
    let alert = simulated("actions: [alert], rate: 0.0001, max_burst: 2");
    assert!(told(&alert) == 2 && said(&alert) == 0, "{}", alert.out);
    let exit = simulated("actions: [exit]");
    assert!(exit.code == 1 && exit.err.contains("as set in syscall_event_drops.actions"), "{}", exit.err);
}

pub(super) fn metrics() {
    let sample = |more: &str| {
        let mut service =
            Service::start(&format!("metrics: {{enabled: true, interval: 100ms, output_file: DIR/metrics, {more}}}\n"));
        service.until("a sample", |service| service.text("metrics").contains('\n'));
        let text = service.text("metrics");
        let line: Json = serde_json::from_str(text.lines().next().unwrap()).expect("JSON");
        assert_eq!(service.end().0, 0);
        line["output_fields"].as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>()
    };
    let all = sample("include_empty_values: true");
    let few = sample("include_empty_values: false");
    for name in
        ["falco.memory_rss_mb", "falco.num_evts_prev", "falco.n_threads", "scap.n_evts", "falco.rules.matches_total"]
    {
        assert!(all.contains(name), "{name}: {all:?}");
    }
    for name in ["falco.reload_ts", "falco.host_boot_ts", "falco.start_ts", "falco.kernel_release", "evt.hostname"] {
        assert!(few.contains(name), "{name}: {few:?}");
    }
    assert!(few.len() < all.len() && !few.contains("scap.n_drops_scratch_map"));
    for (setting, name) in [
        ("rules_counters_enabled", "falco.rules.matches_total"),
        ("resource_utilization_enabled", "falco.memory_rss_mb"),
        ("state_counters_enabled", "falco.n_threads"),
        ("kernel_event_counters_enabled", "scap.n_evts"),
    ] {
        let names = sample(&format!("include_empty_values: true, {setting}: false"));
        assert!(!names.contains(name) && names.len() < all.len(), "{setting}");
    }
    let plain = sample("convert_memory_to_mb: false");
    assert!(plain.contains("falco.memory_rss_kb") && !plain.contains("falco.memory_rss_mb"));
    let service = Service::start("metrics: {enabled: false, interval: 100ms, output_file: DIR/metrics}\n");
    // A service that was started later with metrics has written its second sample.
    let mut later = Service::start("metrics: {enabled: true, interval: 100ms, output_file: DIR/metrics}\n");
    later.until("two samples", |later| later.text("metrics").lines().count() > 1);
    assert!(service.path("pid").exists() && !service.path("metrics").exists());
}

pub(super) fn thread_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules.yaml");
    let rule = "- rule: Ancestors\n  desc: d\n  condition: evt.type = execve and proc.aname[2] exists\n  output: x\n  \
                priority: NOTICE\n";
    fs::write(&path, rule).unwrap();
    let matches = |size: &str| {
        let mut args = vec!["-r".to_owned(), path.display().to_string(), "-o".to_owned()];
        args.push(format!("falco_libs.thread_table_size={size}"));
        args.extend(replay(&bundled()));
        peregrine(&args).out.matches(": Notice x").count()
    };
    // With space for one thread, no process has a grandparent.
    assert!(matches("1") == 0 && matches("10") < matches("1000") && matches("10") > 0);
}
