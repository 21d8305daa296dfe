//! The suite of testdata/conditions: the result of each condition for each event, by the tree walker, by the bytecode
//! machine, and in one indexed set with all others.
//!
//! A line is `event NAME {fields}`, `T NAME condition` (it is true), `F NAME condition`, `E message :: condition` (it
//! does not compile, with that message), or a comment after `#`.

use std::collections::BTreeMap;
use std::path::Path;

use peregrine_rule_engine::event::record::RecordSchema;
use peregrine_rule_engine::event::{Kind, Lifetime, Special, Value};
use peregrine_rule_engine::filter::{FilterSet, FilterSetBuilder};
use serde_json::Value as Json;

fn schema() -> RecordSchema {
    let lasting = |schema: RecordSchema, name: &'static str, kind, lifetime| {
        schema.field_with(name, kind, |info| info.lifetime = lifetime)
    };
    let special = |schema: RecordSchema, name: &'static str, kind, special| {
        schema.field_with(name, kind, |info| {
            info.special = special;
            info.no_rhs = true;
            info.no_transformer = true;
        })
    };
    let types = ["execve", "openat", "open", "connect", "close", "read"];
    let mut schema = RecordSchema::new("syscall", types);
    for name in ["proc.name", "proc.args", "proc.args[0]", "proc.args[7]", "proc.cmdline", "user.name", "proc.exepath"]
    {
        schema = lasting(schema, name, Kind::CharBuf, Lifetime::Thread);
    }
    for name in ["proc.pname", "proc.aname[2]"] {
        schema = lasting(schema, name, Kind::CharBuf, Lifetime::Lineage);
    }
    schema = lasting(schema, "proc.pid", Kind::Int64, Lifetime::Thread);
    schema = lasting(schema, "user.uid", Kind::UInt32, Lifetime::Thread);
    schema = special(schema, "proc.aname", Kind::CharBuf, Special::AnyAncestor);
    schema = special(schema, "proc.apid", Kind::Pid, Special::AnyAncestor);
    schema = special(schema, "fd.ip", Kind::IpAddr, Special::AnyEnd);
    schema = special(schema, "fd.net", Kind::IpNet, Special::AnyEnd);
    schema = special(schema, "fd.port", Kind::Port, Special::AnyEnd);
    schema = special(schema, "evt.rawarg.flags", Kind::Flags32, Special::RawArg);
    schema = special(schema, "evt.around[1000000]", Kind::UInt64, Special::Around);
    schema
        .field("fd.name", Kind::FsPath)
        .field("fd.sip", Kind::IpAddr)
        .field("fd.snet", Kind::IpNet)
        .field("fd.sport", Kind::Port)
        .field("fd.cport", Kind::Port)
        .field("fd.num", Kind::Int64)
        .field("evt.is_open_read", Kind::Bool)
        .field("evt.rawres", Kind::Int64)
        .field("evt.buffer", Kind::ByteBuf)
        .field("thread.cpu", Kind::Double)
        .field("evt.cpu", Kind::Int16)
        .field_with("fd.types", Kind::CharBuf, |info| info.list = true)
        .field_with("ka.ports", Kind::UInt64, |info| info.list = true)
}

/// Returns a value of a field of some kind from JSON; its borrows live as long as the test.
fn value(kind: Kind, json: &Json) -> Value<'static> {
    let leak = |text: &str| -> &'static [u8] { Box::leak(text.as_bytes().to_vec().into_boxed_slice()) };
    match json {
        Json::Array(items) => {
            let items: Vec<Value<'static>> = items.iter().map(|item| value(kind, item)).collect();
            Value::List(Box::leak(items.into_boxed_slice()))
        }
        Json::Bool(truth) => Value::Bool(*truth),
        Json::String(text) if matches!(kind, Kind::IpAddr | Kind::IpNet) => Value::Ip(text.parse().expect(text)),
        // Escapes of bytes that JSON has no way to write.
        Json::String(text) => Value::Bytes(leak(text)),
        Json::Number(number) if kind == Kind::Double => Value::F64(number.as_f64().expect("a number")),
        Json::Number(number) => match (kind.number(), number.as_i64()) {
            (Some((_, true)), Some(number)) => Value::I64(number),
            _ => Value::U64(number.as_u64().expect("no sign")),
        },
        other => panic!("no value: {other}"),
    }
}

