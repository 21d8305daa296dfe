//! Captures that are started by matches.

mod common;

use common::{bundled, peregrine, replay};
use std::path::{Path, PathBuf};
use std::process::Command;

const RULES: &str = "
- rule: Captured
  desc: d
  condition: evt.type=execve and proc.name=shred
  output: shredded
  priority: WARNING
  capture: true
  capture_duration: 200

- rule: Not captured
  desc: d
  condition: evt.type=execve and proc.name=find
  output: searched
  priority: WARNING
";

struct Ran {
    folder: tempfile::TempDir,
    out: String,
}

/// Replays the bundled capture with further settings; captures go to a separate directory.
fn run(more: &[&str]) -> Ran {
    let folder = tempfile::tempdir().expect("a directory");
    let rules = folder.path().join("rules.yaml");
    std::fs::write(&rules, RULES).expect("written");
    let mut args = vec!["-r".to_owned(), rules.display().to_string()];
    args.extend(replay(&bundled()));
    let prefix = format!("capture.path_prefix={}", folder.path().join("part").display());
    args.extend(["-o", "capture.enabled=true", "-o", &prefix, "-o", "time_format_iso_8601=true"].map(str::to_owned));
    args.extend(more.iter().map(ToString::to_string));
    let ran = peregrine(&args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    Ran { folder, out: ran.out }
}

fn captures(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a directory").map(|entry| entry.expect("an entry").path());
    let mut found: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "scap")).collect();
    found.sort();
    found
}

/// Returns the output of `pscap read` for a capture: a line for each event.
fn read(capture: &Path, filter: &str) -> Vec<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pscap"));
    command.arg("read").arg(capture).arg(filter);
    command.args(["-p", "%evt.rawtime %evt.type %proc.name %proc.exepath %proc.pname %user.name"]);
    let out = command.output().expect("pscap starts");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).lines().map(str::to_owned).collect()
}

fn time(line: &str) -> u64 {
    line.split(' ').next().and_then(|time| time.parse().ok()).expect("a time")
}

#[test]
fn the_events_from_a_match_on_are_kept_with_the_state() {
    let ran = run(&[]);
    let captures = captures(ran.folder.path());
    assert_eq!(captures.len(), 1, "{}", ran.out);
    let name = captures[0].file_name().expect("a name").to_string_lossy().into_owned();
    let parts: Vec<&str> = name.trim_end_matches(".scap").split('_').collect();
    assert!(parts[0] == "part" && parts[1].len() == 20 && parts[2].len() == 20, "{name}");
    let events = read(&captures[0], "evt.num > 0");
    assert!(events.len() > 1);
    // The first event is the one that matched, with the state of the process before it.
    let first = &events[0];
    assert_eq!(time(first), parts[1].parse::<u64>().expect("a time"));
    assert!(first.contains(" execve shred "), "{first}");
    assert!(!first.contains("<NA>"), "{first}");
    let last = time(events.last().expect("events"));
    let wanted = read(&bundled(), &format!("evt.rawtime >= {} and evt.rawtime <= {last}", time(first)));
    assert_eq!(events.len(), wanted.len());
    // The capture ends with the first event after its deadline; a match of another rule may have extended it.
    assert!(last - time(first) >= 200_000_000, "{last}");
}

#[test]
fn every_rule_can_start_a_capture() {
    let ran = run(&["-o", "capture.mode=all_rules", "-o", "capture.default_duration=1"]);
    let found = captures(ran.folder.path());
    assert!(found.len() > 1, "{found:?}");
    for capture in found {
        let first = read(&capture, "evt.type=execve").first().cloned().unwrap_or_default();
        assert!(first.contains(" shred ") || first.contains(" find "), "{first}");
    }
    let off = run(&["-o", "capture.enabled=false"]);
    assert!(captures(off.folder.path()).is_empty());
}

#[test]
fn rules_continue_if_no_file_can_be_created() {
    let ran = run(&["-o", "capture.path_prefix=/no/such/place/x"]);
    assert!(ran.out.contains("shredded") && ran.out.contains("searched"), "{}", ran.out);
}
