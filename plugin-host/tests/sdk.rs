//! Plugins that were written with the independent SDK.

mod common;

use common::log;
use peregrine_plugin_host::{
    Configured, Error, Events, Library, Next, Plugin, PluginSchema, PluginSource, Severity, SourcePlugins,
};
use rule_engine::event::Schema as _;
use rule_engine::filter::Filter;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

const CONFIG: &str = r#"{"first": "a", "batch": 3}"#;

fn letters(path: &Path) -> Arc<SourcePlugins> {
    let library = Library::load(path).unwrap_or_else(|error| panic!("{error}"));
    let configured = Configured::new(library, CONFIG, "j");
    SourcePlugins::combine(&[configured]).unwrap_or_else(|error| panic!("{error}")).remove(0)
}

/// The SDK has one logger in a process, which is that of the plugin that was initialized last.
static ALONE: Mutex<()> = Mutex::new(());

/// Returns the letters for which a condition is true.
fn matches(set: &Arc<SourcePlugins>, condition: &str) -> String {
    let filter = Filter::compile(condition, PluginSchema::new(set));
    let mut filter = filter.unwrap_or_else(|error| panic!("{condition}: {error}"));
    let mut source = PluginSource::open(set, &log().0).expect("a source");
    let mut matched = String::new();
    loop {
        match source.next_event().expect("a valid event") {
            Next::Event(event) => {
                if filter.try_matches(event).expect("an event of these plugins") {
                    matched.push_str(std::str::from_utf8(event.payload()).expect("a letter"));
                }
            }
            Next::Idle => {}
            Next::End => return matched,
        }
    }
}

#[test]
fn a_plugin_of_the_sdk_says_what_it_is() {
    let Some(path) = testkit::sdk_plugin("letters") else { return };
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let library = Library::load(path).unwrap();
    let info = library.info();
    assert_eq!((info.name.as_str(), info.version.to_string().as_str()), ("letters", "0.3.1"));
    assert_eq!(info.events, Some(Events::Own { id: 997, source: "letters".to_owned() }));
    assert!(info.capabilities.sourcing && info.capabilities.extraction && info.capabilities.parsing);
    let (schema, json) = info.init_schema.as_ref().unwrap();
    assert!(*json && schema.contains("The first letter."), "{schema}");
    let suggested: Vec<_> = info.fields.iter().filter(|field| field.suggested).map(|field| &field.name).collect();
    assert_eq!(suggested, ["letters.name"]);
}

#[test]
fn conditions_see_the_fields_of_a_plugin_of_the_sdk() {
    let Some(path) = testkit::sdk_plugin("letters") else { return };
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let set = letters(&path);
    for (condition, expected) in [
        ("letters.name exists", "abcdefghij"),
        ("letters.name in (c, j, q)", "cj"),
        ("letters.place > 8", "ij"),
        ("letters.vowel = true", "aei"),
        ("letters.next[1] = c", "b"),
        ("not letters.next[20] exists", "ghij"),
        ("letters.with[x] = xd", "d"),
        ("letters.with = d", "d"),
        ("letters.before intersects (h)", "ij"),
        ("letters.address = 10.0.0.98", "b"),
        ("letters.since = 99000000000", "c"),
        ("letters.at = 100000000000", "d"),
        ("evt.plugininfo = \"the letter e\" and evt.pluginname = letters", "e"),
        ("evt.rawtime.s = 1700000102", "f"),
        // An event is parsed before it is evaluated.
        ("letters.seen = abcd", "d"),
    ] {
        assert_eq!(matches(&set, condition), expected, "{condition}");
    }
}

#[test]
fn configuration_log_metrics_and_parameters_of_a_plugin_of_the_sdk() {
    let Some(path) = testkit::sdk_plugin("letters") else { return };
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let library = Library::load(path).unwrap();
    let (to, lines) = log();
    let mut plugin = Plugin::init(&library, CONFIG, to).unwrap();
    {
        let lines = lines.lock().unwrap();
        let line = lines.iter().find(|line| line.message.contains("from a"));
        let line = line.unwrap_or_else(|| panic!("{lines:?}"));
        assert_eq!((line.plugin.as_str(), line.severity), ("letters", Severity::Info));
    }
    assert_eq!(plugin.set_config(r#"{"first": "q"}"#), Ok(true));
    let error = plugin.set_config(r#"{"first": "Q"}"#).unwrap_err().to_string();
    assert_eq!(error, "plugin letters: `plugin_set_config` failed: Q is not a small letter");
    let metrics = plugin.metrics();
    let seen: Vec<_> = metrics.iter().map(|metric| (metric.name.as_str(), metric.counter, metric.value)).collect();
    assert_eq!(seen, [("batches", true, 0.0), ("level", false, -3.0)]);
    assert_eq!(plugin.open_params().unwrap()[0].desc, "the whole alphabet");
    drop(plugin);
    // By the schema that the SDK makes, without the value, which may be a secret.
    for (config, expected) in [
        (r#"{"first": 7}"#, "/first: value is not of type \"string\""),
        (r#"{"first": "a", "batch": 256, "more": 8}"#, "/batch: value is greater than the maximum of 255"),
        (r#"{"batch": 2}"#, "\"first\" is a required property"),
    ] {
        let error = Plugin::init(&library, config, log().0).unwrap_err().to_string();
        assert!(error.starts_with("plugin letters: invalid init_config: ") && error.contains(expected), "{error}");
        assert!(!error.contains("256"), "{error}");
    }
    let error = Plugin::init(&library, "first", log().0).unwrap_err();
    assert!(matches!(&error, Error::Config { setting: "init_config", .. }), "{error}");
}

#[test]
fn a_source_of_the_sdk_that_cannot_be_opened_says_why() {
    let Some(path) = testkit::sdk_plugin("letters") else { return };
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let library = Library::load(path).unwrap();
    let configured = Configured::new(library, CONFIG, "xyz");
    let set = SourcePlugins::combine(&[configured]).unwrap().remove(0);
    let error = PluginSource::open(&set, &log().0).unwrap_err().to_string();
    assert_eq!(error, "plugin letters: `plugin_open` failed: the parameters are the last letter");
}

#[test]
fn a_plugin_of_the_sdk_says_which_bytes_are_a_value() {
    let Some(path) = testkit::sdk_plugin("letters") else { return };
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let set = letters(&path);
    let mut schema = PluginSchema::new(&set);
    let [name, place] = ["letters.name", "letters.place"].map(|field| schema.field(field, None).unwrap().id);
    let mut source = PluginSource::open(&set, &log().0).unwrap();
    let Next::Event(event) = source.next_event().unwrap() else { panic!("no event") };
    let range = schema.range(name, event).unwrap().unwrap();
    assert_eq!((&event.bytes()[range.clone()], event.payload()), (&b"a"[..], &b"a"[..]));
    assert_eq!(range.end, event.bytes().len());
    assert_eq!(schema.range(place, event).unwrap(), None);
}
