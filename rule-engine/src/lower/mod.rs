//! From the tree of a condition to typed, shared expressions.
//!
//! ```text
//! ast::Expr -> operand (fields, transformers) -> check (operators, constants) -> node (shared boolean expressions)
//!                                                                              + keys (event types that can match)
//! ```
//!
//! Everything that depends on a type is decided here, so that no error is left to be found while rules run.

pub(crate) mod arrange;
mod check;
pub(crate) mod emit;
mod error;
mod keys;
mod literal;
pub(crate) mod operand;
mod peephole;
pub(crate) mod specialize;
mod warn;

pub use error::{CompileError, CompileErrorKind};
pub use keys::KeySet;

use std::sync::Arc;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use operand::{Operands, Place};

use crate::event::Schema;
use crate::ir::expr::ExprId;
use crate::ir::node::{Atom, NodeId, Pool, Test};
use crate::syntax::ast::{Definition, Expr, Operand, Position};

/// A warning about a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// The message, in Falco's words.
    pub message: String,
    /// The place.
    pub position: Position,
}

/// A compiled condition: a place in the shared expressions of the set of rules that it was compiled for.
#[derive(Debug, Clone)]
pub struct Condition {
    pub(crate) root: NodeId,
    keys: KeySet,
    warnings: Vec<Warning>,
}

impl Condition {
    /// Returns the event types that it can match, as far as they can be inferred.
    pub fn keys(&self) -> &KeySet {
        &self.keys
    }

    /// Returns the same condition, evaluated for events of all types.
    #[must_use]
    pub(crate) fn of_all_keys(mut self, count: usize) -> Self {
        self.keys = KeySet::all(count);
        self
    }

    /// Returns its place in the shared expressions, and the result of [`keys`](Self::keys).
    pub(crate) fn into_parts(self) -> (NodeId, KeySet) {
        (self.root, self.keys)
    }

    /// Returns the warnings.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

/// The results of definitions that were compiled before into the same pool, by address.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// The definition is kept, so that the address remains its own.
    compiled: HashMap<usize, Compiled, FxBuildHasher>,
    /// The keys that it can match, and those that its negation can.
    keys: HashMap<(usize, bool), KeySet, FxBuildHasher>,
}

/// A definition, and what it is or why it is nothing.
type Compiled = (Arc<Definition>, Result<(NodeId, Vec<Warning>), CompileError>);

/// Compiles one condition into the expressions of a set.
pub(crate) fn compile(
    pool: &mut Pool,
    schema: &mut dyn Schema,
    tree: &Expr,
    known: &mut Known,
) -> Result<Condition, CompileError> {
    let mut compiler = Compiler { pool, schema, known, warnings: Vec::new() };
    let root = compiler.expr(tree)?;
    let warnings = compiler.warnings;
    let keys =
        if schema.has_event_types() { keys::infer(tree, schema, known)? } else { KeySet::all(schema.key_count()) };
    Ok(Condition { root, keys, warnings })
}

struct Compiler<'c> {
    pool: &'c mut Pool,
    schema: &'c mut dyn Schema,
    known: &'c mut Known,
    warnings: Vec<Warning>,
}

impl Compiler<'_> {
    fn operand(&mut self, operand: &Operand) -> Result<ExprId, CompileErrorKind> {
        Operands { exprs: &mut self.pool.exprs, schema: self.schema, place: Place::Condition }.operand(operand)
    }

    fn expr(&mut self, tree: &Expr) -> Result<NodeId, CompileError> {
        match tree {
            Expr::And(children, _) => {
                let children = self.all(children)?;
                Ok(self.pool.and(children))
            }
            Expr::Or(children, _) => {
                let children = self.all(children)?;
                Ok(self.pool.or(children))
            }
            Expr::Not(child, _) => {
                let child = self.expr(child)?;
                Ok(self.pool.not(child))
            }
            Expr::Macro(name, at) => Err(CompileError::new(CompileErrorKind::UnknownMacro { name: name.clone() }, *at)),
            Expr::Defined(definition) => self.defined(definition),
            Expr::Exists(operand, at) => {
                let expr = self.operand(operand).map_err(|kind| CompileError::new(kind, *at))?;
                let test = match self.pool.exprs[expr].special {
                    crate::event::Special::Around => Test::Around(0),
                    _ => Test::Exists,
                };
                Ok(self.pool.atom(Atom { expr, test }))
            }
            Expr::Check(check, at) => self.check(check).map_err(|kind| CompileError::new(kind, *at)),
        }
    }

    fn defined(&mut self, definition: &Arc<Definition>) -> Result<NodeId, CompileError> {
        let address = Arc::as_ptr(definition).addr();
        if let Some((_, result)) = self.known.compiled.get(&address) {
            let (node, warnings) = result.as_ref().map_err(Clone::clone)?;
            self.warnings.extend_from_slice(warnings);
            return Ok(*node);
        }
        let before = self.warnings.len();
        let node = self.expr(definition.tree());
        let result = node.clone().map(|node| (node, self.warnings[before..].to_vec()));
        self.known.compiled.insert(address, (Arc::clone(definition), result));
        node
    }

    fn all(&mut self, trees: &[Expr]) -> Result<Vec<NodeId>, CompileError> {
        trees.iter().map(|tree| self.expr(tree)).collect()
    }
}
