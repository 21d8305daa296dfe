//! The programs of the README and of the guide to embedding, compiled as a user of the published crates would: an empty
//! crate with the dependencies that the page shows.

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns the code blocks of a page in a language, each as a reader sees it.
fn blocks<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let opens = |line: &str| line.strip_prefix("```").is_some_and(|info| info.split(',').next() == Some(language));
    let mut found = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find("```") {
        let (line, body) = rest[start..].split_once('\n').unwrap_or_default();
        let end = body.find("\n```").map_or(body.len(), |end| end + 1);
        if opens(line) {
            found.push(&body[..end]);
        }
        rest = body.get(end + 3..).unwrap_or_default();
    }
    found
}

/// Returns the location of each of our crates, instead of those that would be downloaded.
fn patches() -> String {
    let crates = [
        ("peregrine", "peregrine"),
        ("peregrine-text", "text"),
        ("peregrine-scap", "scap"),
        ("peregrine-bpf", "bpf"),
        ("peregrine-sinsp", "sinsp"),
        ("peregrine-rule-engine", "rule-engine"),
        ("peregrine-plugin-host", "plugin-host"),
    ];
    let path = |folder: &str| root().join(folder).canonicalize().expect("a crate");
    let rows = crates.map(|(name, folder)| format!("{name} = {{ path = {:?} }}\n", path(folder)));
    format!("[patch.crates-io]\n{}", rows.concat())
}

fn check(name: &str) {
    let page = std::fs::read_to_string(root().join(name)).expect(name);
    let dependencies = blocks(&page, "toml").into_iter().find(|block| block.contains("[dependencies]")).expect(name);
    let programs = blocks(&page, "rust");
    assert!(!programs.is_empty(), "{name} has no program");
    let folder = tempfile::tempdir().expect("a folder");
    let manifest = format!(
        "[package]\nname = \"outside\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n{dependencies}\n[workspace]\n\n{}",
        patches()
    );
    std::fs::write(folder.path().join("Cargo.toml"), manifest).expect("a manifest");
    std::fs::copy(root().join("Cargo.lock"), folder.path().join("Cargo.lock")).expect("the same versions");
    std::fs::create_dir_all(folder.path().join("src/bin")).expect("a folder");
    for (number, program) in programs.iter().enumerate() {
        let program = program.replace("\n# ", "\n");
        let program = program.strip_prefix("# ").unwrap_or(&program);
        std::fs::write(folder.path().join(format!("src/bin/program{number}.rs")), program).expect("a program");
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["check", "--quiet", "--offline", "--bins"]).current_dir(&folder);
    cargo.env("CARGO_TARGET_DIR", root().join("target/outside"));
    let done = cargo.output().expect("cargo runs");
    assert!(done.status.success(), "{name}:\n{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn the_readme_compiles_as_it_is_shown() {
    check("README.md");
}

#[test]
fn the_guide_to_embedding_compiles_as_it_is_shown() {
    check("docs/embedding.md");
}
