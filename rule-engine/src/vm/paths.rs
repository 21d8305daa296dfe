//! The `pmatch` operator for many sets of paths at once: a tree of path components.
//!
//! A pattern matches a path at or below it. Components with `*`, `?` or `[` are patterns for one component each. Slashes
//! at either end and doubled ones do not count; a pattern without components matches everything.

use hashbrown::HashMap;
use peregrine_text::glob;
use rustc_hash::FxBuildHasher;

#[derive(Debug, Clone, Default)]
struct Branch {
    /// The marks of the patterns that end here.
    marks: Vec<u32>,
    exact: HashMap<Box<[u8]>, u32, FxBuildHasher>,
    globs: Vec<(Box<[u8]>, u32)>,
}

/// Patterns, each with a mark.
#[derive(Debug, Clone)]
pub(crate) struct PathTree {
    branches: Vec<Branch>,
}

impl PathTree {
    pub(crate) fn new() -> Self {
        Self { branches: vec![Branch::default()] }
    }

    /// Adds a pattern.
    pub(crate) fn insert(&mut self, pattern: &[u8], mark: u32) {
        let mut at = 0;
        for component in components(pattern) {
            let next = self.branches.len() as u32;
            let branch = &mut self.branches[at as usize];
            let is_glob = component.iter().any(|byte| b"?*[".contains(byte));
            let found = if is_glob {
                branch.globs.iter().find(|(glob, _)| **glob == *component).map(|(_, child)| *child)
            } else {
                branch.exact.get(component).copied()
            };
            at = match found {
                Some(child) => child,
                None => {
                    if is_glob {
                        branch.globs.push((component.into(), next));
                    } else {
                        branch.exact.insert(component.into(), next);
                    }
                    self.branches.push(Branch::default());
                    next
                }
            };
        }
        let marks = &mut self.branches[at as usize].marks;
        if !marks.contains(&mark) {
            marks.push(mark);
        }
    }

    /// Calls `found` with the mark of each pattern that matches; a mark may come more than once.
    pub(crate) fn matches(&self, path: &[u8], found: &mut impl FnMut(u32)) {
        self.walk(0, path, found);
    }

    fn walk(&self, branch: u32, path: &[u8], found: &mut impl FnMut(u32)) {
        let branch = &self.branches[branch as usize];
        branch.marks.iter().for_each(|mark| found(*mark));
        if branch.exact.is_empty() && branch.globs.is_empty() {
            return;
        }
        let start = path.iter().position(|byte| *byte != b'/').unwrap_or(path.len());
        let path = &path[start..];
        if path.is_empty() {
            return;
        }
        let end = memchr::memchr(b'/', path).unwrap_or(path.len());
        let (component, rest) = path.split_at(end);
        if let Some(child) = branch.exact.get(component) {
            self.walk(*child, rest, found);
        }
        for (pattern, child) in &branch.globs {
            if glob::matches(pattern, component, false) {
                self.walk(*child, rest, found);
            }
        }
    }
}

/// Returns the components of a path, without empty ones.
pub(crate) fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|component| !component.is_empty())
}

/// Returns whether one pattern matches: plainly, without a tree.
pub(crate) fn matches_one(pattern: &[u8], path: &[u8]) -> bool {
    let mut path = components(path);
    components(pattern).all(|wanted| {
        path.next().is_some_and(|component| {
            if wanted.iter().any(|byte| b"?*[".contains(byte)) {
                glob::matches(wanted, component, false)
            } else {
                wanted == component
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tree_and_plain_way_agree() {
        for (pattern, path, expect) in [
            ("/opt/dir", "/opt/dir/subdir/file.txt", true),
            ("/opt/dir2", "/opt/dir/subdir/file.txt", false),
            ("/opt/*/subdir", "/opt/dir/subdir/file.txt", true),
            ("/opt/di?/subdir", "/opt/dir/subdir/file.txt", true),
            ("/opt/di[!r]/subdir", "/opt/dir/subdir/file.txt", false),
            ("/opt/*/*/subsubdir", "/opt/dir/subdir/file.txt", false),
            ("etc", "/etc/shadow", true),
            ("/etc//shadow/", "/etc/shadow", true),
            ("/", "/x", true),
            ("", "", true),
            ("/etc/shadow", "/etc", false),
        ] {
            assert_eq!(matches_one(pattern.as_bytes(), path.as_bytes()), expect, "{pattern} {path}");
            let mut tree = PathTree::new();
            tree.insert(pattern.as_bytes(), 7);
            let mut found = false;
            tree.matches(path.as_bytes(), &mut |mark| found = mark == 7);
            assert_eq!(found, expect, "{pattern} {path} in a tree");
        }
    }
}
