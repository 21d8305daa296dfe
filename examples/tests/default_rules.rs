//! The default rules: each has tests, tags and a page, and ordinary activity raises no alert.

mod common;

use common::{alerts, peregrine, replay, root};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt::Write;

fn rules_path() -> String {
    root().join("detector/daemon/rules/peregrine_rules.yaml").display().to_string()
}

/// Returns the rules as described by the program.
fn rules() -> Vec<Json> {
    let ran = peregrine(["-r", &rules_path(), "-L", "-o", "json_output=true"]);
    let described: Json = serde_json::from_str(&ran.out).expect("JSON");
    let all = |key: &str| described[key].as_array().expect("a list").clone();
    [all("rules"), all("correlations")].concat()
}

fn text<'j>(rule: &'j Json, key: &str) -> &'j str {
    rule["info"][key].as_str().unwrap_or_default()
}

#[test]
fn every_rule_has_tests_that_match_and_that_do_not() {
    let tests = root().join("detector/daemon/rules/tests").display().to_string();
    let ran = peregrine(["--test", &tests, "-o", "json_output=true"]);
    let report: Json = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!((ran.code, &report["failed"]), (0, &Json::from(0)), "{report:#}");
    let names: Vec<&str> =
        report["tests"].as_array().expect("tests").iter().filter_map(|test| test["test"].as_str()).collect();
    for rule in rules() {
        let name = text(&rule, "name");
        for word in ["matches", "does not match"] {
            let start = format!("{name} {word}: ");
            assert!(names.iter().any(|test| test.starts_with(&start)), "no test says that `{name}` {word}");
        }
    }
}

#[test]
fn every_rule_names_a_tactic_and_a_technique() {
    for rule in rules() {
        let name = text(&rule, "name");
        let tags: Vec<&str> = rule["info"]["tags"].as_array().expect("tags").iter().filter_map(Json::as_str).collect();
        assert!(tags.iter().any(|tag| tag.starts_with("mitre_")), "{name}: no tactic");
        let technique =
            |tag: &str| tag.starts_with('T') && tag[1..].bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        assert!(tags.iter().any(|tag| technique(tag)), "{name}: no technique");
        assert!(tags.iter().any(|tag| ["host", "container"].contains(tag)), "{name}: neither host nor container");
        assert!(text(&rule, "description").len() > 40, "{name}: no description");
    }
}

#[test]
fn everyday_work_is_quiet() {
    for capture in ["procs.scap", "net.scap"].map(|name| root().join("testdata/captures").join(name)) {
        let mut args = vec!["-r".to_owned(), rules_path(), "-o".into(), "json_output=true".into()];
        args.extend(replay(&capture));
        let ran = peregrine(&args);
        assert_eq!((ran.code, alerts(&ran.out)), (0, vec![]), "{}: {}", capture.display(), ran.err);
    }
    for listed in [&["-L"][..], &["-l", "Reverse shell"]] {
        let ran = peregrine([&["-r", &rules_path()][..], listed].concat());
        assert!(ran.out.contains("\nReverse shell  "), "{listed:?}: {}", ran.out);
    }
    let ran = peregrine(["-r", &rules_path(), "--explain-rule", "Reverse shell"]);
    assert!(ran.out.contains("1. connect: ") && ran.out.contains("within 1m, by tree"), "{}", ran.out);
}

