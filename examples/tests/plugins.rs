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

#[test]
fn captures_have_the_events_of_plugins_and_replay_with_and_without_them() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = build(&directory, &["-DTIMES=1"]);
    let text = "- rule: Even\n  desc: d\n  condition: counter.even = true and counter.value > 4\n  \
                output: even (value=%counter.value number=%evt.num)\n  priority: notice\n  source: counter\n  capture: true\n\
                - rule: Any\n  desc: d\n  condition: evt.num > 0\n  output: any (%evt.type)\n  priority: notice\n";
    let rules = rules(&directory, text);
    let [option, plugin] = plugin(&path, r#", "open_params": "10""#);
    let prefix = format!("capture.path_prefix={}", directory.path().join("written").display());
    let rules = rules.to_str().expect("a path");
    let all = ["-r", rules, "-o", "json_output=true", "--disable-source", "syscall", &option, &plugin];
    let capture = ["-o", "capture.enabled=true", "-o", "capture.default_duration=3500", "-o", &prefix];
    let ran = peregrine(all.into_iter().chain(capture));
    assert_eq!((ran.code, alerts(&ran.out).len()), (0, 3), "{}", ran.err);
    let files = std::fs::read_dir(directory.path()).expect("a directory").flatten().map(|file| file.path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "scap")).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let file = format!("engine.replay.capture_file={}", files.remove(0).display());
    let replay = ["-r", rules, "-o", "json_output=true", "-o", "engine.kind=replay", "-o", &file];
    let with = peregrine(replay.into_iter().chain([option.as_str(), plugin.as_str()]));
    assert_eq!(with.code, 0, "{}", with.err);
    let with: Vec<_> =
        alerts(&with.out).iter().map(|alert| alert["output"].as_str().expect("a text").to_owned()).collect();
    // The sixth event matched, and those of the next seconds are in the file; no rule about system calls is for them.
    assert_eq!(with.len(), 3, "{with:?}");
    let expected = ["even (value=6 number=1)", "even (value=8 number=3)", "even (value=10 number=5)"];
    assert!(with.iter().zip(expected).all(|(output, expected)| output.ends_with(expected)), "{with:?}");
    // The rule of the source is unknown without the plugin.
    let text = "- rule: Any\n  desc: d\n  condition: evt.num > 0\n  output: any (%evt.type)\n  priority: notice\n";
    std::fs::write(rules, text).expect("a file");
    let without = peregrine(replay.into_iter().chain(["-o", "log_stderr=true"]));
    assert_eq!((without.code, alerts(&without.out).len()), (0, 0), "{}{}", without.out, without.err);
    let expected = "5 events of plugins that are not loaded were not evaluated";
    assert!(without.err.contains(expected), "{}", without.err);
}

