//! Evaluates rules on events that are not system calls: a custom source with custom fields. Here doors are opened.

use std::io::Write as _;

use rule_engine::engine::Config;
use rule_engine::event::record::RecordSchema;
use rule_engine::event::{Kind, Value};
use rule_engine::load::{Loader, Sources};

const RULES: &[u8] = br"
- rule: laboratory at night
  desc: somebody opens a door of the laboratory before six
  condition: evt.type = open and door.name startswith lab and door.hour < 6
  output: laboratory opened at night (door=%door.name badge=%door.badge)
  priority: warning
  source: door
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let schema = RecordSchema::new("door", ["open", "close"])
        .field("door.name", Kind::CharBuf)
        .field("door.badge", Kind::UInt64)
        .field("door.hour", Kind::UInt64);
    let mut loader = Loader::new(Sources::new().with(schema.clone()));
    let loaded = loader.load([("doors.yaml", RULES)]);
    let rules = loader.into_sources().build(loaded.into_rules(), &Config::default())?;
    let mut runner = rules.source::<RecordSchema>("door")?.runner();
    let mut out = std::io::stdout().lock();
    for (what, name, badge, hour) in [("open", "lab 7", 42, 3), ("close", "lab 7", 42, 3), ("open", "lab 7", 43, 9)] {
        let event = schema
            .record(what)
            .with("door.name", Value::Bytes(name.as_bytes()))
            .with("door.badge", Value::U64(badge))
            .with("door.hour", Value::U64(hour));
        // The reader of a pipe may be gone: `println!` would panic.
        runner.try_process(&event, |alert| drop(writeln!(out, "{alert}")))?;
    }
    Ok(())
}
