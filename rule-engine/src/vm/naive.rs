//! The tree walker: conditions evaluated as they are written, one atom after the other, nothing remembered, nothing
//! prepared. Slow, and the oracle of the machine.

use bumpalo::Bump;

use super::compare::{self, Regexes};
use crate::event::Event;
use crate::ir::node::{Node, NodeId, Pool};

/// Whether a condition holds.
pub(crate) fn holds<E: Event>(pool: &Pool, regexes: &Regexes, node: NodeId, event: &E, arena: &Bump) -> bool {
    match &pool[node] {
        Node::Const(value) => *value,
        Node::Atom(atom) => compare::holds(pool, regexes, &pool[*atom], event, arena),
        Node::Not(child) => !holds(pool, regexes, *child, event, arena),
        Node::And(children) => children.iter().all(|child| holds(pool, regexes, *child, event, arena)),
        Node::Or(children) => children.iter().any(|child| holds(pool, regexes, *child, event, arena)),
    }
}
