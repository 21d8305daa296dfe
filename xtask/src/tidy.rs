//! The rules that a compiler does not hold: every module says what it is for, crates only know whom they may know, and
//! files stay small enough to read.

use std::path::{Path, PathBuf};

/// Who may know whom: a crate's folder and the workspace's crates that it may depend on.
const EDGES: &[(&str, &[&str])] = &[
    ("scap", &[]),
    ("bpf", &["scap"]),
    ("sinsp", &["scap"]),
    ("rule-engine", &["sinsp"]),
    ("bindings-c", &["scap", "bpf", "sinsp", "rule_engine"]),
    ("detector/sinks", &[]),
    ("detector/containers", &["sinsp"]),
    ("detector/captures", &["scap", "bpf", "sinsp", "rule_engine"]),
    ("detector/daemon", &["scap", "bpf", "sinsp", "rule_engine", "peregrine-sinks", "peregrine-containers"]),
    ("examples", &["scap", "bpf", "sinsp", "rule_engine", "peregrine-captures", "peregrine-detector"]),
    ("benches", &["scap", "bpf", "sinsp", "rule_engine"]),
    ("xtask", &["scap"]),
];
/// The names of the workspace's own crates in manifests.
const OURS: &[&str] = &[
    "scap",
    "bpf",
    "sinsp",
    "rule_engine",
    "peregrine-sinks",
    "peregrine-containers",
    "peregrine-captures",
    "peregrine-detector",
];
/// A file of logic may have so many lines above its tests.
const MAX_LINES: usize = 600;
/// Files that hold rows only may be longer.
const TABLES: &[&str] =
    &["schema/syscalls.rs", "schema/events/", "schema/flags/", "codegen/", "generated.rs", "fields/", "tests/"];

fn sources(dir: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target" && name != ".git") {
                sources(&path, found)?;
            }
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

fn dependencies(manifest: &str) -> Vec<&str> {
    let mut section = "";
    let mut names = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        } else if section == "[dependencies]"
            && let Some(name) = line.split(['.', '=', ' ']).next()
        {
            names.push(name);
        }
    }
    names
}

/// Every breach of the rules, one sentence each.
pub(crate) fn check(root: &Path) -> Result<Vec<String>, String> {
    let mut faults = Vec::new();
    for (folder, allowed) in EDGES {
        let path = root.join(folder).join("Cargo.toml");
        let manifest = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        for name in dependencies(&manifest) {
            if OURS.contains(&name) && !allowed.contains(&name) {
                faults.push(format!("{folder} must not depend on {name}"));
            }
        }
        let mut files = Vec::new();
        sources(&root.join(folder), &mut files).map_err(|error| format!("{folder}: {error}"))?;
        for file in files {
            let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            let name = file.strip_prefix(root).unwrap_or(&file).display().to_string();
            if !text.trim_start().starts_with("//!") {
                faults.push(format!("{name} does not begin with //!"));
            }
            let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]").count();
            if lines > MAX_LINES && !TABLES.iter().any(|table| name.contains(table)) {
                faults.push(format!("{name} has {lines} lines above its tests, {MAX_LINES} are allowed"));
            }
        }
    }
    Ok(faults)
}
