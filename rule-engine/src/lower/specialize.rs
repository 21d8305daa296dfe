//! The rest of a condition for events of one key: fields whose value the key decides are evaluated now.

use bumpalo::Bump;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use crate::event::{FieldId, Key, Schema};
use crate::ir::expr::Op;
use crate::ir::node::{Atom, AtomId, Node, NodeId, PerNode, Pool, Test};
use crate::vm::compare::{self, Regexes};

/// The number of atoms that the bits of a signature can distinguish.
const SIGNED: usize = 32;

/// Specializes conditions of one pool, one after the other.
pub(crate) struct Specializer<'s> {
    schema: &'s dyn Schema,
    regexes: &'s Regexes,
    /// Whether a key may decide anything in an expression.
    touched: PerNode<bool>,
    /// The same of fields.
    fields: HashMap<FieldId, bool, FxBuildHasher>,
    /// The result of an atom by key: `None` if the key does not decide it.
    answers: HashMap<(AtomId, Key), Option<bool>, FxBuildHasher>,
    /// The condition, and the atoms in it that a key may decide.
    root: NodeId,
    atoms: Vec<AtomId>,
    /// The results for keys that decide all of those alike.
    known: Vec<(u64, NodeId)>,
}

impl<'s> Specializer<'s> {
    pub(crate) fn new(schema: &'s dyn Schema, regexes: &'s Regexes) -> Self {
        Self {
            schema,
            regexes,
            touched: PerNode::default(),
            fields: HashMap::default(),
            answers: HashMap::default(),
            root: NodeId(0),
            atoms: Vec::new(),
            known: Vec::new(),
        }
    }

    /// Sets the condition.
    pub(crate) fn begin(&mut self, pool: &Pool, root: NodeId) {
        self.root = root;
        self.known.clear();
        let mut atoms = std::mem::take(&mut self.atoms);
        atoms.clear();
        self.collect(pool, root, &mut atoms);
        self.atoms = atoms;
    }

    fn collect(&mut self, pool: &Pool, node: NodeId, atoms: &mut Vec<AtomId>) {
        if !self.is_touched(pool, node) || atoms.len() > SIGNED {
            return;
        }
        match &pool[node] {
            Node::Const(_) => {}
            Node::Atom(atom) if atoms.contains(atom) => {}
            Node::Atom(atom) => atoms.push(*atom),
            Node::Not(child) => self.collect(pool, *child, atoms),
            Node::And(children) | Node::Or(children) => {
                children.iter().for_each(|child| self.collect(pool, *child, atoms));
            }
        }
    }

    /// Returns the condition for events of `key`.
    pub(crate) fn specialize(&mut self, pool: &mut Pool, key: Key) -> NodeId {
        if self.atoms.is_empty() {
            return self.root;
        }
        if self.atoms.len() > SIGNED {
            return self.special(pool, self.root, key);
        }
        let mut signature = 0u64;
        for place in 0..self.atoms.len() {
            let answer = self.answer(pool, self.atoms[place], key);
            signature = signature << 2 | answer.map_or(0, |answer| 2 | u64::from(answer));
        }
        if let Some((_, known)) = self.known.iter().find(|(known, _)| *known == signature) {
            return *known;
        }
        let special = self.special(pool, self.root, key);
        self.known.push((signature, special));
        special
    }

    fn special(&mut self, pool: &mut Pool, node: NodeId, key: Key) -> NodeId {
        if !self.is_touched(pool, node) {
            return node;
        }
        match &pool[node] {
            Node::Const(_) => node,
            Node::Atom(atom) => match self.answer(pool, *atom, key) {
                Some(answer) => pool.constant(answer),
                None => node,
            },
            Node::Not(child) => {
                let child = self.special(pool, *child, key);
                pool.not(child)
            }
            Node::And(children) | Node::Or(children) => {
                let all = matches!(pool[node], Node::And(_));
                let mut children: SmallVec<[NodeId; 16]> = SmallVec::from_slice(children);
                children.iter_mut().for_each(|child| *child = self.special(pool, *child, key));
                if all { pool.and(children) } else { pool.or(children) }
            }
        }
    }

    /// Returns whether the value of some field in `node` is decided by some key. The schema is queried once for a
    /// field: a field that no key decides is skipped for all of them.
    fn is_touched(&mut self, pool: &Pool, node: NodeId) -> bool {
        if let Some(touched) = self.touched.get(node) {
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

    fn answer(&mut self, pool: &Pool, atom: AtomId, key: Key) -> Option<bool> {
        if let Some(answer) = self.answers.get(&(atom, key)) {
            return *answer;
        }
        let answer = self.ask(&pool[atom], pool, key);
        self.answers.insert((atom, key), answer);
        answer
    }

    fn ask(&self, atom: &Atom, pool: &Pool, key: Key) -> Option<bool> {
        if matches!(atom.test, Test::Against(..) | Test::Around(_)) {
            return None;
        }
        let expr = &pool.exprs[atom.expr];
        let Op::Field(field) = expr.op else { return None };
        let value = self.schema.constant(field, key)?;
        Some(compare::answers(expr, &atom.test, value, self.regexes, &Bump::new()))
    }
}