struct Case {
    place: String,
    event: String,
    expect: bool,
    condition: String,
}

#[test]
fn suite() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/conditions");
    let schema = schema();
    let mut events: BTreeMap<String, Json> = BTreeMap::new();
    let mut cases = Vec::new();
    let mut faults = Vec::new();
    let mut errors = 0;
    let mut files: Vec<_> =
        std::fs::read_dir(&root).expect("testdata").map(|file| file.expect("a file").path()).collect();
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a text");
        for (number, line) in text.lines().enumerate() {
            let place = format!("{}:{}", file.file_name().unwrap_or_default().to_string_lossy(), number + 1);
            let Some((kind, rest)) = line.split_once(' ').filter(|_| !line.starts_with('#')) else { continue };
            match kind {
                "event" => {
                    let (name, fields) = rest.split_once(' ').expect("a name and fields");
                    events.insert(name.to_owned(), serde_json::from_str(fields).expect(fields));
                }
                "T" | "F" => {
                    let (event, condition) = rest.split_once(' ').expect("an event and a condition");
                    let (event, condition) = (event.to_owned(), condition.to_owned());
                    cases.push(Case { place, event, expect: kind == "T", condition });
                }
                "E" => {
                    errors += 1;
                    let (message, condition) = rest.split_once(" :: ").expect("a message and a condition");
                    match FilterSetBuilder::new(schema.clone()).add(condition) {
                        Err(error) if error.to_string().contains(message) => {}
                        other => faults.push(format!("{place}: {condition}: expected {message:?}, got {other:?}")),
                    }
                }
                other => panic!("{place}: {other}"),
            }
        }
    }
    assert!(cases.len() + errors >= 300, "only {} cases", cases.len() + errors);

    let mut all = FilterSetBuilder::new(schema.clone());
    let mut alone: Vec<[FilterSet<RecordSchema>; 2]> = Vec::new();
    for case in &cases {
        let mut one = FilterSetBuilder::new(schema.clone());
        if let Err(error) = one.add(&case.condition).and_then(|_| all.add(&case.condition)) {
            panic!("{}: {}: {error}", case.place, case.condition);
        }
        alone.push([one.clone().build_plain(), one.build()]);
    }
    let mut together = all.build();

    for (number, (name, fields)) in events.iter().enumerate() {
        let event_type = fields["evt.type"].as_str().expect("a type");
        let stamp = number as u128 + 1;
        let mut event = schema.record(event_type).at(number as u64 + 7, 1_000_500).stamped(stamp, stamp);
        for (field, json) in fields.as_object().expect("fields").iter().filter(|(field, _)| *field != "evt.type") {
            let kind = schema.find(field).unwrap_or_else(|| panic!("{field}")).kind;
            event = event.with(field, value(kind, json));
        }
        // Twice: the second time results are cached.
        for round in 0..2 {
            let mut holds = vec![false; cases.len()];
            together.try_matches(&event, |place| holds[place] = true).expect(name);
            for (place, case) in cases.iter().enumerate() {
                let [walker, machine] = &mut alone[place];
                let (mut by_walker, mut by_machine) = (false, false);
                walker.try_matches(&event, |_| by_walker = true).expect(name);
                machine.try_matches(&event, |_| by_machine = true).expect(name);
                if [by_walker, by_machine] != [holds[place]; 2] {
                    faults.push(format!(
                        "{} on {name}, round {round}: walker {by_walker}, machine {by_machine}, set {}: {}",
                        case.place, holds[place], case.condition
                    ));
                } else if case.event == *name && by_walker != case.expect {
                    faults.push(format!("{}: expected {}: {}", case.place, case.expect, case.condition));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
