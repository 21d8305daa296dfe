//! A valid plugin: its description, its events, and the values of its fields in rules.

mod common;

use common::{Built, log};
use peregrine_plugin_host::{
    Error, Events, Next, Plugin, PluginSchema, PluginSource, Severity, SourcePlugins, late_calls,
};
use rule_engine::event::{Event, EventSchema, Schema, Value};
use rule_engine::filter::Filter;

/// Returns the numbers of the events for which a condition is true.
fn matches(built: &Built, events: u32, condition: &str) -> Vec<u64> {
    let set = built.alone("", &events.to_string());
    let filter = Filter::compile(condition, PluginSchema::new(&set));
    let mut filter = filter.unwrap_or_else(|error| panic!("{condition}: {error}"));
    let mut source = PluginSource::open(&set, &log().0).expect("a source");
    let mut matched = Vec::new();
    loop {
        match source.next_event().expect("a valid event") {
            Next::Event(event) => {
                if filter.try_matches(event).expect("an event of these plugins") {
                    matched.push(event.number());
                }
            }
            Next::Idle => {}
            Next::End => return matched,
        }
    }
}

#[test]
fn a_plugin_says_what_it_is() {
    let library = Built::new(&[]).load().unwrap();
    let info = library.info();
    assert_eq!((info.name.as_str(), info.description.as_str()), ("counter", "Counts."));
    assert_eq!((info.version.to_string().as_str(), info.api_version.to_string().as_str()), ("1.2.3", "3.0.0"));
    assert_eq!(info.events, Some(Events::Own { id: 999, source: "counter".to_owned() }));
    assert!(info.capabilities.sourcing && info.capabilities.extraction && !info.capabilities.parsing);
    assert_eq!(info.fields.len(), 10);
    let parsing = Built::new(&["-DPARSING"]).load().unwrap();
    assert!(parsing.info().capabilities.parsing);
}

#[test]
fn events_come_in_batches_until_the_end() {
    let built = Built::new(&[]);
    let set = built.alone("", "10");
    let mut source = PluginSource::open(&set, &log().0).unwrap();
    let (mut payloads, mut times, mut idle) = (Vec::new(), Vec::new(), 0);
    loop {
        match source.next_event().unwrap() {
            Next::Event(event) => {
                assert_eq!(event.number(), payloads.len() as u64 + 1);
                payloads.push(String::from_utf8(event.payload().to_vec()).unwrap());
                times.push(event.time());
            }
            Next::Idle => idle += 1,
            Next::End => break,
        }
    }
    let expected: Vec<String> = (1..=10).map(|number| number.to_string()).collect();
    assert_eq!(payloads, expected);
    assert!(idle > 0, "a time-out of the plugin was not reported");
    assert_eq!((times[0], times[2]), (1_000_000_000, 3_000_000_000));
    // The plugin leaves the time of every second event to its host.
    assert!(times[1] > 1_700_000_000_000_000_000, "{}", times[1]);
    assert_eq!(source.progress(), Some((10_000, None)));
    assert!(matches!(source.next_event(), Ok(Next::End)), "the end does not last");
}

#[test]
fn conditions_see_each_type_of_field() {
    let built = Built::new(&[]);
    for (condition, expected) in [
        ("counter.value >= 9", vec![9, 10]),
        ("counter.text = 3", vec![3]),
        ("not counter.text exists", vec![7]),
        ("counter.even = true", vec![2, 4, 6, 8, 10]),
        ("counter.addr = 10.0.0.4", vec![4]),
        ("counter.addr = ::5", vec![5]),
        // An address of seven bytes is invalid.
        ("not counter.addr exists", vec![9]),
        ("counter.net in (\"10.0.0.4/31\")", vec![4]),
        ("counter.took > 8000000000", vec![9, 10]),
        ("counter.at = 2000000000", vec![2]),
        ("counter.parts in (part) and counter.value < 3", vec![1, 2]),
        ("counter.plus[5] = 8", vec![3]),
        ("counter.with[key-] = key-2", vec![2]),
        ("counter.with = none4", vec![4]),
        ("evt.num = 3 and evt.source = counter and evt.pluginname = counter", vec![3]),
        ("evt.plugininfo = \"event 6 of counter\"", vec![6]),
        ("evt.rawtime = 3000000000", vec![3]),
        ("evt.is_async = false and evt.num = 1", vec![1]),
        ("toupper(counter.with[a]) = A8", vec![8]),
    ] {
        assert_eq!(matches(&built, 10, condition), expected, "{condition}");
    }
}

