//! Comparison of two builds: the tree, and a commit that is checked out and built below `target/base`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::rows::{self, Inputs};
use super::{PROGRAMS, once};
use crate::instructions::{build_in, instructions, output, release};

/// Pairs of runs of each row.
const PAIRS: usize = 9;

/// Prints the ratios of the tree to the commit: the median of CPU time, the least and the largest, the memory, and that of
/// instructions.
pub(super) fn compare(root: &Path, commit: &str, inputs: &Inputs) -> Result<(), String> {
    let base = checked_out(root, commit)?;
    let here = release(root);
    say!(
        "{:<34} {:>8} {:>8} {:>7} {:>13} {:>8} {:>8} {:>7}",
        "work",
        "base s",
        "here s",
        "CPU",
        "range",
        "base MiB",
        "here MiB",
        "instr"
    );
    for pair in rows::pairs() {
        let rules = inputs.files(&pair.rules)?;
        let command = |programs: &Path, small| pair.command(programs, inputs, &rules, small);
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for _ in 0..PAIRS {
            before.push(once(&command(&base, false))?);
            after.push(once(&command(&here, false))?);
        }
        let cpu = |runs: &[(f64, f64)]| median(runs.iter().map(|run| run.0));
        let memory = |runs: &[(f64, f64)]| runs.iter().map(|run| run.1).fold(0.0, f64::max);
        let ratios = before.iter().zip(&after).map(|(before, after)| after.0 / before.0);
        let (least, largest) = ratios.clone().fold((f64::INFINITY, 0.0_f64), |(a, b), r| (a.min(r), b.max(r)));
        let (old, _) = instructions(&command(&base, true), None)?;
        let (new, _) = instructions(&command(&here, true), None)?;
        say!(
            "{:<34} {:>8.3} {:>8.3} {:>7.2} {:>13} {:>8.1} {:>8.1} {:>7.3}",
            pair.name,
            cpu(&before),
            cpu(&after),
            median(ratios),
            format!("{least:.2} to {largest:.2}"),
            memory(&before),
            memory(&after),
            new as f64 / old.max(1) as f64
        );
    }
    Ok(())
}

/// Returns the programs of a commit, which are built if they are not there yet.
fn checked_out(root: &Path, commit: &str) -> Result<PathBuf, String> {
    let git = |words: &[&str]| {
        let mut git = Command::new("git");
        git.current_dir(root).args(words);
        output(git).map(|(text, _)| text.trim().to_owned())
    };
    let whole = git(&["rev-parse", "--verify", &format!("{commit}^{{commit}}")])?;
    let folder = root.join("target/base").join(&whole);
    if !folder.is_dir() {
        let parts = folder.parent().map_or(Ok(()), std::fs::create_dir_all);
        parts.map_err(|error| format!("{}: {error}", folder.display()))?;
        git(&["clone", "--quiet", "--shared", "--no-checkout", ".", &folder.display().to_string()])?;
    }
    let mut checkout = Command::new("git");
    checkout.current_dir(&folder).args(["checkout", "--quiet", "--detach", &whole]);
    output(checkout)?;
    build_in(&folder, PROGRAMS, Some(&folder.join("target")))?;
    Ok(folder.join("target/release"))
}

/// Returns the median of values, or 0 if there are none.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
