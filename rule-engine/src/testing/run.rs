//! Runs tests and reports their results.

use super::alerts::{self, Difference, Expected, Raised};
use super::{Events, Fault, Given, PlayError, Replay, Setting, Suite, Test};
use crate::diag::did_you_mean;
use crate::diag::human::Style;
use crate::engine::{self, Alert, CompiledRules};
use crate::event::json::{JsonDocument, JsonSchema};
use crate::load::Loader;
use crate::resolve::{ExtraField, ExtraOutput};
use crate::ruleset::{self, Matching, Rule, Selector};
use crate::source::item::Written;
use crate::source::span::locate;

/// The source of the events of traces and captures.
const SYSCALL: &str = "syscall";
/// The time of the first record: records need not have one.
const START: u64 = 1_700_000_000_000_000_000;

/// The result of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome<'s> {
    /// The name of the test.
    pub test: &'s str,
    /// The line of the file with the name, from 1.
    pub line: usize,
    /// The verdict.
    pub verdict: Verdict,
}

/// Whether a test passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The alerts are as expected.
    Passed,
    /// They are not.
    Failed(Vec<Difference>),
    /// It could not be run: there is an error in it.
    Broken(Fault),
}

/// The numbers of tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Summary {
    /// As expected.
    pub passed: usize,
    /// Not as expected, or not run.
    pub failed: usize,
}

/// The loaded rules of a setting.
type Loaded = Result<CompiledRules, Fault>;

impl Suite {
    /// Runs all tests. Tests of a document that names no rules are about `rules`, each a name and the text of a file.
    /// `each` is called with the result of every test.
    pub fn run<'s>(
        &'s self,
        replay: &mut dyn Replay,
        rules: &[(String, Vec<u8>)],
        mut each: impl FnMut(Outcome<'s>),
    ) -> Summary {
        let loaded: Vec<Loaded> = (0..self.settings.len()).map(|setting| self.load(setting, replay, rules)).collect();
        let mut summary = Summary::default();
        for test in &self.tests {
            let verdict = match &loaded[test.setting] {
                Ok(rules) => self.verdict(test, rules, replay).unwrap_or_else(Verdict::Broken),
                Err(fault) => Verdict::Broken(fault.clone()),
            };
            let count = if verdict == Verdict::Passed { &mut summary.passed } else { &mut summary.failed };
            *count += 1;
            let line = self.file.text.mark(test.name.spot.start).line + 1;
            each(Outcome { test: &test.name.text, line, verdict });
        }
        summary
    }

    fn load(&self, number: usize, replay: &mut dyn Replay, given: &[(String, Vec<u8>)]) -> Loaded {
        let setting = &self.settings[number];
        let mut files = Vec::new();
        match &setting.rules {
            None if given.is_empty() => {
                let hint = "name rule files with `rules:`, relative to this file".to_owned();
                return Err(Fault::new("there are no rules to test").hint(hint));
            }
            None => files.extend_from_slice(given),
            Some(rules) => {
                for rules in rules {
                    files.push(self.rule_file(rules, replay)?);
                }
            }
        }
        let mut sources = replay.sources();
        let named = |loaded: &crate::load::Loaded| -> Vec<String> {
            loaded.collection.correlations.iter().map(|correlation| correlation.name.text.clone()).collect()
        };
        let has_correlations = files.iter().any(|(_, text)| memchr::memmem::find(text, b"correlation:").is_some());
        let correlations = if has_correlations {
            let mut first = Loader::new(replay.sources());
            named(&first.load(files.iter().map(|(name, text)| (name.as_str(), text.as_slice()))))
        } else {
            Vec::new()
        };
        let extra = self.extra(number, &mut sources, &correlations)?;
        let mut loader = Loader::new(sources).extra_output(extra);
        let loaded = loader.load(files.iter().map(|(name, text)| (name.as_str(), text.as_slice())));
        if !loaded.is_successful() {
            return Err(Fault::new(format!("the rules do not load\n{}", loaded.render(Style::default()).trim_end())));
        }
        let build = loader.into_sources().build(loaded.into_rules(), &setting.config());
        build.map_err(|error| Fault::new(error.to_string()))
    }

