//! Correlations of Kubernetes audit events and other JSON, and across sources.

use peregrine_rule_engine::diag::human::Style;
use peregrine_rule_engine::engine::{CompiledRules, Config, Runner};
use peregrine_rule_engine::event::Kind;
use peregrine_rule_engine::event::Value;
use peregrine_rule_engine::event::json::{JsonDocument, JsonSchema};
use peregrine_rule_engine::event::record::RecordSchema;
use peregrine_rule_engine::load::{Loaded, Loader, Sources};

const SECOND: u64 = 1_000_000_000;

fn load(rules: &str) -> (Loader, Loaded) {
    let host = RecordSchema::new("host", ["login"]).field("user.name", Kind::CharBuf).field("user.uid", Kind::UInt32);
    let sources = Sources::new().with(JsonSchema::k8s_audit()).with(JsonSchema::new("app")).with(host);
    let mut loader = Loader::new(sources);
    let loaded = loader.load([("rules.yaml", rules.as_bytes())]);
    (loader, loaded)
}

fn compile(rules: &str) -> CompiledRules {
    let (loader, loaded) = load(rules);
    assert!(loaded.is_successful(), "{}", loaded.render(Style::default()));
    loader.into_sources().build(loaded.into_rules(), &Config::default()).expect("rules")
}

/// Feeds a document; returns the texts of the alerts.
fn feed(runner: &mut Runner<JsonSchema>, (number, second): (u64, u64), json: &str) -> Vec<String> {
    let document = JsonDocument::parse(json.as_bytes()).expect("JSON").at(number, second * SECOND, 0);
    let mut alerts = Vec::new();
    runner.process(&document, |alert| alerts.push(String::from_utf8_lossy(alert.message()).into_owned()));
    alerts
}