/// Returns a file name for a rule.
fn slug(name: &str) -> String {
    let plain: String = name.chars().filter(|char| *char != '\'').collect();
    let words = plain.split(|char: char| !char.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

/// Returns the notes on each rule: a heading with its name and the text below.
fn notes() -> BTreeMap<String, String> {
    let file = root().join("detector/daemon/rules/notes.md");
    let text = std::fs::read_to_string(file).expect("the notes");
    let parts = text.split("\n## ").skip(1);
    parts
        .map(|part| {
            let (name, rest) = part.split_once('\n').expect("a heading and a text");
            (name.trim().to_owned(), rest.trim().to_owned())
        })
        .collect()
}

fn page(rule: &Json, note: &str) -> String {
    let tags: Vec<&str> = rule["info"]["tags"].as_array().expect("tags").iter().filter_map(Json::as_str).collect();
    let techniques =
        tags.iter().filter(|tag| tag.starts_with('T') && tag[1..].starts_with(|digit: char| digit.is_ascii_digit()));
    let links: Vec<String> =
        techniques.map(|id| format!("[{id}](https://attack.mitre.org/techniques/{}/)", id.replace('.', "/"))).collect();
    let tactics: Vec<String> =
        tags.iter().filter_map(|tag| tag.strip_prefix("mitre_")).map(|tactic| tactic.replace('_', " ")).collect();
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "<!-- Generated from peregrine_rules.yaml and notes.md: PEREGRINE_BLESS=1 cargo test -p peregrine-examples --test default_rules -->\n\
         # {}\n\n{}\n\n| | |\n|---|---|\n| Priority | {} |\n| ATT&CK | {}: {} |\n| Tags | {} |\n\n{note}\n\n## The rule\n\n\
         ```text\n{}\n```\n\n## The alert\n\n```text\n{}\n```\n",
        text(rule, "name"),
        text(rule, "description").trim(),
        text(rule, "priority"),
        tactics.join(", "),
        links.join(", "),
        tags.join(", "),
        text(rule, "condition").trim(),
        text(rule, "output").trim(),
    );
    out
}

#[test]
fn every_rule_has_a_page_that_is_current() {
    let (bless, folder, notes) = (std::env::var_os("PEREGRINE_BLESS").is_some(), root().join("docs/rules"), notes());
    let mut index = "# The default rules\n\nEach is written from a technique, has tests in `detector/daemon/rules/tests`, and a page.\n\n\
                     | Rule | Priority | ATT&CK |\n|---|---|---|\n"
        .to_owned();
    let mut pages = Vec::new();
    for rule in rules() {
        let name = text(&rule, "name");
        let note = notes.get(name).unwrap_or_else(|| panic!("notes.md says nothing about `{name}`"));
        let tags = rule["info"]["tags"].as_array().expect("tags");
        let ids: Vec<&str> = tags.iter().filter_map(Json::as_str).filter(|tag| tag.starts_with('T')).collect();
        let _ = writeln!(index, "| [{name}]({}.md) | {} | {} |", slug(name), text(&rule, "priority"), ids.join(", "));
        pages.push((format!("{}.md", slug(name)), page(&rule, note)));
    }
    assert_eq!(notes.len(), pages.len(), "notes.md is about rules that are not there");
    pages.push(("README.md".to_owned(), index));
    if bless {
        // Pages of removed rules are removed too.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a directory");
    }
    for (name, wanted) in &pages {
        let path = folder.join(name);
        if bless {
            std::fs::write(&path, wanted).expect("written");
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(found, *wanted, "{name} is not current: run this test with PEREGRINE_BLESS=1");
    }
    let there = std::fs::read_dir(&folder).expect("the pages").count();
    assert_eq!(there, pages.len(), "docs/rules has pages of rules that are not there");
}

#[test]
fn renamed_rules_are_in_the_changelog() {
    let read = |name: &str| std::fs::read_to_string(root().join(name)).expect(name);
    let changelog = read("CHANGELOG.md").split_whitespace().collect::<Vec<_>>().join(" ");
    let renamed = read("detector/daemon/rules/renamed.txt");
    let rows = renamed.lines().filter(|line| !line.starts_with('#'));
    let names = rows.filter_map(|line| line.split_once(": ")?.1.split_once(" -> "));
    let mut count = 0;
    for (old, new) in names {
        assert!(changelog.contains(&format!("`{old}` is now `{new}`")), "{old}");
        count += 1;
    }
    assert!(count > 40, "{count}");
}
