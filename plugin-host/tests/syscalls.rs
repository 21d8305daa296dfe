//! Plugins at system calls: fields, parsing, and asynchronous events among them.

mod common;

use common::{Built, configured, log, matches, of_syscalls, schema};
use peregrine_plugin_host::{Error, SourcePlugins, SyscallPlugins, ongoing_calls};
use rule_engine::event::Schema;
use rule_engine::filter::Filter;
use scap::text::Trace;
use sinsp::{Inspector, Next};
use std::sync::Arc;
use std::time::Duration;

const TRACE: &str = "thread tid=7 pid=7 ptid=1 comm=\"sh\" exe=\"sh\" cwd=\"/\"\n\
    1700000001.0 tid=7 openat fd=3 dirfd=AT_FDCWD name=\"/etc/shadow\" flags=O_RDONLY mode=0 dev=0 ino=0\n\
    1700000002.0 tid=7 close res=0 fd=3\n\
    1700000003.0 tid=7 chdir res=0 path=\"/tmp\"\n\
    1700000004.0 tid=7 execve res=0 exe=\"cat\" args=[\"x\"] tid=7 pid=7 ptid=1 comm=\"cat\"\n";

#[test]
fn conditions_see_fields_of_system_calls() {
    let Some(path) = testkit::sdk_plugin("calls") else { return };
    let set = of_syscalls(&[configured(path, "")]);
    for (condition, expected) in [
        ("calls.code = 307", vec![1]),
        ("calls.thread = 7 and evt.type = close", vec![2]),
        ("calls.parameter[2] = /etc/shadow", vec![1]),
        ("calls.parameter[1] = /tmp and proc.name = sh", vec![3]),
        // The second parameter of close has eight bytes, which are not text, and so is an error.
        ("calls.parameter[1] exists and not calls.parameter[2] exists", vec![3]),
        ("calls.number = 4 and calls.source = syscall and proc.name = cat", vec![4]),
        // The event is parsed before it is evaluated.
        ("calls.parsed = val(evt.num)", vec![1, 2, 3, 4]),
        ("calls.ticks exists or calls.number > 4", vec![]),
    ] {
        let plugins = SyscallPlugins::init(&set, &log().0, false).unwrap();
        assert_eq!(matches(&set, plugins, TRACE, condition), expected, "{condition}");
    }
}

#[test]
fn asynchronous_events_take_their_place_by_time() {
    let built = Built::new(&["-DNO_SOURCE", "-DASYNC", "-DPARSING", "-DNAME=\"ticker\"", "-DFIELDS=\"[]\""]);
    let set = of_syscalls(&[built.configured("", "")]);
    let trace = TRACE.replace("17000000", "");
    let shown = |live: bool| {
        let plugins = SyscallPlugins::init(&set, &log().0, live);
        let plugins = plugins.unwrap_or_else(|error| panic!("{error}"));
        let mut filter = Filter::compile("evt.type = tick and evt.is_async = true", schema(&set)).unwrap();
        let trace = Trace::parse(&trace).unwrap();
        let mut inspector = Inspector::builder(trace).extension(plugins).build();
        let (mut times, mut ticks) = (Vec::new(), Vec::new());
        inspector
            .for_each(|event| {
                times.push((event.num(), event.ts() / 100_000_000));
                ticks.extend(filter.matches(&event).then_some(event.num()));
            })
            .unwrap();
        (times, ticks)
    };
    let (times, ticks) = shown(true);
    assert_eq!(times, [(1, 10), (2, 20), (3, 25), (4, 30), (5, 35), (6, 40)]);
    assert_eq!(ticks, [3, 5]);
    // A capture has the events that were added when it was recorded.
    assert_eq!(shown(false).0, [(1, 10), (2, 20), (3, 30), (4, 40)]);
}

#[test]
fn asynchronous_events_of_the_sdk_are_parsed_and_evaluated() {
    let Some(path) = testkit::sdk_plugin("calls") else { return };
    // Two at the same time stay in their order.
    let set = of_syscalls(&[configured(path, "1700000003 1700000002 1700000003 1700000009")]);
    for (condition, expected) in [
        ("evt.type = tick", vec![2, 4, 5, 8]),
        ("evt.asynctype = tick and calls.parameter[2] = tock", vec![2, 4, 5, 8]),
        ("calls.code = 402 and calls.ticks intersects (4)", vec![4, 5, 8]),
        ("evt.type in (chdir, execve)", vec![6, 7]),
        ("calls.parsed = val(evt.num)", vec![1, 2, 3, 4, 5, 6, 7, 8]),
    ] {
        let plugins = SyscallPlugins::init(&set, &log().0, true).unwrap();
        assert_eq!(matches(&set, plugins, TRACE, condition), expected, "{condition}");
    }
}