#[test]
fn invalid_fields_are_errors_in_the_words_of_falco() {
    let built = Built::new(&[]);
    let set = built.alone("", "1");
    for (condition, expected) in [
        ("counter.valeu = 1", "nonexistent field counter.valeu"),
        ("counter.value[1] = 1", "does not allow nor require an argument"),
        ("counter.plus = 1", "requires an argument but none provided"),
        ("counter.plus[x] = 1", "not composed only by digits"),
        ("proc.name = x", "nonexistent field proc.name"),
    ] {
        let error = Filter::compile(condition, PluginSchema::new(&set)).unwrap_err().to_string();
        assert!(error.contains(expected), "{condition}: {error}");
    }
}

#[test]
fn values_print_as_text_and_json() {
    let built = Built::new(&[]);
    let set = built.alone("", "4");
    let mut schema = PluginSchema::new(&set);
    let ids = ["counter.value", "counter.parts", "counter.addr", "counter.even"];
    let ids: Vec<_> = ids.iter().map(|name| schema.field(name, None).unwrap().id).collect();
    assert_eq!(schema.suggested_output(), ["counter_value=%counter.value"]);
    let mut source = PluginSource::open(&set, &log().0).unwrap();
    let mut lines = Vec::new();
    let arena = bumpalo::Bump::new();
    loop {
        match source.next_event().unwrap() {
            Next::Event(event) => {
                let event = schema.event(event).unwrap();
                let text = ids.iter().map(|id| String::from_utf8_lossy(event.text(*id, &arena).unwrap()).into_owned());
                lines.push(text.collect::<Vec<_>>().join(" "));
                assert_eq!(event.json(ids[0], &arena), Some(Value::U64(event.number())));
            }
            Next::Idle => {}
            Next::End => break,
        }
    }
    // The third of the texts is null, which is left out.
    assert_eq!(
        lines,
        [
            "1 (part) ::1 false",
            "2 (part,part) 10.0.0.2 true",
            "3 (part,part) ::3 false",
            "4 (part,part,part) 10.0.0.4 true"
        ]
    );
}

