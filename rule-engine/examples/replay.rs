//! Runs rule files over a capture and prints the alerts, one per line.
//!
//! Usage: `replay [--text] [--all] [--plain] [--suggested] [--quiet] [--profile] -r RULES.yaml … FILE.scap`. `--plain`
//! walks every rule instead of using the index; `--suggested` adds the output fields that the source suggests.

use std::io::{BufWriter, Write};

use peregrine_rule_engine::diag::human::Style;
use peregrine_rule_engine::engine::Config;
use peregrine_rule_engine::event::Schema;
use peregrine_rule_engine::event::sinsp::SinspSchema;
use peregrine_rule_engine::load::ExtraOutput;
use peregrine_rule_engine::load::{Loader, Sources};
use peregrine_rule_engine::output::Format;
use peregrine_rule_engine::ruleset::Matching;
use sinsp::fields::Fields;
use sinsp::{Inspector, scap};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut files, mut capture, mut suggested, mut quiet, mut profile) = (Vec::new(), None, false, false, false);
    let mut format = Format::new("vm").json(true).iso8601(true);
    let mut config = Config::default();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--text" => format.json = false,
            "--all" => config.evaluation.matching = Matching::All,
            "--plain" => config.evaluation.index = false,
            "--suggested" => suggested = true,
            "--quiet" => quiet = true,
            "--profile" => profile = true,
            "-r" => files.push(args.next().ok_or("-r wants a file")?),
            _ => capture = Some(arg),
        }
    }
    let capture = capture.ok_or("which capture?")?;

    let schema = SinspSchema::new(Fields::new()).without_host_names();
    let mut extra = Vec::new();
    if suggested {
        extra.extend(
            schema
                .suggested_output()
                .into_iter()
                .map(|piece| ExtraOutput { format: Some(piece.into_owned()), ..ExtraOutput::default() }),
        );
    }
    let mut loader = Loader::new(Sources::new().with(schema)).extra_output(extra);
    let texts: Vec<(String, Vec<u8>)> =
        files.into_iter().map(|name| std::fs::read(&name).map(|text| (name, text))).collect::<Result<_, _>>()?;
    let loaded = loader.load(texts.iter().map(|(name, text)| (name.as_str(), text.as_slice())));
    if !loaded.is_successful() {
        return Err(loaded.render(Style::default()).into());
    }
    let rules = loader.into_sources().build(loaded.into_rules(), &config)?;
    let mut runner = rules.source::<SinspSchema>("syscall")?.runner();
    if profile {
        runner.profile();
    }
    let mut out = BufWriter::new(std::io::stdout().lock());
    let (mut failed, mut line) = (None, Vec::new());
    let mut alerts = 0u64;
    let mut inspector = Inspector::new(scap::savefile::Reader::open(capture)?);
    inspector.for_each(|event| {
        runner.process(&event, |alert| {
            alerts += 1;
            line.clear();
            alert.write(&format, &mut line);
            line.push(b'\n');
            if !quiet && let Err(error) = out.write_all(&line) {
                failed = Some(error);
            }
        });
    })?;
    if quiet {
        writeln!(out, "{alerts} alerts")?;
    }
    if let Some(mut profile) = runner.profiled() {
        profile.sort();
        write!(out, "{profile}")?;
    }
    failed.map_or(Ok(()), |error| Err(error.into()))
}
