//! YAML means what yaml-cpp, which Falco reads rule files with, says: nodes, values, places and errors.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashSet;
use std::fmt::Write as _;

use peregrine_rule_engine::source::yaml::{Documents, Node, NodeId};
use peregrine_rule_engine::text::{Text, to_bytes};
use proptest::prelude::*;

/// A node and those in it, one a line; a node that was there before is an alias.
fn write(node: Node<'_>, seen: &mut HashSet<NodeId>, out: &mut Vec<String>) {
    if !seen.insert(node.id()) {
        out.push("alias".to_owned());
        return;
    }
    let mark = node.mark();
    let mut line = format!("{} {} ", mark.line, mark.column);
    match node.scalar() {
        Some(scalar) => write!(line, "scalar {}", to_bytes(&scalar.text).escape_ascii()).unwrap(),
        None if node.is_null() => line.push_str("null"),
        None => line.push_str(if node.is_map() { "map" } else { "seq" }),
    }
    out.push(line);
    node.elements().for_each(|element| write(element, seen, out));
    for (key, value) in node.entries() {
        write(key, seen, out);
        write(value, seen, out);
    }
    if node.is_sequence() || node.is_map() {
        out.push("end".to_owned());
    }
}

/// The nodes of a text, or its error.
fn read(text: &str) -> Vec<String> {
    let text = Text::new(text.as_bytes());
    match Documents::read(&text) {
        Ok(documents) => {
            let (mut seen, mut out) = (HashSet::new(), Vec::new());
            for root in documents.roots() {
                out.push("doc".to_owned());
                write(root, &mut seen, &mut out);
            }
            out
        }
        Err(error) => vec![format!("error {} {} {}", error.mark.line, error.mark.column, error.message)],
    }
}

/// Texts with what yaml-cpp found in them.
fn cases() -> Vec<(String, Vec<String>)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/rules/yaml-cpp.jsonl");
    let lines = std::fs::read_to_string(path).unwrap();
    let case = |line: &str| {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let nodes = case["nodes"].as_array().unwrap().iter().map(|node| node.as_str().unwrap().to_owned());
        (case["yaml"].as_str().unwrap().to_owned(), nodes.collect())
    };
    lines.lines().map(case).collect()
}

#[test]
fn texts_mean_what_they_mean_to_yaml_cpp() {
    let cases = cases();
    assert!(cases.len() > 700);
    for (text, nodes) in cases {
        assert_eq!(read(&text), nodes, "{text:?}");
    }
}

#[test]
fn a_text_ends_at_no_depth_and_no_size() {
    for piece in ["[", "{", "- ", "? ", "&a ", "!t ", "a: ", "{a: ", "[[", "\"", "|\n", "a\n", "- a\n", "*a ", ", "] {
        let text = piece.repeat(40_000);
        read(&text);
        read(&format!("{text}a"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused_in_place(
        texts in proptest::collection::vec(prop::sample::select(cases()), 1..4),
        cuts in proptest::collection::vec(0usize..80, 4),
        bytes in proptest::collection::vec(any::<u8>(), 0..6),
    ) {
        let mut all = Vec::new();
        for ((text, _), cut) in texts.iter().zip(&cuts) {
            all.extend_from_slice(&text.as_bytes()[..(*cut).min(text.len())]);
            all.extend_from_slice(&bytes);
        }
        let text = Text::new(&all);
        match Documents::read(&text) {
            Ok(documents) => {
                let mut open: Vec<Node<'_>> = documents.roots().collect();
                let mut left = 10_000;
                while let Some(node) = open.pop().filter(|_| left > 0) {
                    left -= 1;
                    let (start, end) = node.span();
                    assert!(start <= end && node.mark() == text.mark(text.offset(node.mark())) || node.is_null());
                    if let Some(scalar) = node.scalar() {
                        assert!(text.as_str().get(scalar.span.0..scalar.span.1).is_some());
                    }
                    open.extend(node.elements());
                    open.extend(node.entries().flat_map(|(key, value)| [key, value]));
                }
            }
            Err(error) => assert!(text.offset(error.mark) <= text.as_str().len()),
        }
    }
}
