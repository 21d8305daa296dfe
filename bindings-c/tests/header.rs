//! The header is generated from the sources, and every C and C++ compiler accepts it, twice.

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn header_is_current() {
    let mut config = cbindgen::Config::from_file(root().join("cbindgen.toml")).expect("cbindgen.toml");
    config.after_includes = Some(contract());
    let mut made = Vec::new();
    cbindgen::Builder::new()
        .with_src(root().join("src/lib.rs"))
        .with_config(config)
        .generate()
        .expect("header")
        .write(&mut made);
    let made = without_safety(&String::from_utf8(made).expect("UTF-8"));
    let path = root().join("include/peregrine.h");
    if std::env::var_os("UPDATE_HEADER").is_some() {
        std::fs::write(&path, &made).expect("write the header");
    }
    let kept = std::fs::read_to_string(&path).expect("include/peregrine.h");
    assert!(
        kept == made,
        "include/peregrine.h is stale: run UPDATE_HEADER=1 cargo test -p peregrine-capi --test header"
    );
}

/// Returns the contract of the crate's documentation, as a comment.
fn contract() -> String {
    let source = std::fs::read_to_string(root().join("src/lib.rs")).expect("src/lib.rs");
    let lines = source.lines().map_while(|line| line.strip_prefix("//!")).skip_while(|line| !line.contains("contract"));
    let plain =
        |line: &str| line.replace("**", "").replace("[`Status`](status::Status)", "peregrine_status").replace('`', "");
    let text: Vec<String> = lines.map(|line| format!(" *{}", plain(line)).trim_end().to_owned()).collect();
    assert!(text.len() > 10, "src/lib.rs has no contract");
    format!("\n/*\n{}\n */", text.join("\n"))
}

/// Removes the parts for Rust callers: the sections on safety, and links between items.
fn without_safety(header: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut inside = false;
    for line in header.lines() {
        inside = (inside || line.trim() == "* # Safety") && line.trim() != "*/";
        if !inside {
            if line.trim() == "*/" && kept.last().is_some_and(|last| last.trim() == "*") {
                kept.pop();
            }
            kept.push(line);
        }
    }
    kept.join("\n") + "\n"
}

fn compiles(compiler: &str, arguments: &[&str], name: &str, text: &str) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join(name);
    std::fs::write(&file, text).expect("write a source");
    let done = Command::new(compiler)
        .args(arguments)
        .args(["-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only", "-I"])
        .arg(root().join("include"))
        .arg(&file)
        .output()
        .unwrap_or_else(|error| panic!("{compiler}: {error}"));
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

const TWICE: &str = "#include <peregrine.h>\n#include <peregrine.h>\nint main(void) { return 0; }\n";

#[test]
fn header_compiles_as_c11() {
    compiles("cc", &["-std=c11"], "twice.c", TWICE);
}

#[test]
fn header_compiles_as_cpp17() {
    compiles("c++", &["-std=c++17"], "twice.cpp", TWICE);
}

#[test]
fn wrapper_compiles_with_and_without_exceptions() {
    let text = "#include <peregrine.hpp>\n#include <peregrine.hpp>\nint main() { return 0; }\n";
    compiles("c++", &["-std=c++17", "-fno-exceptions"], "wrapper.cpp", text);
    compiles("c++", &["-std=c++17", "-DPEREGRINE_EXCEPTIONS"], "wrapper_exceptions.cpp", text);
}
