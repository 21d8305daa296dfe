//! Every C test again with memory checks: under valgrind, and with AddressSanitizer.

mod support;

use std::path::Path;
use std::process::Command;

use support::{Language, compile, program, root};

/// Returns the C files that `tests/c.rs` names.
fn objects() -> Vec<String> {
    let list = std::fs::read_to_string(root().join("tests/c.rs")).expect("tests/c.rs");
    let list = list.split("\nc_tests! {").nth(1).and_then(|rest| rest.split("\n}\n").next()).expect("the list");
    let found: Vec<String> =
        list.lines().filter_map(|line| line.trim().strip_suffix(" {")).map(str::to_owned).collect();
    assert!(found.len() > 8, "the list is read wrongly: {found:?}");
    found
}

fn watched(mut command: Command, what: &str) {
    let done = support::settings(&mut command, what).output().expect("run");
    assert!(done.status.success(), "{what}: {}\n{}", done.status, String::from_utf8_lossy(&done.stderr));
}

#[test]
fn no_leak_and_no_invalid_access_under_valgrind() {
    testkit::need!(VALGRIND);
    for object in objects() {
        let mut command = Command::new("valgrind");
        command.args(["--quiet", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite"]);
        command.arg(program(&format!("tests/c/{object}.c"), Language::C));
        watched(command, &object);
    }
}

#[test]
fn address_sanitizer_is_silent() {
    for object in objects() {
        let source = root().join(format!("tests/c/{object}.c"));
        let sanitized = compile(&source, Language::C, &["-fsanitize=address", "-fno-omit-frame-pointer"]);
        watched(Command::new(&sanitized), &object);
    }
    let wrapper = root().join("tests/c/wrapper.cpp");
    let sanitized = compile(&wrapper, Language::Cpp, &["-fsanitize=address", "-fno-omit-frame-pointer"]);
    watched(Command::new(sanitized), "the wrapper");
}

#[test]
fn a_leak_would_be_found() {
    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join("leaks.c");
    // Many, since the last of them may still be found on the stack.
    let text = "#include <peregrine.h>\nint main(void) {\n\tperegrine_ruleset_builder *builder = NULL;\n\
                \tfor (int i = 0; i < 100; i++)\n\t\tif (peregrine_ruleset_builder_new(&builder) != PEREGRINE_STATUS_OK)\n\
                \t\t\treturn 1;\n\treturn 0;\n}\n";
    std::fs::write(&source, text).expect("write");
    let leaks = compile(&source, Language::C, &["-fsanitize=address"]);
    let done = Command::new(leaks).output().expect("run");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(!done.status.success() && said.contains("LeakSanitizer"), "{said}");
}