#[cfg(all(feature = "live", feature = "pscap"))]
fn pscap<'a>(args: impl IntoIterator<Item = &'a str>) -> (bool, String, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pscap"));
    let output = command.args(args).stdin(std::process::Stdio::null()).output().expect("pscap runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

#[cfg(all(feature = "live", feature = "pscap"))]
#[test]
fn pscap_records_the_events_of_a_plugin_and_reads_them_with_and_without_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = build(&directory, &["-DTIMES=1"]);
    let loaded = format!("{}:{{\"a\": 1}}", path.display());
    let (all, even) = (directory.path().join("all.scap"), directory.path().join("even.scap"));
    let (all, even) = (all.to_str().expect("a path"), even.to_str().expect("a path"));
    let (done, _, err) = pscap(["record", all, "-H", &loaded, "-I", "counter:10"]);
    assert!(done && err.contains("10 events recorded") && err.contains("10 seen, 0 dropped"), "{err}");
    let (done, out, err) = pscap([
        "record",
        even,
        "-H",
        &loaded,
        "-I",
        "counter:10",
        "--show",
        "-p",
        "%counter.value",
        "counter.even = true",
    ]);
    assert!(done && err.contains("5 events recorded"), "{err}");
    assert_eq!(out, "2\n4\n6\n8\n10\n");
    // Every seventh event has no text, and one part is null.
    let format = "%evt.num %evt.type %counter.value %counter.with[x] %counter.parts";
    let (done, out, err) = pscap(["read", all, "-H", &loaded, "-p", format, "counter.value > 6"]);
    assert!(done, "{err}");
    let expected = "8 pluginevent 8 x8 (part,part,part,part,part,part,part)\n\
                    9 pluginevent 9 x9 (part,part,part,part,part,part,part)\n\
                    10 pluginevent 10 x10 (part,part,part,part,part,part,part)\n";
    assert_eq!(out, expected);
    let fields = "evt.num,counter.even,counter.addr,counter.text";
    let (_, out, err) = pscap(["read", all, "-H", &loaded, "--json", "--fields", fields, "evt.num in (6, 7)"]);
    let expected = "{\"evt.num\":6,\"counter.even\":true,\"counter.addr\":\"10.0.0.6\",\"counter.text\":\"6\"}\n\
                    {\"evt.num\":7,\"counter.even\":false,\"counter.addr\":\"::7\"}\n";
    assert_eq!(out, expected, "{err}");
    // Without the plugin, the events are there and have no fields of it.
    let (done, out, _) = pscap(["read", even, "-p", "%evt.num %evt.type"]);
    assert!(done);
    assert_eq!(
        out.lines().collect::<Vec<_>>(),
        ["1", "2", "3", "4", "5"].map(|number| format!("{number} pluginevent"))
    );
    let (done, _, err) = pscap(["read", all, "counter.value > 6"]);
    assert!(!done && err.contains("counter.value"), "{err}");
    // A detector replays the recording.
    let rules = rules(&directory, RULES);
    let [option, plugin] = plugin(&path, "");
    let file = format!("engine.replay.capture_file={all}");
    let rules = rules.to_str().expect("a path");
    let ran =
        peregrine(["-r", rules, "-o", "json_output=true", "-o", "engine.kind=replay", "-o", &file, &option, &plugin]);
    assert_eq!((ran.code, alerts(&ran.out).len()), (0, 3), "{}{}", ran.out, ran.err);
}

#[cfg(all(feature = "live", feature = "pscap"))]
#[test]
fn a_recording_of_a_plugin_has_its_state_and_says_what_is_wrong() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = build(&directory, &["-DTIMES=1", "-DASYNC", "-DASYNC_SOURCES=\"[\\\"counter\\\"]\"", "-DDUMP"]);
    let (loaded, capture) = (path.to_str().expect("a path"), directory.path().join("x.scap"));
    let capture = capture.to_str().expect("a path");
    let (done, _, err) = pscap(["record", capture, "-H", loaded, "-I", "counter:3"]);
    assert!(done, "{err}");
    let mut reader = scap::savefile::Reader::open(capture).expect("a capture");
    let mut names = Vec::new();
    while let scap::Next::Event(event) = scap::Source::next(&mut reader).expect("a valid capture") {
        names.push(match event.raw(1) {
            Some(b"tick\0") => (event.raw(0).unwrap_or_default()[0], event.raw(2).unwrap_or_default().to_vec()),
            _ => (event.raw(0).unwrap_or_default()[0], Vec::new()),
        });
    }
    let (own, none) = (999_u32.to_le_bytes()[0], Vec::new());
    // Its state, and its events with two others between them in the order of time.
    let expected = [(own, b"kept".to_vec()), (own, none.clone()), (own, none.clone()), (own, b"data".to_vec())];
    assert_eq!(names[..4], expected, "{names:?} {err}");
    assert_eq!(names.len(), 6);
    // The state is not shown.
    let (done, out, err) = pscap(["read", capture, "-H", loaded, "-p", "%evt.num %evt.type"]);
    assert!(done, "{err}");
    assert_eq!(out, "2 pluginevent\n3 pluginevent\n4 tick\n5 pluginevent\n6 tick\n");
    for (arguments, expected) in [
        (["-H", loaded, "-I", "other"], "no plugin `other` that provides events is loaded by --plugin"),
        (["-H", loaded, "-I", "counter:x"], "plugin counter: `plugin_open` failed: cannot open x"),
        (["-H", "/nonexistent.so", "-I", "counter"], "cannot load plugin /nonexistent.so"),
    ] {
        let (done, _, err) = pscap(["record", capture].into_iter().chain(arguments));
        assert!(!done && err.contains(expected), "{err}");
    }
}

