//! Inputs of the measurements: captures, rules, and the commands.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Captures and rules.
pub(super) struct Inputs {
    pub(super) large: PathBuf,
    pub(super) attack: PathBuf,
    pub(super) tiny: PathBuf,
    /// The large capture as it was recorded.
    pub(super) compressed: PathBuf,
    /// Folder of the published and the generated rules.
    pub(super) rules: PathBuf,
    /// Folder of the files above, and for rules.
    pub(super) folder: TempDir,
}

impl Inputs {
    /// Returns the rules files of a row, which are valid until the next row.
    pub(super) fn files(&self, rules: &Rules) -> Result<Vec<PathBuf>, String> {
        let text = match rules {
            Rules::Files(names) => return Ok(names.iter().map(|name| self.rules.join(name)).collect()),
            Rules::Text(text) => (*text).to_owned(),
            Rules::TwentyThousand => twenty_thousand(&self.rules),
        };
        let path = self.folder.path().join("rules.yaml");
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(vec![path])
    }
}

/// Rules of a row.
pub(super) enum Rules {
    /// Files below the data's `rules`.
    Files(&'static [&'static str]),
    /// The text of a rules file.
    Text(&'static str),
    /// 20,000 generated rules.
    TwentyThousand,
}

pub(super) struct Row {
    /// The name of the row in the table of Falco's figures.
    pub(super) name: &'static str,
    pub(super) rules: Rules,
}

const PUBLISHED: &[&str] = &["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];

macro_rules! never {
    () => {
        "- rule: never\n  desc: it never matches\n  condition: evt.type = openat and proc.name = nobody-at-all\n  \
         output: never\n  priority: debug\n"
    };
}

const NEVER: &str = never!();
const NONE: &str = concat!(never!(), "  enabled: false\n");
const EVERY: &str = "- rule: every\n  desc: it always matches\n  condition: evt.num >= 0\n  output: event %evt.num of %proc.name\n  \
                     priority: notice\n";

/// Returns the rows of the table with Falco's figures.
pub(super) fn beside_falco() -> Vec<Row> {
    vec![
        Row { name: "three published files", rules: Rules::Files(PUBLISHED) },
        Row { name: "falco_rules.yaml only", rules: Rules::Files(&["falco_rules.yaml"]) },
        Row { name: "one rule that never matches", rules: Rules::Text(NEVER) },
        Row { name: "no rules, parsing and state only", rules: Rules::Text(NONE) },
        Row { name: "synthetic/rules_100", rules: Rules::Files(&["synthetic/rules_100.yaml"]) },
        Row { name: "synthetic/rules_1000", rules: Rules::Files(&["synthetic/rules_1000.yaml"]) },
        Row { name: "synthetic/rules_5000", rules: Rules::Files(&["synthetic/rules_5000.yaml"]) },
        Row { name: "20,000 rules", rules: Rules::TwentyThousand },
    ]
}

/// Work of a program in a row of the comparison of two builds.
pub(super) enum Work {
    /// Replays the large capture.
    Replay,
    /// Replays it as it was recorded: compressed.
    Compressed,
    /// Loads the rules, and ends after a few events.
    Load,
    /// Replays the smaller capture, with alerts as JSON.
    Alert,
    /// Prints 12 fields of the events of the large capture as JSON.
    Print,
}

/// A row of the comparison of two builds.
pub(super) struct Pair {
    pub(super) name: &'static str,
    pub(super) work: Work,
    pub(super) rules: Rules,
}

/// Returns the rows of the comparison of two builds.
pub(super) fn pairs() -> Vec<Pair> {
    let pair = |name, work, rules| Pair { name, work, rules };
    vec![
        pair("no rules", Work::Replay, Rules::Text(NONE)),
        pair("one rule that never matches", Work::Replay, Rules::Text(NEVER)),
        pair("falco_rules.yaml", Work::Replay, Rules::Files(&["falco_rules.yaml"])),
        pair("three published files", Work::Replay, Rules::Files(PUBLISHED)),
        pair("three published files, compressed", Work::Compressed, Rules::Files(PUBLISHED)),
        pair("100 generated rules", Work::Replay, Rules::Files(&["synthetic/rules_100.yaml"])),
        pair("20,000 generated rules", Work::Replay, Rules::TwentyThousand),
        pair("loading 20,000 generated rules", Work::Load, Rules::TwentyThousand),
        pair("loading three published files", Work::Load, Rules::Files(PUBLISHED)),
        pair("a JSON alert for every event", Work::Alert, Rules::Text(EVERY)),
        pair("pscap read: 12 fields as JSON", Work::Print, Rules::Text(NONE)),
    ]
}

impl Pair {
    /// Returns the command of the row, with the programs of a build. With `small`, that for counting instructions, which
    /// takes a hundred times as long: the smaller capture.
    pub(super) fn command(&self, programs: &Path, inputs: &Inputs, rules: &[PathBuf], small: bool) -> Command {
        let large = if small { &inputs.attack } else { &inputs.large };
        match self.work {
            Work::Replay => replay(programs, large, rules),
            Work::Compressed => replay(programs, if small { large } else { &inputs.compressed }, rules),
            Work::Load => replay(programs, &inputs.tiny, rules),
            Work::Alert => {
                let mut command = replay(programs, &inputs.attack, rules);
                command.args(["-o", "json_output=true"]);
                command
            }
            Work::Print => {
                let fields = "evt.num,evt.rawtime,evt.type,evt.res,proc.pid,proc.name,proc.cmdline,proc.pname,user.name,\
                              fd.name,fd.type,container.id";
                let mut command = Command::new(programs.join("pscap"));
                command.arg("read").arg(large).args(["--json", "--fields", fields]);
                command
            }
        }
    }
}

/// Returns the command that replays a capture with rules.
pub(super) fn replay(programs: &Path, capture: &Path, rules: &[PathBuf]) -> Command {
    let mut command = Command::new(programs.join("peregrine"));
    for file in rules {
        command.arg("-r").arg(file);
    }
    command.args(["-o", "engine.kind=replay", "-o"]);
    command.arg(format!("engine.replay.capture_file={}", capture.display()));
    command
}

/// Returns the 5,000 generated rules four times over, every copy with other constants.
fn twenty_thousand(rules: &Path) -> String {
    let text = std::fs::read_to_string(rules.join("synthetic/rules_5000.yaml")).unwrap_or_default();
    let mut all = String::with_capacity(text.len() * 5);
    for copy in 0..4 {
        for line in text.lines() {
            let mut line = line.to_owned();
            if copy > 0 {
                if line.starts_with("- rule:") {
                    write!(line, " copy {copy}").ok();
                } else if line.trim_start().starts_with("condition:") {
                    line = other_constants(&line, copy);
                }
            }
            all.push_str(&line);
            all.push('\n');
        }
    }
    all
}

/// Returns the line with `copy` put before the number of every constant: they are one letter and a number, unlike
/// `openat2`.
fn other_constants(line: &str, copy: usize) -> String {
    let (mut out, mut before) = (String::with_capacity(line.len() * 2), ' ');
    for letter in line.chars() {
        if letter.is_ascii_digit() && "pnabx".contains(before) {
            write!(out, "{copy}").ok();
        }
        out.push(letter);
        before = letter;
    }
    out
}
