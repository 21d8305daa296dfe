//! Selections of rules, one after the other, and their effect on the order of evaluation.

use peregrine_rule_engine::engine::{Alert, Config};
use peregrine_rule_engine::event::json::{JsonDocument, JsonSchema};
use peregrine_rule_engine::load::{Loader, Sources};
use peregrine_rule_engine::ruleset::{Matching, Selection, Selector};

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
    let config = Config::default().selections(selections.collect());
    let mut loader = Loader::new(Sources::new().with(JsonSchema::new("s")));
    let loaded = loader.load([("rules.yaml", RULES)]);
    let rules = loader.into_sources().build(loaded.into_rules(), &config).expect("rules");
    let document = JsonDocument::parse(br#"{"x": 1}"#).expect("JSON");
    let mut told = Vec::new();
    rules
        .source::<JsonSchema>("s")
        .expect("the source")
        .runner()
        .process(&document, |alert| told.push(alert.rule().to_owned()));
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
    let mut config = Config::default();
    for index in [true, false] {
        config.evaluation.index = index;
        let mut loader = Loader::new(Sources::new().with(SinspSchema::new(Fields::new())));
        let loaded = loader.load([("rules.yaml", rules.as_bytes())]);
        assert!(loaded.is_successful());
        let sets = loader.into_sources().build(loaded.into_rules(), &config).expect("rules");
        let rules = sets.source::<SinspSchema>("syscall").expect("the source");
        assert!(open.iter().any(|key| rules.rules().may_match(*key)));
        assert!(close.iter().all(|key| rules.rules().may_match(*key) != index));
    }
}

#[test]
fn the_first_matching_rule_is_reported() {
    assert_eq!(first_match(&[]), ["alpha"]);
}

#[test]
fn a_disabled_rule_is_not_reported() {
    assert_eq!(first_match(&[(pattern("al*"), false)]), ["beta"]);
    assert_eq!(first_match(&[(pattern("*"), false)]), Vec::<String>::new());
}

#[test]
fn a_rule_that_is_switched_on_again_is_the_last() {
    assert_eq!(first_match(&[(pattern("alpha"), false), (Selector::Tags(vec!["t".into()]), true)]), ["beta"]);
    assert_eq!(first_match(&[(pattern("*"), false), (pattern("gamma"), true), (pattern("*"), true)]), ["gamma"]);
}

#[test]
fn enabling_an_enabled_rule_changes_nothing() {
    assert_eq!(first_match(&[(pattern("alpha"), true)]), ["alpha"]);
}

/// Fields outside the output can be read of every alert; those of another source do not exist.
#[test]
fn fields_beside_the_output() {
    let build = |fields: &[&str]| {
        let fields = fields.iter().map(ToString::to_string).collect();
        let mut config = Config::default().fields(fields);
        config.evaluation.matching = Matching::All;
        let sources = Sources::new().with(JsonSchema::new("s")).with(JsonSchema::k8s_audit());
        let mut loader = Loader::new(sources);
        let loaded = loader.load([("rules.yaml", RULES)]);
        loader.into_sources().build(loaded.into_rules(), &config)
    };
    let rules = build(&["json.value[/a]", "ka.verb"]).expect("rules").source::<JsonSchema>("s").expect("the source");
    let document = JsonDocument::parse(br#"{"x": 1, "a": "p"}"#).expect("JSON");
    let mut read = Vec::new();
    rules.runner().process(&document, |alert| {
        let mut note = |alert: Alert<'_>| {
            let mut text = Vec::new();
            let has = ["json.value[/a]", "ka.verb"].map(|name| alert.write_field(name, &mut text));
            read.push((has, text));
        };
        note(alert);
        note(alert.to_owned().view(&bumpalo::Bump::new()));
    });
    assert_eq!(read, vec![([true, false], b"p".to_vec()); 4]);
    let error = build(&["proc.nmae"]).expect_err("no source has it");
    assert_eq!(error.to_string(), "unknown filter: unexpected token after '");
}
