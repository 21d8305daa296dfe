//! Switches of rules, one after the other, and what they do to the order of evaluation.

use peregrine_rule_engine::engine::{AlertKey, Settings};
use peregrine_rule_engine::event::json::{JsonDocument, JsonSchema};
use peregrine_rule_engine::load::{Loader, Sources};
use peregrine_rule_engine::ruleset::{Matching, Options, Selection, Selector};

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
    let mut loader = Loader::new(Sources::new().with(JsonSchema::new("s")));
    let loaded = loader.load([("rules.yaml", RULES)]);
    let rules = loader.into_sources().build(loaded.into_rules(), &settings).expect("rules");
    let document = JsonDocument::parse(br#"{"x": 1}"#).expect("JSON");
    let mut told = Vec::new();
    rules
        .source::<JsonSchema>("s")
        .expect("the source")
        .runner()
        .process(&document, |alert| told.push(alert.rule.name().to_owned()));
    told
}

fn pattern(name: &str) -> Selector {
    Selector::Pattern(name.to_owned())
}

#[cfg(feature = "sinsp")]
#[test]
fn types_without_rules_are_known_unless_every_rule_is_walked() {
    use peregrine_rule_engine::event::Schema;
    use peregrine_rule_engine::event::sinsp::SinspSchema;
    use sinsp::fields::Fields;

    let rules = "
- rule: opens
  desc: d
  condition: evt.type = openat and fd.name = /etc/shadow
  output: o
  priority: notice
";
    let schema = SinspSchema::new(Fields::new());
    let [open, close] = ["openat", "close"].map(|name| schema.keys_of(name).expect("a type"));
    let mut settings = Settings::default();
    for index in [true, false] {
        settings.options.index = index;
        let mut loader = Loader::new(Sources::new().with(SinspSchema::new(Fields::new())));
        let loaded = loader.load([("rules.yaml", rules.as_bytes())]);
        assert!(loaded.is_successful());
        let sets = loader.into_sources().build(loaded.into_rules(), &settings).expect("rules");
        let rules = sets.source::<SinspSchema>("syscall").expect("the source");
        assert!(open.iter().any(|key| rules.rules().may_match(*key)));
        assert!(close.iter().all(|key| rules.rules().may_match(*key) != index));
    }
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

/// Alerts of one kind have the same key; a field that only another source has is left out.
#[test]
fn keys_of_alerts() {
    let build = |fields: &[&str]| {
        let keys = vec![
            AlertKey { rules: pattern("al*"), fields: fields.iter().map(ToString::to_string).collect() },
            AlertKey { rules: pattern("beta"), fields: Vec::new() },
        ];
        let settings = Settings {
            options: Options { matching: Matching::All, ..Options::default() },
            selections: vec![Selection { rules: pattern("gamma"), enable: true }],
            keys,
            ..Settings::default()
        };
        let mut loader = Loader::new(Sources::new().with(JsonSchema::new("s")));
        let loaded = loader.load([("rules.yaml", RULES)]);
        loader.into_sources().build(loaded.into_rules(), &settings)
    };
    let rules = build(&["json.value[/a]", "json.value[/b]"]).expect("rules");
    let rules = rules.source::<JsonSchema>("s").expect("the source");
    let keys = |json: &str| {
        let document = JsonDocument::parse(json.as_bytes()).expect("JSON");
        let mut keys = Vec::new();
        rules.runner().process(&document, |alert| keys.push(alert.key.map(<[u8]>::to_vec)));
        keys
    };
    let one = keys(r#"{"x": 1, "a": "p", "b": "qr"}"#);
    assert_eq!((one.len(), &one[1], &one[2]), (3, &Some(Vec::new()), &None));
    assert_eq!(one, keys(r#"{"x": 1, "a": "p", "b": "qr", "c": 1}"#));
    assert_ne!(one[0], keys(r#"{"x": 1, "a": "pq", "b": "r"}"#)[0]);
    assert!(build(&["proc.nmae"]).is_err());
}
