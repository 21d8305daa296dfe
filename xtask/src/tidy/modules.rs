//! The modules of a crate and their uses of each other: `crate::NAME` and `super::` paths up to the root, above the
//! tests.
//!
//! Source is read as text, not parsed: comments and what follows `#[cfg(test)]` are cut off, and a name that the root
//! exports again means the module that it comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The modules that each module names, with one file that does.
pub(super) type Graph = BTreeMap<String, BTreeMap<String, String>>;

/// Returns the text above the tests, without comments.
fn code(text: &str) -> String {
    let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
    let lines = lines.filter(|line| !line.trim_start().starts_with("//"));
    let lines = lines.map(|line| line.split_once(" // ").map_or(line, |(code, _)| code));
    lines.collect::<Vec<_>>().join("\n")
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// Returns the first names below a prefix such as `crate::`, those of `crate::{a, b::c}` too.
fn below<'t>(text: &'t str, prefix: &str) -> BTreeSet<&'t str> {
    let mut names = BTreeSet::new();
    for (at, _) in text.match_indices(prefix) {
        // `notcrate::` and, for paths to the parent, `super::super::` where one level is looked for.
        if text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &text[at + prefix.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            names.insert(word(rest));
            continue;
        };
        let (mut depth, mut start) = (0, 0);
        for (place, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                '}' | ',' if depth == 0 => {
                    names.insert(word(group[start..place].trim_start()));
                    start = place + 1;
                    if c == '}' {
                        break;
                    }
                }
                _ => {}
            }
        }
    }
    names.remove("");
    names
}

/// Returns the names that the root exports again, with the module that each comes from.
fn exports(root: &str, modules: &BTreeSet<String>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for part in root.split(';') {
        let Some((_, path)) = part.split_once("use ") else { continue };
        let path = path.trim_start_matches("crate::").trim_start_matches("self::");
        let module = word(path);
        if modules.contains(module) {
            let names = path[module.len()..].split(|c: char| !c.is_alphanumeric() && c != '_');
            found.extend(names.filter(|name| !name.is_empty()).map(|name| (name.to_owned(), module.to_owned())));
        }
    }
    found
}

/// Reads a crate's `src`.
pub(super) fn read(src: &Path) -> Result<Graph, String> {
    let text = |path: &Path| std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
    let root = code(&text(&src.join("lib.rs"))?);
    let mut files = Vec::new();
    super::files(src, &["rs"], &mut files).map_err(|error| format!("{}: {error}", src.display()))?;
    let mut placed = Vec::new();
    for file in &files {
        let inside = file.strip_prefix(src).unwrap_or(file).with_extension("");
        let path: Vec<String> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if !(path == ["lib"] || path == ["main"] || path.iter().any(|part| part == "tests")) {
            placed.push((path, file));
        }
    }
    let modules: BTreeSet<String> = placed.iter().map(|(path, _)| path[0].clone()).collect();
    let exports = exports(&root, &modules);
    let mut graph: Graph = modules.iter().map(|module| (module.clone(), BTreeMap::new())).collect();
    for (path, file) in placed {
        let text = code(&text(file)?);
        let levels = if path.last().is_some_and(|name| name == "mod") { path.len() - 1 } else { path.len() };
        let mut names = below(&text, "crate::");
        names.extend(below(&text, &"super::".repeat(levels)));
        for name in names {
            let target = exports.get(name).map_or(name, String::as_str);
            if modules.contains(target) && target != path[0] {
                let edges = graph.entry(path[0].clone()).or_default();
                edges.entry(target.to_owned()).or_insert_with(|| path.join("/") + ".rs");
            }
        }
    }
    Ok(graph)
}

/// Returns the modules that use each other in circles.
pub(super) fn circles(graph: &Graph) -> Vec<Vec<&str>> {
    // Everything reachable from each; crates have few modules.
    let mut reach: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for module in graph.keys() {
        let (mut seen, mut left) = (BTreeSet::new(), vec![module.as_str()]);
        while let Some(next) = left.pop() {
            for target in graph.get(next).into_iter().flat_map(BTreeMap::keys) {
                if seen.insert(target.as_str()) {
                    left.push(target);
                }
            }
        }
        reach.insert(module, seen);
    }
    let mut circles: Vec<Vec<&str>> = Vec::new();
    for module in graph.keys().map(String::as_str).filter(|module| reach[module].contains(module)) {
        let circle: Vec<&str> = reach[module].iter().copied().filter(|other| reach[other].contains(module)).collect();
        if !circles.contains(&circle) {
            circles.push(circle);
        }
    }
    circles
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(files: &[(&str, &str)]) -> Graph {
        let folder = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, text).expect("written");
        }
        read(folder.path()).expect("a crate")
    }

    fn edges(graph: &Graph) -> Vec<(&str, &str)> {
        graph.iter().flat_map(|(from, to)| to.keys().map(|to| (from.as_str(), to.as_str()))).collect()
    }

    #[test]
    fn names_are_found_in_every_form() {
        let graph = graph(&[
            ("lib.rs", "mod a; mod b; mod c; mod d;\npub use d::{Deep, deeper};\n"),
            ("a.rs", "use crate::{b::{X, c}, Deep};\n// crate::c\nfn f() { super::c::g() }\n"),
            ("b/mod.rs", "mod inner;\n#[cfg(test)]\nmod tests { use crate::a; }\n"),
            ("b/inner.rs", "use super::inner;\nuse super::super::c;\n"),
            ("c.rs", ""),
            ("d.rs", "use crate::c::T; // crate::a\n"),
        ]);
        assert_eq!(edges(&graph), [("a", "b"), ("a", "c"), ("a", "d"), ("b", "c"), ("d", "c")]);
        assert!(circles(&graph).is_empty());
    }

    #[test]
    fn circles_are_found() {
        let graph = graph(&[
            ("lib.rs", "mod a; mod b; mod c; mod d;"),
            ("a.rs", "use crate::b;"),
            ("b.rs", "use crate::c;"),
            ("c.rs", "use crate::a;"),
            ("d.rs", "use crate::a;"),
        ]);
        assert_eq!(circles(&graph), [["a", "b", "c"]]);
    }
}
