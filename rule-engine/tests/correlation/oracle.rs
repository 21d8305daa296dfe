//! The results of two other engines for generated streams, compared with ours.
//!
//! A sample is in `testdata/correlation`. `make oracle-correlation` makes thousands more with the engines themselves, in a
//! folder that `PEREGRINE_CORRELATION_ORACLE` names.

use std::path::PathBuf;

use serde_json::Value as Json;

use crate::script::{Fed, Field, Set};

/// Returns the files of a name: the sample, and the generated ones.
fn lines(name: &str) -> Vec<Json> {
    let sample = testkit::testdata("correlation").join(name);
    let made = std::env::var_os("PEREGRINE_CORRELATION_ORACLE").map(|folder| PathBuf::from(folder).join(name));
    let mut all = Vec::new();
    for path in std::iter::once(sample).chain(made) {
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        all.extend(text.lines().map(|line| serde_json::from_str::<Json>(line).expect("JSON")));
    }
    all
}

fn text(json: &Json) -> &str {
    json.as_str().expect("a text")
}

fn events(one: &Json) -> Vec<Fed> {
    let event = |event: &Json| {
        let fields = event.as_object().expect("an event").iter().filter_map(|(name, value)| {
            let field = match value {
                Json::String(text) => Field::Text(text.clone()),
                other => Field::Number(other.as_i64()?),
            };
            Some((name.clone(), field))
        });
        Fed {
            kind: text(&event["kind"]).chars().next().expect("a kind"),
            name: text(&event["name"]).to_owned(),
            time: event["time"].as_u64().expect("a time") * 1_000_000_000,
            fields: fields.collect(),
        }
    };
    one["events"].as_array().expect("events").iter().map(event).collect()
}

#[test]
fn sequences_are_those_of_eql() {
    let all = lines("sequences.jsonl");
    assert!(all.len() >= 100);
    let mut matches = 0;
    for one in &all {
        let mut steps: Vec<&str> = one["steps"].as_array().expect("steps").iter().map(text).collect();
        let until = one["until"].as_str().map(|until| format!(" until {until}"));
        let last = steps.pop().unwrap_or_default().to_owned() + until.as_deref().unwrap_or_default();
        steps.push(&last);
        let set = Set::default().sequence(&steps.join(" "), text(&one["by"]), &one["span"].to_string());
        let expected: Vec<String> = one["matches"]
            .as_array()
            .expect("matches")
            .iter()
            .map(|found| {
                let names: Vec<&str> = found.as_array().expect("a match").iter().map(text).collect();
                format!("[{}]", names.join(" "))
            })
            .collect();
        matches += expected.len();
        let expected = if expected.is_empty() { "-".to_owned() } else { expected.join(" ") };
        assert_eq!(set.feed_events(&events(one)), expected, "{one}");
    }
    assert!(matches > all.len() / 2, "{matches} matches");
}

#[test]
fn windows_are_those_of_rsigma() {
    let all = lines("windows.jsonl");
    assert!(all.len() >= 100);
    let mut matches = 0;
    for one in &all {
        let rules: Vec<&str> = one["rules"].as_array().expect("rules").iter().map(text).collect();
        let (rules, by, span) = (rules.join(" "), text(&one["by"]), one["span"].to_string());
        let count = one["count"].as_u64().expect("a count") as u32;
        let set = Set::default();
        let set = match text(&one["type"]) {
            "event_count" => set.event_count(&rules, by, &span, count),
            "value_count" => set.value_count(&rules, "v", by, &span, count),
            _ => set.temporal(&rules, by, &span, count),
        };
        // The last event of a match is the one at which it is reported.
        let found = set.feed_events(&events(one));
        let found: Vec<&str> =
            found.split("] ").filter_map(|found| found.trim_end_matches(']').rsplit([' ', '[']).next()).collect();
        let expected: Vec<String> =
            one["fires"].as_array().expect("places").iter().map(|place| format!("e{place}")).collect();
        matches += expected.len();
        let expected: Vec<&str> =
            if expected.is_empty() { vec!["-"] } else { expected.iter().map(String::as_str).collect() };
        assert_eq!(found, expected, "{one}");
    }
    assert!(matches > all.len(), "{matches} matches");
}
