//! Conditions as shared trees: atoms and the boolean expressions over them, each kept once for all rules.

use std::hash::BuildHasher as _;
use std::net::IpAddr;

use hashbrown::{HashSet, HashTable};
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use super::expr::{ExprId, Exprs, shorter};
use crate::event::{FieldId, Host, Kind, Lifetime, Special};
use crate::syntax::ast::Operator;

/// The number of an atom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AtomId(pub(crate) u32);

/// The number of a boolean expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(pub(crate) u32);

/// A constant on the right of an operator, parsed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Literal {
    I64(i64),
    U64(u64),
    /// A double; constants can only be whole ones.
    F64(i32),
    Bool(bool),
    Bytes(Box<[u8]>),
    Ip(IpAddr),
    /// Address and bits of the mask.
    Net(IpAddr, u8),
}

impl Literal {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            _ => &[],
        }
    }
}

/// The test of an atom on the value of its expression. Without a value every test is false.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Test {
    Exists,
    /// An operator and one constant.
    Compare(Operator, Literal),
    /// Member of a set; of a list, every element is.
    In(Box<[Literal]>),
    /// Some element of a list is a member.
    Intersects(Box<[Literal]>),
    /// A path at or below one of these.
    PMatch(Box<[Box<[u8]>]>),
    /// `oneof`: the operator is true for exactly one constant.
    OneOf(Operator, Box<[Literal]>),
    /// An operator and another expression.
    Against(Operator, ExprId),
    /// The time of the event is within this number of nanoseconds of the value.
    Around(u64),
    /// The value is, or is not, one of the addresses of a host.
    Host(bool, Box<[Host]>),
    /// The value exists, and nothing else can be true of it.
    Never,
}

/// A test on one expression.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Atom {
    pub(crate) expr: ExprId,
    pub(crate) test: Test,
}

/// A boolean expression.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    Const(bool),
    Atom(AtomId),
    Not(NodeId),
    And(Box<[NodeId]>),
    Or(Box<[NodeId]>),
}

/// All expressions, atoms and boolean expressions of a set of rules.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pool {
    pub(crate) exprs: Exprs,
    atoms: Vec<Atom>,
    nodes: Vec<Node>,
    /// With their hashes, so that growing the table does not look up the rows.
    known_atoms: HashTable<(u64, AtomId)>,
    known_nodes: HashTable<(u64, NodeId)>,
}

impl Pool {
    pub(crate) fn atom(&mut self, atom: Atom) -> NodeId {
        let hash = FxBuildHasher.hash_one(&atom);
        let atoms = &mut self.atoms;
        let is_it = |(known, id): &(u64, AtomId)| *known == hash && atoms[id.0 as usize] == atom;
        let id = match self.known_atoms.find(hash, is_it) {
            Some((_, id)) => *id,
            None => {
                let id = AtomId(atoms.len() as u32);
                self.known_atoms.insert_unique(hash, (hash, id), |(hash, _)| *hash);
                atoms.push(atom);
                id
            }
        };
        self.intern(Node::Atom(id))
    }

    pub(crate) fn intern(&mut self, node: Node) -> NodeId {
        let hash = FxBuildHasher.hash_one(&node);
        let nodes = &mut self.nodes;
        let is_it = |(known, id): &(u64, NodeId)| *known == hash && nodes[id.0 as usize] == node;
        if let Some((_, id)) = self.known_nodes.find(hash, is_it) {
            return *id;
        }
        let id = NodeId(nodes.len() as u32);
        self.known_nodes.insert_unique(hash, (hash, id), |(hash, _)| *hash);
        nodes.push(node);
        id
    }

    pub(crate) fn constant(&mut self, value: bool) -> NodeId {
        self.intern(Node::Const(value))
    }

    /// Returns not `child`, without double negation.
    pub(crate) fn not(&mut self, child: NodeId) -> NodeId {
        match &self.nodes[child.0 as usize] {
            Node::Const(value) => {
                let value = !*value;
                self.constant(value)
            }
            Node::Not(inner) => *inner,
            _ => self.intern(Node::Not(child)),
        }
    }

    /// Returns all of `children`, flat, without repetition.
    pub(crate) fn and(&mut self, children: impl IntoIterator<Item = NodeId>) -> NodeId {
        self.junction(children, true)
    }

    /// Returns any of `children`, flat, without repetition.
    pub(crate) fn or(&mut self, children: impl IntoIterator<Item = NodeId>) -> NodeId {
        self.junction(children, false)
    }

