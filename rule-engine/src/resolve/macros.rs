//! Macros are trees: a name in a condition is replaced by the macro's tree.
//!
//! A macro can use those that were defined before it was last changed; a rule can use all. A macro that is resolved
//! itself is not copied but shared by all that use it. Small macros can still multiply, since printing or explaining a
//! tree visits all of it; so the nodes of all names of one load, and the depth of one tree, are bounded.

use std::sync::Arc;

use crate::syntax::ast::{Definition, Expr, Position};

/// The limit of a tree's depth.
const DEEPEST: usize = 500;

/// The limits of nodes of all names of one load, and of one tree.
const NODES: usize = 1 << 22;
const NODES_OF_ONE: usize = 1 << 19;

/// An error in a tree, and the macro with its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: FaultKind,
    pub(super) position: Position,
    /// The macro whose text the position is in; `None`: the one that is being resolved.
    pub(super) owner: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FaultKind {
    Unknown(String),
    Loop(String),
    TooLarge,
    /// A macro that has an error itself, which was reported.
    Broken,
}

/// The meaning of a name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meaning<'m> {
    /// A tree, and whether there are no more names in it.
    Tree(usize, &'m Arc<Definition>, bool),
    /// There is a macro of that name, but it has an error.
    Broken,
    Unknown,
}

/// Replaces names by trees.
#[derive(Debug)]
pub(super) struct Substitution {
    /// The remaining number of nodes of names.
    budget: usize,
    /// The same in this tree.
    left: usize,
    path: Vec<usize>,
    used: Vec<usize>,
    errors: Vec<Fault>,
    unknown: Vec<Fault>,
}

impl Substitution {
    pub(super) fn new() -> Self {
        Self {
            budget: NODES,
            left: NODES_OF_ONE,
            path: Vec::new(),
            used: Vec::new(),
            errors: Vec::new(),
            unknown: Vec::new(),
        }
    }

    /// Resolves a tree; returns the macros that it uses.
    ///
    /// # Errors
    /// The error that Falco reports: a loop before an unknown name.
    pub(super) fn run<'m>(
        &mut self,
        tree: &mut Expr,
        meaning: &dyn Fn(&str) -> Meaning<'m>,
    ) -> Result<Vec<usize>, Fault> {
        self.left = NODES_OF_ONE.min(self.budget);
        self.path.clear();
        self.used.clear();
        self.errors.clear();
        self.unknown.clear();
        self.resolve(tree, meaning, 0);
        match self.errors.drain(..).next().or_else(|| self.unknown.drain(..).next()) {
            Some(fault) => Err(fault),
            None => Ok(std::mem::take(&mut self.used)),
        }
    }

    fn fault(&self, kind: FaultKind, position: Position) -> Fault {
        Fault { kind, position, owner: self.path.last().copied() }
    }

    fn resolve<'m>(&mut self, tree: &mut Expr, meaning: &dyn Fn(&str) -> Meaning<'m>, depth: usize) {
        if depth > DEEPEST {
            self.errors.push(self.fault(FaultKind::TooLarge, Position::START));
            return;
        }
        match tree {
            Expr::And(parts, _) | Expr::Or(parts, _) => {
                for part in parts {
                    self.resolve(part, meaning, depth + 1);
                }
            }
            Expr::Not(inner, _) => self.resolve(inner, meaning, depth + 1),
            Expr::Macro(name, position) => {
                let position = *position;
                match meaning(name) {
                    Meaning::Unknown => self.unknown.push(self.fault(FaultKind::Unknown(name.clone()), position)),
                    Meaning::Broken => self.unknown.push(self.fault(FaultKind::Broken, position)),
                    Meaning::Tree(id, ..) if self.path.contains(&id) => {
                        self.errors.push(self.fault(FaultKind::Loop(name.clone()), position));
                    }
                    Meaning::Tree(id, found, done) => {
                        let size = found.nodes();
                        if size > self.left {
                            self.errors.push(self.fault(FaultKind::TooLarge, position));
                            return;
                        }
                        self.left -= size;
                        self.budget -= size;
                        self.path.push(id);
                        if !done {
                            let mut copy = found.tree().clone();
                            self.resolve(&mut copy, meaning, depth + 1);
                            *tree = copy;
                        } else if depth + 1 + found.depth() > DEEPEST {
                            self.errors.push(self.fault(FaultKind::TooLarge, Position::START));
                        } else {
                            *tree = Expr::Defined(Arc::clone(found));
                        }
                        self.used.push(id);
                        self.path.pop();
                    }
                }
            }
            Expr::Defined(_) | Expr::Exists(..) | Expr::Check(..) => {}
        }
    }
}

/// Returns whether there is a name to be replaced in a tree.
pub(super) fn has_names(tree: &Expr) -> bool {
    match tree {
        Expr::And(parts, _) | Expr::Or(parts, _) => parts.iter().any(has_names),
        Expr::Not(inner, _) => has_names(inner),
        Expr::Macro(..) => true,
        // Shared trees are resolved.
        Expr::Defined(_) | Expr::Exists(..) | Expr::Check(..) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::parse;

    fn run(macros: &[(&str, &str)], condition: &str) -> Result<String, FaultKind> {
        let trees: Vec<Arc<Definition>> =
            macros.iter().map(|(_, text)| Arc::new(Definition::new(parse(text).unwrap()))).collect();
        let meaning = |name: &str| match macros.iter().position(|(known, _)| *known == name) {
            Some(at) => Meaning::Tree(at, &trees[at], !has_names(trees[at].tree())),
            None => Meaning::Unknown,
        };
        let mut tree = parse(condition).unwrap();
        Substitution::new().run(&mut tree, &meaning).map_err(|fault| fault.kind)?;
        Ok(tree.to_string())
    }

    #[test]
    fn names_become_trees() {
        let macros = [("a", "x.y = 1 or b"), ("b", "x.z = 2")];
        assert_eq!(run(&macros, "a and not b").unwrap(), "((x.y = 1 or x.z = 2) and not x.z = 2)");
        assert_eq!(run(&macros, "a and c").unwrap_err(), FaultKind::Unknown("c".into()));
    }

    #[test]
    fn loops_and_multiplication_end() {
        let looping = [("ping", "pong"), ("pong", "ping")];
        assert_eq!(run(&looping, "ping").unwrap_err(), FaultKind::Loop("ping".into()));
        let names: Vec<String> = (0..40).map(|n| format!("m{n}")).collect();
        let texts: Vec<String> = (0..40).map(|n| format!("m{} and m{}", n + 1, n + 1)).collect();
        let mut macros: Vec<(&str, &str)> =
            names.iter().map(String::as_str).zip(texts.iter().map(String::as_str)).collect();
        macros.push(("m40", "x.y = 1"));
        assert_eq!(run(&macros, "m0").unwrap_err(), FaultKind::TooLarge);
    }
}
