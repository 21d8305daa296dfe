//! Falco's published rules over captures: the alerts must be Falco's, with the index and without.
//!
//! The captures, the rules and Falco's alerts are not part of the repository; without them this is skipped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use peregrine_rule_engine::engine::{self, SourceRules};
use peregrine_rule_engine::event::Schema;
use peregrine_rule_engine::event::sinsp::SinspSchema;
use peregrine_rule_engine::load::ExtraOutput;
use peregrine_rule_engine::load::{Loader, Sources};
use peregrine_rule_engine::output::Format;
use peregrine_rule_engine::ruleset::{Config, Matching};
use serde_json::Value;
use sinsp::fields::Fields;
use sinsp::{Inspector, scap};

/// Captures of a suitable size; the large one is for measuring.
const CAPTURES: [&str; 6] = [
    "recorded/procs",
    "recorded/net",
    "recorded/attack-a",
    "upstream/cat_write",
    "upstream/curl_google",
    "upstream/sample",
];

fn data() -> Option<PathBuf> {
    testkit::shared().map(|shared| shared.join("data"))
}

fn rules(data: &Path, evaluation: Config) -> Arc<SourceRules<SinspSchema>> {
    let schema = SinspSchema::new(Fields::new()).without_host_names();
    let extra = schema.suggested_output().into_iter();
    let extra = extra.map(|piece| ExtraOutput { format: Some(piece.into_owned()), ..ExtraOutput::default() }).collect();
    let mut loader = Loader::new(Sources::new().with(schema)).extra_output(extra);
    let names = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];
    let texts = names.map(|name| std::fs::read(data.join("rules").join(name)).expect(name));
    let loaded = loader.load(names.into_iter().zip(texts.iter().map(Vec::as_slice)));
    assert!(loaded.is_successful(), "{:?}", loaded.diagnostics);
    let config = engine::Config::default().evaluation(evaluation);
    let rules = loader.into_sources().build(loaded.into_rules(), &config).expect("a source with times");
    rules.source("syscall").expect("system calls")
}

fn alerts(rules: &Arc<SourceRules<SinspSchema>>, capture: &Path) -> Vec<String> {
    let format = Format::new("vm").json(true).iso8601(true);
    let mut runner = rules.runner();
    let mut out = Vec::new();
    let reader = scap::savefile::Reader::open(capture).expect("a capture");
    Inspector::new(reader)
        .for_each(|event| {
            runner.process(&event, |alert| {
                let mut text = Vec::new();
                alert.write(&format, &mut text);
                out.push(String::from_utf8(text).expect("UTF-8"));
            });
        })
        .expect("a sound capture");
    out
}

/// Returns the compared parts of an alert: containers came from a stand-in in the reference.
fn essence(line: &str) -> (String, BTreeMap<String, Value>) {
    let alert: Value = serde_json::from_str(line).expect(line);
    let mut fields: BTreeMap<String, Value> = BTreeMap::new();
    for (name, value) in alert["output_fields"].as_object().expect("fields") {
        if !name.starts_with("container.") && !name.starts_with("k8s.") {
            fields.insert(name.clone(), value.clone());
        }
    }
    for key in ["priority", "rule", "source", "tags", "hostname"] {
        fields.insert(format!("alert {key}"), alert[key].clone());
    }
    // Time, priority and message, up to the output of containers.
    let output = alert["output"].as_str().expect("output");
    let output = output.split(" container_id=").next().unwrap_or_default();
    fields.insert("alert output".into(), Value::from(output));
    (alert["time"].as_str().expect("time").to_owned(), fields)
}

#[test]
fn published_rules_alert_as_falco_does() {
    let Some(data) = data() else { return };
    let first = Config::default();
    let indexed = rules(&data, first);
    let walked = rules(&data, first.index(false));
    for name in CAPTURES {
        let capture = data.join("captures").join(name).with_extension("scap");
        let base = name.split('/').next_back().unwrap_or(name);
        let expect = std::fs::read_to_string(data.join("alerts").join(base).with_extension("jsonl")).expect(name);
        let mut expect: Vec<_> = expect.lines().filter(|line| line.starts_with('{')).map(essence).collect();
        let got = alerts(&indexed, &capture);
        assert_eq!(got, alerts(&walked, &capture), "{name}: with the index and without");
        let mut got: Vec<_> = got.iter().map(|line| essence(line)).collect();
        expect.sort_by(|a, b| a.0.cmp(&b.0));
        got.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(got, expect, "{name}");
    }
}

#[test]
fn all_matches_are_the_same_with_and_without_the_index() {
    let Some(data) = data() else { return };
    let all = Config::default().matching(Matching::All);
    let capture = data.join("captures/recorded/attack-a.scap");
    let got = alerts(&rules(&data, all), &capture);
    assert_eq!(got, alerts(&rules(&data, all.index(false)), &capture));
    assert!(got.len() >= 49, "all matches are at least the first ones");
}