    /// Returns the text of a named file, or the inline text.
    fn rule_file(&self, rules: &Written, replay: &mut dyn Replay) -> Result<(String, Vec<u8>), Fault> {
        if rules.text.contains('\n') {
            let line = self.file.text.mark(rules.spot.start).line + 1;
            return Ok((format!("{} (rules of line {line})", self.file.name), rules.text.clone().into_bytes()));
        }
        match replay.read(&rules.text) {
            Ok(text) => Ok((rules.text.clone(), text)),
            Err(error) => {
                let hint = "paths are relative to the test file".to_owned();
                Err(Fault::new(format!("the rule file cannot be read: {error}")).at(rules.spot).hint(hint))
            }
        }
    }

    /// Adds every field that some test checks to the alerts, whether the rule's output has it or not.
    fn extra(
        &self,
        setting: usize,
        sources: &mut crate::load::Sources,
        correlations: &[String],
    ) -> Result<Vec<ExtraOutput>, Fault> {
        let mut all: Vec<ExtraOutput> = Vec::new();
        for test in self.tests.iter().filter(|test| test.setting == setting) {
            let source = test.given.source();
            let all_fields = |alert| {
                let alert: &Expected = alert;
                alert.fields.iter().map(move |(name, _)| (alert, name))
            };
            for (alert, name) in test.alerts.iter().flat_map(all_fields) {
                let known = |extra: &ExtraOutput| {
                    extra.source.as_deref() == Some(source) && extra.fields.iter().any(|field| field.name == name.text)
                };
                if all.iter().any(known) {
                    continue;
                }
                match sources.field(source, &name.text) {
                    Ok(true) => {}
                    // Those of correlations are the fields that their outputs name.
                    Ok(false) if correlations.contains(&alert.rule.text) => continue,
                    Ok(false) => {
                        let hint = sources.near_field(source, &name.text);
                        return Err(Fault::new(format!("`{}` is not a field of {source}", name.text))
                            .at(name.spot)
                            .hint(hint));
                    }
                    Err(error) => return Err(Fault::new(error.to_string()).at(name.spot)),
                }
                let field = ExtraField { name: name.text.clone(), format: format!("%{}", name.text), raw: true };
                let source = Some(source.to_owned());
                all.push(ExtraOutput { source, fields: vec![field], ..ExtraOutput::default() });
            }
        }
        Ok(all)
    }

