//! Random rules over random events: the tree walker, the bytecode machine and the indexed set must agree, whatever is
//! cached.

use std::ops::ControlFlow;

use peregrine_rule_engine::event::record::{Record, RecordSchema};
use peregrine_rule_engine::event::{Kind, Lifetime, Special, Value};
use peregrine_rule_engine::output::{Output, Priority, Template};
use peregrine_rule_engine::ruleset::{Config, Machine, Matching, Rule, Ruleset, RulesetBuilder};
use peregrine_rule_engine::syntax::parse;
use proptest::prelude::*;

const TYPES: [&str; 4] = ["open", "execve", "connect", "read"];
const WORDS: [&str; 9] = ["a", "ab", "b", "/etc", "/etc/x", "/etc/x/y.so", "bash", "", "x.so"];
const TEXTS: [(&str, Lifetime); 4] = [
    ("fd.name", Lifetime::Event),
    ("proc.name", Lifetime::Thread),
    ("proc.exe", Lifetime::Thread),
    ("proc.pname", Lifetime::Lineage),
];

fn schema() -> RecordSchema {
    let mut schema = RecordSchema::new("test", TYPES);
    for (name, lifetime) in TEXTS {
        schema = schema.field_with(name, Kind::CharBuf, |info| info.lifetime = lifetime);
    }
    schema
        .field_with("proc.pid", Kind::Int64, |info| info.lifetime = Lifetime::Thread)
        .field_with("proc.aname", Kind::CharBuf, |info| {
            info.lifetime = Lifetime::Lineage;
            info.special = Special::AnyAncestor;
        })
        .field("fd.num", Kind::Int64)
        .field("evt.failed", Kind::Bool)
        .field_with("fd.types", Kind::CharBuf, |info| info.list = true)
}

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(&WORDS[..]).prop_map(|word| format!("\"{word}\""))
}

fn atom() -> impl Strategy<Value = String> {
    let text = prop::sample::select(vec!["fd.name", "proc.name", "proc.exe", "proc.pname", "proc.aname"]);
    let op = prop::sample::select(vec![
        "=",
        "!=",
        "contains",
        "icontains",
        "startswith",
        "endswith",
        "glob",
        "iglob",
        "regex",
    ]);
    let set = prop::sample::select(vec!["in", "intersects", "pmatch"]);
    let modifier = prop::sample::select(vec!["oneof", "anyof", "allof"]);
    let transformed =
        prop::sample::select(vec!["toupper(proc.name)", "basename(fd.name)", "b64(proc.exe)", "len(fd.name)"]);
    let number = prop::sample::select(vec!["proc.pid", "fd.num"]);
    let order = prop::sample::select(vec!["=", "!=", "<", "<=", ">", ">="]);
    let words = || prop::collection::vec(word(), 0..4).prop_map(|words| words.join(", "));
    prop_oneof![
        4 => (text.clone(), op.clone(), word()).prop_map(|(field, op, word)| format!("{field} {op} {word}")),
        3 => (text.clone(), set, words()).prop_map(|(field, op, words)| format!("{field} {op} ({words})")),
        2 => (text.clone(), op, modifier, words()).prop_map(|(field, op, modifier, words)| {
            format!("{field} {op} {modifier} ({words})")
        }),
        1 => text.prop_map(|field| format!("{field} exists")),
        2 => (number, order, -2i64..4).prop_map(|(field, op, number)| format!("{field} {op} {number}")),
        1 => transformed.prop_map(|expr| {
            if expr.starts_with("len") { format!("{expr} > 2") } else { format!("{expr} = bash") }
        }),
        1 => Just("proc.name = val(proc.pname)".to_owned()),
        1 => Just("evt.failed = true".to_owned()),
        1 => words().prop_map(|words| format!("fd.types intersects ({words})")),
        3 => prop::sample::subsequence(&TYPES[..], 1..3).prop_map(|types| format!("evt.type in ({})", types.join(", "))),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    atom().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..5).prop_map(|parts| format!("({})", parts.join(" and "))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" or "))),
            inner.prop_map(|part| format!("not ({part})")),
        ]
    })
}

#[derive(Debug, Clone)]
struct Shape {
    event_type: usize,
    thread: usize,
    name: Option<usize>,
    num: Option<i64>,
    failed: bool,
    types: Option<Vec<usize>>,
}

fn shape() -> impl Strategy<Value = Shape> {
    let some = || prop::option::of(0..WORDS.len());
    let list = || prop::option::of(prop::collection::vec(0..WORDS.len(), 0..3));
    (0..TYPES.len(), 0usize..6, some(), prop::option::of(-2i64..4), any::<bool>(), list()).prop_map(
        |(event_type, thread, name, num, failed, types)| Shape { event_type, thread, name, num, failed, types },
    )
}

fn text(place: usize) -> Value<'static> {
    Value::Bytes(WORDS[place % WORDS.len()].as_bytes())
}

