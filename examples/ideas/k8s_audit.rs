//! Evaluates rules on Kubernetes audit records, one per line of standard input. `k8s_audit RULES < RECORDS`

use std::io::BufRead as _;

use rule_engine::diag::human::Style;
use rule_engine::engine::Config;
use rule_engine::event::json::{JsonDocument, JsonSchema};
use rule_engine::load::{Loader, Sources};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: k8s_audit RULES < RECORDS")?;
    let text = std::fs::read(&path)?;
    let mut loader = Loader::new(Sources::new().with(JsonSchema::k8s_audit()));
    let loaded = loader.load([(path.as_str(), text.as_slice())]);
    // All errors and warnings of the file, each with its place.
    eprint!("{}", loaded.render(Style::default()));
    if !loaded.is_successful() {
        return Err("the rules do not load".into());
    }
    let rules = loader.into_sources().build(loaded.into_rules(), &Config::default())?;
    let mut runner = rules.source::<JsonSchema>("k8s_audit")?.runner();
    for (number, line) in (1..).zip(std::io::stdin().lock().lines()) {
        match JsonDocument::parse(line?.as_bytes()) {
            Ok(record) => runner.process(&record, |alert| println!("{alert}")),
            Err(fault) => eprintln!("line {number}: {fault}"),
        }
    }
    Ok(())
}