#[test]
fn a_plugin_that_only_extracts_serves_the_source_of_another() {
    let counter = Built::new(&[]);
    let fields = r#"-DFIELDS="[{\"name\": \"other.value\", \"type\": \"uint64\"}]""#;
    let other = Built::new(&["-DNO_SOURCE", "-DNAME=\"other\"", fields]);
    let sets = SourcePlugins::combine(&[other.configured("", ""), counter.configured("", "3")]).unwrap();
    assert_eq!(sets.len(), 1);
    assert_eq!((sets[0].source(), sets[0].provider()), ("counter", "counter"));
    let mut filter =
        Filter::compile("other.value = val(counter.value) and other.value > 1", PluginSchema::new(&sets[0])).unwrap();
    let mut source = PluginSource::open(&sets[0], &log().0).unwrap();
    let mut matched = 0;
    loop {
        match source.next_event().unwrap() {
            Next::Event(event) => matched += u32::from(filter.try_matches(event).unwrap()),
            Next::Idle => {}
            Next::End => break,
        }
    }
    assert_eq!(matched, 2);
    // One for other sources is of no use here.
    let elsewhere = Built::new(&["-DNO_SOURCE", "-DNAME=\"other\"", fields, r#"-DFIELD_SOURCES="[\"elsewhere\"]""#]);
    let error = SourcePlugins::combine(&[elsewhere.configured("", ""), counter.configured("", "3")]).unwrap_err();
    assert_eq!(error, Error::Unused { plugin: "other".to_owned() });
}

#[test]
fn what_two_plugins_provide_is_a_clash() {
    let counter = Built::new(&[]);
    for (options, expected) in [
        (vec!["-DNO_SOURCE"], "the name `counter` is provided by"),
        (vec!["-DNAME=\"b\"", "-DID=1000"], "event source `counter` is provided by counter already"),
        (vec!["-DNAME=\"b\"", "-DSOURCE=\"b\""], "event source id `999` is provided by counter already"),
        (vec!["-DNAME=\"b\"", "-DNO_SOURCE"], "the field `counter.value` is provided by counter already"),
        (
            vec!["-DNAME=\"b\"", "-DNO_SOURCE", r#"-DFIELDS="[{\"name\": \"evt.num\", \"type\": \"uint64\"}]""#],
            "the field `evt.num` is provided by this program already",
        ),
    ] {
        let other = Built::new(&options);
        let error = SourcePlugins::combine(&[counter.configured("", ""), other.configured("", "")]).unwrap_err();
        assert!(error.to_string().contains(expected), "{options:?}: {error}");
    }
}

#[test]
fn an_event_of_other_plugins_is_refused() {
    let (one, two) = (Built::new(&[]), Built::new(&[]));
    let (one, two) = (one.alone("", "1"), two.alone("", "1"));
    let mut filter = Filter::compile("counter.value = 1", PluginSchema::new(&one)).unwrap();
    let mut source = PluginSource::open(&two, &log().0).unwrap();
    let Next::Event(event) = source.next_event().unwrap() else { panic!("no event") };
    assert_eq!(filter.try_matches(event), Err(Error::ForeignEvent));
}

#[test]
fn configuration_log_metrics_and_parameters() {
    let built = Built::new(&[]);
    let library = built.load().unwrap();
    let (to, lines) = log();
    let mut plugin = Plugin::init(&library, "anything", to).unwrap();
    {
        let lines = lines.lock().unwrap();
        assert_eq!((lines[0].plugin.as_str(), lines[0].component.as_deref()), ("counter", Some("start")));
        assert_eq!((lines[0].message.as_str(), lines[0].severity), ("initialized", Severity::Info));
        assert_eq!((lines[1].component.as_deref(), lines[1].message.as_str()), (None, ""));
    }
    assert_eq!(plugin.set_config("more"), Ok(true));
    let error = plugin.set_config("refuse").unwrap_err().to_string();
    assert_eq!(error, "plugin counter: `plugin_set_config` failed: no change to 'refuse'");
    let metrics = plugin.metrics();
    let seen: Vec<_> = metrics.iter().map(|metric| (metric.name.as_str(), metric.counter, metric.value)).collect();
    assert_eq!(seen, [("batches", true, 0.0), ("half", false, 0.5)]);
    let params: Vec<_> = plugin.open_params().unwrap().into_iter().map(|param| (param.value, param.desc)).collect();
    assert_eq!(params, [("10".to_owned(), "ten events".to_owned()), ("20".to_owned(), String::new())]);
}

#[test]
fn a_call_that_comes_too_late_is_counted() {
    let built = Built::new(&[]);
    let library = built.load().unwrap();
    let (to, lines) = log();
    drop(Plugin::init(&library, "", to).unwrap());
    let (before, logged) = (late_calls(), lines.lock().unwrap().len());
    // SAFETY: the library is loaded, and this function of the test's own plugin takes nothing.
    unsafe {
        let again = libloading::Library::new(built.path()).unwrap();
        again.get::<unsafe extern "C" fn()>(b"counter_log_late\0").unwrap()();
    }
    assert_eq!((late_calls(), lines.lock().unwrap().len()), (before + 1, logged));
}

#[test]
fn asynchronous_events_are_merged_into_those_of_the_source() {
    let built = Built::new(&["-DASYNC"]);
    let set = built.alone("", "6");
    let schema = PluginSchema::new(&set);
    let mut filter = Filter::compile("evt.is_async = true and evt.asynctype = tick", schema).unwrap();
    let mut value = Filter::compile("counter.value exists or evt.plugininfo exists", PluginSchema::new(&set)).unwrap();
    let mut source = PluginSource::open(&set, &log().0).unwrap();
    let (mut seen, mut ticks) = (Vec::new(), Vec::new());
    loop {
        match source.next_event().unwrap() {
            Next::Event(event) => {
                seen.push(String::from_utf8_lossy(event.payload()).into_owned());
                ticks.extend(filter.try_matches(event).unwrap().then_some((event.number(), event.time())));
                assert_eq!(value.try_matches(event).unwrap(), !event.is_async());
            }
            Next::Idle => {}
            Next::End => break,
        }
    }
    // Every second event has no time, and gets that of the call: the events of 2.5 and 3.5 seconds come before it.
    assert_eq!(seen, ["1", "data", "data", "2", "3", "4", "5", "6"]);
    assert_eq!(ticks, [(2, 2_500_000_000), (3, 3_500_000_000)]);
}

#[test]
fn a_plugin_says_which_bytes_of_an_event_are_a_value() {
    let ranges = |built: &Built| {
        let set = built.alone("", "6");
        let mut schema = PluginSchema::new(&set);
        let (value, number) = (schema.field("counter.value", None).unwrap(), schema.field("evt.num", None).unwrap());
        let mut source = PluginSource::open(&set, &log().0).unwrap();
        let mut ranges = Vec::new();
        loop {
            match source.next_event().unwrap() {
                Next::Event(event) => {
                    assert_eq!(schema.range(number.id, event).unwrap(), None);
                    let range = schema.range(value.id, event).unwrap();
                    ranges.push(range.map(|range| String::from_utf8_lossy(&event.bytes()[range]).into_owned()));
                }
                Next::Idle => {}
                Next::End => return ranges,
            }
        }
    };
    let found = |number: &str| Some(number.to_owned());
    // The third ends behind the event, the fourth is nowhere in it, of the fifth the plugin says nothing.
    let expected = [found("1"), found("2"), None, None, None, found("6")];
    assert_eq!(ranges(&Built::new(&["-DOFFSETS"])), expected);
    assert_eq!(ranges(&Built::new(&[])), [None, None, None, None, None, None]);
}
