//! What is left of a condition for events of one key: fields whose value the key decides are answered now.

use bumpalo::Bump;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::expr::Op;
use super::node::{AtomId, Node, NodeId, Pool, Test};
use crate::event::{FieldId, Key, Schema};
use crate::vm::compare::{self, Regexes};

/// Specializes conditions of one pool.
pub(crate) struct Specializer<'s> {
    schema: &'s dyn Schema,
    regexes: &'s Regexes,
    /// Whether a key may decide anything in an expression.
    touched: HashMap<NodeId, bool, FxBuildHasher>,
    /// The same of fields.
    fields: HashMap<FieldId, bool, FxBuildHasher>,
}

impl<'s> Specializer<'s> {
    pub(crate) fn new(schema: &'s dyn Schema, regexes: &'s Regexes) -> Self {
        Self { schema, regexes, touched: HashMap::default(), fields: HashMap::default() }
    }

    /// The condition for events of `key`.
    pub(crate) fn specialize(&mut self, pool: &mut Pool, node: NodeId, key: Key) -> NodeId {
        if !self.is_touched(pool, node) {
            return node;
        }
        match pool[node].clone() {
            Node::Const(_) => node,
            Node::Atom(atom) => match self.answer(pool, atom, key) {
                Some(answer) => pool.constant(answer),
                None => node,
            },
            Node::Not(child) => {
                let child = self.specialize(pool, child, key);
                pool.not(child)
            }
            Node::And(children) => {
                let children: Vec<_> = children.iter().map(|child| self.specialize(pool, *child, key)).collect();
                pool.and(children)
            }
            Node::Or(children) => {
                let children: Vec<_> = children.iter().map(|child| self.specialize(pool, *child, key)).collect();
                pool.or(children)
            }
        }
    }

    /// Whether the value of some field in `node` is decided by some key. Asked of the schema once for a field: a field
    /// that no key decides is left alone for all of them.
    fn is_touched(&mut self, pool: &Pool, node: NodeId) -> bool {
        if let Some(&touched) = self.touched.get(&node) {
            return touched;
        }
        let touched = match &pool[node] {
            Node::Const(_) => false,
            Node::Atom(atom) => match &pool.exprs[pool[*atom].expr].op {
                Op::Field(field) => {
                    let (schema, field) = (self.schema, *field);
                    let decided = |key| schema.constant(field, Key(key as u16)).is_some();
                    *self.fields.entry(field).or_insert_with(|| (0..schema.key_count()).any(decided))
                }
                _ => false,
            },
            Node::Not(child) => self.is_touched(pool, *child),
            Node::And(children) | Node::Or(children) => children.iter().any(|child| self.is_touched(pool, *child)),
        };
        self.touched.insert(node, touched);
        touched
    }

    fn answer(&self, pool: &Pool, atom: AtomId, key: Key) -> Option<bool> {
        let atom = &pool[atom];
        if matches!(atom.test, Test::Against(..) | Test::Around(_)) {
            return None;
        }
        let expr = &pool.exprs[atom.expr];
        let Op::Field(field) = expr.op else { return None };
        let value = self.schema.constant(field, key)?;
        Some(compare::answers(expr, &atom.test, value, self.regexes, &Bump::new()))
    }
}
