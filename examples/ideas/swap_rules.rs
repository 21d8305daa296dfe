//! Replaces the rules while events are processed: no event is lost, and the state stays. `swap_rules CAPTURE FIRST
//! SECOND`

use std::sync::Arc;

use rule_engine::engine::{Config, SourceRules};
use rule_engine::event::sinsp::SinspSchema;
use rule_engine::load::{Loader, Sources};
use sinsp::{Inspector, Next, fields::Fields};

/// An invalid file is an error, and the active rules stay.
fn load(path: &str) -> Result<Arc<SourceRules<SinspSchema>>, Box<dyn std::error::Error>> {
    let text = std::fs::read(path)?;
    let mut loader = Loader::new(Sources::new().with(SinspSchema::new(Fields::new())));
    let loaded = loader.load([(path, text.as_slice())]);
    if !loaded.is_successful() {
        return Err(format!("{path} does not load").into());
    }
    let rules = loader.into_sources().build(loaded.into_rules(), &Config::default())?;
    Ok(rules.source("syscall")?)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, capture, first, second] = &args[..] else { return Err("usage: swap_rules CAPTURE FIRST SECOND".into()) };
    let mut inspector = Inspector::new(scap::savefile::Reader::open(capture)?);
    // A real program would load in another thread and pass the rules on: they can be shared and sent.
    let mut to_come = vec![load(second)?, load(first)?];
    let mut events = 0;
    while let Some(rules) = to_come.pop() {
        let mut runner = rules.runner();
        loop {
            match inspector.next()? {
                Next::Event(event) => {
                    events += 1;
                    runner.process(&event, |alert| {
                        println!("{alert}");
                    });
                }
                Next::Hidden | Next::Idle => {}
                Next::End => return Ok(()),
            }
            // Rules are replaced between two events.
            if events == 3000 && !to_come.is_empty() {
                println!("-- new rules");
                break;
            }
        }
    }
    Ok(())
}
