//! The binary interface as promised: functions, and sizes and offsets of structs.
//!
//! `UPDATE_ABI=1` rewrites `tests/abi.txt`. Its lines are a promise: they are added, not changed.

mod support;

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use support::{Language, compile, root};

/// Returns the structs of the header with their members.
fn structs(header: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for (start, _) in header.match_indices("typedef struct ").chain(header.match_indices("typedef union ")) {
        let text = &header[start..];
        let Some((head, rest)) = text.split_once(" {\n") else { continue };
        if head.contains([';', '\n']) {
            continue;
        }
        let Some((body, after)) = rest.split_once("\n} ") else { continue };
        let name = after.split(';').next().unwrap_or_default().to_owned();
        let members = body.lines().map(str::trim).filter(|line| line.ends_with(';') && !line.starts_with('*'));
        let member = |line: &str| {
            let last = line.trim_end_matches(';').rsplit([' ', '*']).next().unwrap_or_default();
            last.split('[').next().unwrap_or_default().to_owned()
        };
        found.push((name, members.map(member).collect()));
    }
    found.sort();
    found
}

/// Returns the functions that the header declares: the words before a parenthesis, outside of comments.
fn functions(header: &str) -> Vec<String> {
    let mut found: Vec<String> = header
        .lines()
        .filter(|line| !line.trim_start().starts_with(['*', '/', '#']))
        .filter_map(|line| line.split_once('('))
        .filter_map(|(before, _)| before.rsplit([' ', '*']).next())
        .filter(|word| word.starts_with("peregrine_"))
        .map(str::to_owned)
        .collect();
    found.sort();
    found
}

#[test]
fn the_binary_interface_is_unchanged() {
    let header = std::fs::read_to_string(root().join("include/peregrine.h")).expect("the header");
    let mut program = "#include <peregrine.h>\n#include <stdio.h>\nint main(void) {\n".to_owned();
    let structs = structs(&header);
    assert!(structs.len() > 10, "{structs:?}");
    for (name, members) in &structs {
        writeln!(program, "printf(\"{name} %zu\\n\", sizeof({name}));").expect("text");
        for member in members {
            writeln!(program, "printf(\"{name}.{member} %zu\\n\", offsetof({name}, {member}));").expect("text");
        }
    }
    program.push_str("return 0;\n}\n");
    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join("abi.c");
    std::fs::write(&source, program).expect("write");
    let said = Command::new(compile(&source, Language::C, &[])).output().expect("run");
    let mut now = String::from_utf8(said.stdout).expect("UTF-8");
    for function in functions(&header) {
        writeln!(now, "{function}()").expect("text");
    }
    let kept = root().join("tests/abi.txt");
    if std::env::var_os("UPDATE_ABI").is_some() {
        std::fs::write(&kept, &now).expect("write");
    }
    let agreed = std::fs::read_to_string(&kept).expect("tests/abi.txt");
    assert_eq!(agreed, now, "the binary interface changed; if that is meant, UPDATE_ABI=1 and a line in the CHANGELOG");
}

#[test]
fn every_declared_function_is_exported_and_no_other() {
    let library = support::installed().join("lib/libperegrine.so");
    let done = Command::new("nm").args(["-D", "--defined-only"]).arg(&library).output().expect("nm");
    let symbols = String::from_utf8_lossy(&done.stdout);
    let mut exported: Vec<String> = symbols
        .lines()
        .filter_map(|line| line.split(' ').nth(2)?.split('@').next())
        .filter(|name| !name.starts_with('_'))
        .map(str::to_owned)
        .collect();
    exported.sort();
    exported.retain(|name| name.starts_with("peregrine"));
    let header = std::fs::read_to_string(root().join("include/peregrine.h")).expect("the header");
    assert_eq!(exported, functions(&header));
}
