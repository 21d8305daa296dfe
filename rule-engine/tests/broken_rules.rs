//! Broken rule files and the messages about them.
//!
//! Each `testdata/rules/broken/NAME.yaml` has its message in `NAME.txt`; `UPDATE_EXPECT=1` writes the current output.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::{Path, PathBuf};

use common::TestSchema;
use peregrine_rule_engine::diag::human::Style;
use peregrine_rule_engine::load::{Loader, Sources, describe};
use proptest::prelude::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/rules/broken")
}

fn render(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let sources = Sources::new().with(TestSchema::default());
    let loaded = Loader::new(sources).load([(name, bytes.as_slice())]);
    assert!(!loaded.diagnostics.is_empty(), "{name} is not broken");
    loaded.render(Style { colour: false })
}

#[test]
fn each_has_its_text() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    assert!(paths.len() >= 50, "{} files", paths.len());
    let mut wrong = Vec::new();
    for path in paths {
        let text = render(&path);
        let expected = path.with_extension("txt");
        if update {
            std::fs::write(&expected, &text).unwrap();
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != text {
            wrong.push(format!("{}:\n{text}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{} differ (UPDATE_EXPECT=1 rewrites them):\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn colours_only_add_escapes() {
    let path = folder().join("field-unknown.yaml");
    let bytes = std::fs::read(path).unwrap();
    let sources = Sources::new().with(TestSchema::default());
    let loaded = Loader::new(sources).load([("x.yaml", bytes.as_slice())]);
    let coloured = loaded.render(Style { colour: true });
    assert!(coloured.contains("\x1b[1;31m"));
    let mut plain = String::new();
    let mut rest = coloured.as_str();
    while let Some(at) = rest.find("\x1b[") {
        plain.push_str(&rest[..at]);
        rest = &rest[at + rest[at..].find('m').unwrap() + 1..];
    }
    plain.push_str(rest);
    assert_eq!(plain, loaded.render(Style { colour: false }));
}

/// Generates rule files from pieces of the broken ones, cut and joined anywhere.
fn mixed() -> impl Strategy<Value = Vec<u8>> {
    let mut texts: Vec<Vec<u8>> = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            texts.push(std::fs::read(path).unwrap());
        }
    }
    texts.sort();
    let part = (prop::sample::select(texts), any::<prop::sample::Index>(), any::<prop::sample::Index>()).prop_map(
        |(text, from, to)| {
            let (from, to) = (from.index(text.len() + 1), to.index(text.len() + 1));
            text[from.min(to)..from.max(to)].to_vec()
        },
    );
    let junk = proptest::collection::vec(any::<u8>(), 0..4);
    proptest::collection::vec(prop_oneof![4 => part, 1 => junk], 1..6).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn no_rule_file_does_harm(one in mixed(), two in mixed()) {
        let sources = Sources::new().with(TestSchema::default());
        let mut loader = Loader::new(sources);
        let loaded = loader.load([("one.yaml", one.as_slice()), ("two.yaml", two.as_slice())]);
        let shown = loaded.render(Style { colour: false });
        prop_assert_eq!(shown.is_empty(), loaded.diagnostics.is_empty());
        prop_assert_eq!(loaded.is_successful(), !loaded.diagnostics.iter().any(|d| d.is_error()));
        // Errors that Falco reports are reported to people too.
        for fault in loaded.reports.iter().filter_map(|report| report.errors().next()) {
            prop_assert!(loaded.diagnostics.iter().any(|d| d.code == fault.code && d.message == fault.message));
        }
        _ = (loaded.falco_json().to_string(), loaded.falco_text());
        if loaded.is_successful() {
            prop_assert!(describe(&loaded, loader.sources_mut(), None).is_ok());
        }
    }
}
