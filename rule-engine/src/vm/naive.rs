//! The tree walker: conditions evaluated as they are written, one atom after the other, without caches or preparation.
//! Slow, and the oracle of the bytecode machine.

use bumpalo::Bump;

use super::compare::{self, Regexes};
use crate::event::Event;
use crate::ir::node::{Node, NodeId, Pool};

/// Returns whether a condition is true.
pub(crate) fn holds<E: Event>(pool: &Pool, regexes: &Regexes, node: NodeId, event: &E, arena: &Bump) -> bool {
    match &pool[node] {
        Node::Const(value) => *value,
        Node::Atom(atom) => compare::holds(pool, regexes, &pool[*atom], event, arena),
        Node::Not(child) => !holds(pool, regexes, *child, event, arena),
        Node::And(children) => children.iter().all(|child| holds(pool, regexes, *child, event, arena)),
        Node::Or(children) => children.iter().any(|child| holds(pool, regexes, *child, event, arena)),
    }
}
