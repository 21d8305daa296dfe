//! `--plan`: the events that the rules let the kernel leave out, and the reasons why not more.

use crate::config::settings::{Config, EngineKind};
use crate::names::SYSCALL;
use crate::plugins::Plugins;
use crate::rules::Rules;
use crate::sources::plan::planner;
use crate::{Fatal, terminal};
use rule_engine::event::sinsp::SinspSchema;
use rule_engine::plan::{Blocker, Extent, Report, TypeReport};
use scap::plan::{Descriptor, Descriptors, Errnos, Outcomes, Plan, Shape, Test};
use scap::schema::{EventCode, errno_name};
use scap::{Next, Source as _};
use serde_json::{Value as Json, json};
use std::fmt::Write as _;

/// The number of tests of paths that the text has.
const TESTS: usize = 40;

/// Prints the plan of the rules; with a capture, also the share of its events that it keeps.
pub(crate) fn run(rules: Rules, config: &Config, plugins: &Plugins) -> Result<(), Fatal> {
    rules.check()?;
    let set = rules.engine(config)?.source::<SinspSchema>(SYSCALL).map_err(Fatal::new)?;
    let extension = crate::plugins::of_syscalls(plugins.syscalls.as_ref(), false)?;
    let of_plugins = extension.as_ref().map(|plugins| plugins.parsed_syscalls()).unwrap_or_default();
    let (plan, report) = planner(config, of_plugins).plan(&set);
    let measured = match config.engine.kind {
        EngineKind::Replay => Some(Measured::of(&config.engine.replay.capture_file, &plan)?),
        _ => None,
    };
    let text = if config.json_output {
        format!("{}\n", as_json(&plan, &report, measured.as_ref()))
    } else {
        as_text(&plan, &report, measured.as_ref())
    };
    terminal::print(&text);
    Ok(())
}

/// The events of a capture.
struct Measured {
    all: u64,
    /// By event type and test.
    left_out: Vec<[u64; Test::ALL.len()]>,
}

impl Measured {
    fn of(path: &std::path::Path, plan: &Plan) -> Result<Self, Fatal> {
        let fault = |error: scap::Error| Fatal(format!("cannot replay {}: {error}", path.display()));
        let mut reader = scap::savefile::Reader::open(path).map_err(fault)?;
        let mut measured = Self { all: 0, left_out: vec![[0; Test::ALL.len()]; scap::schema::EVENT_COUNT] };
        loop {
            match reader.next().map_err(fault)? {
                Next::Event(event) => {
                    measured.all += 1;
                    if let Some(test) = plan.left_out_by(&event)
                        && let Some(counts) = measured.left_out.get_mut(usize::from(event.code().0))
                    {
                        counts[test as usize] += 1;
                    }
                }
                Next::Idle | Next::Restart => {}
                Next::End => return Ok(measured),
            }
        }
    }

    fn kept(&self) -> u64 {
        self.all - self.left_out.iter().flatten().sum::<u64>()
    }

    fn share(&self) -> f64 {
        if self.all == 0 { 1.0 } else { self.kept() as f64 / self.all as f64 }
    }

    fn of_type(&self, code: EventCode) -> [u64; Test::ALL.len()] {
        self.left_out.get(usize::from(code.0)).copied().unwrap_or_default()
    }
}

fn name(code: EventCode) -> &'static str {
    code.info().map_or("unknown", |info| info.name)
}

/// Returns the outcomes that are left out.
fn left_out(kept: Outcomes) -> &'static str {
    match kept {
        Outcomes::BOTH => "-",
        Outcomes::SUCCEEDED => "failed",
        Outcomes::FAILED => "succeeded",
        _ => "all",
    }
}

/// Returns the errors with which calls that failed are kept; `None` if with any.
fn errors(row: &TypeReport) -> Option<Vec<&'static str>> {
    let tested = row.errnos != Errnos::ALL && row.kept.contains(Outcomes::FAILED);
    tested.then(|| row.errnos.numbers().filter_map(errno_name).collect())
}

/// Returns the kinds of file descriptors on which calls with an outcome are kept; `None` if on any.
fn kinds(row: &TypeReport, outcome: Outcomes) -> Option<Vec<&'static str>> {
    let wanted = |kind: &Descriptor| row.descriptors.contains(Descriptors::one(*kind, outcome));
    let kinds: Vec<_> = Descriptor::ALL.iter().copied().filter(wanted).map(Descriptor::name).collect();
    (kinds.len() < Descriptor::ALL.len() && row.kept.contains(outcome)).then_some(kinds)
}

/// Returns the tests of events that an outcome alone does not leave out, as words.
fn tests(row: &TypeReport, plan: &Plan) -> String {
    let list = |words: &[&str]| if words.is_empty() { "no known kind".to_owned() } else { words.join(", ") };
    let mut tests = Vec::new();
    if row.by_path && !plan.opens().is_everything() {
        tests.push("path".to_owned());
    }
    if let Some(errors) = errors(row) {
        tests.push(format!(
            "failed with {}",
            if errors.is_empty() { "rare errors".to_owned() } else { errors.join(", ") }
        ));
    }
    for (outcome, word) in [(Outcomes::SUCCEEDED, "succeeded"), (Outcomes::FAILED, "failed")] {
        if let Some(kinds) = kinds(row, outcome) {
            tests.push(format!("{word} on {}", list(&kinds)));
        }
    }
    tests.join("; ")
}

