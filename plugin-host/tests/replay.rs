//! Events of a plugin in a capture: they have the same values as when the plugin provided them.

mod common;

use common::{Built, log};
use peregrine_plugin_host::{Next, PluginSchema, PluginSource};
use rule_engine::filter::Filter;
use scap::savefile::{Compression, Reader, Writer};
use scap::{HostState, Source};
use std::io::Cursor;

#[test]
fn events_of_a_capture_have_their_values() {
    let built = Built::new(&["-DASYNC", "-DPARSING"]);
    let set = built.alone("", "6");
    let condition = "counter.value > 4 or evt.asynctype = tick or evt.plugininfo = \"event 4 of counter\"";
    let mut filter = Filter::compile(condition, PluginSchema::new(&set)).expect("a condition");
    let mut source = PluginSource::open(&set, &log().0).expect("a source");
    let mut writer = Writer::new(Vec::new(), &HostState::default(), Compression::Plain).expect("a capture");
    let mut live = Vec::new();
    loop {
        match source.next_event().expect("a valid event") {
            Next::Event(event) => {
                let matches = filter.try_matches(event).expect("an event of these plugins");
                live.push((event.number(), event.time(), event.is_async(), event.payload().to_vec(), matches));
                writer.write(&scap::Event::parse(0, 0, event.bytes()).expect("an event")).expect("written");
            }
            Next::Idle => {}
            Next::End => break,
        }
    }
    drop(source);
    assert_eq!(live.iter().filter(|(.., matches)| *matches).count(), 5);
    let mut reader = Reader::new(Cursor::new(writer.finish().expect("a capture"))).expect("a capture");
    let mut source = PluginSource::replay(&set, &log().0).expect("plugins");
    let (mut replayed, mut number) = (Vec::new(), 0);
    while let scap::Next::Event(raw) = reader.next().expect("a valid capture") {
        number += 1;
        let event = source.show(&raw, number).expect("an event of the source");
        let matches = filter.try_matches(event).expect("an event of these plugins");
        replayed.push((event.number(), event.time(), event.is_async(), event.payload().to_vec(), matches));
    }
    assert_eq!(replayed, live);
    assert!(matches!(source.next_event(), Ok(Next::End)), "the source was opened");
}

#[test]
fn other_events_are_not_shown() {
    let built = Built::new(&[]);
    let mut source = PluginSource::replay(&built.alone("", "6"), &log().0).expect("plugins");
    let text = "1.0 tid=7 close res=0 fd=3\n1.1 tid=-1 pluginevent plugin_id=5 event_data=b\"1\"\n\
                1.2 tid=-1 pluginevent plugin_id=999 event_data=b\"1\"\n";
    let mut trace = scap::text::Trace::parse(text).unwrap_or_else(|error| panic!("{error}"));
    let mut shown = Vec::new();
    while let scap::Next::Event(raw) = trace.next().expect("an event") {
        shown.push(source.show(&raw, 1).map(|event| event.payload().to_vec()));
    }
    assert_eq!(shown, [None, None, Some(b"1".to_vec())]);
}
