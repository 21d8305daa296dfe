//! The facade over the bundled capture.

use std::path::Path;

use peregrine::{Detector, Error, Format, Rules, Step};

const CAPTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/captures/attack-a.scap");
const RULES: &str = "
- rule: exec
  desc: d
  condition: evt.type = execve
  output: '%proc.name %proc.pid'
  priority: NOTICE
- rule: any exec
  desc: d
  condition: evt.type in (execve, execveat)
  output: 'again %proc.name'
  priority: DEBUG
";

fn all(detector: &mut Detector<peregrine::scap::savefile::Reader<std::fs::File>>) -> Vec<String> {
    let mut alerts = Vec::new();
    while let Some(alert) = detector.next().expect("a sound capture") {
        alerts.push(alert.to_string());
    }
    alerts
}

#[test]
fn alerts_of_a_capture_one_by_one_and_by_steps() {
    let first = Rules::builder().text("r.yaml", RULES).build().expect("rules");
    let both = Rules::builder().text("r.yaml", RULES).match_all().build().expect("rules");
    let alerts = all(&mut Detector::capture(CAPTURE, &first).expect("a capture"));
    let twice = all(&mut Detector::capture(CAPTURE, &both).expect("a capture"));
    assert!(alerts.len() > 10 && twice.len() == 2 * alerts.len());
    assert!(twice.chunks(2).map(|pair| &pair[0]).eq(&alerts));
    let (mut detector, mut stepped) = (Detector::capture(CAPTURE, &first).expect("a capture"), Vec::new());
    while detector.step(|alert| stepped.push(alert.to_string())).expect("an event") != Step::End {}
    assert_eq!(stepped, alerts);
    assert!(detector.stats().delivered > 10_000);
}

#[test]
fn rules_are_replaced_between_two_events() {
    let exec = Rules::builder().text("r.yaml", RULES).build().expect("rules");
    let none = Rules::builder().text("r.yaml", RULES).disable("*").build().expect("rules");
    let mut detector = Detector::capture(CAPTURE, &exec).expect("a capture");
    assert!(detector.next().expect("an event").is_some());
    detector.set_rules(&none).expect("rules about system calls");
    assert!(detector.next().expect("the end").is_none());
    assert!(detector.inspector().state().threads().count() > 0);
}

#[test]
fn all_errors_are_in_the_report() {
    let broken = "- {rule: a, desc: d, condition: proc.nmae = x, output: o, priority: NOTICE}\n\
                  - {rule: b, desc: d, condition: fd.name =, output: o, priority: NOTICE}\n";
    let report = Rules::builder().text("broken.yaml", broken).build().expect_err("two errors");
    let places: Vec<_> = report.problems().iter().map(|one| (one.is_error, one.line, one.column)).collect();
    assert_eq!(places, [(true, 1, 33), (true, 2, 41)], "{report}");
    let first = "broken.yaml:1:33: filter_check called with nonexistent field proc.nmae; did you mean `proc.name`?";
    assert_eq!(report.problems()[0].to_string(), first);
    assert!(report.falco_json().contains("LOAD_ERR_COMPILE_CONDITION"), "{}", report.falco_json());
    let text = report.to_string();
    assert!(text.contains("broken.yaml") && text.contains("proc.nmae"), "{text}");
    let missing = Rules::builder().file(Path::new("/no/such/rules.yaml")).expect_err("no file");
    assert!(matches!(missing, Error::Rules { .. }));
    assert!(missing.to_string().contains("/no/such/rules.yaml"));
}

