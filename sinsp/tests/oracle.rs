//! Every field of every event of real captures, against what Falco's own libraries extracted.
//!
//! The data stands beside the repository (`../shared`, or `PEREGRINE_SHARED`), and is compared by its own plain tool. The
//! two great captures take half a minute when built without optimization, so they are compared by `--release` or with
//! `PEREGRINE_ORACLE=all` only. What differs is explained in `docs/differences.md`.

#[path = "../examples/fields/dump.rs"]
mod dump;

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::Command;

use dump::{Dump, Manner};

/// Captures, and the share of values that are equal, in percent, below which none may fall. What is missing to a hundred
/// is `evt.buffer` of empty buffers, and in *attack-a* what `evt.abspath` does to other fields.
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

/// The fields that the dumps have, with their arguments.
const FIELDS: &str = include_str!("../../testdata/oracle-fields.txt");

/// Captures that take long.
const GREAT: [&str; 2] = ["attack-a", "net"];

fn shared() -> Option<PathBuf> {
    let path = std::env::var_os("PEREGRINE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let there = path.join("data/oracle").is_dir() && path.join("tools/oracle-diff").is_file();
    let tools = ["python3", "xz"].iter().all(|tool| Command::new(tool).arg("--version").output().is_ok());
    if !there || !tools {
        println!("skipped: {} does not hold the dumps, or there is no python3 or xz", path.display());
    }
    (there && tools).then_some(path)
}

#[test]
fn all_fields_of_all_captures() {
    let Some(shared) = shared() else { return };
    let all = !cfg!(debug_assertions) || std::env::var_os("PEREGRINE_ORACLE").is_some_and(|value| value == "all");
    // One list for all, so that a field which only we have shows.
    let names: Vec<String> = FIELDS.lines().map(str::to_owned).collect();
    let folder = std::env::temp_dir().join(format!("peregrine-oracle-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a directory");
    let mut failures = Vec::new();
    for (name, floor) in CAPTURES {
        if !all && GREAT.contains(&name) {
            println!("skipped: {name} without PEREGRINE_ORACLE=all");
            continue;
        }
        let oracle = shared.join("data/oracle").join(format!("{name}.jsonl.xz"));
        let recorded = shared.join("data/captures/recorded").join(format!("{name}.scap"));
        let (capture, manner) = match File::open(&recorded) {
            Ok(capture) => (capture, Manner::Reference),
            Err(_) => {
                let path = shared.join("data/captures/upstream").join(format!("{name}.scap"));
                (File::open(path).expect("the capture"), Manner::EarlyReference)
            }
        };
        let ours = folder.join(format!("{name}.jsonl"));
        let out = BufWriter::new(File::create(&ours).expect("a file"));
        Dump::new(&names, manner).expect("all fields exist").write(capture, out).expect("the capture is whole");
        let compared = Command::new("python3")
            .arg(shared.join("tools/oracle-diff"))
            .arg(&oracle)
            .arg(&ours)
            .args(["--min", &floor.to_string()])
            .output()
            .expect("python3 runs");
        let text = String::from_utf8_lossy(&compared.stdout).into_owned();
        println!("{name}: {}", text.lines().last().unwrap_or_default());
        if !compared.status.success() || !text.contains("fields absent 0,") {
            failures.push(format!("{name}, {floor} % wanted:\n{text}"));
        }
        std::fs::remove_file(ours).expect("our own file");
    }
    std::fs::remove_dir(folder).expect("our own directory");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
