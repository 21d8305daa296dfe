//! Plugins that are notified of captures: routines, and the events that describe their state.

mod common;

use common::{Built, configured, log, matches, of_syscalls};
use peregrine_plugin_host::{Configured, LogLine, SyscallPlugins};
use scap::text::Trace;
use sinsp::Inspector;
use sinsp::state::Extension;
use std::sync::{Arc, Mutex};

const TRACE: &str = "thread tid=7 pid=7 ptid=1 comm=\"sh\" exe=\"sh\" cwd=\"/\"\n\
    1700000001.0 tid=7 close res=0 fd=3\n\
    1700000002.0 tid=7 chdir res=0 path=\"/tmp\"\n";

fn inspector(plugin: Configured) -> (Inspector<Trace>, Arc<SyscallPlugins>, Arc<Mutex<Vec<LogLine>>>) {
    let set = of_syscalls(&[plugin]);
    let (to, lines) = log();
    let plugins = SyscallPlugins::init(&set, &to, false).unwrap_or_else(|error| panic!("{error}"));
    let trace = Trace::parse(TRACE).expect("a trace");
    (Inspector::builder(trace).extension(Arc::clone(&plugins) as _).build(), plugins, lines)
}

fn messages(lines: &Mutex<Vec<LogLine>>) -> Vec<String> {
    lines.lock().expect("the log").iter().map(|line| line.message.clone()).collect()
}

#[test]
fn routines_are_called_until_they_end_or_the_capture_does() {
    let built = Built::of("listen.c", &[]);
    let (mut inspector, plugins, lines) = inspector(built.configured("", ""));
    assert_eq!(messages(&lines), Vec::<String>::new());
    inspector.for_each(|_| ()).unwrap();
    drop(inspector);
    // SAFETY: the library is loaded, and this function of the test's own plugin takes nothing.
    unsafe {
        let again = libloading::Library::new(built.path()).unwrap();
        again.get::<unsafe extern "C" fn()>(b"listen_late\0").unwrap()();
    }
    drop(plugins);
    assert_eq!(
        messages(&lines),
        [
            "null as a function: the function of the routine is null",
            "routine of another owner: no capture is open",
            "unsubscribe of nothing: there is no such routine",
            "unsubscribe of any number: there is no such routine",
            "routine: done",
            "unsubscribe: done",
            "no call after that",
            "unsubscribe again: there is no such routine",
            "called once",
            "unsubscribe of what has ended: there is no such routine",
            "unsubscribe from within: done",
            "called once",
            "routines without end: there are too many routines",
            "closed",
            "no call at the end",
            "late routine: no capture is open",
            "destroyed",
        ]
    );
}

#[test]
fn a_plugin_that_refuses_the_capture_ends_it() {
    let built = Built::of("listen.c", &[]);
    let (mut inspector, plugins, lines) = inspector(built.configured("refuse", ""));
    let error = inspector.next().unwrap_err().to_string();
    assert_eq!(error, "plugin listen: `plugin_capture_open` failed: not this capture");
    assert!(inspector.next().is_err(), "events although the plugin refuses them");
    drop((inspector, plugins));
    // It is not notified of the end of what it did not open.
    assert_eq!(messages(&lines), ["destroyed"]);
}

#[test]
fn a_routine_that_does_not_return_keeps_the_plugin_and_not_the_program() {
    let built = Built::of("listen.c", &[]);
    let (mut inspector, plugins, lines) = inspector(built.configured("hang", ""));
    inspector.for_each(|_| ()).unwrap();
    drop((inspector, plugins));
    let expected = ["routine that hangs: done", "closed", "a routine does not return; the plugin is not destroyed"];
    assert_eq!(messages(&lines), expected);
}

#[test]
fn a_plugin_describes_its_state_for_a_capture() {
    for (config, count) in [("", 2), ("flood", 1 << 16)] {
        let built = Built::of("listen.c", &[]);
        let (_, plugins, lines) = inspector(built.configured(config, ""));
        let mut seen = Vec::new();
        plugins.dump(5, &mut |event| {
            seen.push((event.ts(), event.raw(2).unwrap_or_default().to_vec()));
        });
        assert_eq!(seen[..2], [(5, b"once".to_vec()), (1_700_000_000_000_000_000, b"more".to_vec())]);
        assert_eq!(seen.len(), count);
        let mut expected = vec!["the plugin does not list the event 'pact' among its own", "the event is null"];
        if config == "flood" {
            expected
                .extend(["the state of the plugin is too large", "1 events of its state do not fit in the capture"]);
        }
        assert_eq!(messages(&lines), expected);
    }
}

#[test]
fn failures_at_the_end_of_a_capture_and_of_the_state_are_logged_and_counted() {
    let built = Built::of("listen.c", &[]);
    let (mut inspector, plugins, lines) = inspector(built.configured("fail", ""));
    inspector.for_each(|_| ()).unwrap();
    let mut seen = Vec::new();
    plugins.dump(5, &mut |event| seen.push(event.raw(2).unwrap_or_default().to_vec()));
    // What it described before it failed is there.
    assert_eq!(seen, [b"once".to_vec(), b"more".to_vec()]);
    assert_eq!(plugins.failures(), 1);
    drop(inspector);
    assert_eq!(plugins.failures(), 2);
    drop(plugins);
    assert_eq!(
        messages(&lines),
        [
            "the plugin does not list the event 'pact' among its own",
            "the event is null",
            "`plugin_dump_state` failed, so that the capture may miss its state: no more than this",
            "closed",
            "`plugin_capture_close` failed: the end is lost",
            "destroyed",
        ]
    );
    assert!(lines.lock().expect("the log").iter().all(|line| line.plugin == "listen"));
}

#[test]
fn plugins_before_one_that_refuses_the_capture_are_notified_of_its_end() {
    let (first, second) = (Built::of("listen.c", &[]), Built::of("listen.c", &["-DNAME=\"second\""]));
    let (to, lines) = log();
    let set = of_syscalls(&[first.configured("fail", ""), second.configured("refuse", "")]);
    let plugins = SyscallPlugins::init(&set, &to, false).unwrap_or_else(|error| panic!("{error}"));
    let trace = Trace::parse(TRACE).expect("a trace");
    let mut inspector = Inspector::builder(trace).extension(Arc::clone(&plugins) as _).build();
    let error = inspector.next().unwrap_err().to_string();
    assert_eq!(error, "plugin second: `plugin_capture_open` failed: not this capture");
    assert_eq!(messages(&lines), ["closed", "`plugin_capture_close` failed: the end is lost"]);
    drop((inspector, plugins));
    assert_eq!(messages(&lines)[2..], ["destroyed", "destroyed"]);
}

#[test]
fn a_plugin_of_the_sdk_listens() {
    let Some(path) = testkit::sdk_plugin("listener") else { return };
    let set = of_syscalls(&[configured(path, "")]);
    let (to, lines) = log();
    for (condition, expected) in
        [("listener.name = sh", vec![1, 2]), ("listener.runs >= 3", vec![1, 2]), ("listener.opened = 1", vec![1, 2])]
    {
        let plugins = SyscallPlugins::init(&set, &to, false).unwrap();
        assert_eq!(matches(&set, plugins, TRACE, condition), expected, "{condition}");
    }
    let closed = messages(&lines).iter().filter(|message| message.contains("closed: sh")).count();
    assert_eq!(closed, 3, "{:?}", messages(&lines));
}
