//! Loading: definitions, their order, and the result.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::TestSchema;
use peregrine_rule_engine::diag::Code;
use peregrine_rule_engine::diag::human::Style;
use peregrine_rule_engine::load::{ExtraField, ExtraOutput};
use peregrine_rule_engine::load::{Loaded, Loader, Sources, describe};
use peregrine_rule_engine::syntax::print::canonical_text;

fn loader() -> Loader {
    Loader::new(Sources::new().with(TestSchema::default()))
}

fn load(files: &[&str]) -> Loaded {
    let names: Vec<String> = (1..=files.len()).map(|n| format!("{n}.yaml")).collect();
    loader().load(names.iter().map(String::as_str).zip(files.iter().map(|file| file.as_bytes())))
}

fn rule(name: &str, condition: &str) -> String {
    format!("- rule: {name}\n  desc: d\n  condition: {condition}\n  output: \"%proc.name\"\n  priority: NOTICE\n")
}

fn tree(loaded: &Loaded, at: usize) -> String {
    assert!(loaded.is_successful(), "{}", loaded.render(Style::default()));
    canonical_text(&loaded.resolved.rules[at].tree)
}

#[test]
fn lists_macros_and_exceptions_become_one_tree() {
    let loaded = load(&[r#"
- list: editors
  items: [vi, nano, "my editor"]
- macro: is_editor
  condition: proc.name in (editors)
- rule: editor opens secret
  desc: d
  condition: evt.type in (open, openat) and is_editor and fd.name pmatch (/srv/secret)
  output: "%proc.name opened %fd.name"
  priority: warning
  exceptions:
    - {name: owner, fields: [user.name, fd.name], comps: [=, startswith], values: [[alice, /srv/secret/alice]]}
    - {name: bins, fields: proc.exepath, values: [/usr/bin/nano]}
- rule: editor opens secret
  condition: or evt.type = clone
  override: {condition: append}
"#]);
    assert_eq!(
        tree(&loaded, 0),
        "(((evt.type in (open, openat) and proc.name in (vi, nano, \"my editor\") and fd.name pmatch (/srv/secret)) or \
         evt.type = clone) and not (user.name = alice and fd.name startswith /srv/secret/alice) and not proc.exepath in \
         (/usr/bin/nano))"
    );
}

#[test]
fn files_build_on_each_other() {
    let first = format!("- macro: ours\n  condition: proc.name = a\n{}", rule("One", "evt.type = open and ours"));
    let second = "- macro: ours\n  condition: or proc.name = b\n  override: {condition: append}\n";
    let third = rule("Two", "evt.type = close and ours");
    let loaded = load(&[&first, second, &third]);
    assert_eq!(tree(&loaded, 0), "(evt.type = open and (proc.name = a or proc.name = b))");
    assert_eq!(tree(&loaded, 1), "(evt.type = close and (proc.name = a or proc.name = b))");
    // A definition in a later file comes too late for Falco.
    let late = load(&[&rule("One", "evt.type = open and later"), "- macro: later\n  condition: proc.name = a\n"]);
    assert!(!late.is_successful());
    assert!(!late.reports[0].is_successful() && late.reports[1].is_successful());
}

#[test]
fn a_redefined_rule_keeps_its_place() {
    let text = rule("One", "evt.type = open") + &rule("Two", "evt.type = close") + &rule("One", "evt.type = clone");
    let loaded = load(&[&text]);
    assert_eq!(tree(&loaded, 0), "evt.type = clone");
    let rules = loaded.into_rules();
    assert_eq!(rules.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>(), ["One", "Two"]);
}

#[test]
fn keys_of_rules_arrive() {
    let text = rule("One", "evt.type = open")
        + "  tags: [b, a, b]\n  enabled: no\n  capture: true\n  capture_duration: 0x10\n- rule: One\n  priority: info\n  \
           desc: more\n  override: {priority: replace, desc: append}\n";
    let rules = load(&[&text]).into_rules();
    let rule = &rules[0];
    assert_eq!((rule.priority, rule.desc.as_str(), rule.enabled), (6, "d more", false));
    assert_eq!((rule.capture, rule.capture_duration), (true, 16));
    assert_eq!(rule.tags, ["a", "b"]);
}

#[test]
fn extra_output_is_added_where_it_applies() {
    let extra = vec![
        ExtraOutput { tags: vec!["t".into()], format: Some("uid=%user.uid".into()), ..ExtraOutput::default() },
        ExtraOutput {
            rule: Some("Two".into()),
            fields: vec![ExtraField { name: "mine".into(), format: "%proc.pid".into(), raw: false }],
            ..ExtraOutput::default()
        },
    ];
    let text = rule("One", "evt.type = open") + "  tags: [t]\n" + &rule("Two", "evt.type = close");
    let loaded = loader().extra_output(extra).load([("f.yaml", text.as_bytes())]);
    assert_eq!(loaded.resolved.rules[0].output, "%proc.name uid=%user.uid");
    assert_eq!(loaded.resolved.rules[1].output, "%proc.name");
    assert_eq!(loaded.resolved.rules[1].extra.len(), 1);
}

#[test]
fn all_errors_of_all_files_are_reported_but_falco_reports_the_first() {
    let first = rule("One", "evt.type = open and proc.nme = a") + &rule("Two", "evt.typ = open");
    let second = rule("Three", "evt.type = open and nothing") + &rule("Four", "evt.type = (").replace("NOTICE", "LOUD");
    let loaded = load(&[&first, &second]);
    let messages: Vec<&str> = loaded.diagnostics.iter().map(|d| d.message.as_str()).collect();
    assert_eq!(messages.len(), 4, "{messages:?}");
    assert_eq!(loaded.reports[0].errors().count(), 1);
    let json = loaded.falco_json();
    assert_eq!(json[0]["errors"][0]["message"], "filter_check called with nonexistent field proc.nme");
    assert_eq!(json[1]["errors"][0]["message"], "Invalid priority");
}

#[test]
fn consequential_errors_are_not_reported() {
    let text = "- macro: broken\n  condition: proc.name =\n- macro: outer\n  condition: broken and proc.name = x\n\
                - macro: unread\n  condition: [a]\n"
        .to_owned()
        + &rule("One", "evt.type = open and outer")
        + &rule("Two", "evt.type = open and unread");
    let loaded = load(&[&text]);
    assert_eq!(loaded.diagnostics.iter().filter(|d| d.is_error()).count(), 2, "{}", loaded.render(Style::default()));
}

#[test]
fn plugins_are_checked() {
    let needs = "- required_plugin_versions:\n    - {name: k8saudit, version: 0.1.0, alternatives: [{name: other, \
                 version: 0.4.0}]}\n";
    let loaded = load(&[needs]);
    assert_eq!(loaded.check_plugins(&[("other", "0.5.0")]), Ok(()));
    assert_eq!(
        loaded.check_plugins(&[]).unwrap_err(),
        "Plugin requirement not satisfied, must load one of: k8saudit (>= 0.1.0), other (>= 0.4.0)"
    );
    assert!(loaded.check_plugins(&[("other", "0.3.0")]).unwrap_err().contains("is not compatible"));
}

#[test]
fn description_names_the_parts_of_rules() {
    let text = "- list: names\n  items: [a, b]\n- macro: ours\n  condition: proc.name in (names)\n".to_owned()
        + &rule("One", "evt.type = open and ours and user.uid > 0");
    let mut loader = loader();
    let loaded = loader.load([("f.yaml", text.as_bytes())]);
    let all = describe(&loaded, loader.sources_mut(), None).unwrap();
    let rule = &all["rules"][0];
    assert_eq!(rule["details"]["macros"], serde_json::json!(["ours"]));
    assert_eq!(rule["details"]["condition_fields"], serde_json::json!(["evt.type", "proc.name", "user.uid"]));
    assert_eq!(rule["details"]["condition_operators"], serde_json::json!(["=", ">", "in"]));
    assert_eq!(rule["details"]["events"], serde_json::json!(["open"]));
    assert_eq!(rule["info"]["priority"], "Notice");
    assert_eq!(all["lists"][0]["details"]["used"], true);
    assert!(describe(&loaded, loader.sources_mut(), Some("Two")).is_err());
}

#[test]
fn hostile_files_end() {
    // Lists of lists, macros of macros, aliases of aliases: each multiplies.
    let mut lists = String::from("- list: l0\n  items: [a, b, c, d, e, f, g, h]\n");
    let mut macros = String::from("- macro: m0\n  condition: proc.name in (a, b, c, d)\n");
    for n in 1..30 {
        let of = (0..8).map(|_| format!("l{}", n - 1)).collect::<Vec<_>>().join(", ");
        lists.push_str(&format!("- list: l{n}\n  items: [{of}]\n"));
        let of = (0..8).map(|_| format!("m{}", n - 1)).collect::<Vec<_>>().join(" and ");
        macros.push_str(&format!("- macro: m{n}\n  condition: {of}\n"));
    }
    let loaded = load(&[&(macros + &rule("One", "m29"))]);
    assert!(loaded.diagnostics.iter().any(|d| d.code == Code::TooLarge));
    _ = load(&[&(lists + &rule("One", "evt.type = open and proc.name in (l29)"))]);

    let mut deep = String::from("- macro: d0\n  condition: proc.name = a\n");
    for n in 1..3000 {
        deep.push_str(&format!("- macro: d{n}\n  condition: not (proc.name = b and d{})\n", n - 1));
    }
    assert!(load(&[&deep]).diagnostics.iter().any(|d| d.code == Code::TooLarge));

    let mut aliases = String::from("- &a0 [x, x, x, x]\n");
    for n in 1..40 {
        aliases.push_str(&format!("- &a{n} [*a{0}, *a{0}, *a{0}, *a{0}]\n", n - 1));
    }
    aliases += &rule("One", "evt.type = open");
    aliases += "  exceptions:\n    - {name: e, fields: [proc.name], values: *a39}\n";
    let loaded = load(&[&aliases]);
    assert!(loaded.diagnostics.iter().any(|d| d.message.contains("aliases make the document too large")));

    for bytes in
        [&b"\xff\xfe\x00"[..], b"\x00\x00\x00", b"- rule: \xe9\n  \xff: \xfe\n", b"---\n...\n---\n", b"\xef\xbb\xbf"]
    {
        let loaded = loader().load([("f.yaml", bytes)]);
        _ = (loaded.render(Style { colour: true }), loaded.falco_json(), loaded.falco_text());
    }
}

#[test]
fn every_code_has_its_page() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/diagnostics/README.md")).unwrap();
    for code in Code::ALL {
        assert!(page.contains(&format!("\n## {}\n", code.name())), "{} has no section", code.name());
    }
}
