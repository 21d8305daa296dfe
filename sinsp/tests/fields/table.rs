//! Tests the table of fields against the facts of Falco's libraries.

use std::collections::HashSet;

use peregrine_sinsp::fields::{CLASSES, FieldDef, FieldFlags};
use scap::schema::{Format, ParamType};

fn all() -> impl Iterator<Item = (&'static str, &'static FieldDef)> {
    CLASSES.iter().flat_map(|class| class.fields.iter().map(|field| (class.name, field)))
}

fn print_format(field: &FieldDef) -> u64 {
    match field.format {
        Format::Na => 0,
        Format::Dec => 1,
        Format::Hex => 2,
        Format::PaddedDec => 3,
        Format::Id => 4,
        Format::Dir => 5,
        Format::Oct => 6,
    }
}

#[test]
fn names_are_unique_and_documented() {
    let mut names = HashSet::new();
    for (_, field) in all() {
        assert!(names.insert(field.name), "{} twice", field.name);
        assert!(field.doc.ends_with('.'), "{}: {}", field.name, field.doc);
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '_';
        assert!(field.name.chars().all(is_word), "{}", field.name);
    }
    assert_eq!(names.len(), 234 + 69);
}

#[test]
fn marks_agree_with_each_other() {
    for (_, field) in all() {
        let flags = field.flags;
        let both = FieldFlags::ARG_REQUIRED.with(FieldFlags::ARG_ALLOWED);
        assert!(!flags.contains(both), "{}", field.name);
        let argument = field.example.arg.is_some();
        assert!(argument || !flags.contains(FieldFlags::ARG_REQUIRED), "{} shows no argument", field.name);
    }
}

/// Compares every built-in field with class, type, marks and print format, in order, with the reference.
#[test]
fn equals_the_reference() {
    let Some(shared) = testkit::shared() else { return };
    let text = std::fs::read_to_string(shared.join("spec/fields.json")).expect("the fields");
    let reference: Vec<serde_json::Value> = serde_json::from_str(&text).expect("JSON");
    // Fields that Falco does not have.
    let own = [
        "evt.truncated",
        "fd.realpath",
        "fd.devpath",
        "fd.pathstate",
        "proc.exe_dev",
        "proc.exe_devpath",
        "proc.exe_pathstate",
        "proc.is_entering_container",
        "thread.comm",
    ];
    let ours: Vec<_> = all().filter(|(class, field)| *class != "container" && !own.contains(&field.name)).collect();
    assert_eq!(ours.len(), reference.len());
    for ((class, field), expect) in ours.iter().zip(&reference) {
        assert_eq!(field.name, expect["name"]);
        assert_eq!(*class, expect["class"], "{}", field.name);
        let kind = if field.kind == ParamType::Dyn { "DYNAMIC" } else { field.kind.name() };
        assert_eq!(kind, expect["type"], "{}", field.name);
        assert_eq!(u64::from(field.flags.bits()), expect["flags"].as_u64().expect("a number"), "{}", field.name);
        assert_eq!(print_format(field), expect["print_format"].as_u64().expect("a number"), "{}", field.name);
    }
}
