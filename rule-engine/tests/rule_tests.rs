//! Files of tests: those of testdata/rule-tests pass, and those of its folder `broken` are reported with their errors.
//!
//! Each `broken/NAME.yaml` has its message in `NAME.txt`; `UPDATE_EXPECT=1` writes the current output.
#![cfg(feature = "sinsp")]

use std::path::{Path, PathBuf};

use peregrine_rule_engine::diag::human::Style;
use peregrine_rule_engine::testing::sinsp::SinspReplay;
use peregrine_rule_engine::testing::{Suite, Verdict};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/rule-tests")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("testdata").map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    files
}

/// Returns the report on a file of tests, and how many tests pass.
fn told(path: &Path) -> (String, usize) {
    let name = path.file_name().expect("a name").to_string_lossy();
    let bytes = std::fs::read(path).expect("a file");
    let suite = match Suite::read(&name, &bytes) {
        Ok(suite) => suite,
        Err((file, faults)) => {
            let texts: Vec<String> = faults.iter().map(|fault| fault.render(&file, Style::default())).collect();
            return (texts.join("\n"), 0);
        }
    };
    let mut text = String::new();
    let mut replay = SinspReplay::new(path.parent().expect("a folder"));
    let summary = suite.run(&mut replay, &[], |outcome| match outcome.verdict {
        Verdict::Passed => {}
        Verdict::Failed(differences) => {
            text += &format!("{}:\n", outcome.test);
            differences.iter().for_each(|difference| text += &format!("  {difference}\n"));
        }
        Verdict::Broken(fault) => text += &fault.render(suite.file(), Style::default()),
    });
    assert_eq!(summary.passed + summary.failed, suite.names().len());
    (text, summary.passed)
}

#[test]
fn good_files_hold() {
    let mut passed = 0;
    for file in files(&folder()) {
        let (text, count) = told(&file);
        assert_eq!(text, "", "{}", file.display());
        passed += count;
    }
    assert!(passed >= 7, "only {passed} tests ran");
}

#[test]
fn broken_files_are_reported_with_the_reason() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut wrong = Vec::new();
    for file in files(&folder().join("broken")) {
        let (text, _) = told(&file);
        assert_ne!(text, "", "{} is not broken", file.display());
        let expected = file.with_extension("txt");
        if update {
            std::fs::write(&expected, &text).expect("a place to write to");
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != text {
            wrong.push(format!("{}:\n{text}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{} differ (UPDATE_EXPECT=1 rewrites them):\n{}", wrong.len(), wrong.join("\n"));
}
