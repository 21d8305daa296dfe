//! The order of the parts of an `and` or an `or`: first those that are cached with the thread or its lineage, as one
//! expression, then those that depend on the event, cheap ones first and those that are likely to decide. Tests have no
//! effects, so the order changes no result. Common parts of all alternatives of an `or` are evaluated once, before
//! them.

use smallvec::SmallVec;

use crate::ir::node::{Node, NodeId, PerNode, Pool};
use crate::vm::matcher::Sort;
use crate::vm::program::Span;

/// The cost of extracting a value of the event, in addition to the search.
pub(crate) const EXTRACTION: u32 = 100;

/// Rearranges expressions of one pool.
#[derive(Debug, Default)]
pub(crate) struct Arranger {
    done: PerNode<NodeId>,
    facts: PerNode<Facts>,
}

/// The properties of an expression that are known without an event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    /// The life time of its result.
    pub(crate) span: Span,
    /// The approximate cost of a result.
    cost: u32,
    /// The approximate probability that it is true, of 256.
    chance: u32,
}

/// The probabilities of a test that is seldom true, and of any other, of 256.
const RARELY: u32 = 16;
const OFTEN: u32 = 166;

impl Facts {
    /// Returns the place in an `and`: cheap tests first, and those that are likely to end it.
    pub(crate) fn rank(self, all: bool) -> u32 {
        let ends = if all { 256 - self.chance } else { self.chance };
        self.cost.saturating_mul(256) / ends.max(1)
    }
}

impl Arranger {
    /// Returns the same expression in the best order.
    pub(crate) fn arrange(&mut self, pool: &mut Pool, node: NodeId) -> NodeId {
        if let Some(done) = self.done.get(node) {
            return done;
        }
        let arranged = match pool[node].clone() {
            Node::Const(_) | Node::Atom(_) => node,
            Node::Not(child) => {
                let child = self.arrange(pool, child);
                pool.not(child)
            }
            Node::And(children) => self.junction(pool, &children, true),
            Node::Or(children) => match factored(pool, &children) {
                Some(factored) => self.arrange(pool, factored),
                None => self.junction(pool, &children, false),
            },
        };
        self.done.insert(node, arranged);
        arranged
    }

    fn junction(&mut self, pool: &mut Pool, children: &[NodeId], all: bool) -> NodeId {
        let mut parts: [SmallVec<[(u32, NodeId); 8]>; 4] = Default::default();
        let mut arranged: SmallVec<[NodeId; 16]> = SmallVec::new();
        for child in children {
            let child = self.arrange(pool, *child);
            match &pool[child] {
                // An `or` of which a part was taken out has become an `and` among others.
                Node::And(children) if all => arranged.extend_from_slice(children),
                _ => arranged.push(child),
            }
        }
        for child in arranged {
            let facts = self.facts(pool, child);
            parts[facts.span as usize].push((facts.rank(all), child));
        }
        let kinds = parts.iter().filter(|part| !part.is_empty()).count();
        let mut order: SmallVec<[NodeId; 16]> = SmallVec::new();
        for span in [Span::Thread, Span::Lineage, Span::Fd, Span::Event] {
            let part = &mut parts[span as usize];
            part.sort_by_key(|(rank, _)| *rank);
            let nodes: SmallVec<[NodeId; 16]> = part.iter().map(|(_, node)| *node).collect();
            if kinds > 1 && span != Span::Event && nodes.len() > 1 {
                // Kept together, so that one cached bit is the result of all of them. `and` and `or` would flatten it.
                let nodes = nodes.as_slice().into();
                order.push(pool.intern(if all { Node::And(nodes) } else { Node::Or(nodes) }));
            } else {
                order.extend(nodes);
            }
        }
        match order.as_slice() {
            [only] => *only,
            order if all => pool.intern(Node::And(order.into())),
            order => pool.intern(Node::Or(order.into())),
        }
    }

    /// Returns the properties of an expression.
    pub(crate) fn facts(&mut self, pool: &Pool, node: NodeId) -> Facts {
        if let Some(facts) = self.facts.get(node) {
            return facts;
        }
        let facts = match &pool[node] {
            Node::Const(_) => Facts { span: Span::Thread, cost: 0, chance: 128 },
            Node::Atom(id) => {
                let atom = &pool[*id];
                let span = Span::of(pool.atom_lifetime(atom));
                let search = Sort::of(&pool.exprs[atom.expr], &atom.test).cost();
                let cost = if span.is_brief() { search + EXTRACTION } else { search };
                Facts { span, cost, chance: if pool.is_rare(atom) { RARELY } else { OFTEN } }
            }
            Node::Not(child) => {
                let facts = self.facts(pool, *child);
                Facts { chance: 256 - facts.chance, ..facts }
            }
            Node::And(children) => {
                let each = children.iter().map(|child| self.facts(pool, *child));
                let all = each.reduce(|all, facts| all.and(facts, all.chance * facts.chance / 256));
                all.unwrap_or(Facts { span: Span::Thread, cost: 0, chance: 256 })
            }
            Node::Or(children) => {
                let each = children.iter().map(|child| self.facts(pool, *child));
                let any =
                    each.reduce(|any, facts| any.and(facts, 256 - (256 - any.chance) * (256 - facts.chance) / 256));
                any.unwrap_or(Facts { span: Span::Thread, cost: 0, chance: 0 })
            }
        };
        self.facts.insert(node, facts);
        facts
    }
}

impl Facts {
    fn and(self, other: Self, chance: u32) -> Self {
        Self { span: self.span.and(other.span), cost: self.cost.saturating_add(other.cost), chance }
    }
}

/// Returns the common parts of all alternatives, taken out of them: `a and b or a and c` is `a and (b or c)`.
fn factored(pool: &mut Pool, alternatives: &[NodeId]) -> Option<NodeId> {
    let demands = |pool: &Pool, node: NodeId| match &pool[node] {
        Node::And(children) => children.to_vec(),
        _ => vec![node],
    };
    let (first, others) = alternatives.split_first()?;
    let mut common = demands(pool, *first);
    for other in others {
        if common.is_empty() {
            return None;
        }
        let other = demands(pool, *other);
        common.retain(|demand| other.contains(demand));
    }
    if common.is_empty() {
        return None;
    }
    let mut rests = Vec::with_capacity(alternatives.len());
    for alternative in alternatives {
        let mut rest = demands(pool, *alternative);
        rest.retain(|demand| !common.contains(demand));
        // An alternative without further parts is true, and so is the whole `or`.
        rests.push(pool.and(rest));
    }
    let rest = pool.or(rests);
    common.push(rest);
    Some(pool.and(common))
}
