//! Switches of rules, one after the other, and what they do to the order of evaluation.

use peregrine_rule_engine::engine::{self, Settings};
use peregrine_rule_engine::event::json::{JsonEvent, JsonSchema};
use peregrine_rule_engine::load::{Loader, Sources};
use peregrine_rule_engine::ruleset::{Selection, Selector};

const RULES: &[u8] = b"
- rule: alpha
  desc: d
  condition: json.value[/x] = 1
  output: alpha
  priority: notice
  source: s
  tags: [t]
- rule: beta
  desc: d
  condition: json.value[/x] = 1
  output: beta
  priority: notice
  source: s
- rule: gamma
  desc: d
  condition: json.value[/x] = 1
  output: gamma
  priority: notice
  source: s
  enabled: false
";

fn first_match(selections: &[(Selector, bool)]) -> Vec<String> {
    let selections = selections.iter().map(|(rules, enable)| Selection { rules: rules.clone(), enable: *enable });
    let settings = Settings { selections: selections.collect(), ..Settings::default() };
    let mut loader = Loader::new(Sources::new().with(Box::new(JsonSchema::new("s"))));
    let loaded = loader.load([("rules.yaml", RULES)]);
    let rules = engine::build(loader.into_backend(), loaded.into_rules(), &settings).expect("rules");
    let schema: &JsonSchema = rules[0].schema().expect("a schema");
    let event = JsonEvent::parse(schema, br#"{"x": 1}"#).expect("an event");
    let mut told = Vec::new();
    rules[0].runner().process(&event, |alert| told.push(alert.rule.name().to_owned()));
    told
}

fn pattern(name: &str) -> Selector {
    Selector::Pattern(name.to_owned())
}

#[test]
fn the_first_rule_that_matches_is_told() {
    assert_eq!(first_match(&[]), ["alpha"]);
}

#[test]
fn a_rule_that_is_switched_off_is_not_told() {
    assert_eq!(first_match(&[(pattern("al*"), false)]), ["beta"]);
    assert_eq!(first_match(&[(pattern("*"), false)]), Vec::<String>::new());
}

#[test]
fn a_rule_that_is_switched_on_again_is_the_last() {
    assert_eq!(first_match(&[(pattern("alpha"), false), (Selector::Tags(vec!["t".into()]), true)]), ["beta"]);
    assert_eq!(first_match(&[(pattern("*"), false), (pattern("gamma"), true), (pattern("*"), true)]), ["gamma"]);
}

#[test]
fn switching_on_what_is_on_changes_nothing() {
    assert_eq!(first_match(&[(pattern("alpha"), true)]), ["alpha"]);
}
