//! The order of what an `and` or an `or` asks: first what is remembered with the thread or its lineage, as one
//! expression of its own, then what depends on the event, cheap questions first. Questions have no effects, so the
//! order changes no answer.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::node::{Node, NodeId, Pool};
use crate::vm::family::Sort;
use crate::vm::program::Span;

/// Rearranges expressions of one pool.
#[derive(Debug, Default)]
pub(crate) struct Arranger {
    done: HashMap<NodeId, NodeId, FxBuildHasher>,
    facts: HashMap<NodeId, (Span, u32), FxBuildHasher>,
}

impl Arranger {
    /// The same expression in the best order.
    pub(crate) fn arrange(&mut self, pool: &mut Pool, node: NodeId) -> NodeId {
        if let Some(&done) = self.done.get(&node) {
            return done;
        }
        let arranged = match pool[node].clone() {
            Node::Const(_) | Node::Atom(_) => node,
            Node::Not(child) => {
                let child = self.arrange(pool, child);
                pool.not(child)
            }
            Node::And(children) => self.junction(pool, &children, true),
            Node::Or(children) => self.junction(pool, &children, false),
        };
        self.done.insert(node, arranged);
        arranged
    }

    fn junction(&mut self, pool: &mut Pool, children: &[NodeId], all: bool) -> NodeId {
        let mut parts: [Vec<(u32, NodeId)>; 3] = Default::default();
        for child in children {
            let child = self.arrange(pool, *child);
            let (span, cost) = self.facts(pool, child);
            parts[span as usize].push((cost, child));
        }
        let kinds = parts.iter().filter(|part| !part.is_empty()).count();
        let mut order = Vec::with_capacity(children.len());
        for span in [Span::Thread, Span::Lineage, Span::Event] {
            let part = &mut parts[span as usize];
            part.sort_by_key(|(cost, _)| *cost);
            let nodes: Vec<NodeId> = part.iter().map(|(_, node)| *node).collect();
            if kinds > 1 && span != Span::Event && nodes.len() > 1 {
                // Kept together, so that one remembered bit answers all of them. `and` and `or` would flatten it.
                order.push(pool.intern(if all { Node::And(nodes.into()) } else { Node::Or(nodes.into()) }));
            } else {
                order.extend(nodes);
            }
        }
        match order.as_slice() {
            [only] => *only,
            _ if all => pool.intern(Node::And(order.into())),
            _ => pool.intern(Node::Or(order.into())),
        }
    }

    /// How long an expression holds, and roughly what it costs to answer.
    pub(crate) fn facts(&mut self, pool: &Pool, node: NodeId) -> (Span, u32) {
        if let Some(&facts) = self.facts.get(&node) {
            return facts;
        }
        let facts = match &pool[node] {
            Node::Const(_) => (Span::Thread, 0),
            Node::Atom(id) => {
                let atom = &pool[*id];
                (Span::of(pool.atom_lifetime(atom)), Sort::of(&pool.exprs[atom.expr], &atom.test).cost())
            }
            Node::Not(child) => self.facts(pool, *child),
            Node::And(children) | Node::Or(children) => {
                let start = (Span::Thread, 0u32);
                children.iter().fold(start, |(span, cost), child| {
                    let (other, more) = self.facts(pool, *child);
                    (span.and(other), cost.saturating_add(more))
                })
            }
        };
        self.facts.insert(node, facts);
        facts
    }
}
