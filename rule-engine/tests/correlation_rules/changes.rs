//! Items that change earlier ones, and building blocks.

use std::collections::BTreeSet;

use peregrine_rule_engine::diag::human::Style;
use peregrine_rule_engine::event::Value;
use peregrine_rule_engine::source::schema;

use crate::{BURST, SEQUENCE, feed, load, runner, text};

#[test]
fn later_items_change_earlier_ones() {
    let change = |change: &str| {
        let mut runner = runner(&format!("{BURST}\n- correlation: correlation burst\n{change}"));
        let mut all = Vec::new();
        for second in 0..4 {
            let fields = [("user.name", text("eve")), ("proc.name", text("failed")), ("proc.pid", Value::I64(1))];
            all.extend(feed(&mut runner, (second, second as f64), "login", &fields));
        }
        all
    };
    let once = "correlation correlation burst: burst (user=eve first=eve n=3)";
    assert_eq!(change("  override: {tags: append}\n  tags: [x]"), [once]);
    let twice = "correlation correlation burst: burst (user=eve first=eve n=2)";
    assert_eq!(change("  override: {condition: replace}\n  condition: {gt: 1}"), [twice, twice]);
    let longer = format!("{once} more");
    assert_eq!(change("  override: {output: append}\n  output: more"), [longer.as_str()]);
    assert_eq!(change("  override: {enabled: replace}\n  enabled: false"), [""; 0]);
    assert_eq!(change("  override: {rules: replace}\n  rules: [Login]"), [""; 0]);
    let excepted =
        "  override: {exceptions: append}\n  exceptions: [{name: e, fields: proc.pid, comps: in, values: [1]}]";
    assert_eq!(change(excepted), [""; 0]);
    let other = excepted.replace("[1]", "[2]");
    assert_eq!(change(&other), [once]);
    // An undefined one cannot be changed.
    let (_, loaded) = load("- correlation: nothing\n  override: {enabled: replace}\n  enabled: false\n");
    assert!(!loaded.is_successful());
    let wrong = load(&format!("{BURST}\n- correlation: correlation burst\n  override: {{type: append}}\n  type: x\n"));
    assert!(wrong.1.render(Style::default()).contains("cannot be appended to"));
}

/// Returns what a correlation is, one fact a line.
fn facts(rules: &str) -> Result<String, String> {
    let (_, loaded) = load(rules);
    let found = loaded.resolved.correlations.iter().find(|found| found.name == "Changed");
    let Some(found) = found.filter(|_| loaded.is_successful()) else { return Err(loaded.render(Style::default())) };
    let conditions: Vec<_> = found.members.iter().map(|member| member.text.as_str()).collect();
    Ok(format!(
        "{}\noutput {}\ndesc {}\npriority {}\nsource {}\ntags {:?}\nenabled {} block {}\n{}\n",
        found.lines().join("\n"),
        found.output,
        found.desc,
        found.priority,
        found.source,
        found.tags,
        found.enabled,
        found.building_block,
        conditions.join("\n"),
    ))
}

const COUNT: &str = "
- correlation: Changed
  desc: d
  type: event_count
  rules: [Failed login]
  group-by: [who]
  aliases: {who: {Failed login: user.name}}
  timespan: 10s
  condition: {gte: 3}
  output: o
  priority: WARNING
  source: host
  tags: [b]
  exceptions: [{name: e, fields: [proc.pid], comps: [=], values: [[1]]}]
";

