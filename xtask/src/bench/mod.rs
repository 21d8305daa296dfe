//! Tables for people: the cost of whole runs of the programs.
//!
//! The first table has Falco's figures beside ours, if they are available: `peregrine` replays the large recorded capture,
//! decompressed, with different rules. CPU time of the process is the median of [`RUNS`], memory the largest. Instructions
//! are counted on a smaller capture, as the data's README says: a whole run, less the same run on a capture of a few
//! events, divided by the number of events.
//!
//! With a commit in `BASE`, a second table compares the build of the tree with that of the commit, in pairs of runs.

mod base;
mod rows;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::resource::{UsageWho, getrusage};
use tempfile::TempDir;

use crate::instructions::{build, instructions, output, release};
use rows::Inputs;

const RUNS: usize = 5;

/// Packages with the programs that are measured.
const PROGRAMS: &[&str] = &["--package", "peregrine-examples", "--bins"];

/// Prints the tables.
pub(crate) fn run(root: &Path) -> Result<Vec<String>, String> {
    let shared = testkit::shared_path();
    let captures = shared.join("data/captures");
    if !captures.is_dir() {
        say!("skipped: there are no captures and rules in {}", shared.display());
        return Ok(Vec::new());
    }
    build(root, PROGRAMS)?;
    let folder = tempfile::tempdir().map_err(|error| format!("a folder for temporary files: {error}"))?;
    let inputs = inputs(&release(root), &shared, folder)?;
    let base = std::env::var("BASE").ok().filter(|commit| !commit.is_empty());
    match base {
        Some(commit) => base::compare(root, &commit, &inputs)?,
        None => beside_falco(&release(root), &inputs)?,
    }
    Ok(Vec::new())
}

/// Writes the captures, decompressed, and the generated rules to a folder.
fn inputs(programs: &Path, shared: &Path, folder: TempDir) -> Result<Inputs, String> {
    let plain = |name: &str| -> Result<PathBuf, String> {
        let path = folder.path().join(name.replace('/', "-"));
        let mut convert = Command::new(programs.join("pscap"));
        convert.arg("convert").arg(shared.join("data/captures").join(name)).arg(&path);
        output(convert).map(|_| path)
    };
    Ok(Inputs {
        large: plain("recorded/mix-large.scap")?,
        attack: plain("recorded/attack-a.scap")?,
        // 80 events: what is left is the start.
        tiny: plain("upstream/test_empty.scap")?,
        compressed: shared.join("data/captures/recorded/mix-large.scap"),
        rules: shared.join("data/rules"),
        folder,
    })
}

/// Prints the table with Falco's figures.
fn beside_falco(programs: &Path, inputs: &Inputs) -> Result<(), String> {
    let readme = std::fs::read_to_string(inputs.rules.join("../README.md")).unwrap_or_default();
    say!("{:<34} {:>10} {:>8} {:>9} {:>7} {:>10}", "rules", "Falco CPU", "CPU s", "Falco MiB", "MiB", "instr/event");
    for row in rows::beside_falco() {
        let rules = inputs.files(&row.rules)?;
        let replay = |capture: &Path| rows::replay(programs, capture, &rules);
        let (cpu, memory) = measure(&replay(&inputs.large))?;
        let (all, _) = instructions(&replay(&inputs.attack), None)?;
        let (start, _) = instructions(&replay(&inputs.tiny), None)?;
        let each = all.saturating_sub(start) / 55_343;
        let (falco_cpu, falco_memory) = falco(&readme, row.name);
        let name = row.name;
        say!("{name:<34} {falco_cpu:>10} {cpu:>8.3} {falco_memory:>9} {memory:>7.1} {each:>10}");
    }
    Ok(())
}

/// Returns median CPU seconds and largest MiB of a command.
fn measure(command: &Command) -> Result<(f64, f64), String> {
    let runs = (0..RUNS).map(|_| once(command)).collect::<Result<Vec<_>, _>>()?;
    let mut seconds: Vec<f64> = runs.iter().map(|run| run.0).collect();
    seconds.sort_by(f64::total_cmp);
    Ok((seconds[RUNS / 2], runs.iter().map(|run| run.1).fold(0.0, f64::max)))
}

/// Returns the CPU seconds and the MiB of one run of a command.
fn once(command: &Command) -> Result<(f64, f64), String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut child = Command::new(&this);
    child.arg("measure").arg(command.get_program()).args(command.get_args());
    let text = output(child)?.1;
    let last = text.lines().last().unwrap_or_default();
    let mut words = last.split_whitespace().map(str::parse::<f64>);
    let (Some(Ok(cpu)), Some(Ok(mib))) = (words.next(), words.next()) else {
        return Err(format!("no measurement in {last:?}"));
    };
    Ok((cpu, mib))
}

/// Runs a command as this process's only child and prints its cost: CPU seconds and MiB.
pub(crate) fn child(words: &[&str]) -> Result<Vec<String>, String> {
    let [program, arguments @ ..] = words else { return Err("measure: no command".to_owned()) };
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::null());
    let done = command.output().map_err(|error| format!("{program}: {error}"))?;
    if !done.status.success() {
        return Err(format!("{program}: {}\n{}", done.status, String::from_utf8_lossy(&done.stderr)));
    }
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
