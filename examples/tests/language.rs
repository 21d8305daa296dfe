//! Conditions and rules on recorded captures: matching events and alerts are the same as Falco's
//! (`testdata/README.md`).

mod common;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use common::{peregrine, replay};
use serde_json::Value as Json;

const CAPTURES: [&str; 2] = ["attack-a", "net"];

fn capture(name: &str) -> PathBuf {
    testkit::testdata(&format!("captures/{name}.scap"))
}

/// Fields whose values differ (`docs/differences.md`): empty buffers, and paths that Falco remembers between
/// conditions.
const DIFFERENT: [&str; 2] = ["evt.buffer", "evt.abspath"];

#[test]
fn conditions_match_the_events_that_falco_matches() {
    let folder = tempfile::tempdir().expect("a directory");
    for name in CAPTURES {
        let cases = testkit::json_lines(&format!("falco/conditions-{name}.jsonl.gz"));
        let conditions: String = cases.iter().map(|case| format!("{}\n", case["condition"])).collect();
        let path = folder.path().join("conditions.jsonl");
        std::fs::write(&path, conditions).expect("written");
        let output = Command::new(env!("CARGO_BIN_EXE_pscap"))
            .arg("eval")
            .arg(capture(name))
            .arg("--conditions")
            .arg(&path)
            .output()
            .expect("pscap runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let ours = String::from_utf8(output.stdout).expect("UTF-8");
        let (mut equal, mut different, mut wrong) = (0, 0, Vec::new());
        for (case, line) in cases.iter().zip(ours.lines()) {
            let ours: Json = serde_json::from_str(line).expect("JSON");
            let condition = case["condition"].as_str().expect("text");
            assert_eq!(ours["condition"], condition);
            let keys = ["matches", "fnv", "printed", "event_codes"];
            let same = if case["error"].is_string() {
                ours["error"].is_string()
            } else {
                keys.iter().all(|key| ours[*key] == case[*key])
            };
            match same {
                true => equal += 1,
                false if DIFFERENT.iter().any(|field| condition.contains(field)) => different += 1,
                false => wrong.push(format!("{condition}\n  Falco: {case}\n  ours:  {ours}")),
            }
        }
        assert!(wrong.is_empty(), "{name}: {} differ:\n{}", wrong.len(), wrong[..wrong.len().min(10)].join("\n"));
        assert_eq!(equal + different, 4533, "{name}");
        assert!(different <= 12, "{name}: {different} conditions of {DIFFERENT:?} differ");
    }
}

/// Cases with different alerts (`docs/differences.md`): `evt.deltatime` counts from the previous event.
const DIFFERENT_CASES: [&str; 2] = ["775-time-fields", "782-output-json-types"];

/// Returns the compared part of an alert: without values that depend on the replaying host.
fn essence(line: &str) -> Json {
    match serde_json::from_str(line) {
        Ok(Json::Object(mut alert)) => {
            alert.remove("hostname");
            Json::Object(alert)
        }
        _ => Json::String(line.to_owned()),
    }
}

#[test]
fn rules_raise_the_alerts_that_falco_raises() {
    let folder = tempfile::tempdir().expect("a directory");
    let (mut seen, mut different) = (0, BTreeSet::new());
    for name in CAPTURES {
        for case in testkit::json_lines(&format!("falco/replays-{name}.jsonl.gz")) {
            let mut args = Vec::new();
            for (file, text) in case["files"].as_object().expect("files") {
                let path = folder.path().join(file);
                std::fs::write(&path, text.as_str().expect("text")).expect("written");
                args.extend(["-r".to_owned(), path.display().to_string()]);
            }
            let settings = ["priority=debug", "json_output=true", "time_format_iso_8601=true"];
            let options = case["options"].as_array().expect("options").iter().filter_map(Json::as_str);
            args.extend(settings.into_iter().chain(options).flat_map(|option| ["-o".to_owned(), option.to_owned()]));
            args.extend(replay(&capture(name)));
            let ran = peregrine(&args);
            let what = format!("{} on {name}", case["case"]);
            assert_eq!(ran.code, 0, "{what}: {}", ran.err);
            // The first 300 alerts were kept.
            let lines = ran.out.lines().take_while(|line| !line.starts_with("Events detected: "));
            let ours: Vec<Json> = lines.filter(|line| !line.is_empty()).map(essence).collect();
            let theirs = case["alerts"].as_array().expect("alerts");
            assert_eq!(ours.len(), theirs.len(), "{what}");
            if let Some((ours, theirs)) = ours.iter().zip(theirs).find(|(ours, theirs)| ours != theirs) {
                different.insert(case["case"].as_str().expect("a name").to_owned());
                println!("{what}:\n  Falco: {theirs}\n  ours:  {ours}");
            }
            seen += ours.len();
        }
    }
    assert_eq!(different.into_iter().collect::<Vec<_>>(), DIFFERENT_CASES);
    assert!(seen > 2000, "{seen} alerts");
}
