//! Correlations through the whole program: explanations, metrics, evictions, reloads.

mod common;

use common::service::{Service, write};
use common::{alerts, bundled, peregrine, replay};
use serde_json::Value as Json;

/// Runs on the bundled capture.
fn on_capture(more: &[&str]) -> common::Ran {
    peregrine(replay(&bundled()).into_iter().chain(more.iter().map(|arg| (*arg).to_owned())))
}

/// Returns the events of the steps of a `Reverse shell` in the bundled capture.
fn steps() -> Vec<String> {
    let ran = on_capture(&["-o", "json_output=true"]);
    let alerts = alerts(&ran.out);
    let alert = alerts.iter().find(|alert| alert["rule"] == "Reverse shell").expect(&ran.err);
    alert["steps"].as_array().expect("steps").iter().map(|step| step["evt.num"].to_string()).collect()
}

#[test]
fn an_event_is_explained_as_a_step() {
    let steps = steps();
    let [connect, input, shell] = steps.as_slice() else { panic!("{steps:?}") };
    for (event, part) in [
        (connect, "  Reverse shell\n      connect: begins a partial match [tree ".to_owned()),
        (input, format!("      input: advances the partial match of event {connect}: 2 of 3 steps [tree ")),
        (shell, format!("      shell: completes a match of 3 events that began with event {connect} [tree ")),
    ] {
        let shown = on_capture(&["--explain-event", event]).out;
        assert!(shown.contains(&part), "{part}: {shown}");
        assert!(shown.contains(" of 9 correlations: the event is a step\n"), "{shown}");
    }
    // One correlation, with all its steps.
    let shown = on_capture(&["--explain-event", input, "--explain-rule", "Reverse shell"]).out;
    assert!(shown.contains("\nstep 'input' matches\n  advances the partial match"), "{shown}");
    assert!(shown.contains("\nstep 'shell' does not match\n  false  and\n"), "{shown}");
    assert!(!shown.contains("Burst of failed logins"), "{shown}");
    let ran = on_capture(&["--explain-event", shell, "--explain-rule", "Reverse shell", "-o", "json_output=true"]);
    let shown: Json = serde_json::from_str(&ran.out).expect(&ran.err);
    let [correlation] = shown["correlations"].as_array().expect("correlations").as_slice() else { panic!("{shown}") };
    let step = &correlation["steps"][2];
    assert_eq!((&step["step"], &step["matches"]), (&Json::from("shell"), &Json::from(true)));
    assert_eq!(step["effects"][0]["effect"], "completed");
    assert!(step["effects"][0]["key"]["tree"].as_str().is_some_and(|key| key.parse::<u32>().is_ok()), "{step}");
    assert_eq!(step["why"]["holds"], true);
}

#[test]
fn an_event_that_advances_nothing_is_explained() {
    let steps = steps();
    let [_, input, shell] = steps.as_slice() else { panic!("{steps:?}") };
    let folder = tempfile::tempdir().expect("a directory");
    let rules = |name: &str, timespan: &str, key: &str| {
        let path = folder.path().join(format!("{name}.yaml"));
        let text = format!(
            "- correlation: Two\n  desc: d\n  type: temporal_ordered\n  rules:\n    \
             - {{as: one, condition: evt.num = {input}}}\n    - {{as: two, condition: evt.num = {shell}}}\n  \
             group-by: [{key}]\n  timespan: {timespan}\n  output: two\n  priority: NOTICE\n"
        );
        write(&path, &text);
        path.display().to_string()
    };
    let explain = |rules: &str| on_capture(&["-r", rules, "--explain-event", shell]).out;
    let one = "ignored: no partial match with this key waits for this step";
    let shown = explain(&rules("span", "1ns", "host"));
    assert!(shown.contains(&format!("two: ignored: the timespan since event {input} has passed")), "{shown}");
    let shown = explain(&rules("key", "1m", "evt.num"));
    assert!(shown.contains(&format!("two: {one}, 1 with other keys do [evt.num {shell}]")), "{shown}");
    // An event that lacks the key.
    let shown = explain(&rules("lacks", "1m", "fd.sport"));
    assert!(shown.contains("two: ignored: the event lacks a part of the key\n"), "{shown}");
    // `until`.
    let path = rules("until", "1m", "host");
    let text = std::fs::read_to_string(&path).expect("rules");
    write(path.as_ref(), &text.replace("  group-by", &format!("  until: evt.num > {input}\n  group-by")));
    let shown = explain(&path);
    assert!(shown.contains(&format!("{one}; the previous one, of event {input}, was ended by event ")), "{shown}");
}

