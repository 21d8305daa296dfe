//! Rules are changed between two events: no event is lost, none is reported twice, and the state of processes and file
//! descriptors is kept.
#![cfg(feature = "sinsp")]

use std::path::Path;
use std::sync::Arc;

use peregrine_rule_engine::engine::{Config, SourceRules};
use peregrine_rule_engine::event::sinsp::SinspSchema;
use peregrine_rule_engine::load::{Loader, Sources};
use peregrine_rule_engine::ruleset::{self, Matching};
use sinsp::fields::Fields;
use sinsp::{Inspector, scap};

/// Both need state from earlier events: names of files, ancestors, working directories.
const BEFORE: &str = r#"
- {rule: a, desc: d, condition: evt.type = close and fd.name startswith /, output: "%fd.name %proc.cwd", priority: DEBUG}
- {rule: b, desc: d, condition: evt.type = execve and proc.aname exists, output: "%proc.aname[2]", priority: DEBUG}
- {rule: c, desc: d, condition: evt.type = procexit and proc.name != bash, output: "%proc.cmdline", priority: DEBUG}
"#;
const AFTER: &str = r#"
- {rule: d, desc: d, condition: "evt.type in (close, read) and fd.name contains lib", output: "%fd.name", priority: DEBUG}
- {rule: e, desc: d, condition: "evt.type in (clone, execve) and proc.pname = bash", output: "%proc.name %fd.name", priority: DEBUG}
- {rule: c, desc: d, condition: evt.type = procexit and proc.name = bash, output: "%proc.sname", priority: DEBUG}
"#;

fn load(text: &str) -> Arc<SourceRules<SinspSchema>> {
    let mut loader = Loader::new(Sources::new().with(SinspSchema::new(Fields::new())));
    let loaded = loader.load([("rules.yaml", text.as_bytes())]);
    assert!(loaded.is_successful(), "{:?}", loaded.diagnostics);
    let evaluation = ruleset::Config::default().matching(Matching::All);
    let config = Config::default().evaluation(evaluation);
    let rules = loader.into_sources().build(loaded.into_rules(), &config).expect("times");
    rules.source("syscall").expect("system calls")
}

/// Returns the alerts with the numbers of their events, and how many events there were: the rules are changed before
/// event `at`.
fn run(
    first: &Arc<SourceRules<SinspSchema>>,
    second: &Arc<SourceRules<SinspSchema>>,
    at: u64,
) -> (Vec<(u64, String)>, u64) {
    let capture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/captures/procs.scap");
    let mut inspector = Inspector::new(scap::savefile::Reader::open(capture).expect("a capture"));
    let (mut alerts, mut events) = (Vec::new(), 0);
    let mut rules = first;
    let mut runner = rules.runner();
    let counted = inspector.for_each(|event| {
        events += 1;
        if event.num() >= at && Arc::ptr_eq(rules, first) {
            rules = second;
            runner = rules.runner();
        }
        runner.process(&event, |alert| alerts.push((event.num(), alert.to_string())));
    });
    counted.expect("a sound capture");
    (alerts, events)
}

#[test]
fn nothing_is_lost_at_a_change() {
    let (before, after) = (load(BEFORE), load(AFTER));
    let (old, events) = run(&before, &after, u64::MAX);
    let (new, _) = run(&before, &after, 0);
    assert!(old.len() > 100 && new.len() > 100, "{} and {} alerts", old.len(), new.len());
    for at in (0..events).step_by(usize::try_from(events / 12).expect("few")) {
        let expect: Vec<_> =
            old.iter().filter(|alert| alert.0 < at).chain(new.iter().filter(|alert| alert.0 >= at)).collect();
        let (got, seen) = run(&before, &after, at);
        assert_eq!(seen, events);
        assert!(got.iter().eq(expect), "the alerts of a change at event {at} differ");
    }
}