#[test]
fn the_state_of_a_plugin_in_a_capture_reaches_it_on_replay() {
    let directory = tempfile::tempdir().expect("a directory");
    let fields = r#"-DFIELDS="[]""#;
    let path = build(&directory, &["-DNO_SOURCE", "-DPARSING", "-DCOUNT_PARSED", "-DASYNC", fields]);
    let capture = directory.path().join("x.scap");
    let trace = "1.0 tid=-1 asyncevent plugin_id=0 name=\"tick\" data=b\"a\"\n\
                 1.1 tid=-1 asyncevent plugin_id=0 name=\"tick\" data=b\"b\"\n1.2 tid=7 close res=0 fd=3\n";
    let mut trace = scap::text::Trace::parse(trace).unwrap_or_else(|error| panic!("{error}"));
    let mut writer =
        scap::savefile::Writer::create(&capture, scap::Source::host(&trace), scap::savefile::Compression::Plain)
            .expect("a file");
    while let scap::Next::Event(event) = scap::Source::next(&mut trace).expect("an event") {
        writer.write(&event).expect("written");
    }
    writer.finish().expect("written");
    let rules =
        rules(&directory, "- rule: A\n  desc: d\n  condition: evt.type = close\n  output: x\n  priority: notice\n");
    let [option, plugin] = plugin(&path, "");
    let file = format!("engine.replay.capture_file={}", capture.display());
    let rules = rules.to_str().expect("a path");
    let ran = peregrine([
        "-r",
        rules,
        "-o",
        "engine.kind=replay",
        "-o",
        &file,
        "-o",
        "log_stderr=true",
        "-o",
        "log_level=info",
        &option,
        &plugin,
    ]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.err.matches("plugin counter (parse): event of type 402").count(), 2, "{}", ran.err);
}

#[test]
fn the_watchdog_names_the_plugin_and_the_call_that_hangs() {
    let directory = tempfile::tempdir().expect("a directory");
    let sources = r#"-DFIELD_SOURCES="[\"syscall\"]""#;
    let path = build(&directory, &["-DNO_SOURCE", "-DHANG_EXTRACT", sources]);
    let text = "- rule: A\n  desc: d\n  condition: counter.value > 0\n  output: x\n  priority: notice\n";
    let rules = rules(&directory, text);
    let [option, plugin] = plugin(&path, "");
    let capture = format!("engine.replay.capture_file={}", common::bundled().display());
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_peregrine"));
    program.arg("-r").arg(&rules).args(["-o", "engine.kind=replay", "-o", &capture, "-o", "log_stderr=true"]);
    program.args([&option, &plugin]).stderr(std::process::Stdio::piped()).stdout(std::process::Stdio::null());
    let child = program.spawn().expect("the program starts");
    // A second is enough to reach the first event, or the signal ends the program at once, without a message.
    std::thread::sleep(std::time::Duration::from_secs(11));
    let killed = std::process::Command::new("kill").arg(child.id().to_string()).status().expect("kill");
    assert!(killed.success());
    let ended = child.wait_with_output().expect("the program ends");
    let err = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{err}");
    assert!(err.contains("plugin counter: plugin_extract_fields has not returned for 10 seconds"), "{err}");
    assert!(err.contains("plugin counter: plugin_extract_fields does not return; ending without it"), "{err}");
}