#[test]
fn events_and_values_are_skipped_while_another_thread_uses_the_plugins() {
    let fields = r#"-DFIELDS="[{\"name\": \"held.value\", \"type\": \"uint64\"}]""#;
    let built = Built::new(&["-DNO_SOURCE", "-DPARSING", "-DHOLD_METRICS", "-DNAME=\"held\"", fields]);
    let set = of_syscalls(&[built.configured("", "")]);
    let plugins = SyscallPlugins::init(&set, &log().0, false).unwrap();
    let mut filter = Filter::compile("not held.value exists", schema(&set)).unwrap();
    let trace = Trace::parse(TRACE).unwrap();
    let mut inspector = Inspector::builder(trace).extension(Arc::clone(&plugins) as _).build();
    let Next::Event(event) = inspector.next().unwrap() else { panic!("no event") };
    assert!(!filter.matches(&event));
    assert_eq!(plugins.skipped(), 0);
    std::thread::scope(|scope| {
        let metrics = scope.spawn(|| plugins.metrics());
        let held = || ongoing_calls().iter().any(|call| call.plugin == "held" && call.function == "plugin_get_metrics");
        testkit::until("no call for metrics", Duration::from_secs(60), held);
        let Next::Event(event) = inspector.next().unwrap() else { panic!("no event") };
        // The event was not parsed, and the value of the field is missing.
        assert_eq!(plugins.skipped(), 1);
        assert!(filter.matches(&event));
        // SAFETY: the library is loaded, and this function of the test's own plugin takes nothing.
        unsafe {
            let again = libloading::Library::new(built.path()).unwrap();
            again.get::<unsafe extern "C" fn()>(b"counter_release\0").unwrap()();
        }
        let metrics = metrics.join().unwrap();
        let value = |name: &str| metrics[0].1.iter().find(|metric| metric.name == name).map(|metric| metric.value);
        // Initialization, an event parsed, a value, and the metrics.
        assert_eq!((value("host_calls"), value("host_skipped")), (Some(4.0), Some(2.0)));
    });
    let Next::Event(event) = inspector.next().unwrap() else { panic!("no event") };
    assert!(!filter.matches(&event));
    assert_eq!(plugins.skipped(), 2);
}

#[test]
fn a_live_source_requires_plugins_for_its_schema() {
    for (options, required) in [
        (vec!["-Dplugin_get_required_event_schema_version=gone"], "3.0.0"),
        (vec!["-DEVENT_SCHEMA=\"4.6.0\""], "4.6.0"),
        (vec!["-DEVENT_SCHEMA=\"5.0.0\""], "5.0.0"),
        (vec!["-DEVENT_SCHEMA=\"four\""], "four"),
        (vec!["-DEVENT_SCHEMA=0"], "3.0.0"),
        (vec!["-DEVENT_SCHEMA=\"4.5.1\""], ""),
    ] {
        let fields = r#"-DFIELDS="[{\"name\": \"other.value\", \"type\": \"uint64\"}]""#;
        let built = Built::new(&[options, vec!["-DNO_SOURCE", fields]].concat());
        let set = of_syscalls(&[built.configured("", "")]);
        // What a capture has is upgraded to this schema, and no reason to reject a plugin.
        SyscallPlugins::init(&set, &log().0, false).unwrap();
        match SyscallPlugins::init(&set, &log().0, true) {
            Ok(_) => assert_eq!(required, ""),
            Err(error) => {
                let expected =
                    format!("plugin counter requires version {required} of the schema of system calls; 4.5.1");
                assert!(error.to_string().starts_with(&expected), "{error}");
            }
        }
    }
}

#[test]
fn invalid_asynchronous_events_are_errors_for_the_plugin() {
    let built = Built::new(&["-DNO_SOURCE", "-DASYNC", "-DNAME=\"ticker\"", "-DFIELDS=\"[]\""]);
    let set = of_syscalls(&[built.configured("broken", "")]);
    let (to, lines) = log();
    let error = SyscallPlugins::init(&set, &to, true).unwrap_err();
    assert_eq!(error.to_string(), "plugin ticker: `plugin_set_async_event_handler` failed: no handler for me");
    let lines = lines.lock().unwrap();
    let lines: Vec<_> = lines.iter().filter(|line| line.component.as_deref() == Some("async")).collect();
    for (line, expected) in lines.iter().zip([
        "the event has type 402 and 4294967147 bytes",
        "the event has type 402 and 1073741875 bytes",
        "the event is malformed",
        "the event has type 322",
        "the plugin does not list the event 'tock' among its own",
        "the time of the event is in the future",
    ]) {
        assert!(line.message.starts_with(expected), "{}: {expected}", line.message);
    }
    assert_eq!(lines.len(), 6);
}

