//! Writes the probe's headers, the tables that its loader shares with it, and the same events of the source without
//! privileges, from scap's schema; and the table by which conditions are read, from their grammar.
//!
//! The files are committed, so that a build needs no generator; a test fails when they are stale.

mod events;
mod flags;
mod grammar;
mod ia32;
mod recipes;
mod simple;
mod syscalls;
mod translations;
mod userspace;

use std::path::Path;

/// Returns the first lines of a generated C header.
fn c_header(what: &str) -> String {
    format!(
        "/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */\n/* {what}\n * DO NOT EDIT. Written by: cargo xtask codegen\n */\n#pragma once\n\n"
    )
}

/// Returns the first lines of a generated Rust file.
fn rust_header(what: &str) -> String {
    format!(
        "//! {what}\n//!\n//! DO NOT EDIT. Written by: cargo xtask codegen\n\n#![cfg_attr(rustfmt, rustfmt_skip)]\n\n"
    )
}

/// Returns every generated file: its path under the root and its text.
fn files() -> Result<Vec<(&'static str, String)>, String> {
    Ok(vec![
        ("bpf/c/gen/events.h", events::header()),
        ("bpf/c/gen/flags.h", flags::header()?),
        ("bpf/c/gen/syscalls.h", syscalls::header()?),
        ("bpf/c/gen/simple.bpf.h", simple::header()?),
        ("bpf/src/generated.rs", syscalls::rust()),
        ("userspace/src/generated/flags.rs", userspace::flags()?),
        ("userspace/src/generated/numbers.rs", syscalls::userspace()?),
        ("userspace/src/events/simple.rs", userspace::simple()?),
        ("rule-engine/src/syntax/generated.rs", grammar::rust()?),
    ])
}

/// Writes every file.
pub(crate) fn write(root: &Path) -> Result<Vec<String>, String> {
    for (path, text) in files()? {
        let path = root.join(path);
        if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
            continue;
        }
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        say!("wrote {}", path.display());
    }
    Ok(Vec::new())
}

/// Returns the path of every file that is not current.
pub(crate) fn check(root: &Path) -> Result<Vec<String>, String> {
    let mut stale = Vec::new();
    for (path, text) in files()? {
        if !std::fs::read_to_string(root.join(path)).is_ok_and(|old| old == text) {
            stale.push(format!("{path} is stale: run `cargo xtask codegen`"));
        }
    }
    Ok(stale)
}

#[cfg(test)]
mod tests {
    #[test]
    fn generated_files_are_current() {
        let stale = super::check(&crate::root()).expect("the tables agree with the schema");
        assert!(stale.is_empty(), "{}", stale.join("\n"));
    }
}