/// Writes the bundled capture with another time of one event, in nanoseconds since 1970.
fn with_a_late_event(path: &std::path::Path, (event, time): (&str, u64), to: u64) {
    let (mut bytes, file) = (Vec::new(), std::fs::File::open(bundled()).expect("the capture"));
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(file), &mut bytes).expect("unpacked");
    let old = time.to_le_bytes();
    let places: Vec<usize> =
        bytes.windows(8).enumerate().filter(|(_, at)| *at == old).map(|(place, _)| place).collect();
    let [place] = places[..] else { panic!("the time of event {event} is there {} times", places.len()) };
    bytes[place..place + 8].copy_from_slice(&to.to_le_bytes());
    std::fs::write(path, bytes).expect("written");
}

#[test]
fn late_and_dropped_events_are_explained() {
    let steps = steps();
    let [_, input, shell] = steps.as_slice() else { panic!("{steps:?}") };
    let folder = tempfile::tempdir().expect("a directory");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let time_of = |event: &str| -> u64 {
        let rule = format!(
            "- rule: T\n  desc: d\n  condition: evt.num = {event}\n  output: time=%evt.rawtime.\n  priority: NOTICE\n"
        );
        write(path("time.yaml").as_ref(), &rule);
        let ran = on_capture(&["-r", &path("time.yaml")]);
        let text = ran.out.split_once("time=").and_then(|(_, rest)| rest.split_once('.')).expect(&ran.out).0;
        text.parse().expect("nanoseconds")
    };
    let (before, own) = (time_of(input), time_of(shell));
    let late = folder.path().join("late.scap");
    with_a_late_event(&late, (shell, own), before - 1_000);
    let two = |name: &str, kind: &str, first: &str, second: &str| {
        let text = format!(
            "- correlation: Two\n  desc: d\n  type: {kind}\n  rules:\n    - {{as: one, condition: '{first}'}}\n    \
             - {{as: two, condition: '{second}'}}\n  group-by: [host]\n  timespan: 1m\n  output: two\n  \
             priority: NOTICE\n"
        );
        write(path(name).as_ref(), &text);
        path(name)
    };
    let is = |event: &str| format!("evt.num = {event}");
    let explain = |rules: &str, capture: &std::path::Path, more: &[&str]| {
        let given = ["-r", rules, "--explain-event", shell].into_iter().chain(more.iter().copied());
        peregrine(replay(capture).into_iter().chain(given.map(str::to_owned))).out
    };
    // The second step has an earlier time than the first.
    let rules = two("order.yaml", "temporal_ordered", &is(input), &is(shell));
    let shown = explain(&rules, &late, &[]);
    assert!(shown.contains(&format!("two: ignored: it is earlier than the previous step, event {input}\n")), "{shown}");
    // A first step that is older than the one that waits.
    let rules = two("late.yaml", "temporal_ordered", &format!("evt.num in ({input}, {shell})"), "evt.type = reboot");
    let shown = explain(&rules, &late, &[]);
    assert!(shown.contains("one: ignored: it arrived too late\n"), "{shown}");
    // With its own time, it replaces that.
    let shown = explain(&rules, &bundled(), &[]);
    assert!(shown.contains(&format!("one: begins a partial match, which replaces that of event {input}\n")), "{shown}");
    // Many other partial matches are dropped after the one that it waits for.
    let rules = two("memory.yaml", "temporal_ordered", "evt.num < 100", &is(shell));
    let flood = "- correlation: Flood\n  desc: d\n  type: event_count\n  rules: [{as: any, condition: evt.num > 100}]\n  \
                 group-by: [evt.num]\n  condition: {gte: 2}\n  timespan: 1h\n  output: o\n  priority: NOTICE\n";
    write(rules.as_ref(), &(std::fs::read_to_string(&rules).expect("rules") + flood));
    let shown = explain(&rules, &bundled(), &["-o", "correlations.memory_bytes=65536"]);
    let line = shown.lines().find(|line| line.contains("two: ignored")).expect(&shown);
    assert!(line.contains("; the previous one, of event ") && line.contains(", was dropped at event "), "{line}");
    assert!(line.contains(": the memory for partial matches was full"), "{line}");
    let ran = on_capture(&["-r", &rules, "--explain-event", shell, "-o", "json_output=true"]);
    assert!(ran.out.contains("\"completed\""), "enough memory: {}", ran.out);
}

