//! The bundled capture with the default rules. Runs everywhere.

mod common;

use common::{alerts, bundled, peregrine, replay, root};
use std::collections::BTreeMap;

fn run(more: &[&str]) -> common::Ran {
    let rules = root().join("detector/daemon/rules/peregrine_rules.yaml");
    let mut args = vec!["-r".to_owned(), rules.display().to_string()];
    args.extend(replay(&bundled()));
    args.extend(more.iter().map(ToString::to_string));
    let ran = peregrine(&args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran
}

fn by_rule(out: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for alert in alerts(out) {
        *counts.entry(alert["rule"].as_str().expect("a name").to_owned()).or_default() += 1;
    }
    counts
}

#[test]
fn the_attack_is_seen() {
    let counts = by_rule(&run(&["-o", "json_output=true"]).out);
    for (rule, times) in [
        ("Sensitive credential file read", 4),
        ("Link to a sensitive credential file created", 1),
        ("Network socket redirected to standard input", 3),
        ("Reverse shell with a network socket as standard input", 2),
        ("Shell executed under another name", 1),
        ("Fileless execution via memfd", 2),
        ("Execution from /dev/shm", 1),
        ("Persistence via SSH authorized keys", 1),
        ("Kernel module loaded", 2),
        ("Shell history deleted", 2),
    ] {
        assert_eq!(counts.get(rule), Some(&times), "{rule}: {counts:#?}");
    }
}

#[test]
fn the_default_rules_are_valid() {
    let rules = root().join("detector/daemon/rules/peregrine_rules.yaml");
    let ran = peregrine(["-V", &rules.display().to_string(), "-o", "json_output=true"]);
    let result: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    let file = &result["falco_load_results"][0];
    assert_eq!((ran.code, &file["errors"], &file["warnings"]), (0, &serde_json::json!([]), &serde_json::json!([])));
}

#[test]
fn without_rules_or_configuration_the_built_in_rules_are_used() {
    let ran = peregrine(replay(&bundled()));
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("Critical Sensitive credential file read | file=/etc/shadow"), "{}", ran.out);
}

#[test]
fn json_properties_come_and_go() {
    let first = |more: &[&str]| {
        let mut args = vec!["-o", "json_output=true"];
        args.extend(more);
        let alert = alerts(&run(&args).out).remove(0);
        alert.as_object().expect("an object").keys().cloned().collect::<Vec<_>>()
    };
    let all = ["hostname", "output", "output_fields", "priority", "rule", "source", "tags", "time"];
    assert_eq!(first(&[]), all);
    for (option, key) in [
        ("json_include_output_property=false", "output"),
        ("json_include_output_fields_property=false", "output_fields"),
        ("json_include_tags_property=false", "tags"),
    ] {
        assert_eq!(first(&["-o", option]), all.iter().filter(|have| **have != key).copied().collect::<Vec<_>>());
    }
    assert!(first(&["-o", "json_include_message_property=true"]).contains(&"message".to_owned()));
}

#[test]
fn rules_are_chosen_by_priority_name_pattern_and_tag() {
    let rules = |more: &[&str]| {
        let mut args = vec!["-o", "json_output=true"];
        args.extend(more);
        by_rule(&run(&args).out)
    };
    assert!(rules(&["-o", "priority=critical"]).contains_key("Sensitive credential file read"));
    assert!(!rules(&["-o", "priority=critical"]).contains_key("Persistence via SSH authorized keys"));
    assert!(!rules(&["-o", "rules[].disable.rule=*credential*"]).contains_key("Sensitive credential file read"));
    let network = rules(&["-o", "rules[].disable.rule=*", "-o", "rules[].enable.tag=network"]);
    assert!(
        network.contains_key("Network tool launched") && !network.contains_key("Persistence via SSH authorized keys")
    );
    // The order matters.
    assert!(rules(&["-o", "rules[].enable.tag=network", "-o", "rules[].disable.rule=*"]).is_empty());
}

#[test]
fn further_output_is_added() {
    let options = [
        "-o",
        r#"append_output[]={"match": {"rule": "Persistence via SSH authorized keys"}, "extra_output": "cpu=%evt.cpu", "extra_fields": ["proc.pid", {"who": "%user.name!"}]}"#,
        "-o",
        "json_output=true",
    ];
    let all = alerts(&run(&options).out);
    let keys = all.iter().find(|alert| alert["rule"] == "Persistence via SSH authorized keys").expect("the alert");
    assert!(keys["output"].as_str().expect("text").contains(" cpu="));
    assert!(keys["output_fields"]["proc.pid"].is_number());
    assert_eq!(keys["output_fields"]["who"], "root!");
    let other = all.iter().find(|alert| alert["rule"] == "Sensitive credential file read").expect("the alert");
    assert!(!other["output"].as_str().expect("text").contains(" cpu="));
    assert!(other["output_fields"].get("who").is_none());
}

#[test]
fn the_duration_ends_a_replay() {
    let count = |more: &[&str]| alerts(&run(more).out).len();
    let (all, first) = (count(&["-o", "json_output=true"]), count(&["-o", "json_output=true", "-M", "5"]));
    assert!(0 < first && first < all, "{first} of {all}");
}

#[test]
fn alerts_go_to_every_output() {
    let folder = tempfile::tempdir().expect("a directory");
    let (file, taken) = (folder.path().join("alerts"), folder.path().join("taken"));
    let ran = run(&[
        "-o",
        "file_output.enabled=true",
        "-o",
        &format!("file_output.filename={}", file.display()),
        "-o",
        "program_output.enabled=true",
        "-o",
        "program_output.keep_alive=true",
        "-o",
        &format!("program_output.program=cat > {}", taken.display()),
    ]);
    let lines = |text: &str| text.lines().filter(|line| line.contains(" | ")).map(str::to_owned).collect::<Vec<_>>();
    let stdout = lines(&ran.out);
    assert!(stdout.len() > 20);
    for path in [&file, &taken] {
        assert_eq!(lines(&std::fs::read_to_string(path).expect("the alerts")), stdout);
    }
}

#[test]
fn simulated_drops_are_reported() {
    let ran = run(&["-o", "syscall_event_drops.simulate_drops=true", "-o", "syscall_event_drops.actions=[alert]"]);
    assert!(ran.out.contains("Debug Falco internal: syscall event drop. 1 system calls dropped in last second. ("));
    assert!(ran.err.contains("num times actions taken: 1"), "{}", ran.err);
}
