//! The list of skipped tests: the test harness counts a test that cannot run here as passed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use testkit::{DENY, NEEDS, Skip};

/// Removes the skips of earlier runs.
pub(crate) fn forget() -> Result<Vec<String>, String> {
    testkit::forget().map_err(|error| format!("the list of skips: {error}"))?;
    Ok(Vec::new())
}

/// Prints the skips since then.
pub(crate) fn print() -> Result<Vec<String>, String> {
    let text = list(&testkit::read().map_err(|error| format!("the list of skips: {error}"))?);
    let _ = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
    Ok(Vec::new())
}

/// Prints the names of all needs that this host meets, for `PEREGRINE_REQUIRE`.
pub(crate) fn needs() -> Result<Vec<String>, String> {
    let names: Vec<&str> = NEEDS.iter().filter(|need| need.is_met()).map(|need| need.name).collect();
    say!("{}", names.join(","));
    Ok(Vec::new())
}

/// Runs `cargo deny check`, or records that it is not installed.
pub(crate) fn deny(root: &Path) -> Result<Vec<String>, String> {
    if !DENY.is_met() {
        testkit::skip(&DENY, DENY.missing);
        return Ok(Vec::new());
    }
    let mut command = Command::new("cargo");
    let status = command.args(["deny", "--log-level", "error", "check"]).current_dir(root).status();
    let status = status.map_err(|error| format!("cargo deny: {error}"))?;
    Ok(if status.success() { Vec::new() } else { vec![format!("cargo deny: {status}")] })
}

/// Returns the skips, grouped by need and reason.
fn list(skips: &[Skip]) -> String {
    let mut groups: BTreeMap<&str, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
    for skip in skips {
        groups.entry(&skip.need).or_default().entry(&skip.why).or_default().push(&skip.test);
    }
    let mut out = String::new();
    if skips.is_empty() {
        out.push_str("Nothing was skipped.\n");
        return out;
    }
    let tests: BTreeSet<&str> = skips.iter().map(|skip| skip.test.as_str()).collect();
    writeln!(out, "Skipped, in whole or in part: {} tests", tests.len()).ok();
    for (need, reasons) in groups {
        writeln!(out, "  {need}: {}", reasons.values().map(Vec::len).sum::<usize>()).ok();
        for (why, tests) in reasons {
            writeln!(out, "    {why}").ok();
            for test in tests {
                writeln!(out, "      {test}").ok();
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skips_are_grouped_and_counted() {
        let skip = |need: &str, why: &str, test: &str| Skip { need: need.into(), why: why.into(), test: test.into() };
        let skips = [
            skip("bpf", "no", "a one"),
            skip("bpf", "no", "b two"),
            skip("bpf", "never", "c"),
            skip("xz", "gone", "a one"),
        ];
        let expect = "Skipped, in whole or in part: 3 tests\n  bpf: 3\n    never\n      c\n    no\n      a one\n      b two\n  \
                      xz: 1\n    gone\n      a one\n";
        assert_eq!(list(&skips), expect);
        assert_eq!(list(&[]), "Nothing was skipped.\n");
    }
}
