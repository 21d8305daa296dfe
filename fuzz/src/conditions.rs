//! Conditions over events, by the bytecode machine and by the tree walker.

use peregrine_rule_engine::event::record::RecordSchema;
use peregrine_rule_engine::event::{Kind, Lifetime, Special, Value};
use peregrine_rule_engine::filter::FilterSetBuilder;

const WORDS: [&[u8]; 8] = [b"a", b"ab", b"/etc", b"/etc/x", b"bash", b"", b"x.so", b"\xff\xfe"];

/// Lists of ancestors.
const ANCESTORS: [&[Value<'static>]; 4] = [
    &[],
    &[Value::Bytes(b"bash")],
    &[Value::Bytes(b"a"), Value::Bytes(b"ab")],
    &[Value::Bytes(b""), Value::Bytes(b"/etc/x"), Value::Bytes(b"bash")],
];

fn schema() -> RecordSchema {
    RecordSchema::new("fuzz", ["open", "execve", "connect", "read"])
        .field_with("proc.name", Kind::CharBuf, |info| info.lifetime = Lifetime::Thread)
        .field_with("proc.aname", Kind::CharBuf, |info| {
            info.lifetime = Lifetime::Lineage;
            info.special = Special::AnyAncestor;
        })
        .field("fd.name", Kind::FsPath)
        .field("fd.num", Kind::Int64)
        .field("user.uid", Kind::UInt32)
        .field("fd.sip", Kind::IpAddr)
        .field("evt.buffer", Kind::ByteBuf)
        .field("evt.failed", Kind::Bool)
}

/// Reads `data` as conditions, a line each, and behind the first NUL as events of four bytes; the bytecode machine and
/// the tree walker must agree on all of them.
pub fn agree(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let (text, events) = data.split_at(end);
    let Ok(text) = std::str::from_utf8(text) else { return };
    let schema = schema();
    let mut set = FilterSetBuilder::new(schema.clone());
    for line in text.lines().take(200) {
        // An invalid condition must be rejected; nothing else is checked of it.
        let _ = set.add(line);
    }
    let (mut machine, mut walker) = (set.clone().build(), set.build_plain());
    for (number, bytes) in events.chunks_exact(4).take(500).enumerate() {
        let word = |byte: u8| Value::Bytes(WORDS[usize::from(byte) % WORDS.len()]);
        let thread = bytes[0] % 8;
        // Values that depend on the thread follow from its number.
        let ancestors = &ANCESTORS[usize::from(thread) % ANCESTORS.len()];
        let types = ["open", "execve", "connect", "read"];
        let mut event = schema
            .record(types[usize::from(bytes[1]) % 4])
            .at(number as u64 + 1, 7)
            .stamped(u128::from(thread) + 1, u128::from(thread) + 1)
            .with("proc.name", word(thread))
            .with("proc.aname", Value::List(ancestors))
            .with("evt.failed", Value::Bool(bytes[1] > 128));
        if bytes[2] % 3 > 0 {
            event = event.with("fd.name", word(bytes[2])).with("fd.num", Value::I64(i64::from(bytes[2]) - 3));
        }
        if bytes[3] % 3 > 0 {
            let ip = std::net::IpAddr::from([10, 0, 0, bytes[3]]);
            event = event.with("fd.sip", Value::Ip(ip)).with("evt.buffer", word(bytes[3]));
        }
        let (mut by_machine, mut by_walker) = (Vec::new(), Vec::new());
        machine.try_matches(&event, |place| by_machine.push(place)).expect("a record of the schema");
        walker.try_matches(&event, |place| by_walker.push(place)).expect("a record of the schema");
        assert_eq!(by_machine, by_walker, "event {number}");
    }
}
