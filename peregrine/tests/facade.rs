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
    assert_eq!(report.diagnostics().iter().filter(|one| one.is_error()).count(), 2, "{report}");
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
    let json = alerts[0].render(&Format { json: true, ..Format::new("h") });
    assert!(String::from_utf8_lossy(&json).contains(r#""ka.verb":"delete""#));
    assert!(matches!(audit.process(b"7"), Err(Error::Json(_))));
    assert!(matches!(rules.json("syscall"), Err(Error::Source(_))));
    assert!(matches!(rules.json("login"), Err(Error::Source(_))));
}

#[test]
fn rules_are_shared_and_detectors_are_sent() {
    fn shared<T: Clone + Send + Sync>() {}
    fn sent<T: Send>() {}
    shared::<Rules>();
    sent::<Detector<peregrine::scap::savefile::Reader<std::fs::File>>>();
    sent::<peregrine::JsonDetector>();
}
