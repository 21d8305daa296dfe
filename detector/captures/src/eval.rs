//! `pscap eval`: evaluates many conditions on a capture in one pass.

use std::fs::File;
use std::io::{BufRead as _, BufReader};

use rule_engine::event::sinsp::SinspSchema;
use rule_engine::filter::{Added, FilterError, FilterSetBuilder};
use rule_engine::syntax::print;
use serde_json::{Map, Value as Json, json};
use sinsp::fields::Fields;
use sinsp::{Inspector, Next};

use crate::Fatal;
use crate::cli::Eval;
use crate::input::Input;
use crate::output::Output;

/// Maximum number of matching events whose numbers are listed.
const FIRST: usize = 20;
const FNV_START: u64 = 1_469_598_103_934_665_603;
const FNV_PRIME: u64 = 1_099_511_628_211;

/// Result of one condition.
struct Line {
    condition: String,
    outcome: Result<Added, FilterError>,
    tally: Tally,
}

/// The events that matched.
struct Tally {
    count: u64,
    /// Hash of their numbers.
    fnv: u64,
    first: Vec<u64>,
}

pub(crate) fn run(options: &Eval) -> Result<(), Fatal> {
    let context = |error| format!("{}: {error}", options.conditions.display());
    let file = File::open(&options.conditions).map_err(context)?;
    let schema = SinspSchema::new(Fields::new()).without_host_names();
    let mut builder = FilterSetBuilder::new(schema);
    let mut lines = Vec::new();
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(context)?;
        if line.trim().is_empty() {
            continue;
        }
        let condition = condition(&line).ok_or_else(|| {
            format!(
                "{}:{}: expected a JSON string or an object with a `condition`",
                options.conditions.display(),
                number + 1
            )
        })?;
        let outcome = builder.add(&condition);
        lines.push(Line { condition, outcome, tally: Tally::new() });
    }
    let mut set = builder.build();
    let places: Vec<usize> =
        (0..lines.len()).filter(|&index| lines.get(index).is_some_and(|line| line.outcome.is_ok())).collect();
    let mut inspector = Inspector::new(Input::open(&options.file)?);
    loop {
        match inspector.next()? {
            Next::Event(event) => {
                let number = event.num();
                set.matches(&event, |place| {
                    if let Some(line) = places.get(place).and_then(|&index| lines.get_mut(index)) {
                        line.tally.add(number);
                    }
                });
            }
            Next::Hidden | Next::Idle => {}
            Next::End => break,
        }
    }
    let mut output = Output::new();
    for line in &lines {
        output.line(line.json().to_string().as_bytes())?;
    }
    Ok(output.finish()?)
}

/// Returns the condition in a line: a JSON string, or the member `condition` of an object.
fn condition(line: &str) -> Option<String> {
    match serde_json::from_str(line).ok()? {
        Json::String(text) => Some(text),
        Json::Object(members) => members.get("condition")?.as_str().map(str::to_owned),
        _ => None,
    }
}

impl Tally {
    fn new() -> Self {
        Self { count: 0, fnv: FNV_START, first: Vec::new() }
    }

    fn add(&mut self, number: u64) {
        self.count += 1;
        self.fnv = (self.fnv ^ number).wrapping_mul(FNV_PRIME);
        if self.first.len() < FIRST {
            self.first.push(number);
        }
    }
}

impl Line {
    fn json(&self) -> Json {
        let mut members = Map::new();
        members.insert("condition".into(), self.condition.as_str().into());
        match &self.outcome {
            Ok(added) => {
                members.insert("printed".into(), print::canonical_text(&added.tree).into());
                members.insert("event_codes".into(), added.event_types.into());
                members.insert("matches".into(), self.tally.count.into());
                members.insert("fnv".into(), format!("{:016x}", self.tally.fnv).into());
                members.insert("first".into(), json!(self.tally.first));
            }
            Err(FilterError::Syntax(error, _)) => {
                members.insert("error".into(), format!("parse: {}", error.kind).into());
                members.insert("line".into(), error.position.line.into());
                members.insert("column".into(), error.position.column.into());
                members.insert("index".into(), error.position.index.into());
            }
            Err(error) => {
                members.insert("error".into(), format!("compile: {error}").into());
            }
        }
        Json::Object(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_conditions() {
        assert_eq!(condition(r#""a = b""#).as_deref(), Some("a = b"));
        assert_eq!(condition(r#"{"x": 1, "condition": "a = b"}"#).as_deref(), Some("a = b"));
        assert_eq!(condition(r#"{"x": 1}"#), None);
        assert_eq!(condition("a = b"), None);
    }

    #[test]
    fn matches_are_hashed_in_order() {
        let mut tally = Tally::new();
        for number in 1..=25 {
            tally.add(number);
        }
        assert_eq!((tally.count, tally.first.len()), (25, 20));
        let hash =
            |numbers: &[u64]| numbers.iter().fold(FNV_START, |hash, number| (hash ^ number).wrapping_mul(FNV_PRIME));
        assert_eq!(tally.fnv, hash(&(1..=25).collect::<Vec<_>>()));
        assert_ne!(tally.fnv, hash(&(1..=25).rev().collect::<Vec<_>>()));
    }
}
