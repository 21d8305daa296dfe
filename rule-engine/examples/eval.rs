//! Evaluates many conditions on a capture in one pass and prints the result of each, one JSON object per line.
//!
//! Usage: `eval [--plain] CONDITIONS.jsonl FILE.scap`. A line of the first file is a JSON object with a `condition`.

use std::io::{BufRead, BufReader, BufWriter, Write};

use peregrine_rule_engine::event::sinsp::SinspSchema;
use peregrine_rule_engine::filter::{FilterError, FilterSetBuilder};
use serde_json::{Value, json};
use sinsp::fields::Fields;
use sinsp::{Inspector, scap};

struct Tally {
    line: usize,
    matches: u64,
    hash: u64,
    first: Vec<u64>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let plain = args.iter().position(|arg| arg == "--plain").map(|place| args.remove(place)).is_some();
    let [conditions, capture] = args.as_slice() else { return Err("usage: eval CONDITIONS.jsonl FILE.scap".into()) };

    let schema = SinspSchema::new(Fields::new()).without_host_names();
    let mut set = FilterSetBuilder::new(schema);
    let mut lines: Vec<Value> = Vec::new();
    let mut tallies: Vec<Tally> = Vec::new();
    for line in BufReader::new(std::fs::File::open(conditions)?).lines() {
        let line: Value = serde_json::from_str(&line?)?;
        let text = line["condition"].as_str().ok_or("no condition")?;
        lines.push(match set.add(text) {
            Ok(added) => {
                tallies.push(Tally {
                    line: lines.len(),
                    matches: 0,
                    hash: 1_469_598_103_934_665_603,
                    first: Vec::new(),
                });
                json!({"condition": text, "printed": added.tree.to_string(), "event_codes": added.event_types})
            }
            Err(FilterError::Syntax(error, _)) => json!({
                "condition": text, "error": format!("parse: {}", error.kind), "index": error.position.index,
                "line": error.position.line, "column": error.position.column,
            }),
            Err(error) => json!({"condition": text, "error": format!("compile: {error}")}),
        });
    }
    let mut set = if plain { set.build_plain() } else { set.build() };
    let mut inspector = Inspector::new(scap::savefile::Reader::open(capture)?);
    inspector.for_each(|event| {
        let number = event.num();
        set.matches(&event, |place| {
            let tally = &mut tallies[place];
            tally.matches += 1;
            tally.hash = (tally.hash ^ number).wrapping_mul(1_099_511_628_211);
            if tally.first.len() < 20 {
                tally.first.push(number);
            }
        });
    })?;
    for tally in tallies {
        let line = &mut lines[tally.line];
        line["matches"] = json!(tally.matches);
        line["fnv"] = json!(format!("{:016x}", tally.hash));
        line["first"] = json!(tally.first);
    }
    let mut out = BufWriter::new(std::io::stdout().lock());
    for line in lines {
        writeln!(out, "{line}")?;
    }
    Ok(())
}