    fn verdict(&self, test: &Test, rules: &CompiledRules, replay: &mut dyn Replay) -> Result<Verdict, Fault> {
        check_names(test, rules)?;
        let only: Vec<Selector> = test.only.iter().map(|name| Selector::Pattern(name.text.clone())).collect();
        let mut raised = Vec::new();
        let mut tell = |number: u64, alert: Alert<'_>| {
            if only.is_empty() || alert.definition().is_some_and(|rule| only.iter().any(|only| only.selects(rule))) {
                raised.push(Raised::of(number, &alert));
            }
        };
        match &test.given {
            Given::Trace { state, events } => {
                let state = state.as_ref().map_or("", |state| state.text.trim_end());
                let text = format!("{state}\n{}", events.text);
                replay
                    .play(Events::Trace(&text), rules, &mut tell)
                    .map_err(|error| self.locate(error, &test.given).hint(trace_hint()))?;
            }
            Given::Capture(path) => replay
                .play(Events::Capture(&path.text), rules, &mut tell)
                .map_err(|error| Fault::new(error.message).at(path.spot))?,
            Given::Records { source, records } => self.play_records(source, records, rules, &mut tell)?,
        }
        let differences = alerts::compare(&test.alerts, &raised);
        Ok(if differences.is_empty() { Verdict::Passed } else { Verdict::Failed(differences) })
    }

    /// Converts a place in a trace to the place in the file.
    fn locate(&self, error: PlayError, given: &Given) -> Fault {
        let fault = Fault::new(error.message);
        let (Some((line, column)), Given::Trace { state, events }) = (error.place, given) else { return fault };
        let before = state.as_ref().map_or(1, |state| state.text.trim_end().split('\n').count());
        let (written, line) = match state {
            Some(state) if line <= before => (state, line - 1),
            _ => (events, line.saturating_sub(before + 1)),
        };
        let text = written.text.as_str();
        let start: usize = text.split('\n').take(line).map(|line| line.len() + 1).sum::<usize>().min(text.len());
        let rest = text[start..].lines().next().unwrap_or_default();
        let at = rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at);
        let word = rest[at..].find(char::is_whitespace).map_or(rest.len() - at, |end| end.max(1));
        let (from, to) =
            if word == 0 { (start + at.saturating_sub(1), start + at) } else { (start + at, start + at + word) };
        fault.at(locate(self.file.text.as_str(), written, from, to))
    }

    fn play_records(
        &self,
        source: &Written,
        records: &[Written],
        rules: &CompiledRules,
        tell: &mut dyn FnMut(u64, Alert<'_>),
    ) -> Result<(), Fault> {
        let mut runner = match rules.source::<JsonSchema>(&source.text) {
            Ok(rules) => rules.runner(),
            Err(_) => {
                let json: Vec<_> = rules.of_type::<JsonSchema>().collect();
                let names: Vec<&str> = json.iter().map(|rules| rules.rules().source()).collect();
                return Err(Fault::new(format!("there is no source of records `{}`", source.text))
                    .at(source.spot)
                    .hint(format!("there is {}", names.join(", "))));
            }
        };
        let mut number = 0;
        for text in records {
            let mut values = serde_json::Deserializer::from_str(&text.text).into_iter::<serde::de::IgnoredAny>();
            let mut start = 0;
            while let Some(value) = values.next() {
                let fault = |error: serde_json::Error| {
                    let blanks = text.text[start..].len() - text.text[start..].trim_start().len();
                    let spot = locate(self.file.text.as_str(), text, start + blanks, text.text.len());
                    Fault::new(format!("invalid JSON record: {error}")).at(spot)
                };
                value.map_err(fault)?;
                let end = values.byte_offset();
                number += 1;
                let document = JsonDocument::parse(&text.text.as_bytes()[start..end])
                    .map_err(|error| Fault::new(error.to_string()).at(text.spot))?
                    .at(number, START + number * 1_000_000, START);
                runner.process(&document, |alert| tell(number, alert));
                start = end;
            }
        }
        Ok(())
    }
}

fn trace_hint() -> String {
    "the format is described in the documentation of `scap::text`; `pscap read --text` writes it".to_owned()
}

/// Checks that every rule that a test names exists and is enabled.
fn check_names(test: &Test, rules: &CompiledRules) -> Result<(), Fault> {
    let correlations = rules.correlations().map_or(&[][..], |correlations| correlations.rules());
    // The steps of correlations are not rules of a file.
    let of_files = |rule: &&Rule| !rule.is_step();
    let all = || rules.all().flat_map(|set| set.rules().rules()).filter(of_files).chain(correlations);
    for alert in &test.alerts {
        let name = &alert.rule;
        match all().find(|rule| rule.name() == name.text) {
            Some(rule) if rule.enabled => {}
            Some(_) => {
                let hint = format!("enable it for the tests: `select: [enable: {{rule: \"{}\"}}]`", name.text);
                return Err(Fault::new(format!("the rule `{}` is disabled", name.text)).at(name.spot).hint(hint));
            }
            None => {
                let hint = did_you_mean(&name.text, all().map(|rule| rule.name()));
                return Err(Fault::new(format!("there is no rule `{}`", name.text)).at(name.spot).hint(hint));
            }
        }
    }
    for only in &test.only {
        let selector = Selector::Pattern(only.text.clone());
        if !all().any(|rule| selector.selects(rule)) {
            let hint = did_you_mean(&only.text, all().map(|rule| rule.name()));
            return Err(Fault::new(format!("no rule is called `{}`", only.text)).at(only.spot).hint(hint));
        }
    }
    Ok(())
}

impl Given {
    fn source(&self) -> &str {
        match self {
            Self::Trace { .. } | Self::Capture(_) => SYSCALL,
            Self::Records { source, .. } => &source.text,
        }
    }
}

impl Setting {
    fn config(&self) -> engine::Config {
        let matching = if self.first { Matching::First } else { Matching::All };
        engine::Config {
            evaluation: ruleset::Config { matching, ..ruleset::Config::default() },
            priority: self.priority,
            selections: self.selections.clone(),
            ..engine::Config::default()
        }
    }
}
