//! The same plugins in this host and in the runner of the independent SDK: both call the same functions in the same order with
//! the same data, and get the same values.
//!
//! The plugins are called by a third that writes each call down. The runner covers one plugin alone, with events of its own
//! source; system calls and what reads state tables are not among it.

mod common;

use bumpalo::Bump;
use common::log;
use peregrine_plugin_host::{Configured, Library, Next, PluginSchema, PluginSource, SourcePlugins};
use rule_engine::event::{Event, EventSchema, Schema, split_argument};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// The calls, and the values of the fields by event.
#[derive(Debug, PartialEq)]
struct Seen {
    calls: Vec<String>,
    values: Vec<String>,
}

fn calls(log: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(log).expect("the calls");
    text.lines().map(str::to_owned).collect()
}

/// Runs a plugin here.
fn here(library: &Path, log_of_calls: &Path, config: &str, fields: &[&str]) -> Seen {
    let plugin = Configured::new(Library::load(library).expect("a plugin"), config, "");
    let set: Arc<SourcePlugins> = SourcePlugins::combine(&[plugin]).expect("a source").remove(0);
    let mut schema = PluginSchema::new(&set);
    let ids: Vec<_> = fields
        .iter()
        .map(|field| {
            let (name, argument) = split_argument(field).expect("a field");
            schema.field(name, argument).expect("a field").id
        })
        .collect();
    let mut source = PluginSource::open(&set, &log().0).expect("a source");
    let mut values = Vec::new();
    loop {
        match source.next_event().expect("a valid event") {
            Next::Event(event) => {
                let (arena, event) = (Bump::new(), schema.event(event).expect("an event of these plugins"));
                let text = |id| {
                    let text = event.text(id, &arena).map(|text| String::from_utf8_lossy(text).into_owned());
                    text.unwrap_or_else(|| "<NA>".to_owned())
                };
                values.push(ids.iter().map(|id| text(*id)).collect::<Vec<_>>().join("\t"));
            }
            Next::Idle => {}
            Next::End => break,
        }
    }
    source.plugins()[0].metrics();
    drop(source);
    Seen { calls: calls(log_of_calls), values }
}

/// Runs it in the runner.
fn there(runner: &Path, library: &Path, log_of_calls: &Path, config: &str, fields: &[&str]) -> Seen {
    let ran = Command::new(runner).arg(library).arg(config).args(fields).output().expect("the runner");
    let text = String::from_utf8(ran.stdout).expect("UTF-8");
    assert!(ran.status.success(), "{text}{}", String::from_utf8_lossy(&ran.stderr));
    let values = text.lines().filter(|line| !line.contains("onotonic ")).map(str::to_owned).collect();
    Seen { calls: calls(log_of_calls), values }
}

/// Returns how often a call was made.
fn count(seen: &Seen, call: &str) -> usize {
    seen.calls.iter().filter(|line| line.split(' ').next() == Some(call)).count()
}

/// Compares both with a plugin that has capabilities. Returns what was seen.
fn compare(target: &Path, capabilities: &[&str], params: &str, config: &str, fields: &[&str]) -> Option<Seen> {
    let runner = testkit::sdk_runner()?;
    let folder = tempfile::tempdir().expect("a folder");
    let (library, calls) = (folder.path().join("libspy.so"), folder.path().join("calls"));
    let text = |name: &str, value: &str| format!("-D{name}=\"{value}\"");
    let (target, to) = (target.display().to_string(), calls.display().to_string());
    let options = [text("TARGET", &target), text("LOG", &to), text("PARAMS", params)];
    let options: Vec<&str> = options.iter().map(String::as_str).chain(capabilities.iter().copied()).collect();
    testkit::c_plugin("spy.c", &options, &library);
    let theirs = there(&runner, &library, &calls, config, fields);
    let ours = here(&library, &calls, config, fields);
    assert_eq!(ours.values, theirs.values);
    assert_eq!(ours.calls, theirs.calls);
    Some(ours)
}

#[test]
fn a_plugin_of_the_sdk_gets_the_same_calls() {
    let Some(letters) = testkit::sdk_plugin("letters") else { return };
    let fields = [
        "letters.name",
        "letters.place",
        "letters.vowel",
        "letters.next[3]",
        "letters.with[x]",
        "letters.with",
        "letters.address",
        "letters.seen",
        "evt.plugininfo",
    ];
    let capabilities = ["-DSOURCING", "-DEXTRACTION", "-DPARSING"];
    let config = r#"{"first": "a", "batch": 3}"#;
    let Some(seen) = compare(&letters, &capabilities, "y", config, &fields) else { return };
    assert_eq!((count(&seen, "parse_event"), count(&seen, "extract")), (25, 25 * 8));
    assert_eq!((count(&seen, "event_to_string"), count(&seen, "next_batch"), seen.values.len()), (25, 10, 25));
    assert_eq!(seen.values[4], "e\t5\ttrue\th\txe\te\t10.0.0.101\tabcde\tthe letter e");
}

#[test]
fn a_plugin_in_c_with_asynchronous_events_gets_the_same_calls() {
    let folder = tempfile::tempdir().expect("a folder");
    let counter = folder.path().join("libcounter.so");
    // The runner requires `isList`, which plugins may leave out.
    let fields = r#"-DFIELDS="[{\"name\": \"counter.value\", \"type\": \"uint64\", \"isList\": false, \"desc\": \"\"},
        {\"name\": \"counter.plus\", \"type\": \"uint64\", \"isList\": false, \"desc\": \"\", \"arg\": {\"isIndex\": true}},
        {\"name\": \"counter.even\", \"type\": \"bool\", \"isList\": false, \"desc\": \"\"}]""#;
    let fields = fields.replace('\n', "");
    let options = ["-DASYNC", "-DPARSING", "-DTIMES=1", "-DEVENT_ID=999", &fields];
    testkit::c_plugin("plugin.c", &options, &counter);
    let capabilities = ["-DSOURCING", "-DEXTRACTION", "-DPARSING", "-DASYNC"];
    // Before the events of the source, so that the order is the same without a merge by time, which the runner does not do.
    let fields = ["counter.value", "counter.plus[7]", "counter.even"];
    let Some(seen) = compare(&counter, &capabilities, "6", "early", &fields) else { return };
    assert_eq!((count(&seen, "parse_event"), count(&seen, "set_async_event_handler")), (6, 2));
    assert_eq!(seen.values.len(), 8);
}
