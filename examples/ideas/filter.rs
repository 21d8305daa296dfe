//! Prints the events of a capture that match a condition. `filter CAPTURE CONDITION`

use std::io::Write as _;

use bumpalo::Bump;
use rule_engine::event::sinsp::SinspSchema;
use rule_engine::filter::Filter;
use rule_engine::output::Formatter;
use sinsp::Inspector;
use sinsp::fields::Fields;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, capture, condition] = &args[..] else { return Err("usage: filter CAPTURE CONDITION".into()) };
    // Names are resolved here, once: nothing is looked up by name on the event path.
    let mut filter = Filter::compile(condition, SinspSchema::new(Fields::new()))?;
    let line = Formatter::compile("%evt.num %proc.name %evt.type %fd.name", SinspSchema::new(Fields::new()))?;

    let mut inspector = Inspector::new(scap::savefile::Reader::open(capture)?);
    // Values that fields build are allocated in the arena, which is reset and not freed.
    let (mut arena, mut text) = (Bump::new(), Vec::new());
    inspector.for_each(|event| {
        if filter.matches(&event) {
            let Ok(()) = line.render(&event, &arena, &mut text);
            text.push(b'\n');
        }
        arena.reset();
    })?;
    Ok(std::io::stdout().write_all(&text)?)
}
