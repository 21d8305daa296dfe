//! The library `peregrine` raises the alerts of the program.

mod common;

use common::{bundled, peregrine, replay, root};
use peregrine::{Detector, Format, Rules};

fn default_rules() -> std::path::PathBuf {
    root().join("detector/daemon/rules/peregrine_rules.yaml")
}

/// Returns the alerts of the program, one per line.
fn of_the_program(json: bool) -> Vec<String> {
    let mut args = vec!["-r".to_owned(), default_rules().display().to_string()];
    args.extend(replay(&bundled()));
    args.extend(["-o".to_owned(), format!("json_output={json}")]);
    let ran = peregrine(&args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let is_alert = |line: &&str| if json { line.starts_with('{') } else { line.contains(" | ") };
    ran.out.lines().filter(is_alert).map(str::to_owned).collect()
}

/// Returns the alerts of the library.
fn of_the_library(format: &Format) -> Vec<String> {
    let rules = Rules::builder().file(default_rules()).expect("a file").build().expect("rules");
    let mut detector = Detector::capture(bundled(), &rules).expect("a capture");
    let mut lines = Vec::new();
    while let Some(alert) = detector.next().expect("a sound capture") {
        let line = alert.to_owned().render(format);
        lines.push(String::from_utf8(line.to_vec()).expect("UTF-8"));
    }
    lines
}

#[test]
fn alerts_are_those_of_the_program() {
    // Both print the local time of day.
    testkit::need!(UTC);
    for json in [false, true] {
        let (program, library) = (of_the_program(json), of_the_library(&Format::new("test").json(json)));
        assert!(program.len() > 20, "{} alerts", program.len());
        assert_eq!(library, program);
    }
}