/// Each key, in each way in which it can be changed: a line that is only there after the change, and one only before.
#[test]
fn every_key_can_be_changed() {
    let sequence = SEQUENCE.replace("Shell reads", "Changed");
    let mut wrong = Vec::new();
    let mut tried = BTreeSet::new();
    for (whole, operations, keys, after, before) in [
        (
            COUNT,
            "type: replace, field: replace",
            "type: value_count\n  field: fd.port",
            "3 different values",
            "3 events",
        ),
        (COUNT, "maxspan: replace", "maxspan: 1m", "within 1m", "within 10s"),
        (COUNT, "timespan: replace", "timespan: 1m", "within 1m", "within 10s"),
        (COUNT, "condition: replace", "condition: {gt: 4}", "5 events", "3 events"),
        (
            COUNT,
            "rules: replace, aliases: replace",
            "rules: [Login]\n  aliases: {who: {Login: user.name}}",
            "-  step1: Login\n",
            "Failed login",
        ),
        (
            COUNT,
            "rules: append, aliases: append",
            "rules: [Login]\n  aliases: {who: {Login: user.name}}",
            "-  step2: Login\n",
            "",
        ),
        (COUNT, "aliases: append", "aliases: {who: {Failed login: proc.pid}}", "by who", ""),
        (COUNT, "group-by: append", "group-by: [proc.pid]", "by who, proc.pid", "by who\n"),
        (COUNT, "group-by: replace", "group-by: [proc.pid]", "by proc.pid", "by who"),
        (COUNT, "output: append", "output: more", "output o more", "output o\n"),
        (COUNT, "output: replace", "output: more", "output more", "output o"),
        (COUNT, "desc: append", "desc: more", "desc d more", "desc d\n"),
        (COUNT, "desc: replace", "desc: more", "desc more", "desc d"),
        (COUNT, "priority: replace", "priority: CRITICAL", "priority 2", "priority 4"),
        (COUNT, "source: replace", "source: other", "source other", "source host"),
        (COUNT, "tags: append", "tags: [a]", "tags [\"a\", \"b\"]", "tags [\"b\"]"),
        (COUNT, "tags: replace", "tags: [a]", "tags [\"a\"]", "tags [\"b\"]"),
        (COUNT, "enabled: replace", "enabled: false", "enabled false", "enabled true"),
        (COUNT, "building_block: replace", "building_block: true", "block true", "block false"),
        (COUNT, "exceptions: append", "exceptions: [{name: e, values: [[2]]}]", "proc.pid = 2", ""),
        (
            COUNT,
            "exceptions: replace",
            "exceptions: [{name: f, fields: [fd.port], comps: [=], values: [[2]]}]",
            "fd.port = 2",
            "proc.pid = 1",
        ),
        (
            &sequence,
            "until: replace",
            "until: evt.type = login",
            "until, at any step: step3: evt.type = login",
            "= exit",
        ),
    ] {
        tried.extend(operations.split(", ").map(str::to_owned));
        let changed = format!("{whole}\n- correlation: Changed\n  override: {{{operations}}}\n  {keys}\n");
        let (old, new) = (facts(whole).expect("valid"), facts(&changed));
        let is_right =
            new.as_ref().is_ok_and(|new| new.contains(after) && (before.is_empty() || !new.contains(before)));
        if !is_right || !old.contains(before) || (old.contains(after) && after != "by who") {
            wrong.push(format!("{operations}:\n{}", new.unwrap_or_else(|error| error)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Events of these sources have no process to respond to: rule-engine/tests/responses.rs.
    tried.extend(["response: append", "response: replace"].map(str::to_owned));
    // All that the schema of rule files allows.
    let schema = schema::json();
    let keys = schema["definitions"]["CorrelationOverride"]["properties"].as_object().expect("keys");
    let allowed: BTreeSet<String> = keys
        .iter()
        .flat_map(|(key, shape)| {
            let words = shape["enum"].as_array().expect("operations").iter();
            words.map(move |word| format!("{key}: {}", word.as_str().unwrap_or_default()))
        })
        .collect();
    assert_eq!(tried, allowed);
}

/// An appended alias replaces the field of its member.
#[test]
fn an_appended_alias_replaces_the_field_of_its_member() {
    let three = |rules: &str, fields: &[&[(&str, Value<'_>)]; 3]| {
        let mut runner = runner(rules);
        let at = |at: usize| feed(&mut runner, (at as u64, at as f64), "login", fields[at]);
        (0..3).flat_map(at).collect::<Vec<_>>()
    };
    let fields = |user, pid| [("proc.name", text("failed")), ("user.name", text(user)), ("proc.pid", Value::I64(pid))];
    let (a, b, c) = (fields("eve", 2), fields("bob", 2), fields("ann", 2));
    let one_process: [&[(&str, Value<'_>)]; 3] = [&a, &b, &c];
    let changed = format!(
        "{COUNT}\n- correlation: Changed\n  override: {{aliases: append}}\n  aliases: {{who: {{Failed login: proc.pid}}}}\n"
    );
    assert_eq!(three(COUNT, &one_process), [""; 0]);
    assert_eq!(three(&changed, &one_process), ["correlation Changed: o"]);
}

#[test]
fn a_building_block_raises_no_alert_and_others_use_it() {
    let block = BURST.replace("  condition: {gte: 3}", "  condition: {gte: 3}\n  building_block: true");
    let alerts = |rules: &str| {
        let mut runner = runner(rules);
        let mut all = Vec::new();
        for at in 0..3 {
            let fields = [("user.name", text("eve")), ("proc.name", text("failed"))];
            all.extend(feed(&mut runner, (at, at as f64), "login", &fields));
        }
        let fields = [("user.name", text("eve")), ("proc.name", text("good")), ("fd.port", Value::U64(22))];
        all.extend(feed(&mut runner, (9, 4.0), "login", &fields));
        let matches: Vec<u64> = runner.correlation_stats().0.iter().map(|of| of.counters.matches).collect();
        (all.iter().map(|alert| alert.split(':').next().unwrap_or_default().to_owned()).collect::<Vec<_>>(), matches)
    };
    let (login, outer) = ("rule Login".to_owned(), "correlation Guessed password".to_owned());
    let inner = "correlation correlation burst".to_owned();
    assert_eq!(alerts(BURST), (vec![inner, login.clone(), outer.clone()], vec![1, 1]));
    assert_eq!(alerts(&block), (vec![login.clone(), outer], vec![1, 1]));
    // Nothing uses it: it is not even evaluated.
    let alone = block.replace("    - correlation burst\n", "    - Failed login\n").replace("tries=%step1.count", "");
    assert_eq!(alerts(&alone).1.len(), 1);
    let wrong = load(&block.replace("building_block: true", "building_block: perhaps"));
    assert!(!wrong.1.is_successful() && wrong.1.render(Style::default()).contains("perhaps"));
}
