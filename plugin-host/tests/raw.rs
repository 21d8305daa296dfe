//! Plugins that provide events of the schema, through an inspector.

mod common;

use common::{Built, configured, log, of_syscalls, schema};
use peregrine_plugin_host::{Error, RawSource, SyscallPlugins};
use rule_engine::filter::Filter;
use scap::HostState;
use sinsp::{Inspector, Next};
use std::sync::Arc;

/// Result of the events of a plan, each letter of which is one: the times of those for which a condition is true, the
/// number of invalid ones, how often there was none, and the error at the end.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    matched: Vec<u64>,
    invalid: u64,
    idle: u32,
    error: String,
}

fn run(plan: &str) -> Result<Outcome, Error> {
    let built = Built::of("raw.c", &[]);
    let set = of_syscalls(&[built.configured("", plan)]);
    assert!(set.has_raw_events());
    let condition = "evt.type = chdir and evt.arg.path = /tmp and thread.tid = 7 and proc.cwd = /tmp/";
    let mut filter = Filter::compile(condition, schema(&set)).expect("a condition");
    let plugins = SyscallPlugins::init(&set, &log().0, true)?;
    let mut host = HostState::default();
    let mut thread = scap::host::Thread::default();
    (thread.tid, thread.pid, thread.comm, thread.cwd) = (7, 7, "x".into(), "/".into());
    host.threads.push(thread);
    let source = RawSource::open(&plugins, host)?.expect("a plugin with such events");
    assert_eq!(source.plugin(), "raw");
    let mut inspector = Inspector::builder(source).extension(plugins).build();
    let mut outcome = Outcome::default();
    loop {
        match inspector.next() {
            Ok(Next::Event(event)) => {
                if filter.matches(&event) {
                    outcome.matched.push(event.ts() / 1_000_000_000);
                }
            }
            Ok(Next::Hidden) => {}
            Ok(Next::Idle) => outcome.idle += 1,
            Ok(Next::End) => break,
            Err(error) => outcome.error = error.to_string(),
        }
    }
    outcome.invalid = inspector.stats().dropped();
    assert_eq!(inspector.stats().delivered as usize, outcome.matched.len());
    Ok(outcome)
}

#[test]
fn events_of_a_plugin_go_through_the_inspector() {
    let outcome = run("cic").unwrap();
    assert_eq!(outcome, Outcome { matched: vec![1_700_000_000, 1_700_000_002], idle: 1, ..Outcome::default() });
    let outcome = run("n").unwrap();
    assert!(outcome.matched[0] > 1_700_000_100, "the time is left to this program: {outcome:?}");
}

#[test]
fn invalid_events_are_counted_and_the_others_go_on() {
    for letter in ["l", "p", "t", "0"] {
        let outcome = run(&format!("c{letter}c")).unwrap();
        let expected =
            Outcome { matched: vec![1_700_000_000, 1_700_000_002], invalid: 1, idle: 1, ..Outcome::default() };
        assert_eq!(outcome, expected, "{letter}");
    }
    let outcome = run("cL").unwrap();
    assert_eq!((outcome.matched.len(), outcome.invalid), (1, 1));
}

#[test]
fn a_source_that_fails_says_why() {
    let outcome = run("cfc").unwrap();
    assert_eq!(
        (outcome.matched.len(), outcome.error.as_str()),
        (1, "plugin raw: `plugin_next_batch` failed: the cable is out")
    );
    let outcome = run("z").unwrap();
    assert_eq!(outcome.error, "plugin raw: invalid event: a batch of 1 events, which is null");
    let error = run("refuse").unwrap_err().to_string();
    assert_eq!(error, "plugin raw: `plugin_open` failed: no such host");
}

#[test]
fn other_plugins_have_no_such_source() {
    let Some(path) = testkit::sdk_plugin("calls") else { return };
    let set = of_syscalls(&[configured(path, "")]);
    let plugins = SyscallPlugins::init(&set, &log().0, true).unwrap();
    assert!(!plugins.has_raw_events());
    assert!(RawSource::open(&plugins, HostState::default()).unwrap().is_none());
    assert!(Arc::strong_count(&plugins) == 1);
}