fn as_json(plan: &Plan, report: &Report, measured: Option<&Measured>) -> Json {
    let types = report.types.iter().map(|row| {
        let mut json = json!({
            "event_type": name(row.code), "rules": row.rules, "left_out": left_out(row.kept), "state": row.of_state.name(),
            "path": row.by_path, "errors": errors(row), "succeeded_on": kinds(row, Outcomes::SUCCEEDED),
            "failed_on": kinds(row, Outcomes::FAILED),
        });
        if let (Some(measured), Json::Object(members)) = (measured, &mut json) {
            for (test, count) in Test::ALL.into_iter().zip(measured.of_type(row.code)) {
                members.insert(format!("left_out_by_{}", test.name()), count.into());
            }
        }
        json
    });
    let always = Shape::ALL.map(|shape| plan.opens().always(shape).0);
    let tests = plan.opens().tests().map(|(test, classes)| json!({ "path": test.to_string(), "ways": classes.0 }));
    let blockers = report.blockers.iter().map(|blocker| {
        json!({
            "keeps": blocker.extent.text(), "rule": blocker.rule, "event_types": blocker.types, "part": blocker.part,
            "help": blocker.help,
        })
    });
    let capture =
        measured.map(|measured| json!({ "events": measured.all, "kept": measured.kept(), "share": measured.share() }));
    json!({
        "types": types.collect::<Vec<_>>(),
        "paths": { "always": always, "tests": tests.collect::<Vec<_>>() },
        "blockers": blockers.collect::<Vec<_>>(),
        "capture": capture,
    })
}

fn as_text(plan: &Plan, report: &Report, measured: Option<&Measured>) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{:<20} {:>6}  {:<10} {:<10}  tests of the rest", "event type", "rules", "left out", "state");
    let narrowed = report.types.iter().filter(|row| row.kept != Outcomes::BOTH || row.rules > 0);
    for row in narrowed {
        let line = format!(
            "{:<20} {:>6}  {:<10} {:<10}  {}",
            name(row.code),
            row.rules,
            left_out(row.kept),
            row.of_state.name(),
            tests(row, plan)
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    if !plan.opens().is_everything() {
        let _ = writeln!(out, "\nopened files that are kept, by the way in which they are opened");
        for shape in Shape::ALL {
            let title = match shape {
                Shape::Clean => "any path",
                Shape::Odd => "relative, long or odd paths",
                Shape::Dots => "paths with two dots",
            };
            let _ = writeln!(out, "  {title}: {}", ways(plan.opens().always(shape).0));
        }
        let tests: Vec<_> = plan.opens().tests().collect();
        for (test, classes) in tests.iter().take(TESTS) {
            let _ = writeln!(out, "  {test}: {}", ways(classes.0));
        }
        if tests.len() > TESTS {
            let _ = writeln!(out, "  and {} more paths", tests.len() - TESTS);
        }
    }
    let extents = [Extent::Everything, Extent::OpenedFiles, Extent::AnyPath, Extent::AnyDescriptor, Extent::Types];
    for extent in extents {
        let those: Vec<&Blocker> = report.blockers.iter().filter(|blocker| blocker.extent == extent).collect();
        if those.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\n{} are kept because of", extent.text());
        for blocker in those {
            let rule = if blocker.rule.is_empty() { String::new() } else { format!("rule '{}': ", blocker.rule) };
            let _ = writeln!(out, "  {rule}{}", blocker.part);
            if !blocker.types.is_empty() {
                let _ = writeln!(out, "      event types: {}", blocker.types.join(", "));
            }
            if !blocker.help.is_empty() {
                let _ = writeln!(out, "      help: {}", blocker.help);
            }
        }
    }
    if let Some(measured) = measured {
        let (kept, all, share) = (measured.kept(), measured.all, 100.0 * measured.share());
        let _ = writeln!(out, "\nof {all} events of the capture the plan keeps {kept} ({share:.1} %)");
    }
    out
}

/// Returns ways to open a file as words.
fn ways(classes: u8) -> String {
    const WAYS: [&str; 4] = ["neither", "read", "write", "read and write"];
    let of = |bits: u8| WAYS.iter().enumerate().filter(move |(bit, _)| bits >> bit & 1 == 1).map(|(_, way)| *way);
    let list = |bits: u8| match bits & 0x0f {
        0 => None,
        0x0f => Some("any".to_owned()),
        bits => Some(of(bits).collect::<Vec<_>>().join(", ")),
    };
    let succeeded = list(classes).map(|ways| format!("opened for {ways}"));
    let failed = list(classes >> 4).map(|ways| format!("failed for {ways}"));
    match (succeeded, failed) {
        (None, None) => "none".to_owned(),
        (one, two) => one.into_iter().chain(two).collect::<Vec<_>>().join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_are_words() {
        assert_eq!(ways(0), "none");
        assert_eq!(ways(0xff), "opened for any; failed for any");
        assert_eq!(ways(0b10), "opened for read");
        assert_eq!(ways(0b1010_0000), "failed for read, read and write");
    }
}
