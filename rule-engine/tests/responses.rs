//! Responses in rule files, and the verdicts of alerts.
#![cfg(feature = "sinsp")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use bumpalo::Bump;
use peregrine_rule_engine::diag::Diagnostic;
use peregrine_rule_engine::engine::{Config, OwnedAlert};
use peregrine_rule_engine::event::json::JsonSchema;
use peregrine_rule_engine::event::sinsp::SinspSchema;
use peregrine_rule_engine::load::{Loaded, Loader, Means, Sources, describe};
use peregrine_rule_engine::source::schema;
use sinsp::fields::Fields;
use sinsp::{Inspector, scap};

fn loader() -> Loader {
    let syscalls = SinspSchema::new(Fields::new());
    Loader::new(Sources::new().with(syscalls).with(JsonSchema::new("login")))
}

fn load(text: &str) -> Loaded {
    loader().load([("rules.yaml", text.as_bytes())])
}

/// A rule with more keys.
fn rule(more: &str) -> String {
    format!("- {{rule: R, desc: d, condition: evt.type = execve, output: '%proc.name', priority: NOTICE{more}}}\n")
}

/// Returns the responses of the only rule, as text.
fn responses(text: &str) -> Vec<String> {
    let loaded = load(text);
    assert!(loaded.is_successful() && loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    assert_eq!(loaded.reports[0].schema, Some(Vec::new()));
    loaded.into_rules()[0].responses.iter().map(ToString::to_string).collect()
}

#[test]
fn a_response_is_a_name_a_mapping_or_several_of_both() {
    for (more, expected) in [
        ("", &[][..]),
        (", response: kill", &["kill process"]),
        (", response: {action: stop, target: tree}", &["stop tree"]),
        (", response: [freeze, {action: run, program: p}]", &["freeze container", "run p"]),
        (", response: {action: webhook, proposes: kill, target: container}", &["webhook (kill container)"]),
        (", response: {action: kill, after_alerts: 3, within_seconds: 5}", &["kill process after 3 alerts within 5 s"]),
        (", response: []", &[]),
    ] {
        assert_eq!(responses(&rule(more)), expected, "{more}");
    }
}

#[test]
fn later_files_append_replace_and_remove_responses() {
    let first = rule(", response: kill");
    for (change, expected) in [
        ("{rule: R, response: deny, override: {response: append}}", &["kill process", "deny"][..]),
        ("{rule: R, response: {action: stop}, override: {response: replace}}", &["stop process"]),
        ("{rule: R, response: [], override: {response: replace}}", &[]),
        ("{rule: R, priority: ERROR, override: {priority: replace}}", &["kill process"]),
    ] {
        assert_eq!(responses(&format!("{first}- {change}\n")), expected, "{change}");
    }
    // Correlations in the same way.
    let window = "- {correlation: C, type: event_count, rules: [R], group-by: process, timespan: 5s, condition: {gte: 2}, \
                  output: o, desc: d, priority: NOTICE, response: kill}\n";
    for (change, expected) in [
        ("{correlation: C, response: stop, override: {response: append}}", &["kill process", "stop process"][..]),
        ("{correlation: C, response: {action: stop}, override: {response: replace}}", &["stop process"]),
        ("{correlation: C, response: [], override: {response: replace}}", &[]),
    ] {
        let loaded = load(&format!("{}{window}- {change}\n", rule("")));
        assert!(loaded.is_successful() && loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
        let found = loaded.resolved.correlations[0].responses.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(found, expected, "{change}");
    }
    // Without an override, it is not applied silently.
    let loaded =
        load(&format!("{first}- {{rule: R, response: stop, priority: ERROR, override: {{priority: replace}}}}\n"));
    assert!(error(&loaded).message.contains("Unexpected key 'response'"), "{:?}", loaded.diagnostics);
}

fn error(loaded: &Loaded) -> &Diagnostic {
    loaded.diagnostics.iter().find(|found| found.is_error()).unwrap_or_else(|| panic!("no error"))
}

/// Returns the words at the place of the only error, its message, and its hint.
fn refused(loader: &mut Loader, text: &str) -> (String, String, String) {
    let loaded = loader.load([("rules.yaml", text.as_bytes())]);
    let error = error(&loaded);
    let spot = error.spot.unwrap();
    (text[spot.start..spot.end].to_owned(), error.message.clone(), error.hint.clone().unwrap_or_default())
}

#[test]
fn a_response_that_is_not_clear_is_an_error_with_place_and_hint() {
    let window = "- {correlation: C, type: event_count, rules: [R], group-by: process, timespan: 5s, condition: {gte: 2}, \
                  output: o, desc: d, priority: NOTICE";
    let missing = "- correlation: M\n  type: temporal_ordered\n  rules: [{rule: R, as: r}, {as: gone, condition: evt.type = \
                   procexit, missing: true}]\n  group-by: process\n  timespan: 5s\n  output: o\n  desc: d\n  priority: NOTICE\n  \
                   response: kill\n";
    let json = "- {rule: J, desc: d, condition: 'json.value[/a] = x', output: o, priority: NOTICE, source: login, \
                response: kill}\n";
    for (text, words, message, hint) in [
        (rule(", response: kil"), "kil", "there is no action 'kil'", "did you mean `kill`?"),
        (rule(", response: {action: kill, target: hots}"), "hots", "there is no target 'hots'", "one of process"),
        (rule(", response: {action: freeze, target: tree}"), "tree", "target container only", "leave it out"),
        (rule(", response: {action: kill, tagret: tree}"), "tagret", "no key 'tagret'", "did you mean `target`?"),
        (rule(", response: {target: tree}"), "tree", "no mapping for key 'action'", ""),
        (rule(", response: {action: kill, program: p}"), "p", "program is for the action run", ""),
        (rule(", response: {action: kill, after_alerts: many}"), "many", "Can't decode", "whole number"),
        (rule(", response: {action: deny, after_alerts: 2}"), "2", "before any alert", ""),
        (rule(", response: [[kill]]"), "[", "neither a name nor a mapping", "write the name"),
        (rule(", building_block: true, response: kill"), "kill", "raises no alerts", "correlations"),
        (rule(", response: {action: run, program: paeg}"), "paeg", "not defined under response.programs", "page"),
        (rule(", response: webhook"), "webhook", "response.webhook has no url", "set it"),
        (json.to_owned(), "kill", "events of source 'login' have no process", ""),
        (rule("") + window + ", response: deny}\n", "deny", "cannot be denied", "last event"),
        (rule("") + missing, "kill", "an event is missing", "`run` and `webhook`"),
    ] {
        let means = Means { programs: vec!["page".to_owned()], webhook: false };
        let (place, said, advice) = refused(&mut loader().means(means), &text);
        assert!(place == words, "{place}: {said}");
        assert!(said.contains(message), "{said}");
        assert!(advice.contains(hint) && advice.is_empty() == hint.is_empty(), "{said}: {advice}");
    }
    // Without means, names are not checked: the program that acts knows them.
    assert!(load(&rule(", response: [{action: run, program: anything}, webhook]")).is_successful());
}

#[test]
fn a_description_and_the_schema_have_responses() {
    let mut loader = loader();
    let text = rule(", response: [{action: kill, target: tree}, deny]");
    let loaded = loader.load([("rules.yaml", text.as_bytes())]);
    let all = describe(&loaded, loader.sources_mut(), None).unwrap();
    assert_eq!(all["rules"][0]["info"]["response"], serde_json::json!(["kill tree", "deny"]));
    let loaded = loader.load([("rules.yaml", rule("").as_bytes())]);
    let none = describe(&loaded, loader.sources_mut(), None).unwrap();
    assert_eq!(none["rules"][0]["info"].get("response"), None);
    let schema = schema::json();
    for item in ["FalcoRule", "Correlation"] {
        assert!(schema["definitions"][item]["properties"]["response"]["anyOf"].is_array(), "{schema}");
    }
    // What the schema refuses is a warning of Falco's validator, in addition to the error.
    let loaded = load(&rule(", response: kil"));
    assert!(loaded.reports[0].schema.as_ref().is_some_and(|messages| !messages.is_empty()));
}

/// Returns the alerts of a capture.
fn alerts(text: &str) -> Vec<OwnedAlert> {
    let mut loader = loader();
    let loaded = loader.load([("rules.yaml", text.as_bytes())]);
    assert!(loaded.is_successful(), "{:?}", loaded.diagnostics);
    let rules = loader.into_sources().build(loaded.into_rules(), &Config::default()).unwrap();
    let mut runner = rules.source::<SinspSchema>("syscall").unwrap().runner();
    let capture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/captures/attack-a.scap");
    let mut inspector = Inspector::new(scap::savefile::Reader::open(capture).unwrap());
    let mut all = Vec::new();
    inspector
        .for_each(|event| {
            runner.process(&event, |alert| {
                // What is borrowed, and what is kept, say the same.
                let owned = alert.to_owned();
                let arena = Bump::new();
                assert_eq!(owned.view(&arena).verdict(), alert.verdict());
                if let Some(process) = alert.verdict().and_then(|verdict| verdict.process) {
                    let thread = event.thread().unwrap();
                    assert_eq!(i64::from(process.pid), thread.pid);
                    assert_eq!(process.exe.as_bytes(), &thread.exepath[..]);
                    assert_eq!(process.container.as_bytes(), &thread.container_id[..]);
                }
                all.push(owned);
            });
        })
        .unwrap();
    all
}

#[test]
fn an_alert_proposes_what_its_rule_asks_for() {
    let (arena, alerts) = (Bump::new(), alerts(&rule(", response: [{action: kill, target: tree}, stop]")));
    assert!(alerts.len() > 10);
    for alert in &alerts {
        let verdict = alert.view(&arena).verdict().unwrap();
        let texts: Vec<_> = verdict.responses.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["kill tree", "stop process"]);
        let process = verdict.process.unwrap();
        assert!(process.pid > 0 && !process.exe.is_empty() && process.cgroup.starts_with('/'), "{process:?}");
    }
    let starts = alerts.iter().filter(|alert| alert.view(&arena).process().is_some_and(|process| process.start > 0));
    assert!(starts.count() > 0);
    let without = self::alerts(&rule(""));
    assert_eq!(without.len(), alerts.len());
    assert!(without.iter().all(|alert| alert.view(&arena).verdict().is_none()));
}

#[test]
fn a_correlation_proposes_the_process_of_its_last_event() {
    let pair = "- {correlation: C, type: event_count, rules: [R], group-by: host, timespan: 60s, condition: {gte: 2}, \
                output: '%last.proc.pid', desc: d, priority: NOTICE, response: kill}\n";
    let (arena, text) = (Bump::new(), rule("") + pair);
    let all = alerts(&text);
    let found: Vec<_> = all.iter().filter(|alert| alert.rule() == "C").collect();
    assert!(found.len() > 3);
    for alert in found {
        let view = alert.view(&arena);
        assert_eq!(view.verdict().unwrap().process.unwrap().pid.to_string().as_bytes(), view.message());
    }
    // It matches at an event that has nothing to do with it.
    let missing = "- correlation: M\n  type: temporal_ordered\n  rules: [{rule: R, as: r}, {as: gone, condition: evt.type = \
                   ptrace, missing: true}]\n  group-by: process\n  timespan: 10ms\n  output: o\n  desc: d\n  priority: NOTICE\n  \
                   response: webhook\n";
    let all = alerts(&(rule("") + missing));
    let found: Vec<_> = all.iter().filter(|alert| alert.rule() == "M").collect();
    assert!(!found.is_empty());
    assert!(found.iter().all(|alert| alert.view(&arena).verdict().is_some_and(|verdict| verdict.process.is_none())));
}