#[test]
fn json_sources_are_evaluated_by_name() {
    let rule = "- {rule: verb, desc: d, condition: 'ka.verb = delete', output: '%ka.verb', priority: NOTICE, \
                source: k8s_audit}";
    let rules = Rules::builder().text("k8s.yaml", rule).build().expect("rules");
    let mut audit = rules.json("k8s_audit").expect("the source");
    let alerts = audit.process(br#"{"auditID": "1", "verb": "delete"}"#).expect("a record");
    let json = alerts[0].render(&Format::new("h").json(true));
    assert!(String::from_utf8_lossy(&json).contains(r#""ka.verb":"delete""#));
    assert!(matches!(audit.process(b"7"), Err(Error::Json(_))));
    assert!(matches!(rules.json("syscall"), Err(Error::Source(_))));
    assert!(matches!(rules.json("login"), Err(Error::Source(_))));
}

/// Three events of one user within a minute.
const COUNT: &str = "
- rule: login
  desc: d
  condition: json.value[/user] exists
  output: '%json.value[/user]'
  priority: DEBUG
  source: login
- correlation: many logins
  desc: d
  type: event_count
  rules: [login]
  group-by: json.value[/user]
  timespan: 1m
  condition: {gte: 3}
  output: 'often %json.value[/user]'
  priority: WARNING
  source: login
";

#[test]
fn what_correlations_began_stays_when_rules_are_replaced() {
    let build = |more: &str| Rules::builder().json_source("login").text("r.yaml", format!("{COUNT}{more}")).build();
    let (before, after) = (build("").expect("rules"), build(RULES).expect("rules"));
    let other = Rules::builder().json_source("login").text("r.yaml", COUNT.replace("1m", "2m")).build().expect("rules");
    let user = br#"{"user": "ann"}"#;
    let last = |rules: &Rules| {
        let mut detector = before.json("login").expect("the source");
        assert_eq!(detector.process(user).expect("JSON").len() + detector.process(user).expect("JSON").len(), 2);
        detector.set_rules(rules).expect("the source");
        detector.process(user).expect("JSON").iter().map(|alert| alert.rule().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(last(&after), ["login", "many logins"]);
    // One that is not the same begins again.
    assert_eq!(last(&other), ["login"]);
    let without = Rules::builder().build().expect("no rules");
    assert!(matches!(before.json("login").expect("the source").set_rules(&without), Err(Error::Source(_))));
}

/// A program is started, and a pod is deleted.
const ACROSS: &str = "
- rule: exec
  desc: d
  condition: evt.type = execve
  output: o
  priority: DEBUG
- rule: delete
  desc: d
  condition: ka.verb = delete
  output: o
  priority: DEBUG
  source: k8s_audit
- correlation: both
  desc: d
  type: temporal_ordered
  rules: [exec, delete]
  timespan: 1h
  output: both
  priority: WARNING
";

#[test]
fn correlations_look_across_the_sources_of_an_engine() {
    let rules = Rules::builder().text("r.yaml", ACROSS).build().expect("rules");
    let mut detector = Detector::capture(CAPTURE, &rules).expect("a capture");
    let alert = detector.next().expect("an event").expect("an alert");
    let time = alert.time();
    assert_eq!(alert.rule(), "exec");
    let record = br#"{"auditID": "1", "verb": "delete"}"#;
    for rules in [None, Some(&rules.clone())] {
        let mut names = Vec::new();
        if let Some(rules) = rules {
            // A complete match is consumed: the next alert starts from zero, before the rules are replaced.
            assert_eq!(detector.next().expect("an event").expect("an alert").rule(), "exec");
            detector.set_rules(rules).expect("rules");
        }
        let engine = detector.engine_mut();
        let time = time + 60_000_000_000;
        engine.process_json("k8s_audit", record, time, |alert| names.push(alert.rule().to_owned())).expect("JSON");
        assert_eq!(names, ["delete", "both"]);
    }
    let unknown = detector.engine_mut().process_json("syscall", record, time, |_| {});
    assert!(matches!(unknown, Err(Error::Source(_))));
    assert!(matches!(detector.engine_mut().process_json("k8s_audit", b"7", time, |_| {}), Err(Error::Json(_))));
}

#[test]
fn a_name_is_of_one_source() {
    assert!(Rules::builder().json_source("k8s_audit").build().is_err());
    assert!(Rules::builder().json_source("a").json_source("a").build().is_err());
    assert!(Rules::builder().json_source("a").has_source("a") && !Rules::builder().has_source("a"));
}

#[test]
fn rules_are_shared_and_detectors_are_sent() {
    fn shared<T: Clone + Send + Sync>() {}
    fn sent<T: Send>() {}
    shared::<Rules>();
    sent::<Detector<peregrine::scap::savefile::Reader<std::fs::File>>>();
    sent::<peregrine::JsonDetector>();
}

#[test]
fn an_alert_proposes_and_nothing_acts() {
    use peregrine::rule_engine::response::{Action, Scope};
    let text = RULES.replacen("priority: NOTICE", "priority: NOTICE\n  response: {action: kill, target: tree}", 1);
    let rules = Rules::builder().text("r.yaml", text).build().expect("rules");
    let mut detector = Detector::capture(CAPTURE, &rules).expect("a capture");
    let alert = detector.next().expect("an event").expect("an alert");
    let verdict = alert.verdict().expect("a proposal");
    assert_eq!(verdict.responses[0].action, Action::Kill(Scope::Tree));
    let process = verdict.process.expect("the process");
    assert_eq!(alert.field("proc.pid"), Some(peregrine::Value::I64(process.pid.into())));
    let report = Rules::builder().text("r.yaml", RULES.replacen("NOTICE", "NOTICE\n  response: nuke", 1)).build();
    let text = report.expect_err("no such action").to_string();
    assert!(text.contains("r.yaml:7:13") && text.contains("there is no action 'nuke'"), "{text}");
}
