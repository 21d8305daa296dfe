//! Broken rule files and what people are told about them.
//!
//! Each `testdata/rules/broken/NAME.yaml` has its text in `NAME.txt`; `UPDATE_EXPECT=1` writes what is printed now.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::{Path, PathBuf};

use common::TestSchema;
use peregrine_rule_engine::diag::human::Style;
use peregrine_rule_engine::load::{Loader, Sources};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/rules/broken")
}

fn render(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let sources = Sources::new().with(Box::<TestSchema>::default());
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
    let sources = Sources::new().with(Box::<TestSchema>::default());
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
