//! Plugins from shared objects through the whole program.

mod common;

use common::{alerts, peregrine};
use std::path::PathBuf;

/// Compiles the test plugin of `plugin-host` with options.
fn build(directory: &tempfile::TempDir, options: &[&str]) -> PathBuf {
    build_of(directory, "plugin.c", options)
}

/// Compiles another one of its plugins.
fn build_of(directory: &tempfile::TempDir, source: &str, options: &[&str]) -> PathBuf {
    let path = directory.path().join("libcounter.so");
    testkit::c_plugin(source, options, &path);
    path
}

fn plugin(path: &std::path::Path, more: &str) -> [String; 2] {
    ["-o".to_owned(), format!(r#"plugins[]={{"name": "counter", "library_path": "{}"{more}}}"#, path.display())]
}

const RULES: &str = "- required_plugin_versions:\n  - name: counter\n    version: 1.2.0\n\
    - rule: Even\n  desc: d\n  condition: counter.even = true and counter.value > 4\n  \
    output: even (value=%counter.value at=%counter.at parts=%counter.parts info=%evt.plugininfo)\n  \
    priority: notice\n  source: counter\n\
    - rule: Shell\n  desc: d\n  condition: evt.type = execve\n  output: x\n  priority: notice\n";

fn rules(directory: &tempfile::TempDir, text: &str) -> PathBuf {
    let path = directory.path().join("rules.yaml");
    std::fs::write(&path, text).expect("a file");
    path
}

/// Runs the program on the events of the plugin alone.
fn run(directory: &tempfile::TempDir, path: &std::path::Path, more: &str, args: &[&str]) -> common::Ran {
    let rules = rules(directory, RULES);
    let plugin = plugin(path, more);
    let mut all = vec![
        "-r",
        rules.to_str().expect("a path"),
        "-o",
        "json_output=true",
        "-o",
        "log_stderr=true",
        "-o",
        "log_level=info",
        "--disable-source",
        "syscall",
    ];
    all.extend(plugin.iter().map(String::as_str));
    all.extend(args);
    peregrine(all)
}

#[test]
fn events_of_a_plugin_raise_alerts() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = build(&directory, &[]);
    let more = r#", "init_config": {"a": 1}, "open_params": "10""#;
    let ran = run(&directory, &path, more, &["-o", "append_output[]={\"suggested_output\": true}"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let alerts = alerts(&ran.out);
    let fields: Vec<_> = alerts.iter().map(|alert| alert["output_fields"]["counter.value"].clone()).collect();
    assert_eq!(fields, [6, 8, 10]);
    assert_eq!((&alerts[0]["source"], &alerts[0]["rule"]), (&"counter".into(), &"Even".into()));
    let output = alerts[0]["output"].as_str().expect("a text");
    let expected =
        "even (value=6 at=6000000000 parts=(part,part,part,part,part) info=event 6 of counter) counter_value=6";
    assert!(output.ends_with(expected), "{output}");
    assert!(ran.err.contains("plugin counter 1.2.3: loaded"), "{}", ran.err);
    assert!(ran.err.contains("plugin counter (start): initialized"), "{}", ran.err);
    assert!(ran.out.contains("Even: 3"), "{}", ran.out);
}

#[test]
fn several_sources_run_side_by_side() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = build(&directory, &[]);
    let rules = rules(&directory, RULES);
    let [option, plugin] = plugin(&path, r#", "open_params": "6""#);
    // Nothing but the end of the time ends a run without a driver.
    let ran = peregrine([
        "-r",
        rules.to_str().expect("a path"),
        "-o",
        "engine.kind=nodriver",
        "-o",
        "json_output=true",
        "-M",
        "2",
        &option,
        &plugin,
    ]);
    assert_eq!((ran.code, alerts(&ran.out).len()), (0, 1), "{}", ran.err);
}

#[test]
fn reports_describe_plugins() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = build(&directory, &["-DSCHEMA", "-DPARSING"]);
    let [option, plugin] = plugin(&path, "");
    let list = peregrine(["--list-plugins", &option, &plugin]).out;
    assert!(list.starts_with("2 Plugins Loaded:\n\nName: container\n"), "{list}");
    let expected = "Name: counter\nDescription: Counts.\nContact: nobody@example.com\nVersion: 1.2.3\nCapabilities: \n  \
                    - Event Sourcing (ID=999, source='counter')\n  - Field Extraction\n  - Event Parsing\n";
    assert!(list.contains(expected), "{list}");
    let info = peregrine(["--plugin-info", "counter", &option, &plugin]).out;
    assert!(info.contains("Init config schema type: JSON\n\n{\"type\": \"object\"}"), "{info}");
    assert!(info.ends_with("Suggested open params:\n10: ten events\n20\n"), "{info}");
    let fields = peregrine(["--list=counter", &option, &plugin]).out;
    assert!(
        fields.contains("counter.parts") && fields.contains("evt.pluginname") && !fields.contains("proc.name"),
        "{fields}"
    );
    let unknown = peregrine(["--list=nowhere", &option, &plugin]).err;
    assert!(unknown.contains("the sources are syscall, k8s_audit, counter"), "{unknown}");
    let versions = peregrine(["--version", "-o", "json_output=true", &option, &plugin]).out;
    assert!(versions.contains("\"counter\":\"1.2.3\""), "{versions}");
}

#[test]
fn what_is_wrong_with_a_plugin_is_said() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = build(&directory, &["-DFAIL_BATCH"]);
    let ran = run(&directory, &path, "", &[]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("Error: plugin counter: `plugin_next_batch` failed: the cable is out"), "{}", ran.err);
    let ran = run(&directory, &path, r#", "init_config": "refuse""#, &[]);
    assert!(
        ran.err.contains("Error: plugin counter: `plugin_init` failed: the configuration is 'refuse'"),
        "{}",
        ran.err
    );
    for (library, expected) in [
        ("/nonexistent.so", "plugin 'counter' is not built in and /nonexistent.so does not exist"),
        ("libx.so", "libx.so is neither in /usr/share/peregrine/plugins nor in /usr/share/falco/plugins"),
        ("../libx.so", "plugin counter: library_path ../libx.so leads out of the folder of plugins"),
        ("", "plugin 'counter' is not built in and set its library_path"),
    ] {
        let ran = run(&directory, std::path::Path::new(library), "", &[]);
        assert!(ran.code != 0 && ran.err.contains(expected), "{library}: {}", ran.err);
    }
    // A later version is required.
    let rules = rules(&directory, "- required_plugin_versions:\n  - name: counter\n    version: 1.3.0\n");
    let [option, plugin] = plugin(&build(&directory, &[]), "");
    let ran = peregrine(["-r", rules.to_str().expect("a path"), &option, &plugin, "--dry-run"]);
    assert!(ran.code != 0 && ran.err.contains("counter"), "{}", ran.err);
}

#[test]
fn invalid_events_are_logged_and_counted() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = build(&directory, &["-DNULL_EVENT"]);
    let ran = run(&directory, &path, r#", "open_params": "10""#, &[]);
    assert_eq!((ran.code, alerts(&ran.out).len()), (0, 3), "{}", ran.err);
    assert!(ran.err.contains("plugin counter: invalid event: null"), "{}", ran.err);
}

#[test]
fn a_plugin_that_hangs_does_not_keep_the_program() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = build(&directory, &["-DHANG"]);
    let ran = run(&directory, &path, r#", "open_params": "10""#, &["-M", "1"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("plugin counter: plugin_next_batch does not return; ending without it"), "{}", ran.err);
}

#[test]
fn a_plugin_of_the_sdk_raises_alerts_on_its_own_events() {
    let Some(path) = testkit::sdk_plugin("letters") else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let rules = rules(
        &directory,
        "- required_plugin_versions:\n  - name: letters\n    version: 0.3.0\n\
        - rule: Vowel\n  desc: d\n  condition: letters.vowel = true and letters.place > 1\n  \
        output: vowel (letter=%letters.name next=%letters.next[2] before=%letters.before)\n  \
        priority: notice\n  source: letters\n",
    );
    let plugin = format!(
        r#"plugins[]={{"name": "letters", "library_path": "{}", "init_config": {{"first": "a"}}, "open_params": "k"}}"#,
        path.display()
    );
    let rules = rules.to_str().expect("a path");
    let ran = peregrine(["-r", rules, "-o", "json_output=true", "--disable-source", "syscall", "-o", &plugin]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let alerts = alerts(&ran.out);
    let outputs: Vec<_> = alerts.iter().map(|alert| alert["output"].as_str().expect("a text")).collect();
    assert_eq!(outputs.len(), 2, "{}", ran.out);
    assert!(outputs[0].ends_with("vowel (letter=e next=g before=(a,b,c,d))"), "{}", outputs[0]);
    assert!(outputs[1].ends_with("vowel (letter=i next=k before=(a,b,c,d,e,f,g,h))"), "{}", outputs[1]);
}

#[test]
fn rules_for_system_calls_use_fields_of_a_plugin() {
    let Some(path) = testkit::sdk_plugin("calls") else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let rules = rules(
        &directory,
        "- rule: Opened\n  desc: d\n  condition: evt.type = openat and calls.parameter[2] endswith shadow\n  \
        output: opened (code=%calls.code number=%calls.number same=%evt.num parsed=%calls.parsed)\n  priority: notice\n",
    );
    let capture = common::bundled();
    let plugin = format!(r#"plugins[]={{"name": "calls", "library_path": "{}"}}"#, path.display());
    let (rules, capture) =
        (rules.to_str().expect("a path"), format!("engine.replay.capture_file={}", capture.display()));
    let replay = ["-r", rules, "-o", "json_output=true", "-o", "engine.kind=replay", "-o", &capture, "-o", &plugin];
    let ran = peregrine(replay);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let alerts = alerts(&ran.out);
    assert!(!alerts.is_empty(), "{}", ran.out);
    for alert in &alerts {
        let fields = &alert["output_fields"];
        assert_eq!((&fields["calls.code"], &fields["calls.number"]), (&307.into(), &fields["evt.num"]), "{alert}");
        assert!(fields["calls.parsed"].as_u64() > Some(1), "{alert}");
    }
    let list = peregrine(["--list=syscall", "-o", &plugin]).out;
    assert!(list.contains("calls.parameter") && list.contains("proc.name"), "{list}");
    let number = alerts[0]["output_fields"]["evt.num"].to_string();
    let explained = peregrine(replay.into_iter().chain(["--explain-rule", "Opened", "--explain-event", &number]));
    assert!(explained.out.contains("calls.parameter[2]"), "{}{}", explained.out, explained.err);
}

#[test]
fn metrics_of_plugins_are_among_those_of_the_program() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = build(&directory, &[]);
    let rules = rules(&directory, RULES);
    let [option, plugin] = plugin(&path, r#", "open_params": "6""#);
    let rules = rules.to_str().expect("a path");
    let run = |enabled: &str| {
        let enabled = format!("metrics.plugins_metrics_enabled={enabled}");
        let own = ["metrics.enabled=true", "metrics.interval=500ms", "metrics.output_rule=true", &enabled];
        let own = own.iter().flat_map(|value| ["-o", *value]);
        let all = ["-r", rules, "-o", "engine.kind=nodriver", "-o", "json_output=true", "-M", "2", &option, &plugin];
        let ran = peregrine(all.into_iter().chain(own));
        assert_eq!(ran.code, 0, "{}", ran.err);
        let mut snapshots =
            alerts(&ran.out).into_iter().filter(|alert| alert["rule"] == "Falco internal: metrics snapshot");
        snapshots.next_back().expect("a snapshot")["output_fields"].clone()
    };
    let fields = run("true");
    assert_eq!(fields["plugins.counter.half"], 0.5, "{fields}");
    assert!(fields["plugins.counter.batches"].as_u64() >= Some(2), "{fields}");
    assert!(run("false").get("plugins.counter.half").is_none());
}

#[test]
fn asynchronous_events_of_a_plugin_raise_alerts() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = build(&directory, &["-DNO_SOURCE", "-DASYNC", "-DFIELDS=\"[]\""]);
    let text = "- rule: Tick\n  desc: d\n  condition: evt.type = tick\n  \
                output: tick (%evt.asynctype %evt.is_async %evt.rawtime)\n  priority: notice\n";
    let rules = rules(&directory, text);
    let [option, plugin] = plugin(&path, "");
    let rules = rules.to_str().expect("a path");
    let ran =
        peregrine(["-r", rules, "-o", "engine.kind=nodriver", "-o", "json_output=true", "-M", "2", &option, &plugin]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let outputs: Vec<_> = alerts(&ran.out).iter().map(|alert| alert["output"].to_string()).collect();
    assert_eq!(outputs.len(), 2, "{}", ran.out);
    assert!(outputs[0].contains("tick (tick true 2500000000)"), "{}", outputs[0]);
}

#[test]
fn system_calls_of_a_plugin_take_the_place_of_a_driver() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = build_of(&directory, "raw.c", &["-DTHREAD=1"]);
    let text = "- rule: Moved\n  desc: d\n  condition: evt.type = chdir and evt.arg.path = /tmp\n  \
                output: moved (time=%evt.rawtime process=%proc.name)\n  priority: notice\n";
    let rules = rules(&directory, text);
    let plugin = format!(r#"plugins[]={{"name": "raw", "library_path": "{}", "open_params": "ci0c"}}"#, path.display());
    let rules = rules.to_str().expect("a path");
    let run = |more: &[&str]| {
        let all =
            ["-r", rules, "-o", "json_output=true", "-o", "log_stderr=true", "-o", "log_level=info", "-o", &plugin];
        peregrine(all.into_iter().chain(more.iter().copied()))
    };
    // The first process is one of this host's, which only its state contains.
    let first = std::fs::read_to_string("/proc/1/comm").expect("a process");
    for (hostinfo, process) in [("plugins_hostinfo=true", first.trim_end()), ("plugins_hostinfo=false", "<NA>")] {
        let ran = run(&["-o", "engine.kind=nodriver", "-o", hostinfo]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let outputs: Vec<_> = alerts(&ran.out).iter().map(|alert| alert["output"].to_string()).collect();
        assert_eq!(outputs.len(), 3, "{}{}", ran.out, ran.err);
        // The event that is null is a drop.
        assert!(outputs[2].contains("1 system calls dropped"), "{}", outputs[2]);
        let expected = format!("moved (time=1700000003000000000 process={process})");
        assert!(outputs[1].contains(&expected), "{}", outputs[1]);
        assert!(ran.err.contains("plugin raw: opened as the source of system calls"), "{}", ran.err);
    }
    let capture = format!("engine.replay.capture_file={}", common::bundled().display());
    let ran = run(&["-o", "engine.kind=replay", "-o", &capture]);
    let expected = "plugin raw: its events take the place of a driver only with engine.kind: nodriver";
    assert!(ran.code == 0 && ran.err.contains(expected), "{}", ran.err);
}

#[test]
fn a_plugin_listens_to_captures_and_describes_its_state_in_those_that_are_written() {
    let Some(path) = testkit::sdk_plugin("listener") else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let rules = rules(
        &directory,
        "- rule: Opened\n  desc: d\n  condition: evt.type = openat and fd.name endswith shadow and listener.opened = 1\n  \
        output: opened (routine=%listener.runs)\n  priority: notice\n  capture: true\n",
    );
    let plugin = format!(r#"plugins[]={{"name": "listener", "library_path": "{}"}}"#, path.display());
    let capture = format!("engine.replay.capture_file={}", common::bundled().display());
    let prefix = format!("capture.path_prefix={}", directory.path().join("written").display());
    let rules = rules.to_str().expect("a path");
    let args = ["-r", rules, "-o", "json_output=true", "-o", "engine.kind=replay", "-o", &capture, "-o", &plugin];
    let ran = peregrine(args.into_iter().chain(["-o", "capture.enabled=true", "-o", &prefix]));
    assert_eq!(ran.code, 0, "{}", ran.err);
    let alerts = alerts(&ran.out);
    assert!(alerts[0]["output_fields"]["listener.runs"].as_u64() >= Some(3), "{}", ran.out);
    let files = std::fs::read_dir(directory.path()).expect("a directory");
    let mut written: Vec<_> = files
        .flatten()
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|end| end == "scap"))
        .collect();
    written.sort();
    let mut reader = scap::savefile::Reader::open(&written[0]).expect("a capture");
    let mut known = 0;
    while let scap::Next::Event(event) = scap::Source::next(&mut reader).expect("a valid capture") {
        known += u32::from(event.raw(1) == Some(b"known\0"));
    }
    assert_eq!(known, 1);
}
