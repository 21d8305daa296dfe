//! The rules that a compiler does not check: every module says what it is for, crates and the modules inside them only
//! use those below them, files stay small enough to read, no file names the host of a package archive, no program panics
//! when the reader of its output is gone, summaries are sentences, and prose uses the words of the field.

mod floors;
mod hosts;
mod modules;
mod prints;
mod prose;
mod summaries;
mod words;

use floors::{HOUSES, House, NOT_YET};
use modules::Graph;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Permitted dependencies: a crate's folder and the workspace's crates that it may depend on.
const EDGES: &[(&str, &[&str])] = &[
    ("text", &[]),
    ("scap", &[]),
    ("bpf", &["scap"]),
    ("userspace", &["scap"]),
    ("sinsp", &["peregrine-text", "scap"]),
    ("rule-engine", &["peregrine-text", "sinsp"]),
    ("plugin-host", &["scap", "sinsp", "rule_engine"]),
    ("peregrine", &["scap", "bpf", "sinsp", "rule_engine", "peregrine-plugin-host"]),
    ("bindings-c", &["scap", "bpf", "sinsp", "rule_engine", "peregrine"]),
    ("detector/sinks", &[]),
    ("detector/containers", &["sinsp"]),
    ("detector/response", &["rule_engine"]),
    ("detector/tables", &["scap", "sinsp", "rule_engine", "peregrine"]),
    ("detector/sql", &["scap", "sinsp", "rule_engine", "peregrine", "peregrine-tables"]),
    (
        "detector/captures",
        &[
            "scap",
            "bpf",
            "peregrine-userspace",
            "sinsp",
            "rule_engine",
            "peregrine",
            "peregrine-plugin-host",
            "peregrine-containers",
            "peregrine-tables",
            "peregrine-sql",
        ],
    ),
    (
        "detector/daemon",
        &[
            "scap",
            "bpf",
            "peregrine-userspace",
            "sinsp",
            "rule_engine",
            "peregrine-plugin-host",
            "peregrine-sinks",
            "peregrine-containers",
            "peregrine-response",
            "peregrine-tables",
        ],
    ),
    ("examples", &["scap", "bpf", "sinsp", "rule_engine", "peregrine", "peregrine-captures", "peregrine-detector"]),
    ("benches", &["scap", "bpf", "sinsp", "rule_engine", "peregrine-plugin-host"]),
    ("xtask", &["scap"]),
];
/// The names of the workspace's own crates in manifests.
const OURS: &[&str] = &[
    "peregrine-text",
    "scap",
    "bpf",
    "peregrine-userspace",
    "sinsp",
    "rule_engine",
    "peregrine",
    "peregrine-plugin-host",
    "peregrine-sinks",
    "peregrine-containers",
    "peregrine-response",
    "peregrine-tables",
    "peregrine-sql",
    "peregrine-captures",
    "peregrine-detector",
];
/// The most lines that a file of logic has above its tests.
const MAX_LINES: usize = 500;
/// Files that hold rows only may be longer.
const TABLES: &[&str] =
    &["schema/syscalls.rs", "schema/events/", "schema/flags/", "codegen/", "generated.rs", "generated/", "tests/"];

/// Extensions of files with prose. Scripts have none.
const PROSE: &[&str] = &["c", "cpp", "h", "hpp", "md", "rs", "sh", "toml", "yaml", "yml"];
/// Folders without prose of ours.
const NOT_OURS: &[&str] = &[".git", "target", "vmlinux"];