fn list(places: &[usize]) -> Value<'static> {
    let items: Vec<Value<'static>> = places.iter().map(|place| text(*place)).collect();
    Value::List(Box::leak(items.into_boxed_slice()))
}

/// Values that depend on the thread follow from its number, as the stamps promise.
fn record<'s>(schema: &'s RecordSchema, shape: &Shape, number: u64) -> Record<'s> {
    let thread = shape.thread;
    let mut event = schema
        .record(TYPES[shape.event_type])
        .at(number, number)
        .stamped(thread as u128 + 1, thread as u128 + 100)
        .with("proc.name", text(thread))
        .with("proc.pid", Value::I64(thread as i64 - 2))
        .with("proc.pname", text(thread / 2 + 3))
        .with("proc.aname", list(&[thread / 2, thread / 2 + 4]))
        .with("evt.failed", Value::Bool(shape.failed));
    if !thread.is_multiple_of(3) {
        event = event.with("proc.exe", text(thread + 5));
    }
    if let Some(name) = shape.name {
        event = event.with("fd.name", text(name));
    }
    if let Some(num) = shape.num {
        event = event.with("fd.num", Value::I64(num));
    }
    if let Some(types) = &shape.types {
        event = event.with("fd.types", list(types));
    }
    event
}

fn rule(number: usize) -> Rule {
    Rule::new(Output::new(format!("rule {number}"), Priority::Debug, "test", Template::default()))
}

fn build(conditions: &[String], matching: Matching, index: bool) -> (RecordSchema, Ruleset) {
    let mut schema = schema();
    let mut builder = RulesetBuilder::new();
    for (number, text) in conditions.iter().enumerate() {
        let tree = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let condition = builder.condition(&mut schema, &tree).unwrap_or_else(|error| panic!("{text}: {error}"));
        builder.add(rule(number), condition);
    }
    let rules = builder.build(&schema, Config::default().matching(matching).index(index));
    (schema, rules)
}

fn run(rules: &Ruleset, machine: &mut Machine, event: &Record<'_>) -> Vec<u32> {
    let mut found = Vec::new();
    rules.process(machine, event, |rule| {
        found.push(rule.0);
        ControlFlow::Continue(())
    });
    found
}

fn check(conditions: &[String], shapes: &[Shape]) {
    for matching in [Matching::All, Matching::First] {
        let (schema, walked) = build(conditions, matching, false);
        let (_, indexed) = build(conditions, matching, true);
        let (mut walker, mut machine) = (Machine::new(&walked), Machine::new(&indexed));
        for (number, shape) in shapes.iter().enumerate() {
            let event = record(&schema, shape, number as u64 + 1);
            let expect = run(&walked, &mut walker, &event);
            let got = run(&indexed, &mut machine, &event);
            assert_eq!(got, expect, "{shape:?}\n{}", conditions.join("\n"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn few_rules(
        conditions in prop::collection::vec(condition(), 1..12),
        shapes in prop::collection::vec(shape(), 1..40),
    ) {
        check(&conditions, &shapes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5, failure_persistence: None, ..ProptestConfig::default() })]

    // So that buckets are long: prefilters are used.
    #[test]
    fn many_rules(
        conditions in prop::collection::vec(condition(), 60..160),
        shapes in prop::collection::vec(shape(), 1..40),
    ) {
        check(&conditions, &shapes);
    }
}

#[test]
fn thousands_of_rules_find_theirs() {
    let conditions: Vec<String> = (0..3000)
        .map(|number| match number % 3 {
            0 => format!("evt.type = open and fd.name startswith /data/{number}/ and proc.name = a"),
            1 => format!("evt.type in (open, read) and proc.name in (p{number}, q{number}) and fd.num >= 0"),
            _ => format!("evt.type = open and fd.name contains /w{number}/ and not proc.name = b"),
        })
        .collect();
    let (schema, rules) = build(&conditions, Matching::All, true);
    let mut machine = Machine::new(&rules);
    let event = |path: &'static str, name: &'static str, stamp| {
        schema
            .record("open")
            .with("fd.name", Value::Bytes(path.as_bytes()))
            .with("proc.name", Value::Bytes(name.as_bytes()))
            .with("fd.num", Value::I64(3))
            .stamped(stamp, stamp)
    };
    assert_eq!(run(&rules, &mut machine, &event("/data/300/x", "a", 1)), [300]);
    assert_eq!(run(&rules, &mut machine, &event("/data/300/x", "q1000", 2)), [1000]);
    assert_eq!(run(&rules, &mut machine, &event("/data/30/w2999/", "a", 1)), [30, 2999]);
    assert_eq!(run(&rules, &mut machine, &event("/w2/w5/w2999/", "b", 3)), [] as [u32; 0]);
    assert_eq!(run(&rules, &mut machine, &event("/w2/w5/w2999/", "c", 4)), [2, 5, 2999]);
}
