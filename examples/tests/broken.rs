//! Invalid input of every kind: one clear error, a failure, and never a panic.

mod common;

use common::{Ran, bundled, peregrine, replay, root};
use std::path::Path;

#[track_caller]
fn fails(ran: &Ran, parts: &[&str]) {
    assert_eq!(ran.code, 1, "{}\n{}", ran.out, ran.err);
    // Errors of rules have their own headings.
    let rules = ran.err.lines().any(|line| line.starts_with("error["));
    assert_eq!(ran.err.matches("Error: ").count(), usize::from(!rules), "{}", ran.err);
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    for part in parts {
        assert!(ran.err.contains(part), "no '{part}' in: {}", ran.err);
    }
}

fn replayed(capture: &Path) -> Ran {
    peregrine(replay(capture))
}

#[test]
fn captures() {
    let folder = tempfile::tempdir().expect("a directory");
    let whole = std::fs::read(bundled()).expect("the capture");
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        path
    };
    fails(&replayed(&folder.path().join("missing.scap")), &["missing.scap"]);
    fails(&replayed(&write("empty.scap", b"")), &["empty.scap"]);
    let random: Vec<u8> = (0..5000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fails(&replayed(&write("random.scap", &random)), &["random.scap"]);
    for part in [1, 100, 5000, whole.len() / 2, whole.len() - 3000] {
        fails(&replayed(&write("truncated.scap", &whole[..part])), &[]);
    }
    fails(&replayed(folder.path()), &[]);
}

/// Alerts before the damage are sent all the same, and so are the statistics.
#[test]
fn the_intact_part_of_a_truncated_capture_is_evaluated() {
    let folder = tempfile::tempdir().expect("a directory");
    let whole = std::fs::read(bundled()).expect("the capture");
    let path = folder.path().join("half.scap");
    std::fs::write(&path, &whole[..whole.len() / 2]).expect("written");
    let ran = replayed(&path);
    fails(&ran, &[]);
    assert!(ran.out.contains("Sensitive credential file read") && ran.out.contains("Events detected: "), "{}", ran.out);
}

#[test]
fn rule_files() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("rules.yaml");
    let rule = |condition: &str, output: &str| {
        format!("- rule: R\n  desc: d\n  condition: {condition}\n  output: \"{output}\"\n  priority: INFO\n")
    };
    let good = rule("evt.type = execve", "x");
    for (text, parts) in [
        ("- rule: [", &["rules.yaml:1"][..]),
        ("rule: R", &["rules.yaml"]),
        ("\u{0}\u{1}", &["rules.yaml"]),
        ("- rule: R\n  desc: d\n", &["rules.yaml:1", "'condition'"]),
        (&rule("evt.type = execve and", "x"), &["rules.yaml:3"]),
        (&rule("proc.nmae = bash", "x"), &["rules.yaml:3:14", "proc.nmae", "did you mean"]),
        (&rule("proc.pid = many", "x"), &["rules.yaml:3"]),
        (&rule("evt.type in (execve", "x"), &["rules.yaml:3"]),
        (&rule("no_such_macro", "x"), &["rules.yaml:3", "no_such_macro"]),
        (&rule("evt.type = execve", "%no.field"), &["rules.yaml:4", "no.field"]),
        (&good.replace("INFO", "LOUD"), &["rules.yaml:5"]),
        (&rule(&"(".repeat(100_000), "x"), &["rules.yaml:3"]),
        ("- macro: m\n  condition: m\n", &["rules.yaml"]),
        ("- required_engine_version: 99.0.0\n", &["rules.yaml", "99.0.0"]),
        ("- required_plugin_versions: [{name: nothing, version: 1.0.0}]\n", &["nothing"]),
    ] {
        std::fs::write(&path, text).expect("written");
        let mut args = vec!["-r".to_owned(), path.display().to_string()];
        args.extend(replay(&bundled()));
        let ran = peregrine(&args);
        fails(&ran, parts);
        assert!(!ran.out.contains("Events detected"), "{text}: events were processed");
        // The same with -V.
        fails(&peregrine(["-V", &path.display().to_string()]), &[]);
    }
    let args = ["-r", "/no/such/rules.yaml"].map(str::to_owned).into_iter().chain(replay(&bundled()));
    fails(&peregrine(args), &["/no/such/rules.yaml"]);
}

#[test]
fn all_errors_are_reported_at_once() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("rules.yaml");
    let text = "- rule: A\n  desc: d\n  condition: proc.nmae = a\n  output: x\n  priority: INFO\n\
                - rule: B\n  desc: d\n  condition: fd.nmae = b\n  output: x\n  priority: INFO\n";
    std::fs::write(&path, text).expect("written");
    let args = ["-r", &path.display().to_string()].map(str::to_owned).into_iter().chain(replay(&bundled()));
    fails(&peregrine(args), &["proc.nmae", "fd.nmae", "rules.yaml:3:14", "rules.yaml:8:14"]);
}

#[test]
fn configurations() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("falco.yaml");
    for (text, part) in [
        ("a: [", "falco.yaml:1"),
        ("engine: {kind: replay}", "no capture file is set"),
        ("engine: {kind: gvisor}", "gVisor engine was removed"),
        ("priority: loud", "falco.yaml:1:11"),
        ("rules_files: []\nengine: {kind: nodriver}", "no rules"),
        ("plugins: [{name: other, library_path: x.so}]", "plugin 'other' is not built in"),
    ] {
        std::fs::write(&path, text).expect("written");
        fails(&peregrine(["-c", &path.display().to_string()]), &[part]);
    }
    fails(&peregrine(["-c", "/no/falco.yaml"]), &["/no/falco.yaml"]);
    fails(&peregrine(["-o", "novalue"]), &["key=value"]);
    let rules = root().join("detector/daemon/rules");
    let args = ["-r", &rules.display().to_string(), "-o", "stdout_output.enabled=false"].map(str::to_owned);
    fails(&peregrine(args.into_iter().chain(replay(&bundled()))), &["no output is enabled"]);
}
