//! Conditions with the text, or the error and its position, that Falco's own parser printed (`testdata/README.md`).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use peregrine_rule_engine::syntax::parse_within;

#[test]
fn verdicts_texts_and_positions_are_falcos() {
    // A condition that Falco parsed and did not compile has no text to compare with; only the successful parse is
    // compared.
    let (mut texts, mut errors, mut parsed, mut wrong) = (0, 0, 0, Vec::new());
    for name in ["attack-a", "net"] {
        for case in testkit::json_lines(&format!("falco/conditions-{name}.jsonl.gz")) {
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
                errors += 1;
                format!("{error} {} {} {}", case["index"], case["line"], case["column"])
            } else if error.is_empty() {
                texts += 1;
                case["printed"].as_str().unwrap().to_owned()
            } else {
                parsed += 1;
                if ours.starts_with("parse: ") { "a compile error".to_owned() } else { ours.clone() }
            };
            if ours != theirs {
                wrong.push(format!("{text}\n  Falco: {theirs}\n  ours:  {ours}"));
            }
        }
    }
    assert!(texts > 7000 && errors > 250 && texts + errors + parsed == 9066, "{texts} {errors} {parsed}");
    assert!(
        wrong.is_empty(),
        "{} differ:
{}",
        wrong.len(),
        wrong[..wrong.len().min(10)].join(
            "
"
        )
    );
}
