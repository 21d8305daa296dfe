//! The checks that exclude rules before they are evaluated exclude none that matches.

use std::fmt::Write as _;

use peregrine_rule_engine::engine::Config;
use peregrine_rule_engine::event::record::RecordSchema;
use peregrine_rule_engine::event::{Kind, Lifetime, Value};
use peregrine_rule_engine::filter::FilterSetBuilder;
use peregrine_rule_engine::load::{Loader, Sources};

/// Alternatives of which one is a hash and one is a prefix are of two matchers: neither alone decides.
#[test]
fn alternatives_of_two_matchers() {
    let schema = RecordSchema::new("files", ["open"]).field("file.name", Kind::CharBuf);
    let mut builder = FilterSetBuilder::new(schema.clone());
    for place in 0..20 {
        let condition = format!("evt.type = open and (file.name = /one/{place} or file.name startswith /two/{place}x)");
        builder.add(&condition).expect("a condition");
    }
    let mut filters = builder.build();
    for (name, expected) in [("/one/7", &[7][..]), ("/two/7xy", &[7]), ("/one/70", &[])] {
        let mut found = Vec::new();
        let event = schema.record("open").with("file.name", Value::Bytes(name.as_bytes()));
        filters.try_matches(&event, |place| found.push(place)).expect("an event of this schema");
        assert_eq!(found, expected, "{name}");
    }
}

/// A guard that is cached with the process excludes a rule before its prefilter is searched for in a file name.
#[test]
fn a_process_that_no_rule_is_about_needs_no_search_of_file_names() {
    let schema = RecordSchema::new("files", ["open"])
        .field_with("proc.name", Kind::CharBuf, |info| info.lifetime = Lifetime::Thread)
        .field("fd.name", Kind::CharBuf);
    let mut rules = String::new();
    for place in 0..20 {
        // The guards of the last are not one atom.
        let more = if place < 18 { "" } else { " and proc.name startswith p" };
        let condition = format!("evt.type = open and proc.name = p{place}{more} and fd.name startswith /data/{place}/");
        let _ = write!(
            rules,
            "- rule: r{place}\n  desc: d\n  condition: {condition}\n  output: o\n  priority: info\n  source: files\n"
        );
    }
    let mut loader = Loader::new(Sources::new().with(schema.clone()));
    let loaded = loader.load([("rules.yaml", rules.as_bytes())]);
    assert!(loaded.is_successful());
    let rules = loader.into_sources().build(loaded.into_rules(), &Config::default()).expect("rules");
    let mut runner = rules.source::<RecordSchema>("files").expect("the source").runner();
    runner.profile();
    let mut number = 0;
    let mut open = |process: &str, stamp: u128, file: &str| {
        number += 1;
        let event = schema
            .record("open")
            .with("proc.name", Value::Bytes(process.as_bytes()))
            .with("fd.name", Value::Bytes(file.as_bytes()))
            .at(number, number)
            .stamped(stamp, stamp);
        let mut found = Vec::new();
        runner.try_process(&event, |alert| found.push(alert.rule().to_owned())).expect("an event of this schema");
        let profile = runner.profiled().expect("a profile");
        let of_files = profile.matchers.iter().filter(|row| row.matcher.ends_with("startswith: 20 atoms"));
        (found.join(" "), of_files.map(|row| row.searches).sum::<u64>())
    };
    for _ in 0..10 {
        assert_eq!(open("cat", 1, "/data/3/x"), (String::new(), 0));
    }
    assert_eq!(open("p3", 2, "/data/3/x"), ("r3".to_owned(), 1));
    assert_eq!(open("p3", 2, "/data/4/x"), (String::new(), 2));
    assert_eq!(open("p19", 3, "/data/19/x"), ("r19".to_owned(), 3));
    // Another process with the name, and one whose name was that of another.
    assert_eq!(open("p3", 4, "/data/3/x"), ("r3".to_owned(), 4));
    assert_eq!(open("cat", 5, "/data/3/x"), (String::new(), 4));
}
