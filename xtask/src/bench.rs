//! One table for people: the cost of a whole run of the detector, with Falco's figures beside it if they are available.
//!
//! Each row is `peregrine` replaying the large recorded capture, decompressed, with different rules: CPU time of the
//! process (median of [`RUNS`]) and its largest memory. Instructions are counted on a smaller capture, as the data's
//! README says: a whole run, less the same run on a capture of a few events, divided by the number of events.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use nix::sys::resource::{UsageWho, getrusage};

use crate::instructions::{build, instructions, output, release};

const RUNS: usize = 5;

/// Rules of a row.
enum Rules {
    /// Files below the data's `rules`.
    Files(&'static [&'static str]),
    /// The text of a rules file.
    Text(String),
}

struct Row {
    /// The name of the row in the table of Falco's figures.
    name: &'static str,
    rules: Rules,
}

const PUBLISHED: &[&str] = &["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];

fn rows(shared: &Path) -> Vec<Row> {
    let never = "- rule: never\n  desc: it never matches\n  condition: evt.type = openat and proc.name = nobody-at-all\n  \
                 output: never\n  priority: debug\n";
    let none = format!("{never}  enabled: false\n");
    vec![
        Row { name: "three published files", rules: Rules::Files(PUBLISHED) },
        Row { name: "falco_rules.yaml only", rules: Rules::Files(&["falco_rules.yaml"]) },
        Row { name: "one rule that never matches", rules: Rules::Text(never.to_owned()) },
        Row { name: "no rules, parsing and state only", rules: Rules::Text(none) },
        Row { name: "synthetic/rules_100", rules: Rules::Files(&["synthetic/rules_100.yaml"]) },
        Row { name: "synthetic/rules_1000", rules: Rules::Files(&["synthetic/rules_1000.yaml"]) },
        Row { name: "synthetic/rules_5000", rules: Rules::Files(&["synthetic/rules_5000.yaml"]) },
        Row { name: "20,000 rules", rules: Rules::Text(twenty_thousand(shared)) },
    ]
}

/// Returns the 5,000 generated rules four times over, every copy with other constants.
fn twenty_thousand(shared: &Path) -> String {
    let text = std::fs::read_to_string(shared.join("data/rules/synthetic/rules_5000.yaml")).unwrap_or_default();
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

/// Prints the table.
pub(crate) fn run(root: &Path) -> Result<Vec<String>, String> {
    let shared = testkit::shared_path();
    let captures = shared.join("data/captures");
    if !captures.is_dir() {
        say!("skipped: there are no captures and rules in {}", shared.display());
        return Ok(Vec::new());
    }
    build(root, &["--package", "peregrine-examples", "--bins"])?;
    let folder = tempfile::tempdir().map_err(|error| format!("a folder for temporary files: {error}"))?;
    let programs = release(root);
    let plain = |name: &str| {
        let path = folder.path().join(name.replace('/', "-"));
        let mut convert = Command::new(programs.join("pscap"));
        convert.arg("convert").arg(captures.join(name)).arg(&path);
        output(convert).map(|_| path)
    };
    let (large, attack) = (plain("recorded/mix-large.scap")?, plain("recorded/attack-a.scap")?);
    // 80 events: what is left is the start.
    let tiny = plain("upstream/test_empty.scap")?;
    let readme = std::fs::read_to_string(shared.join("data/README.md")).unwrap_or_default();

    say!("{:<34} {:>10} {:>8} {:>9} {:>7} {:>10}", "rules", "Falco CPU", "CPU s", "Falco MiB", "MiB", "instr/event");
    for row in rows(&shared) {
        let mut arguments: Vec<String> = Vec::new();
        let files = match &row.rules {
            Rules::Files(names) => names.iter().map(|name| shared.join("data/rules").join(name)).collect(),
            Rules::Text(text) => {
                let path = folder.path().join("rules.yaml");
                std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
                vec![path]
            }
        };
        for file in files {
            arguments.extend(["-r".to_owned(), file.display().to_string()]);
        }
        let replay = |capture: &Path| {
            let mut command = Command::new(programs.join("peregrine"));
            command.args(&arguments).args(["-o", "engine.kind=replay", "-o"]);
            command.arg(format!("engine.replay.capture_file={}", capture.display()));
            command
        };
        let (cpu, memory) = measure(&replay(&large))?;
        let (all, _) = instructions(&replay(&attack), None)?;
        let (start, _) = instructions(&replay(&tiny), None)?;
        let each = all.saturating_sub(start) / 55_343;
        let (falco_cpu, falco_memory) = falco(&readme, row.name);
        let name = row.name;
        say!("{name:<34} {falco_cpu:>10} {cpu:>8.3} {falco_memory:>9} {memory:>7.1} {each:>10}");
    }
    Ok(Vec::new())
}

/// Returns median CPU seconds and largest MiB of a command.
fn measure(command: &Command) -> Result<(f64, f64), String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let (mut seconds, mut memory) = (Vec::new(), 0.0_f64);
    for _ in 0..RUNS {
        let mut child = Command::new(&this);
        child.arg("measure").arg(command.get_program()).args(command.get_args());
        let text = output(child)?.1;
        let last = text.lines().last().unwrap_or_default();
        let mut words = last.split_whitespace().map(str::parse::<f64>);
        let (Some(Ok(cpu)), Some(Ok(mib))) = (words.next(), words.next()) else {
            return Err(format!("no measurement in {last:?}"));
        };
        seconds.push(cpu);
        memory = memory.max(mib);
    }
    seconds.sort_by(f64::total_cmp);
    Ok((seconds[RUNS / 2], memory))
}

/// Runs a command as this process's only child and prints its cost: CPU seconds and MiB.
pub(crate) fn child(words: &[&str]) -> Result<Vec<String>, String> {
    let [program, arguments @ ..] = words else { return Err("measure: no command".to_owned()) };
    let mut command = Command::new(program);
    command.args(arguments);
    output(command)?;
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|error| error.to_string())?;
    let seconds = [usage.user_time(), usage.system_time()]
        .iter()
        .map(|time| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6)
        .sum::<f64>();
    say_error!("{seconds:.4} {:.1}", usage.max_rss() as f64 / 1024.0);
    Ok(Vec::new())
}

/// Returns Falco's figures for a row from the data's README.
fn falco(readme: &str, name: &str) -> (String, String) {
    let row = readme.lines().find_map(|line| {
        let cells: Vec<&str> = line.strip_prefix('|')?.split('|').map(str::trim).collect();
        (*cells.first()? == name).then(|| cells[1..].iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>())
    });
    let cells = row.unwrap_or_default();
    let cell = |at: usize| {
        let text = cells.get(at).cloned().unwrap_or_default();
        let number = text.split('(').next().unwrap_or_default().trim().replace("about ", "~");
        if number.is_empty() { "-".to_owned() } else { number }
    };
    (cell(0), cell(1))
}