#[test]
fn the_cost_of_plugins_is_measured() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = build(&directory, &[]);
    let profile = directory.path().join("profile.json");
    let ran = run(&directory, &path, r#", "open_params": "10""#, &[&format!("--profile={}", profile.display())]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let text = std::fs::read_to_string(&profile).expect("a profile");
    let profile: serde_json::Value = serde_json::from_str(text.lines().last().expect("a profile")).expect("JSON");
    assert_eq!(profile["plugins"][0]["plugin"], "counter", "{text}");
    // A call for each field of each event, batches, and the life of the plugin.
    assert!(profile["plugins"][0]["calls"].as_u64() > Some(20), "{text}");
    assert!(profile["plugins"][0]["nanoseconds"].as_u64() > Some(0), "{text}");
}

#[test]
fn one_of_several_plugins_satisfies_a_requirement() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = build(&directory, &[]);
    let [option, plugin] = plugin(&path, "");
    let run = |name: &str, version: &str| {
        let text = format!(
            "- required_plugin_versions:\n  - name: elsewhere\n    version: 1.0.0\n    alternatives:\n    \
             - name: {name}\n      version: {version}\n"
        );
        let rules = rules(&directory, &text);
        let ran = peregrine(["-r", rules.to_str().expect("a path"), &option, &plugin, "--dry-run"]);
        (ran.code, ran.err)
    };
    assert_eq!(run("counter", "1.2.3").0, 0);
    let (code, err) = run("counter", "1.3.0");
    assert!(code != 0 && err.contains("Plugin 'counter' version '1.2.3' is not compatible"), "{err}");
    let (code, err) = run("nowhere", "1.0.0");
    let expected = "must load one of: elsewhere (>= 1.0.0), nowhere (>= 1.0.0)";
    assert!(code != 0 && err.contains(expected), "{err}");
}

#[test]
fn the_example_plugin_reads_lines() {
    let Some(library) = testkit::example_plugin() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("auth.log");
    let text = "Failed password for root from 192.0.2.1\n\nAccepted key for ann from 192.0.2.2\nno end";
    std::fs::write(&file, text).expect("a file");
    let rules = rules(
        &directory,
        "- required_plugin_versions:\n  - name: lines\n    version: 0.1.0\n\
         - rule: Failed\n  desc: d\n  condition: line.text startswith \"Failed password\" and line.word[3] = root\n  \
         output: failed (from=%line.word[5] words=%line.words info=%evt.plugininfo)\n  priority: notice\n  source: lines\n\
         - rule: Short\n  desc: d\n  condition: line.length < 7\n  output: short (%line.text)\n  priority: notice\n  \
         source: lines\n",
    );
    let run = |config: &str, more: &[&str]| {
        let plugin = format!(
            r#"plugins[]={{"name": "lines", "library_path": "{}", "init_config": {config}, "open_params": "{}"}}"#,
            library.display(),
            file.display()
        );
        let all = ["-r", rules.to_str().expect("a path"), "-o", "json_output=true", "-o", &plugin];
        peregrine(all.into_iter().chain(["--disable-source", "syscall"]).chain(more.iter().copied()))
    };
    let outputs = |ran: &common::Ran| {
        let text = |alert: &serde_json::Value| {
            alert["output"].as_str().expect("a text").split_once("Notice ").expect("a priority").1.to_owned()
        };
        alerts(&ran.out).iter().map(text).collect::<Vec<_>>()
    };
    let ran = run("{}", &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let failed = "failed (from=192.0.2.1 words=(Failed,password,for,root,from,192.0.2.1) info=Failed password for root from 192.0.2.1)";
    assert_eq!(outputs(&ran), [failed, "short ()", "short (no end)"], "{}", ran.err);
    let wrong = run(r#"{"folow": true}"#, &[]);
    assert!(wrong.code != 0 && wrong.err.contains("plugin lines: invalid init_config"), "{}", wrong.err);
}