/// A sequence with everything, and a window.
const AUTOMATA: &str = "- correlation: Sequence
  desc: d
  type: temporal_ordered
  rules:
    - {as: a, condition: evt.type = openat and fd.name = /a}
    - {as: b, condition: evt.type = unlink, missing: true}
    - {rule: Third, as: c}
    - {as: d, condition: evt.type = close, missing: true}
  until: evt.type = procexit
  group-by: [tree, user]
  timespan: 90s
  output: x %a.fd.name
  priority: NOTICE
- correlation: Window
  desc: d
  type: value_count
  rules: [{as: a, condition: evt.type = connect}, Third]
  field: fd.sport
  timespan: 1h
  condition: {gt: 4}
  output: x
  priority: NOTICE
  building_block: true
- correlation: Chain
  desc: d
  type: temporal
  rules: [Window, Third]
  timespan: 1h
  output: x
  priority: NOTICE
- rule: Third
  desc: d
  condition: evt.type = open
  output: third
  priority: NOTICE
";

#[test]
fn automata_are_explained() {
    let folder = tempfile::tempdir().expect("a directory");
    let rules = folder.path().join("rules.yaml");
    write(&rules, AUTOMATA);
    let path = rules.display().to_string();
    let explain = |name: &str, more: &[&str]| {
        let ran = peregrine([&["-r", &path, "--explain-rule", name][..], more].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out
    };
    let head = |name: &str, line: u32| format!("correlation '{name}'\n  {path}:{line}, source syscall\n");
    assert_eq!(
        explain("Sequence", &[]),
        head("Sequence", 1)
            + "\n  temporal_ordered: these steps in order within 90s, by tree, user\n  \
               1. a: evt.type = openat and fd.name = /a\n     and then not, after 1: b: evt.type = unlink\n  \
               2. c: rule 'Third'\n     and then not, after 2: d: evt.type = close\n  \
               until, at any step: step5: evt.type = procexit\n  \
               complete when 90s have passed since the first step\n\noutput\n  x %a.fd.name\n"
    );
    assert_eq!(
        explain("Window", &[]),
        head("Window", 14)
            + "  a building block: it raises no alerts\n\n  \
               value_count: 5 different values of fd.sport within 1h, by all events\n  -  a: evt.type = connect\n  \
               -  step2: rule 'Third'\n\noutput\n  x\n"
    );
    assert!(
        explain("Chain", &[])
            .contains("temporal: 2 of these rules within 1h, by all events\n  -  step1: correlation 'Window'")
    );
    let json =
        |name: &str| -> Json { serde_json::from_str(&explain(name, &["-o", "json_output=true"])).expect("JSON") };
    let sequence = json("Sequence");
    assert_eq!((&sequence["type"], &sequence["timespan_ns"]), (&"temporal_ordered".into(), &90_000_000_000_u64.into()));
    assert_eq!(sequence["group_by"], serde_json::json!(["tree", "user"]));
    let step = |name: &str, kind: &str, text: &str, effect: &str, after: Option<u32>| serde_json::json!({ "step": name, kind: text, "source": "syscall", "effect": effect, "after": after });
    assert_eq!(
        sequence["steps"],
        serde_json::json!([
            step("a", "condition", "evt.type = openat and fd.name = /a", "advances", Some(0)),
            step("b", "condition", "evt.type = unlink", "ends", Some(1)),
            step("c", "rule", "Third", "advances", Some(1)),
            step("d", "condition", "evt.type = close", "ends", Some(2)),
            step("step5", "condition", "evt.type = procexit", "ends", None),
        ])
    );
    let window = json("Window");
    let step = |name: &str, kind: &str, text: &str| serde_json::json!({ "step": name, kind: text, "source": "syscall", "count": 5, "distinct": "fd.sport" });
    assert_eq!(
        window["steps"],
        serde_json::json!([step("a", "condition", "evt.type = connect"), step("step2", "rule", "Third")])
    );
    assert_eq!((&window["building_block"], &sequence["building_block"]), (&true.into(), &false.into()));
    let chain = json("Chain");
    assert_eq!(
        chain["steps"][0],
        serde_json::json!({"step": "step1", "correlation": "Window", "count": 2, "distinct": "step"})
    );
    assert_eq!(chain["automaton"][0], "temporal: 2 of these rules within 1h, by all events");
}

/// Options with which dropped partial matches are alerts in JSON.
const REPORTS: [&str; 6] =
    ["-o", "json_output=true", "-o", "syscall_event_drops.actions[]=alert", "-o", "priority=debug"];

/// A partial match for each file, in memory for a few.
const FLOOD: &str = "- correlation: Flood\n  desc: d\n  type: temporal_ordered\n  rules:\n    \
                     - {as: open, condition: 'evt.type in (open, openat)'}\n    \
                     - {as: never, condition: evt.type = reboot}\n  group-by: [fd.name]\n  timespan: 1h\n  \
                     output: flood\n  priority: NOTICE\n";

#[test]
fn dropped_partial_matches_are_reported_like_drops() {
    let folder = tempfile::tempdir().expect("a directory");
    let rules = folder.path().join("rules.yaml");
    write(&rules, FLOOD);
    let path = rules.display().to_string();
    let run = |memory: &str| {
        let memory = format!("correlations.memory_bytes={memory}");
        let ran = on_capture(&[&["-r", &path, "-o", &memory][..], &REPORTS].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        alerts(&ran.out)
    };
    let found = run("65536");
    let drop = found.iter().find(|alert| alert["rule"] == "Falco internal: correlation state drop").expect("an alert");
    let fields = &drop["output_fields"];
    assert_eq!(fields["correlation"], "Flood", "{drop}");
    assert!(fields["evicted"].as_u64().is_some_and(|evicted| evicted > 0), "{drop}");
    assert!(drop["output"].as_str().is_some_and(|text| text.contains("correlations.memory_bytes is full")), "{drop}");
    assert_eq!(run("16777216"), Vec::<Json>::new());
}

/// A partial match for each audit event, in memory for a few.
const FLOOD_OF_AUDIT: &str = "- correlation: Flood\n  desc: d\n  type: temporal_ordered\n  rules:\n    \
                              - {as: any, condition: ka.verb = get}\n    - {as: never, condition: ka.verb = no}\n  \
                              group-by: [ka.auditid]\n  timespan: 1h\n  output: flood\n  priority: NOTICE\n  \
                              source: k8s_audit\n";

#[test]
fn dropped_partial_matches_of_audit_events_alone_are_reported() {
    let folder = tempfile::tempdir().expect("a directory");
    let (rules, events) = (folder.path().join("rules.yaml"), folder.path().join("audit.log"));
    write(&rules, FLOOD_OF_AUDIT);
    let event = |number: u32, tenths: u32| {
        format!(
            "{{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"auditID\":\"n{number}\",\"verb\":\"get\",\
             \"stageTimestamp\":\"2026-11-22T10:00:{:02}.{}00000Z\",\"user\":{{\"username\":\"eve\"}}}}\n",
            tenths / 10,
            tenths % 10
        )
    };
    // Three and a half seconds, of which the last half is reported at the end.
    let text: String = (0..3500).map(|number| event(number, number / 100)).collect();
    write(&events, &text);
    let run = |memory: &str| {
        let plugin = format!(
            "plugins[]={{\"name\": \"k8saudit\", \"library_path\": \"x.so\", \"open_params\": \"{}\"}}",
            events.display()
        );
        let (rules, memory) = (rules.display().to_string(), format!("correlations.memory_bytes={memory}"));
        let given = ["-r", &rules, "-o", &plugin, "-o", &memory, "--disable-source", "syscall"];
        let ran = peregrine([&given[..], &REPORTS].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        alerts(&ran.out)
    };
    let found = run("65536");
    let evicted = |alert: &Json| alert["output_fields"]["evicted"].as_u64();
    let times: Vec<_> = found.iter().map(|alert| alert["time"].as_str().unwrap_or_default()).collect();
    assert_eq!(
        times,
        ["1.100000000", "2.200000000", "3.300000000", "3.400000000"].map(|at| format!("2026-11-22T10:00:0{at}Z")),
        "{found:?}"
    );
    assert!(found.iter().all(|alert| alert["rule"] == "Falco internal: correlation state drop"), "{found:?}");
    assert!(found.iter().all(|alert| alert["output_fields"]["correlation"] == "Flood"), "{found:?}");
    // All but those that fit: a flood does not leave the memory useless.
    let all: u64 = found.iter().filter_map(evicted).sum();
    assert!((3000..3300).contains(&all), "{all}");
    assert_eq!(run("16777216"), Vec::<Json>::new());
}

const SECRETS: &str = "- correlation: Secrets\n  desc: d\n  type: event_count\n  \
                       rules: [{as: read, condition: ka.verb = get}]\n  group-by: [user]\n  timespan: 1h\n  \
                       condition: {gte: 4}\n  output: \"secrets (user=%correlation.user n=%correlation.count)\"\n  \
                       priority: NOTICE\n  source: k8s_audit\n";

/// Four events are a match: some before and some after a reload by SIGHUP and one by a changed file.
#[test]
fn partial_matches_are_in_the_metrics_and_outlive_reloads() {
    let (web, hook) = (common::port(), common::port());
    let folder = tempfile::tempdir().expect("a directory");
    write(&folder.path().join("rules.yaml"), SECRETS);
    let mut service = Service::start_in(
        folder,
        &format!(
            "webserver: {{enabled: true, listen_address: 127.0.0.1, listen_port: {web}, \
             prometheus_metrics_enabled: true}}\nmetrics: {{enabled: true, interval: 1h, output_rule: true}}\n\
             watch_config_files: true\n\
             plugins: [{{name: k8saudit, library_path: x.so, open_params: \"http://127.0.0.1:{hook}/k8s-audit\"}}]\n"
        ),
    );
    service.until("the webhook", |_| std::net::TcpStream::connect(("127.0.0.1", hook)).is_ok());
    let metrics = || {
        let mut answer = ureq::get(&format!("http://127.0.0.1:{web}/metrics")).call().ok()?;
        answer.body_mut().read_to_string().ok()
    };
    let metric = |name: &str| {
        let start = format!("falcosecurity_falco_correlation_{name}{{correlation=\"Secrets\"}} ");
        metrics()?.lines().find_map(|line| line.strip_prefix(&start).map(str::to_owned))
    };
    let send = |number: u32| {
        let event = format!(
            "{{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"auditID\":\"n{number}\",\"verb\":\"get\",\
             \"stage\":\"ResponseComplete\",\"stageTimestamp\":\"2026-11-22T10:00:0{number}.000000Z\",\
             \"user\":{{\"username\":\"eve\"}}}}"
        );
        let url = format!("http://127.0.0.1:{hook}/k8s-audit");
        assert_eq!(ureq::post(&url).content_type("application/json").send(&event).expect("taken").status(), 200);
    };
    let reloads = |service: &Service| service.text("err").matches("reloaded: ").count();
    send(1);
    service.until("a partial match", |_| metric("partial_matches").as_deref() == Some("1"));
    assert_eq!(metric("matches_total").as_deref(), Some("0"));
    service.signal("-HUP");
    service.until("a reload", |service| reloads(service) == 1);
    send(2);
    // With another output it is the same correlation. The event after a reload may still be evaluated with the rules before.
    write(&service.path("rules.yaml"), &SECRETS.replace("secrets (", "many secrets ("));
    service.until("another reload", |service| reloads(service) == 2);
    assert!(!service.text("out").contains("secrets"), "{}", service.text("out"));
    send(3);
    send(4);
    service.until("the match", |service| service.text("out").contains("many secrets (user=eve n=4)"));
    service.until("the count", |_| metric("matches_total").as_deref() == Some("1"));
    assert_eq!(metric("partial_matches").as_deref(), Some("0"));
    assert_eq!(metric("evictions_total").as_deref(), Some("0"));
    assert_eq!(metric("late_events_total").as_deref(), Some("0"));
    assert!(metrics().is_some_and(|text| text.contains("falcosecurity_falco_correlation_memory_bytes ")));
    assert_eq!(service.end().0, 0);
}

/// More partial matches than fit: their number is in the metrics, for the correlation that lost them.
#[test]
fn evictions_are_in_the_metrics() {
    let (web, hook) = (common::port(), common::port());
    let folder = tempfile::tempdir().expect("a directory");
    write(&folder.path().join("rules.yaml"), &(FLOOD_OF_AUDIT.to_owned() + SECRETS));
    let mut service = Service::start_in(
        folder,
        &format!(
            "webserver: {{enabled: true, listen_address: 127.0.0.1, listen_port: {web}, \
             prometheus_metrics_enabled: true}}\nmetrics: {{enabled: true, interval: 1h, output_rule: true}}\n\
             correlations: {{memory_bytes: 65536}}\n\
             plugins: [{{name: k8saudit, library_path: x.so, open_params: \"http://127.0.0.1:{hook}/k8s-audit\"}}]\n"
        ),
    );
    service.until("the webhook", |_| std::net::TcpStream::connect(("127.0.0.1", hook)).is_ok());
    let metric = |name: &str| -> Option<u64> {
        let mut answer = ureq::get(&format!("http://127.0.0.1:{web}/metrics")).call().ok()?;
        let text = answer.body_mut().read_to_string().ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("falcosecurity_falco_correlation_{name} ")));
        line?.parse().ok()
    };
    let of = |name: &str, correlation: &str| metric(&format!("{name}{{correlation=\"{correlation}\"}}"));
    // All of one user and one second, and one partial match each.
    let event = |number: u32| {
        format!(
            "{{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"auditID\":\"n{number}\",\"verb\":\"get\",\
             \"stage\":\"ResponseComplete\",\"stageTimestamp\":\"2026-11-22T10:00:00.000000Z\",\
             \"user\":{{\"username\":\"eve\"}}}}"
        )
    };
    let all: Vec<String> = (0..2000).map(event).collect();
    let body = format!("[{}]", all.join(","));
    let url = format!("http://127.0.0.1:{hook}/k8s-audit");
    assert_eq!(ureq::post(&url).content_type("application/json").send(&body).expect("taken").status(), 200);
    service.until("all events", |_| {
        Some(2000) == of("partial_matches", "Flood").zip(of("evictions_total", "Flood")).map(|(live, gone)| live + gone)
    });
    assert!(of("evictions_total", "Flood").is_some_and(|gone| gone > 1000), "{:?}", of("evictions_total", "Flood"));
    assert!(metric("memory_bytes").is_some_and(|bytes| bytes <= 65536));
    // The other one has five hundred matches of four events each, or lost its only partial match to the flood.
    let (matches, gone) = (of("matches_total", "Secrets"), of("evictions_total", "Secrets"));
    assert!(matches.zip(gone).is_some_and(|(matches, gone)| matches + gone >= 500), "{matches:?} {gone:?}");
    assert_eq!(service.end().0, 0);
}
