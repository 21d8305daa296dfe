//! Validates rule files and prints the output of Falco's `-V`, or messages for people.
//!
//! Usage: `validate [-c CONFIG] [-o json_output=true] [--human] [-L | -l RULE] -V RULES.yaml …`. Only `json_output` of
//! the configuration is used.

use std::io::Write as _;
use std::process::ExitCode;

use peregrine_rule_engine::diag::human::Style;
use peregrine_rule_engine::event::sinsp::SinspSchema;
use peregrine_rule_engine::load::{Loader, Sources, describe};
use serde_json::json;
use sinsp::fields::Fields;

/// The container engine is built in; rules require it as a plugin.
const PLUGINS: [(&str, &str); 1] = [("container", "0.7.1")];

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "Error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool, Box<dyn std::error::Error>> {
    let (mut names, mut json_output, mut human) = (Vec::new(), false, false);
    let (mut described, mut rule) = (false, None);
    let mut args = std::env::args().skip(1);
    let want = |value: Option<String>, of: &str| value.ok_or_else(|| format!("{of} wants a value"));
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-V" => names.push(want(args.next(), "-V")?),
            "-c" => {
                let config = std::fs::read_to_string(want(args.next(), "-c")?)?;
                json_output = config.lines().any(|line| line.trim_end() == "json_output: true");
            }
            "-o" => match want(args.next(), "-o")?.as_str() {
                "json_output=true" => json_output = true,
                "json_output=false" => json_output = false,
                _ => {}
            },
            "-L" => described = true,
            "-l" => rule = Some(want(args.next(), "-l")?),
            "--human" => human = true,
            other => return Err(format!("unknown option {other}").into()),
        }
    }
    let texts: Vec<(String, Vec<u8>)> =
        names.into_iter().map(|name| std::fs::read(&name).map(|text| (name, text))).collect::<Result<_, _>>()?;
    let schema = SinspSchema::new(Fields::new()).without_host_names();
    let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
    let started = std::time::Instant::now();
    let mut loader = Loader::new(Sources::new().with(schema));
    let loaded = loader.load(texts.iter().map(|(name, text)| (name.as_str(), text.as_slice())));
    if std::env::var_os("TIME").is_some() {
        writeln!(err, "{:?}", started.elapsed())?;
    }
    loaded.check_plugins(&PLUGINS)?;
    if human {
        write!(out, "{}", loaded.render(Style { colour: false }))?;
        return Ok(loaded.is_successful());
    }
    let mut description = None;
    if loaded.is_successful() && (described || rule.is_some()) {
        description = Some(describe(&loaded, loader.sources_mut(), rule.as_deref())?);
    }
    if json_output {
        let mut result = json!({});
        if let Some(description) = description {
            result["falco_describe_results"] = description;
        }
        result["falco_load_results"] = loaded.falco_json();
        writeln!(out, "{result}")?;
    } else {
        let (summary, logged) = loaded.falco_text();
        writeln!(out, "{summary}")?;
        logged.iter().try_for_each(|text| writeln!(err, "{text}"))?;
    }
    Ok(loaded.is_successful())
}
