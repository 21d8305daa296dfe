//! `--test`: runs files of rule tests, for people and, with `json_output`, for programs.

use crate::cli::Options;
use crate::config::settings::Config;
use crate::rules::RuleFiles;
use crate::{Fatal, terminal};
use rule_engine::diag::SourceFile;
use rule_engine::diag::human::Style;
use rule_engine::testing::sinsp::SinspReplay;
use rule_engine::testing::{Difference, Fault, Outcome, Suite, Summary, Verdict};
use serde_json::{Value as Json, json};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Result of all files.
#[derive(Debug, Default)]
struct Report {
    text: String,
    tests: Vec<Json>,
    summary: Summary,
    style: Style,
    verbose: bool,
    /// The last message about a test that could not be run.
    broken: String,
}

/// Runs the files of `--test`. Returns an error if any test fails.
pub(crate) fn run(options: &Options, loaded: &crate::config::Loaded) -> Result<(), Fatal> {
    let config = &loaded.config;
    let colour = !config.json_output && std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut report = Report { style: Style { colour }, verbose: options.verbose, ..Report::default() };
    let mut rules = None;
    for path in files(&options.tests)? {
        let bytes = std::fs::read(&path).map_err(|error| Fatal(format!("cannot read {}: {error}", path.display())))?;
        let name = path.display().to_string();
        let suite = match Suite::read(&name, &bytes) {
            Ok(suite) => suite,
            Err((file, faults)) => {
                faults.iter().for_each(|fault| report.not_read(&file, fault));
                continue;
            }
        };
        let rules = match &rules {
            Some(rules) => rules,
            // Only files that name no rules use these; their problems are reported there.
            None => rules.insert(rule_files(options, loaded)?),
        };
        let mut replay = replay(path.parent().unwrap_or(Path::new("")), config);
        let summary = suite.run(&mut replay, rules, |outcome| report.outcome(&suite, &outcome));
        report.summary.passed += summary.passed;
        report.summary.failed += summary.failed;
    }
    let Summary { passed, failed, .. } = report.summary;
    if config.json_output {
        terminal::print(&format!("{}\n", json!({ "failed": failed, "passed": passed, "tests": report.tests })));
    } else {
        terminal::print(&format!("{}{passed} passed, {failed} failed\n", report.text));
    }
    match failed {
        0 => Ok(()),
        1 => Err(Fatal::new("1 rule test failed")),
        many => Err(Fatal(format!("{many} rule tests failed"))),
    }
}

/// Returns the files, and those of directories sorted by name.
fn files(named: &[PathBuf]) -> Result<Vec<PathBuf>, Fatal> {
    let mut files = Vec::new();
    for path in named {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path)
            .map_err(|error| Fatal(format!("cannot read the directory {}: {error}", path.display())))?;
        let mut inside: Vec<_> =
            entries.flatten().map(|entry| entry.path()).filter(|path| crate::rules::is_yaml(path)).collect();
        if inside.is_empty() {
            return Err(Fatal(format!("no tests found in {}: their names must end in .yaml or .yml", path.display())));
        }
        inside.sort();
        files.append(&mut inside);
    }
    Ok(files)
}

fn rule_files(options: &Options, loaded: &crate::config::Loaded) -> Result<Vec<(String, Vec<u8>)>, Fatal> {
    let files = RuleFiles::find(options, loaded)?.files;
    Ok(files.into_iter().map(|(path, text)| (path.display().to_string(), text)).collect())
}

fn replay(folder: &Path, config: &Config) -> SinspReplay {
    let statics = config.static_fields.iter();
    statics.fold(SinspReplay::new(folder), |replay, (name, value)| replay.with_static(name, value))
}

impl Report {
    /// Reports a file that is not a valid file of tests.
    fn not_read(&mut self, file: &SourceFile, fault: &Fault) {
        self.summary.failed += 1;
        self.tests.push(json!({
            "error": fault.message, "file": &*file.name, "line": line(file, fault), "passed": false,
        }));
        self.text += &fault.render(file, self.style);
        self.text.push('\n');
    }

    fn outcome(&mut self, suite: &Suite, outcome: &Outcome<'_>) {
        let file = suite.file();
        let passed = outcome.verdict == Verdict::Passed;
        let mut json = json!({
            "file": &*file.name, "line": outcome.line, "passed": passed, "test": outcome.test,
        });
        if !passed || self.verbose {
            let (word, colour) = if passed { ("ok", "32") } else { ("FAIL", "1;31") };
            let word = if self.style.colour { format!("\x1b[{colour}m{word}\x1b[0m") } else { word.to_owned() };
            self.text += &format!("{word}  {}:{}: {}\n", file.name, outcome.line, outcome.test);
        }
        match &outcome.verdict {
            Verdict::Passed => {}
            Verdict::Failed(differences) => {
                for difference in differences {
                    self.text += &format!("      {difference}{}\n", asked(file, difference));
                }
                self.text.push('\n');
                json["differences"] = differences.iter().map(ToString::to_string).collect();
            }
            Verdict::Broken(fault) => {
                // Rules that do not load break every one of their tests: that is reported once.
                let text = fault.render(file, self.style);
                if self.broken != text {
                    self.text += &text;
                    self.text.push('\n');
                    self.broken = text;
                }
                json["error"] = fault.message.clone().into();
            }
        }
        self.tests.push(json);
    }
}

/// Returns where a test expects what did not occur.
fn asked(file: &SourceFile, difference: &Difference) -> String {
    match difference {
        Difference::Missing { spot, .. } | Difference::Otherwise { spot, .. } => {
            format!(" (expected in line {})", file.text.mark(spot.start).line + 1)
        }
        Difference::Unexpected(_) => String::new(),
    }
}

fn line(file: &SourceFile, fault: &Fault) -> Option<usize> {
    fault.spot.map(|spot| file.text.mark(spot.start).line + 1)
}
