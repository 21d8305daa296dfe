//! `pscap read --json` of every field of every event of real captures, against what Falco's own libraries extracted.
//!
//! The data is beside the repository (`../shared`, or `PEREGRINE_SHARED`), and is compared by its own simple tool. The
//! two large captures take half a minute without optimization, so they are compared only with `--release` or with
//! `PEREGRINE_LONG` set. Differences are explained in `docs/differences.md`.

mod common;

use std::fs::File;
use std::process::Command;

/// Captures, with the minimum percentage of equal values. The differences are `evt.buffer` of empty buffers, and in
/// *attack-a* the effect of `evt.abspath` on other fields.
const CAPTURES: [(&str, f64); 18] = [
    ("attack-a", 99.95),
    ("cat_write", 99.99),
    ("connect_localhost", 100.0),
    ("curl_google", 99.99),
    ("empty", 100.0),
    ("net", 99.99),
    ("open-multiple-files", 100.0),
    ("ping_sendto", 100.0),
    ("procs", 99.99),
    ("psp_privileged", 100.0),
    ("psp_run_as_user_0_container", 99.99),
    ("psp_run_as_user_65534_container", 100.0),
    ("psp_write_tmp_test", 100.0),
    ("sample", 100.0),
    ("single_ipv6_conn", 99.99),
    ("syscall", 100.0),
    ("test_empty", 100.0),
    ("test_ipv6_client", 99.99),
];

/// The fields in the dumps, with their arguments.
const FIELDS: &str = include_str!("../../testdata/oracle-fields.txt");

/// Captures that take long.
const GREAT: [&str; 2] = ["attack-a", "net"];

#[test]
fn all_fields_of_all_captures() {
    let Some(shared) = common::shared() else { return };
    testkit::need!(PYTHON);
    testkit::need!(XZ);
    // One list for all, so that a field which only we have is visible.
    let fields = FIELDS.lines().collect::<Vec<_>>().join(",");
    let folder = tempfile::tempdir().expect("a directory");
    let mut failures = Vec::new();
    for (name, floor) in CAPTURES {
        if GREAT.contains(&name) && !testkit::LONG.is_met() {
            testkit::skip(&testkit::LONG, format_args!("{name}: {}", testkit::LONG.missing));
            continue;
        }
        let recorded = shared.join(format!("data/captures/recorded/{name}.scap"));
        let (capture, manner) = if recorded.exists() {
            (recorded, "--as-reference")
        } else {
            (shared.join(format!("data/captures/upstream/{name}.scap")), "--as-reference=early")
        };
        let ours = folder.path().join(format!("{name}.jsonl"));
        let read = Command::new(env!("CARGO_BIN_EXE_pscap"))
            .args(["read", "--json", manner, "--fields", &fields])
            .arg(capture)
            .stdout(File::create(&ours).expect("a file"))
            .status();
        assert!(read.is_ok_and(|status| status.success()), "{name}");
        let compared = Command::new("python3")
            .arg(shared.join("tools/oracle-diff"))
            .arg(shared.join(format!("data/oracle/{name}.jsonl.xz")))
            .arg(&ours)
            .args(["--min", &floor.to_string()])
            .output()
            .expect("python3 runs");
        let text = String::from_utf8_lossy(&compared.stdout).into_owned();
        println!("{name}: {}", text.lines().last().unwrap_or_default());
        if !compared.status.success() || !text.contains("fields absent 0,") {
            failures.push(format!("{name}, {floor} % wanted:\n{text}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
