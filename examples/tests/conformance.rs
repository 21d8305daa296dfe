//! The same captures and rules give the same alerts as Falco, if Falco's data is available.

mod common;

use common::{alerts, peregrine, replay, shared};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::Path;

/// Fields that came from a replacement of the container plugin when the data was recorded.
const LEFT_OUT: [&str; 2] = ["container.", "k8s."];

fn settings(shared: &Path) -> Vec<String> {
    let mut args = Vec::new();
    for file in ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"] {
        args.extend(["-r".to_owned(), shared.join("data/rules").join(file).display().to_string()]);
    }
    for option in ["time_format_iso_8601=true", "priority=debug", r#"append_output[]={"suggested_output": true}"#] {
        args.extend(["-o".to_owned(), option.to_owned()]);
    }
    args
}

/// Returns the compared part of an alert.
fn essence(alert: &Json) -> Json {
    let mut alert = alert.clone();
    let entries = alert.as_object_mut().expect("an alert is an object");
    entries.remove("hostname");
    if let Some(fields) = entries.get_mut("output_fields").and_then(Json::as_object_mut) {
        fields.retain(|name, _| !LEFT_OUT.iter().any(|prefix| name.starts_with(prefix)));
    }
    // The suggested container fields are at the end of the line.
    if let Some(Json::String(output)) = entries.get_mut("output")
        && let Some(end) = output.find(" container_id=")
    {
        output.truncate(end);
    }
    entries.remove("tags").map(|tags| {
        let mut tags: Vec<_> = tags.as_array().into_iter().flatten().map(ToString::to_string).collect();
        tags.sort();
        entries.insert("tags".into(), tags.into())
    });
    alert
}

fn compare(capture: &Path, expected: &Path, shared: &Path) {
    let mut args = settings(shared);
    args.extend(replay(capture));
    args.extend(["-o", "json_output=true"].map(str::to_owned));
    let ran = peregrine(&args);
    let name = capture.display();
    assert_eq!(ran.code, 0, "{name}: {}", ran.err);
    let expected = std::fs::read_to_string(expected).expect("the expected alerts");
    let count = |text: &str| {
        let mut counted: BTreeMap<String, i64> = BTreeMap::new();
        for alert in alerts(text) {
            *counted.entry(essence(&alert).to_string()).or_default() += 1;
        }
        counted
    };
    let (mut ours, theirs) = (count(&ran.out), count(&expected));
    for (alert, times) in theirs {
        *ours.entry(alert).or_default() -= times;
    }
    ours.retain(|_, times| *times != 0);
    assert!(ours.is_empty(), "{name}: alerts of ours (above 0) and of Falco (below 0) alone: {ours:#?}");
}

#[test]
fn recorded_captures_give_falcos_alerts() {
    let Some(shared) = shared() else { return };
    // The large one is for speed; it takes minutes without optimization.
    let all = testkit::LONG.is_met();
    if !all {
        testkit::skip(&testkit::LONG, format_args!("mix-large: {}", testkit::LONG.missing));
    }
    for name in ["procs", "net", "attack-a", "mix-large"].iter().filter(|name| all || **name != "mix-large") {
        let capture = shared.join(format!("data/captures/recorded/{name}.scap"));
        compare(&capture, &shared.join(format!("data/alerts/{name}.jsonl")), &shared);
    }
}

#[test]
fn captures_of_old_versions_give_falcos_alerts() {
    let Some(shared) = shared() else { return };
    let mut captures: Vec<_> = std::fs::read_dir(shared.join("data/captures/upstream"))
        .expect("the old captures")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "scap"))
        .collect();
    captures.sort();
    assert!(!captures.is_empty());
    for capture in captures {
        let name = capture.file_stem().expect("a name").to_string_lossy().into_owned();
        compare(&capture, &shared.join(format!("data/alerts/{name}.jsonl")), &shared);
    }
}

/// Compares the text line by line, including the statistics.
#[test]
fn text_and_statistics_are_falcos() {
    let Some(shared) = shared() else { return };
    for name in ["attack-a", "net", "procs"] {
        let mut args = settings(&shared);
        args.extend(replay(&shared.join(format!("data/captures/recorded/{name}.scap"))));
        let expected = std::fs::read_to_string(shared.join(format!("data/alerts/{name}.txt"))).expect("the text");
        let ours = peregrine(&args).out;
        let cut = |text: &str| {
            text.lines().map(|line| line.split(" container_id=").next().unwrap_or(line).to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(cut(&ours), cut(&expected), "{name}");
    }
}
