//! Tests the example of every field over the session in `testdata/traces/session.txt`.

use bumpalo::Bump;
use peregrine_sinsp::Inspector;
use peregrine_sinsp::fields::{CLASSES, FieldRef};
use scap::text::Trace;

const SESSION: &str = include_str!("../../../testdata/traces/session.txt");

/// Returns the names of the session's events, by number.
fn names() -> Vec<(u64, &'static str)> {
    let (mut number, mut name, mut names) = (0, None, Vec::new());
    for line in SESSION.lines() {
        let first = line.split(' ').next().unwrap_or_default();
        if let Some(comment) = line.strip_prefix("# ") {
            name = comment.strip_suffix(':').or(name);
        } else if first.starts_with(|c: char| c.is_ascii_digit() || c == '+') || first.starts_with("tid=") {
            number += 1;
            names.extend(name.take().map(|name| (number, name)));
        }
    }
    names
}

#[test]
fn the_example_of_every_field_holds() {
    let names = names();
    let mut examples = Vec::new();
    for field in CLASSES.iter().flat_map(|class| class.fields) {
        let text = format!("{}{}", field.name, field.example.arg.unwrap_or_default());
        let parsed = FieldRef::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(names.iter().any(|(_, name)| *name == field.example.at), "{text}: no event {}", field.example.at);
        examples.push((parsed, field.example));
    }
    let mut inspector = Inspector::new(Trace::parse(SESSION).expect("a trace"));
    let mut arena = Bump::new();
    let mut wrong = Vec::new();
    let mut seen = 0;
    // The examples of local times are given in UTC.
    let local = ["evt.time", "evt.time.s", "evt.datetime", "evt.datetime.s", "evt.outputtime"];
    let clock = FieldRef::parse("evt.time").expect("a field");
    inspector
        .for_each(|event| {
            let Some((_, name)) = names.iter().find(|(number, _)| *number == event.num()) else { return };
            let utc = clock.text(&event, &arena).is_some_and(|time| time.starts_with(b"22:13:"));
            for (field, example) in examples.iter().filter(|(_, example)| example.at == *name) {
                seen += 1;
                if !utc && local.contains(&field.name()) {
                    testkit::skip(&testkit::UTC, field.name());
                    continue;
                }
                let text = field.text(&event, &arena).map(String::from_utf8_lossy);
                if text.as_deref() != example.text {
                    wrong.push(format!("{} on {name}: {text:?}, not {:?}", field.name(), example.text));
                }
            }
            arena.reset();
        })
        .expect("a trace does not break");
    assert_eq!(seen, examples.len());
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
