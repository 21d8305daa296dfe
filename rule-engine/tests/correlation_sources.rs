//! Correlations of Kubernetes audit events and other JSON, and across sources.

use peregrine_rule_engine::diag::human::Style;
use peregrine_rule_engine::engine::{CompiledRules, Config, Correlations, Runner, SourceRules};
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

/// E22, S27: the fields of JSON have the text `null` for a null, as in Falco. So it is a key and a value, unlike what is
/// missing.
#[test]
fn a_null_is_a_text() {
    let event = |user: &str| format!(r#"{{"auditID": "1", "verb": "get", "user": {{{user}}}}}"#);
    let (null, missing) = (event(r#""username": null"#), event(""));
    for (key, events, expected) in [
        ("user", [&null, &null, &null], "read (user=null n=3)"),
        ("user", [&null, &missing, &null], ""),
        ("user", [&missing, &missing, &missing], ""),
        ("?user", [&null, &missing, &null], ""),
        ("?user", [&missing, &missing, &missing], "read (user=<NA> n=3)"),
    ] {
        let rules = SECRETS.replace("[user]", &format!("['{key}']"));
        let mut runner = compile(&rules).source("k8s_audit").expect("a source").runner();
        let all: Vec<String> = (0..3).zip(events).flat_map(|(at, json)| feed(&mut runner, (at, at), json)).collect();
        assert_eq!(all.concat(), expected, "{key}");
    }
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

/// An audit event says itself when it happened. One that names the next century ends nothing of the other source.
#[test]
fn an_event_with_a_wrong_time_ends_nothing() {
    let generation = Generation::new("");
    let mut both = generation.runners();
    assert_eq!(both.login(1, "eve"), 0);
    assert_eq!(both.login(1, "ann"), 0);
    assert!(both.read(4_000_000_000, "bob").is_empty());
    assert_eq!(both.login(2, "bob"), 0);
    assert_eq!(both.read(3, "eve"), ["both (eve get eve)"]);
    // Neither does another one that is not the next event.
    assert!(both.read(4_000_000_000, "bob").is_empty());
    assert_eq!(both.read(4, "bob"), ["both (bob get bob)"]);
    // Two in a row are a pause.
    assert!(both.read(4_000_000_000, "bob").is_empty());
    assert!(both.read(4_000_000_001, "bob").is_empty());
    assert!(both.read(5, "ann").is_empty());
}

/// Rules of a generation: unless something is added they are the same as those of every other one.
struct Generation {
    host: std::sync::Arc<SourceRules<RecordSchema>>,
    cluster: std::sync::Arc<SourceRules<JsonSchema>>,
    correlations: std::sync::Weak<Correlations>,
}

impl Generation {
    fn new(more: &str) -> Self {
        let rules = compile(&format!("{more}{ACROSS}"));
        let correlations = rules.correlations().expect("a correlation");
        correlations.share();
        Self {
            host: rules.source("host").expect("a source"),
            cluster: rules.source("k8s_audit").expect("a source"),
            correlations: std::sync::Arc::downgrade(correlations),
        }
    }

    fn runners(&self) -> Both {
        Both { host: self.host.runner(), cluster: self.cluster.runner() }
    }
}

struct Both {
    host: Runner<RecordSchema>,
    cluster: Runner<JsonSchema>,
}

impl Both {
    fn login(&mut self, second: u64, user: &str) -> usize {
        let rules = std::sync::Arc::clone(self.host.rules());
        let event = rules.schema().record("login").at(second, second * SECOND);
        let mut alerts = 0;
        let event = event.with("user.name", Value::Bytes(user.as_bytes()));
        self.host.try_process(&event, |_| alerts += 1).expect("an event of this schema");
        alerts
    }

    fn read(&mut self, second: u64, user: &str) -> Vec<String> {
        feed(&mut self.cluster, (second, second), &audit(user, "get"))
    }

    fn change_host(&mut self, to: &Generation) {
        let mut new = to.host.runner();
        new.adopt(&self.host);
        self.host = new;
    }

    fn change_cluster(&mut self, to: &Generation) {
        let mut new = to.cluster.runner();
        new.adopt(&self.cluster);
        self.cluster = new;
    }
}

/// Other fields and another rule come first, so that all numbers are others.
const MORE: &str = "
- rule: First
  desc: d
  condition: ka.uri = a
  output: '%ka.auth.decision'
  priority: INFO
  source: k8s_audit
- correlation: Alone
  desc: d
  type: temporal_ordered
  rules: [{as: a, condition: ka.verb = list}, {as: b, condition: ka.verb = delete}]
  group-by: [ka.target.name]
  timespan: 10s
  output: alone
  priority: NOTICE
  source: k8s_audit
";

#[test]
fn sources_that_change_rules_one_after_the_other_lose_nothing() {
    let (old, new) = (Generation::new(""), Generation::new(MORE));
    let found = ["both (eve get eve)"];
    // The first step before any change, the second where the rules are old or new.
    for host_first in [true, false] {
        let mut both = old.runners();
        both.login(1, "eve");
        if host_first {
            both.change_host(&new)
        } else {
            both.change_cluster(&new)
        }
        assert_eq!(both.read(2, "eve"), found, "{host_first}");
    }
    // The first step by new rules, the second by old ones, and the other way.
    let mut both = old.runners();
    both.change_host(&new);
    both.login(1, "eve");
    both.login(1, "bob");
    assert_eq!(both.read(2, "eve"), found);
    both.change_cluster(&new);
    assert_eq!(both.read(3, "eve"), Vec::<String>::new(), "a match is consumed for both");
    assert_eq!(both.read(3, "bob"), ["both (bob get bob)"]);
    let mut both = old.runners();
    both.change_cluster(&new);
    both.login(1, "eve");
    assert_eq!(both.read(2, "eve"), found);
    both.login(3, "eve");
    both.change_host(&new);
    assert_eq!(both.read(4, "eve"), found);
}

#[test]
fn a_source_that_skips_rules_or_is_late_loses_nothing() {
    let found = ["both (eve get eve)"];
    let all = [Generation::new(""), Generation::new(MORE), Generation::new("")];
    // The host passes on to the second rules and then the third, the cluster skips the second.
    let mut both = all[0].runners();
    both.change_host(&all[1]);
    both.login(1, "eve");
    both.change_host(&all[2]);
    assert_eq!(both.read(2, "eve"), found);
    both.login(3, "eve");
    both.change_cluster(&all[2]);
    assert_eq!(both.read(4, "eve"), found);
    drop(both);
    // The cluster has the third rules when the host takes the second.
    let mut both = all[0].runners();
    both.change_cluster(&all[2]);
    both.login(1, "eve");
    both.change_host(&all[1]);
    assert_eq!(both.read(2, "eve"), found);
    both.login(3, "eve");
    both.change_host(&all[2]);
    assert_eq!(both.read(4, "eve"), found);
    // What is kept of old rules does not keep the new ones.
    let weak: Vec<_> = all.iter().map(|one| one.correlations.clone()).collect();
    drop(both);
    let [first, second, third] = all;
    drop((second, third));
    assert_eq!([0, 1, 2].map(|at| weak[at].strong_count() > 0), [true, false, false]);
    drop(first);
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
