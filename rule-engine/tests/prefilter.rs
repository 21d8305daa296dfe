//! The checks that exclude rules before they are evaluated exclude none that matches.

use peregrine_rule_engine::event::record::RecordSchema;
use peregrine_rule_engine::event::{Kind, Value};
use peregrine_rule_engine::filter::FilterSetBuilder;

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
