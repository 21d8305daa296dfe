//! Counts the instructions of each case under callgrind and compares them with the committed figures.
//!
//! Instruction counts do not depend on the load of the host, so they show a change of a few percent where times cannot.
//! The cases are those of `benches/src/cases.rs`; the figures are in `benches/instructions.tsv`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The change above which a case is reported, in percent.
const TOLERATED: f64 = 3.0;

/// The committed figures.
const FIGURES: &str = "benches/instructions.tsv";

/// Runs all cases, or those whose name contains `only`. With `update` the figures are written, otherwise compared.
pub(crate) fn run(root: &Path, update: bool, only: Option<&str>) -> Result<Vec<String>, String> {
    build(root, &["--package", "peregrine-benches", "--bin", "case"])?;
    let program = release(root).join("case");
    let listing = output(Command::new(&program))?.0;
    let path = root.join(FIGURES);
    let mut known = figures(&std::fs::read_to_string(&path).unwrap_or_default());
    let mut errors = Vec::new();
    say!("{:<18} {:>12} {:>12} {:>8}", "case", "instructions", "before", "change");
    for line in listing.lines() {
        let Some((name, unit)) =
            line.split_once('\t').map(|(name, rest)| (name, rest.split('\t').next().unwrap_or("")))
        else {
            continue;
        };
        if only.is_some_and(|only| !name.contains(only)) {
            continue;
        }
        let mut command = Command::new(&program);
        command.arg(name);
        let (count, stdout) = instructions(&command, Some("measured"))?;
        let units: u64 = stdout.trim().parse().map_err(|_| format!("{name} printed {stdout:?}, no count"))?;
        let now = count as f64 / units.max(1) as f64;
        match known.insert(name.to_owned(), now) {
            Some(before) => {
                let change = (now / before - 1.0) * 100.0;
                say!("{name:<18} {now:>12.1} {before:>12.1} {change:>+7.1}%  per {unit}");
                if change.abs() > TOLERATED && !update {
                    let word = if change > 0.0 { "costs more" } else { "costs less; commit the new figure" };
                    errors.push(format!("{name}: {before:.1} -> {now:.1} per {unit} ({change:+.1} %): {word}"));
                }
            }
            None => {
                say!("{name:<18} {now:>12.1} {:>12} {:>8}  per {unit}", "-", "new");
                if !update {
                    errors.push(format!("{name}: there is no figure; run `cargo xtask instructions --update`"));
                }
            }
        }
    }
    if update {
        std::fs::write(&path, table(&known)).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(errors)
}

fn figures(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            line.split_once('\t').and_then(|(name, figure)| Some((name.to_owned(), figure.parse().ok()?)))
        })
        .collect()
}

fn table(figures: &BTreeMap<String, f64>) -> String {
    let mut text = String::from(
        "# Instructions for each event (load: for each rule), counted by `cargo xtask instructions --update` with the\n\
         # release profile on x86_64.\n",
    );
    for (name, figure) in figures {
        writeln!(text, "{name}\t{figure:.1}").ok();
    }
    text
}

/// Runs a command under callgrind; returns the count, of functions whose name contains `inside` if given, and the
/// output of the command.
pub(crate) fn instructions(command: &Command, inside: Option<&str>) -> Result<(u64, String), String> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    if let Some(name) = inside {
        valgrind.arg("--collect-atstart=no").arg(format!("--toggle-collect=*{name}*"));
    }
    valgrind.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        value.map(|value| valgrind.env(name, value));
    }
    let (stdout, stderr) = output(valgrind)?;
    let line = stderr.lines().find_map(|line| line.split_once("Collected :"));
    let count = line.and_then(|(_, count)| count.trim().parse().ok()).ok_or("callgrind printed no count")?;
    Ok((count, stdout))
}

/// Builds with the release profile.
pub(crate) fn build(root: &Path, what: &[&str]) -> Result<(), String> {
    build_in(root, what, None)
}

/// Builds another tree, in a separate target folder.
pub(crate) fn build_in(root: &Path, what: &[&str], target: Option<&Path>) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root).args(["build", "--release", "--quiet"]).args(what);
    target.map(|target| command.arg("--target-dir").arg(target));
    // A setting of a developer's environment, which splits each crate into more units, so that the program is slower.
    command.env("CARGO_INCREMENTAL", "0");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("cargo build {}: {status}", what.join(" "))),
        Err(error) => Err(format!("cargo: {error}")),
    }
}

/// Returns the folder of release builds.
pub(crate) fn release(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from).join("release")
}

/// Runs a command to its end.
pub(crate) fn output(mut command: Command) -> Result<(String, String), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        return Err(format!("{name}: {}\n{stderr}", output.status));
    }
    Ok((stdout.into_owned(), stderr.into_owned()))
}
