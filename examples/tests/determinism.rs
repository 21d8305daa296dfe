//! The same events and rules give the same bytes: run after run, compressed or not, with all rules in one set or
//! evaluated in another way.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{peregrine, replay, root, shared};
use rule_engine::engine::Config;
use rule_engine::event::sinsp::SinspSchema;
use rule_engine::load::{Loader, Sources};
use rule_engine::output::Format;
use rule_engine::ruleset::{self, Matching};
use scap::savefile::Reader;
use sinsp::Inspector;
use sinsp::fields::Fields;

/// Returns the published rules, if they are available, and always our own.
fn rule_files() -> Vec<Vec<PathBuf>> {
    let mut sets = vec![vec![root().join("detector/daemon/rules/peregrine_rules.yaml")]];
    if let Some(shared) = shared() {
        let names = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];
        sets.push(names.map(|name| shared.join("data/rules").join(name)).to_vec());
    }
    sets
}

fn captures() -> [PathBuf; 2] {
    ["attack-a.scap", "procs.scap"].map(|name| root().join("testdata/captures").join(name))
}

/// Returns whether rules must match in the capture.
fn is_attack(capture: &Path) -> bool {
    capture.ends_with("attack-a.scap")
}

/// Returns the capture as an uncompressed file.
fn plain(capture: &Path, folder: &Path) -> PathBuf {
    let to = folder.join(capture.file_name().expect("captures are files"));
    let mut convert = Command::new(env!("CARGO_BIN_EXE_pscap"));
    let status = convert.arg("convert").arg(capture).arg(&to).status().expect("the program starts");
    assert!(status.success());
    to
}

#[test]
fn runs_and_compression_change_no_byte() {
    let folder = tempfile::tempdir().expect("a folder");
    for files in rule_files() {
        for capture in captures() {
            let run = |capture: &Path| {
                let mut args = replay(capture);
                for file in &files {
                    args.extend(["-r".to_owned(), file.display().to_string()]);
                }
                args.extend(["-o", "json_output=true", "-o", "priority=debug"].map(str::to_owned));
                let ran = peregrine(&args);
                assert_eq!(ran.code, 0, "{}", ran.err);
                ran.out
            };
            let first = run(&capture);
            assert!(first.contains("\"rule\"") || !is_attack(&capture), "there are alerts to compare");
            assert!(first == run(&capture), "a second run of {} differs", capture.display());
            assert!(first == run(&plain(&capture, folder.path())), "uncompressed, {} differs", capture.display());
        }
    }
}

/// Returns all alerts of a capture.
fn alerts(capture: &Path, files: &[PathBuf], evaluation: ruleset::Config) -> Vec<u8> {
    let schema = SinspSchema::new(Fields::new()).without_host_names().async_event("container");
    let mut loader = Loader::new(Sources::new().with(schema));
    let texts: Vec<(String, Vec<u8>)> = files
        .iter()
        .map(|path| (path.display().to_string(), std::fs::read(path).expect("the rules are there")))
        .collect();
    let loaded = loader.load(texts.iter().map(|(name, text)| (name.as_str(), text.as_slice())));
    assert!(loaded.is_successful());
    let config = Config::default().evaluation(evaluation);
    let sets = loader.into_sources().build(loaded.into_rules(), &config).expect("a sound source");
    let rules = sets.source::<SinspSchema>("syscall").expect("rules about system calls");
    let (mut runner, mut out) = (rules.runner(), Vec::new());
    let mut inspector = Inspector::new(Reader::open(capture).expect("the capture is there"));
    inspector
        .for_each(|event| {
            runner.process(&event, |alert| {
                alert.write_text(&Format::new(""), &mut out);
                out.push(b'\n');
            });
        })
        .expect("the capture is sound");
    out
}

#[test]
fn the_index_changes_no_byte() {
    for files in rule_files() {
        for capture in captures() {
            for matching in [Matching::First, Matching::All] {
                let [with, without] = [true, false]
                    .map(|index| ruleset::Config::default().matching(matching).index(index))
                    .map(|config| alerts(&capture, &files, config));
                assert!(!with.is_empty() || !is_attack(&capture));
                assert!(with == without, "{matching:?}: {} differs", capture.display());
            }
        }
    }
}