fn audit(user: &str, verb: &str) -> String {
    format!(r#"{{"auditID": "1", "verb": "{verb}", "user": {{"username": "{user}"}}}}"#)
}

const SECRETS: &str = "
- correlation: Secrets
  desc: d
  type: event_count
  rules: [{as: read, condition: ka.verb = get}]
  group-by: [user]
  timespan: 10s
  condition: {gte: 3}
  output: read (user=%correlation.user n=%correlation.count)
  priority: NOTICE
  source: k8s_audit
";

#[test]
fn the_user_of_an_audit_event_is_a_scope() {
    let mut runner = compile(SECRETS).source::<JsonSchema>("k8s_audit").expect("a source").runner();
    let mut all = Vec::new();
    for second in 0..3 {
        all.extend(feed(&mut runner, (second, second), &audit("eve", "get")));
        all.extend(feed(&mut runner, (second, second), &audit("bob", if second < 2 { "get" } else { "list" })));
        // An event without a user is in no group.
        all.extend(feed(&mut runner, (second, second), r#"{"auditID": "1", "verb": "get"}"#));
    }
    assert_eq!(all, ["read (user=eve n=3)"]);
}

#[test]
fn all_events_of_a_source_are_of_one_host() {
    let rules = SECRETS.replace("[user]", "[host]").replace("user=%correlation.user ", "");
    let mut runner = compile(&rules).source::<JsonSchema>("k8s_audit").expect("a source").runner();
    let users = ["eve", "bob", "ann"].map(|user| audit(user, "get"));
    let all: Vec<String> = (0..3).zip(&users).flat_map(|(at, event)| feed(&mut runner, (at, at), event)).collect();
    assert_eq!(all, ["read (n=3)"]);
}

#[test]
fn json_of_a_program_is_correlated_by_any_value() {
    let rules = SECRETS
        .replace("ka.verb = get", "'json.value[/action] = get'")
        .replace("[user]", "['json.value[/who]']")
        .replace("%correlation.user", "%read.json.value[/who]")
        .replace("k8s_audit", "app");
    let mut runner = compile(&rules).source::<JsonSchema>("app").expect("a source").runner();
    let event = r#"{"action": "get", "who": "eve"}"#;
    let all: Vec<String> = (0..3).flat_map(|at| feed(&mut runner, (at, at), event)).collect();
    assert_eq!(all, ["read (user=eve n=3)"]);
}

#[test]
fn a_reload_keeps_partial_matches_though_other_rules_were_written_before() {
    // Fields are numbered in the order in which rules name them.
    let more = "- {rule: First, desc: d, condition: ka.uri = a, output: '%ka.auth.decision', priority: INFO, source: k8s_audit}\n";
    let before = compile(SECRETS).source::<JsonSchema>("k8s_audit").expect("a source");
    let after = compile(&(more.to_owned() + SECRETS)).source::<JsonSchema>("k8s_audit").expect("a source");
    let (mut old, mut new) = (before.runner(), after.runner());
    assert!((0..2).all(|at| feed(&mut old, (at, at), &audit("eve", "get")).is_empty()));
    new.adopt(&old);
    assert_eq!(feed(&mut new, (2, 2), &audit("eve", "get")), ["read (user=eve n=3)"]);
}

const ACROSS: &str = "
- correlation: Login then secrets
  desc: d
  type: temporal_ordered
  rules:
    - {as: login, condition: evt.type = login, source: host}
    - {as: read, condition: ka.verb = get, source: k8s_audit}
  group-by: [who]
  aliases: {who: {login: user.name, read: user}}
  timespan: 10s
  output: both (%login.user.name %read.ka.verb %correlation.who)
  priority: NOTICE
  source: k8s_audit
";

#[test]
fn a_user_is_one_across_sources_if_both_have_the_name() {
    let rules = compile(ACROSS);
    rules.correlations().expect("a correlation").share();
    let mut host = rules.source::<RecordSchema>("host").expect("a source").runner();
    let mut cluster = rules.source::<JsonSchema>("k8s_audit").expect("a source").runner();
    // Steps that nothing waits for in one source are evaluated when the other has begun something.
    assert!(feed(&mut cluster, (1, 1), &audit("eve", "get")).is_empty());
    let schema = std::sync::Arc::clone(host.rules());
    let login = schema.schema().record("login").at(1, 2 * SECOND).with("user.name", Value::Bytes(b"eve"));
    host.try_process(&login, |_| ()).expect("an event of this schema");
    assert!(feed(&mut cluster, (2, 3), &audit("bob", "get")).is_empty());
    assert_eq!(feed(&mut cluster, (3, 4), &audit("eve", "get")), ["both (eve get eve)"]);
    assert!(feed(&mut cluster, (4, 5), &audit("eve", "get")).is_empty());
}

/// Replaces `from`, and returns the message, the words that it points at and the hint of the only error.
fn refused(from: &str, to: &str) -> (String, String, String) {
    assert!(ACROSS.contains(from), "{from}");
    let rules = ACROSS.replace(from, to);
    let (_, loaded) = load(&rules);
    let errors: Vec<_> = loaded.diagnostics.iter().filter(|found| found.is_error()).collect();
    let [error] = &errors[..] else { panic!("{to}: {}", loaded.render(Style::default())) };
    let words = error.spot.map(|spot| rules.chars().skip(spot.start).take(spot.end - spot.start).collect());
    (error.message.clone(), words.unwrap_or_default(), error.hint.clone().unwrap_or_default())
}

#[test]
fn keys_that_are_never_equal_and_scopes_that_a_source_lacks_are_errors() {
    // A number is not a name.
    let (message, words, hint) = refused("login: user.name", "login: user.uid");
    assert!(message.contains("a number") && message.contains("never equal"), "{message}");
    assert!(words == "who" && hint.contains("aliases"), "{words} {hint}");
    // A key that the source of one step lacks, as a scope and as a field.
    for (name, message) in [
        ("process", "Events of source 'host' have no process"),
        ("tree", "Events of source 'host' have no tree"),
        ("user.name", "Step 'read' of source 'k8s_audit' has no field 'user.name'"),
    ] {
        let to = format!("[{name}]");
        let (found, words, _) = refused("[who]\n  aliases: {who: {login: user.name, read: user}}", &to);
        assert!(found.contains(message) && words == name, "{found} | {words}");
    }
}