/// Finds the files below a folder whose extension, which is empty for a name without one, is among `extensions`.
fn files(dir: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if path.is_dir() {
            if !NOT_OURS.contains(&name) {
                files(&path, extensions, found)?;
            }
        } else if extensions.contains(&path.extension().and_then(OsStr::to_str).unwrap_or_default()) {
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

/// Returns every violation of the rules, one sentence each.
pub(crate) fn check(root: &Path) -> Result<Vec<String>, String> {
    let mut errors = Vec::new();
    for (folder, allowed) in EDGES {
        let path = root.join(folder).join("Cargo.toml");
        let manifest = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        for name in dependencies(&manifest) {
            if OURS.contains(&name) && !allowed.contains(&name) {
                errors.push(format!("{folder} must not depend on {name}"));
            }
        }
        let mut sources = Vec::new();
        files(&root.join(folder), &["rs"], &mut sources).map_err(|error| format!("{folder}: {error}"))?;
        for file in sources {
            let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            let name = file.strip_prefix(root).unwrap_or(&file).display().to_string();
            if !text.trim_start().starts_with("//!") {
                errors.push(format!("{name} does not begin with //!"));
            }
            errors.extend(summaries::check(&name, &text));
            let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]").count();
            if lines > MAX_LINES && !TABLES.iter().any(|table| name.contains(table)) {
                errors.push(format!("{name} has {lines} lines above its tests, {MAX_LINES} are allowed"));
            }
        }
    }
    errors.extend(hosts::check(root)?);
    errors.extend(prints::check(root)?);
    for house in HOUSES {
        let graph = modules::read(&root.join(house.folder).join("src"))?;
        errors.extend(against_floors(house, &graph, NOT_YET));
    }
    errors.extend(against_words(root).map_err(|error| format!("{}: {error}", root.display()))?);
    Ok(errors)
}

/// Returns every use of a word to avoid in the files of the repository.
fn against_words(root: &Path) -> std::io::Result<Vec<String>> {
    let mut pages = Vec::new();
    files(root, PROSE, &mut pages)?;
    files(root, &[""], &mut pages)?;
    pages.sort();
    let mut errors = Vec::new();
    for path in pages {
        // Not every file without an extension is text.
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        if path.extension().is_some() || text.starts_with("#!") || name.ends_with("Makefile") {
            errors.extend(words::check(&name, &text));
        }
    }
    Ok(errors)
}

/// Returns every edge of a crate that its floors do not allow, every module without a floor, and every circle.
fn against_floors(house: &House, graph: &Graph, not_yet: &[(&str, &str, &str)]) -> Vec<String> {
    let House { folder, floors } = house;
    let floor = |module: &str| floors.iter().position(|floor| floor.contains(&module));
    let mut errors = Vec::new();
    for name in floors.iter().flat_map(|floor| floor.iter()).filter(|name| !graph.contains_key(**name)) {
        errors.push(format!("{folder} has no module {name}, which has a floor in xtask/src/tidy/floors.rs"));
    }
    let mut allowed: Vec<_> =
        not_yet.iter().filter(|(of, ..)| of == folder).map(|(_, from, to)| (*from, *to)).collect();
    for (from, edges) in graph {
        let Some(own) = floor(from) else {
            errors.push(format!("{folder}: the module {from} has no floor in xtask/src/tidy/floors.rs"));
            continue;
        };
        for (to, file) in edges {
            if floor(to).is_none_or(|floor| floor < own) {
                continue;
            }
            match allowed.iter().position(|edge| *edge == (from.as_str(), to.as_str())) {
                Some(place) => drop(allowed.swap_remove(place)),
                None => errors
                    .push(format!("{folder}/src/{file}: {from} must not know {to}, which is on its floor or above")),
            }
        }
    }
    for (from, to) in allowed {
        errors.push(format!("{folder}: {from} no longer knows {to}; take it off NOT_YET in xtask/src/tidy/floors.rs"));
    }
    for circle in modules::circles(graph) {
        if !not_yet.iter().any(|(of, from, to)| of == folder && circle.contains(from) && circle.contains(to)) {
            errors.push(format!("{folder}: these modules know each other in a circle: {}", circle.join(", ")));
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const HOUSE: House = House { folder: "crate", floors: &[&["low", "beside"], &["high"]] };

    fn graph(edges: &[(&str, &str)]) -> Graph {
        let mut graph: Graph = ["low", "beside", "high"].map(|name| (name.to_owned(), BTreeMap::new())).into();
        for (from, to) in edges {
            graph.entry((*from).to_owned()).or_default().insert((*to).to_owned(), format!("{from}.rs"));
        }
        graph
    }

    #[test]
    fn modules_know_lower_floors_only() {
        let errors = |edges, not_yet| against_floors(&HOUSE, &graph(edges), not_yet);
        assert!(errors(&[("high", "low")], &[]).is_empty());
        assert_eq!(
            errors(&[("low", "beside")], &[]),
            ["crate/src/low.rs: low must not know beside, which is on its floor or above"]
        );
        let circle = errors(&[("high", "low"), ("low", "high")], &[]);
        assert!(circle.len() == 2 && circle[1].ends_with("in a circle: high, low"), "{circle:?}");
        assert!(errors(&[("high", "low"), ("low", "high")], &[("crate", "low", "high")]).is_empty());
        let gone = errors(&[("high", "low")], &[("crate", "low", "high")]);
        assert!(gone.len() == 1 && gone[0].contains("take it off NOT_YET"), "{gone:?}");
    }

    #[test]
    fn every_module_has_a_floor() {
        let mut graph = graph(&[("new", "low")]);
        assert!(against_floors(&HOUSE, &graph, &[])[0].contains("the module new has no floor"));
        graph.remove("new");
        graph.remove("low");
        assert!(against_floors(&HOUSE, &graph, &[])[0].contains("has no module low"));
    }
}