    fn junction(&mut self, children: impl IntoIterator<Item = NodeId>, all: bool) -> NodeId {
        let mut flat = Flat::default();
        for child in children {
            match &self.nodes[child.0 as usize] {
                Node::Const(value) if *value == all => {}
                Node::Const(_) => return self.constant(!all),
                Node::And(inner) if all => inner.iter().for_each(|node| flat.add(*node)),
                Node::Or(inner) if !all => inner.iter().for_each(|node| flat.add(*node)),
                _ => flat.add(child),
            }
        }
        match flat.nodes.as_slice() {
            [] => self.constant(all),
            [only] => *only,
            nodes if all => self.intern(Node::And(nodes.into())),
            nodes => self.intern(Node::Or(nodes.into())),
        }
    }

    /// Adds the fields of a boolean expression to `found`.
    pub(crate) fn fields(&self, node: NodeId, found: &mut Vec<FieldId>) {
        match &self[node] {
            Node::Const(_) => {}
            Node::Atom(atom) => {
                let Atom { expr, test } = &self.atoms[atom.0 as usize];
                self.exprs.fields(*expr, found);
                if let Test::Against(_, right) = test {
                    self.exprs.fields(*right, found);
                }
            }
            Node::Not(inner) => self.fields(*inner, found),
            Node::And(children) | Node::Or(children) => children.iter().for_each(|child| self.fields(*child, found)),
        }
    }

    pub(crate) fn atoms(&self) -> &[Atom] {
        &self.atoms
    }

    /// Returns whether an atom is seldom true, as far as that can be seen: booleans, one letter and order of numbers
    /// are not.
    pub(crate) fn is_rare(&self, atom: &Atom) -> bool {
        let long = |literal: &Literal| match literal {
            Literal::Bytes(text) => text.len() > 1,
            Literal::Bool(_) => false,
            _ => true,
        };
        self.exprs[atom.expr].kind != Kind::Bool
            && match &atom.test {
                Test::Exists => false,
                Test::Compare(Operator::Lt | Operator::Le | Operator::Gt | Operator::Ge | Operator::Ne, _) => false,
                Test::Compare(_, literal) => long(literal),
                Test::In(set) => set.iter().all(long),
                _ => true,
            }
    }

    /// Returns the life time of an atom's result.
    pub(crate) fn atom_lifetime(&self, atom: &Atom) -> Lifetime {
        let expr = &self.exprs[atom.expr];
        match &atom.test {
            Test::Around(_) => Lifetime::Event,
            Test::Against(_, right) => shorter(expr.lifetime, self.exprs[*right].lifetime),
            _ if expr.special == Special::EventNumber => Lifetime::Event,
            _ => expr.lifetime,
        }
    }
}

/// Expressions in order, each once.
#[derive(Default)]
struct Flat {
    nodes: SmallVec<[NodeId; 16]>,
    /// The same as a set, from the first that does not fit.
    seen: HashSet<NodeId, FxBuildHasher>,
}

impl Flat {
    fn add(&mut self, node: NodeId) {
        if !self.nodes.spilled() {
            if self.nodes.contains(&node) {
                return;
            }
            self.nodes.push(node);
            if self.nodes.spilled() {
                self.seen.extend(self.nodes.iter().copied());
            }
        } else if self.seen.insert(node) {
            self.nodes.push(node);
        }
    }
}

/// Data about expressions of one pool, by their numbers: found without hashing.
#[derive(Debug, Clone)]
pub(crate) struct PerNode<T>(Vec<Option<T>>);

impl<T> Default for PerNode<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Copy> PerNode<T> {
    pub(crate) fn get(&self, node: NodeId) -> Option<T> {
        self.0.get(node.0 as usize).copied().flatten()
    }

    pub(crate) fn insert(&mut self, node: NodeId, value: T) {
        let place = node.0 as usize;
        if place >= self.0.len() {
            self.0.resize(place + 1, None);
        }
        self.0[place] = Some(value);
    }

    /// Returns them in the order of the numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (NodeId, T)> + '_ {
        let numbered = self.0.iter().enumerate();
        numbered.filter_map(|(place, value)| value.map(|value| (NodeId(place as u32), value)))
    }
}

impl std::ops::Index<NodeId> for Pool {
    type Output = Node;

    fn index(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }
}

impl std::ops::Index<AtomId> for Pool {
    type Output = Atom;

    fn index(&self, id: AtomId) -> &Atom {
        &self.atoms[id.0 as usize]
    }
}