#[test]
fn a_flood_of_asynchronous_events_is_bounded_and_counted() {
    let built = Built::new(&["-DNO_SOURCE", "-DASYNC", "-DNAME=\"ticker\"", "-DFIELDS=\"[]\""]);
    let set = of_syscalls(&[built.configured("flood", "")]);
    let plugins = SyscallPlugins::init(&set, &log().0, true).unwrap();
    assert_eq!(plugins.lost_async_events(), 1_000_000 - 4096);
    let batches = plugins.metrics()[0].1[0].value;
    assert_eq!(batches, 1_000_000.0 - 4096.0, "the plugin was not told");
    let mut inspector = Inspector::builder(Trace::parse("").unwrap()).extension(Arc::clone(&plugins) as _).build();
    let mut events = 0;
    inspector.for_each(|_| events += 1).unwrap();
    assert_eq!(events, 4096);
    // What comes after the end is refused.
    drop((inspector, plugins));
    // SAFETY: the library is loaded, and this function of the test's own plugin takes nothing.
    unsafe {
        let again = libloading::Library::new(built.path()).unwrap();
        again.get::<unsafe extern "C" fn()>(b"counter_emit_late\0").unwrap()();
    }
}

#[test]
fn fields_without_their_plugins_have_no_value() {
    let Some(path) = testkit::sdk_plugin("calls") else { return };
    let (set, other) = (of_syscalls(&[configured(path.clone(), "")]), of_syscalls(&[configured(path, "")]));
    let mut filter = Filter::compile("calls.code exists", schema(&set)).unwrap();
    let mut alone = Inspector::new(Trace::parse(TRACE).unwrap());
    alone.for_each(|event| assert!(!filter.matches(&event))).unwrap();
    let plugins = SyscallPlugins::init(&other, &log().0, false).unwrap();
    let mut foreign = Inspector::builder(Trace::parse(TRACE).unwrap()).extension(plugins).build();
    foreign.for_each(|event| assert!(!filter.matches(&event))).unwrap();
}

#[test]
fn names_and_clashes() {
    let Some(path) = testkit::sdk_plugin("calls") else { return };
    let set = of_syscalls(&[configured(path, "")]);
    let mut schema = schema(&set);
    assert!(schema.is_field("calls.code") && schema.is_field("calls.parameter[1]") && !schema.is_field("calls.x"));
    assert!(schema.field_names().iter().any(|name| name == "calls.ticks"));
    assert_eq!(schema.suggested_output().last().unwrap(), "calls_parsed=%calls.parsed");
    let id = schema.field("calls.parameter", Some(b"1")).unwrap().id;
    assert_eq!(schema.field("calls.parameter", Some(b"1")).unwrap().id, id);
    let error = schema.field("calls.parameter", None).unwrap_err().to_string();
    assert!(error.contains("requires an argument"), "{error}");
    let field = r#"-DFIELDS="[{\"name\": \"proc.name\", \"type\": \"string\"}]""#;
    let built = Built::new(&["-DNO_SOURCE", field]);
    let error = SourcePlugins::of_syscalls(&[built.configured("", "")]).unwrap_err();
    assert!(matches!(&error, Error::Clash { what: "the field", .. }), "{error}");
    // One with a source of its own is not for system calls.
    let counter = Built::new(&["-DPARSING"]);
    assert!(SourcePlugins::of_syscalls(&[counter.configured("", "")]).unwrap().is_none());
}

#[test]
fn an_error_of_extraction_is_counted() {
    let field = r#"-DFIELDS="[{\"name\": \"other.value\", \"type\": \"uint64\"}]""#;
    let built = Built::new(&["-DNO_SOURCE", "-DFAIL_EXTRACT", field]);
    let set = of_syscalls(&[built.configured("", "")]);
    let plugins = SyscallPlugins::init(&set, &log().0, false).unwrap();
    assert_eq!(matches(&set, Arc::clone(&plugins), TRACE, "other.value exists"), Vec::<u64>::new());
    assert_eq!(plugins.failures(), 4);
}

#[test]
fn an_idle_source_shows_asynchronous_events_too() {
    let built = Built::new(&["-DNO_SOURCE", "-DASYNC", "-DNAME=\"ticker\"", "-DFIELDS=\"[]\""]);
    let set = of_syscalls(&[built.configured("", "")]);
    let plugins = SyscallPlugins::init(&set, &log().0, true).unwrap();
    let mut inspector = Inspector::builder(Idle(scap::HostState::default())).extension(plugins).build();
    let mut seen = Vec::new();
    for _ in 0..3 {
        match inspector.next().unwrap() {
            Next::Event(event) => seen.push(event.ts()),
            Next::Idle => seen.push(0),
            Next::Hidden | Next::End => panic!("an idle source"),
        }
    }
    assert_eq!(seen, [2_500_000_000, 3_500_000_000, 0]);
}

/// A source that never has events.
struct Idle(scap::HostState);

impl scap::Source for Idle {
    fn next(&mut self) -> scap::Result<scap::Next<'_>> {
        Ok(scap::Next::Idle)
    }
    fn host(&self) -> &scap::HostState {
        &self.0
    }
    fn stats(&self) -> scap::SourceStats {
        scap::SourceStats::default()
    }
    fn is_live(&self) -> bool {
        true
    }
}
