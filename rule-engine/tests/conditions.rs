//! Conditions whose printed text, or error with its position, Falco's own parser told.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::BufRead as _;
use std::process::{Command, Stdio};

use peregrine_rule_engine::syntax::parse_within;

#[test]
fn verdicts_texts_and_positions_are_falcos() {
    let Some(shared) = testkit::shared() else { return };
    testkit::need!(XZ);
    let folder = shared.join("data/conditions");
    let (mut seen, mut wrong) = (0, Vec::new());
    for name in ["attack-a", "net"] {
        let file = folder.join(format!("{name}.jsonl.xz"));
        let mut xz = Command::new("xz").arg("-dc").arg(&file).stdout(Stdio::piped()).spawn().unwrap();
        for line in std::io::BufReader::new(xz.stdout.take().unwrap()).lines() {
            let case: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
            let text = case["condition"].as_str().unwrap();
            let error = case["error"].as_str().unwrap_or_default();
            // The libraries alone allow a depth of 100.
            let ours = match parse_within(text, 100) {
                Ok(tree) => tree.to_string(),
                Err(e) => {
                    let p = e.position;
                    format!("parse: {} {} {} {}", e.kind, p.index, p.line, p.column)
                }
            };
            let theirs = if error.starts_with("parse: ") {
                format!("{error} {} {} {}", case["index"], case["line"], case["column"])
            } else if error.is_empty() {
                case["printed"].as_str().unwrap().to_owned()
            } else if ours.starts_with("parse: ") {
                "a compile error".to_owned()
            } else {
                ours.clone()
            };
            seen += 1;
            if ours != theirs {
                wrong.push(format!("{text}\n  Falco: {theirs}\n  ours:  {ours}"));
            }
        }
        assert!(xz.wait().unwrap().success());
    }
    assert!(seen > 9000, "{seen} conditions");
    assert!(wrong.is_empty(), "{} of {seen} differ:\n{}", wrong.len(), wrong[..wrong.len().min(10)].join("\n"));
}
