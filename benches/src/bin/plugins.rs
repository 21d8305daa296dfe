//! The cost of events of a plugin: one rule with two extracted fields, over a plugin that yields events as fast as it can,
//! beside the runner of the independent SDK, which extracts the same two fields of the same plugin.
//!
//! ```text
//! cargo run --release -p peregrine-benches --bin plugins [EVENTS] [PAIRS]
//! ```
//!
//! It prints millions of events a second of both, in pairs of runs. With 0 pairs it evaluates the events once, for a
//! profiler, and prints nothing.

use peregrine_plugin_host::{Configured, Library, Next, PluginSchema, PluginSource, SourcePlugins};
use rule_engine::engine::Config;
use rule_engine::load::{Loader, Sources};
use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

/// Both fields are extracted of every event, and no event matches.
const RULE: &str = "- {rule: never, desc: d, condition: fast.number >= 0 and fast.name = zoe, output: '%fast.name', \
                    priority: NOTICE, source: fast}";

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize, default: u64| args.get(place).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (events, pairs) = (number(0, 10_000_000), number(1, 5));
    let folder = tempfile::tempdir()?;
    let library = folder.path().join("libfast.so");
    testkit::c_plugin("fast.c", &[&format!("-DEVENTS={events}"), "-O2"], &library);
    if pairs == 0 {
        own(&library, events)?;
        return Ok(());
    }
    let runner = testkit::sdk_runner().ok_or("the runner of the SDK cannot be built")?;
    let (mut out, mut ratios) = (std::io::stdout(), Vec::new());
    for _ in 0..pairs {
        let (own, other) = (own(&library, events)?, runner_rate(&runner, &library)?);
        writeln!(out, "{own:6.2} M events/s, the SDK's runner {other:6.2} M events/s")?;
        ratios.push(own / other);
    }
    ratios.sort_by(f64::total_cmp);
    writeln!(out, "median of the ratios: {:.2}", ratios[ratios.len() / 2])?;
    Ok(())
}

/// Returns millions of events a second of this host with the rule.
fn own(library: &Path, events: u64) -> Result<f64, Box<dyn Error>> {
    let plugin = Configured::new(Library::load(library)?, "", events.to_string());
    let set = SourcePlugins::combine(&[plugin])?.remove(0);
    let mut loader = Loader::new(Sources::new().with(PluginSchema::new(&set)));
    let loaded = loader.load([("rule.yaml", RULE.as_bytes())]);
    if !loaded.is_successful() {
        return Err(format!("{:?}", loaded.diagnostics).into());
    }
    let rules = loader.into_sources().build(loaded.into_rules(), &Config::default())?;
    let mut runner = rules.source::<PluginSchema>("fast")?.runner();
    let mut source = PluginSource::open(&set, &(Arc::new(|_| ()) as _))?;
    let (began, mut count, mut alerts) = (Instant::now(), 0_u64, 0_u64);
    loop {
        match source.next_event()? {
            Next::Event(event) => {
                count += 1;
                runner.try_process(event, |_| alerts += 1)?;
            }
            Next::Idle => {}
            Next::End => break,
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    if (count, alerts) != (events, 0) {
        return Err(format!("{count} events and {alerts} alerts instead of {events} and none").into());
    }
    Ok(count as f64 / seconds / 1e6)
}

/// Returns millions of events a second of the SDK's runner with the two fields.
fn runner_rate(runner: &Path, library: &Path) -> Result<f64, Box<dyn Error>> {
    let ran = Command::new(runner).arg("--count").arg(library).args(["", "fast.number", "fast.name"]).output()?;
    let text = String::from_utf8(ran.stdout)?;
    let (events, nanoseconds) = text.trim().split_once(' ').ok_or("the runner failed")?;
    Ok(events.parse::<f64>()? / nanoseconds.parse::<f64>()? * 1e3)
}
