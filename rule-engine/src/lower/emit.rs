//! Emits a program from shared expressions: code for each condition, one matcher for the atoms that are evaluated
//! together, and a bit for each result that is worth caching.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::arrange::Arranger;
use super::peephole::optimize;
use crate::ir::expr::ExprId;
use crate::ir::node::{AtomId, Node, NodeId, PerNode, Pool};
use crate::ir::op::Op;
use crate::vm::compare::Regexes;
use crate::vm::matcher::{Matcher, Sort};
use crate::vm::program::{AtomRow, Layout, MatcherRow, Program, Slot, Span};

/// A program, and the start of the code of each expression.
pub(crate) struct Emitted {
    pub(crate) program: Program,
    pub(crate) entries: HashMap<NodeId, u32, FxBuildHasher>,
    /// The number of each atom in the program.
    pub(crate) atoms: HashMap<AtomId, u32, FxBuildHasher>,
}

/// Emits code for `roots`.
pub(crate) fn emit(pool: &Pool, arranger: &mut Arranger, roots: &[NodeId]) -> Emitted {
    let mut uses: PerNode<u32> = PerNode::default();
    let mut order: Vec<AtomId> = Vec::new();
    for root in roots {
        count(pool, *root, &mut uses, &mut order);
    }
    let mut emitter = Emitter {
        pool,
        layout: [Layout::default(); 4],
        atom_rows: HashMap::default(),
        slots: PerNode::default(),
        nodes: Vec::new(),
        code: Vec::new(),
    };
    let (atoms, questions, matchers, lonely, regexes) = emitter.matchers(&order);
    let kept = uses.iter().filter(|&(node, uses)| {
        matches!(pool[node], Node::And(_) | Node::Or(_)) && (uses > 1 || arranger.facts(pool, node).span != Span::Event)
    });
    let kept: Vec<NodeId> = kept.map(|(node, _)| node).collect();
    for node in kept {
        let span = arranger.facts(pool, node).span;
        let layout = &mut emitter.layout[span as usize];
        let slot = Slot { span, known: layout.known, value: layout.value };
        layout.known += 1;
        layout.value += 1;
        emitter.slots.insert(node, emitter.nodes.len() as u32);
        emitter.nodes.push(slot);
    }
    let mut entries = HashMap::default();
    for root in roots {
        if !entries.contains_key(root) {
            entries.insert(*root, emitter.code.len() as u32);
            emitter.node(*root);
            emitter.code.push(Op::Return);
        }
    }
    let places = optimize(&mut emitter.code, entries.values().copied());
    entries.values_mut().for_each(|entry| *entry = places[*entry as usize]);
    let mut shared = vec![0u32; pool.exprs.len()];
    matchers.iter().for_each(|matcher: &MatcherRow| shared[matcher.expr.0 as usize] += 1);
    let program = Program {
        exprs: pool.exprs.clone(),
        fields: (0..pool.exprs.len() as u32).map(|id| pool.exprs[ExprId(id)].as_field()).collect(),
        kept: shared.iter().filter(|matchers| **matchers > 1).count(),
        shared: shared.into_iter().map(|matchers| matchers > 1).collect(),
        atoms,
        questions,
        matchers,
        lonely,
        nodes: emitter.nodes,
        code: emitter.code,
        regexes,
        layout: emitter.layout,
    };
    Emitted { program, entries, atoms: emitter.atom_rows }
}

/// Counts how many expressions use each, and collects the atoms.
fn count(pool: &Pool, node: NodeId, uses: &mut PerNode<u32>, atoms: &mut Vec<AtomId>) {
    let times = uses.get(node).unwrap_or(0);
    uses.insert(node, times + 1);
    if times > 0 {
        return;
    }
    match &pool[node] {
        Node::Const(_) => {}
        Node::Atom(atom) => atoms.push(*atom),
        Node::Not(child) => count(pool, *child, uses, atoms),
        Node::And(children) | Node::Or(children) => {
            children.iter().for_each(|child| count(pool, *child, uses, atoms));
        }
    }
}

struct Emitter<'p> {
    pool: &'p Pool,
    layout: [Layout; 4],
    atom_rows: HashMap<AtomId, u32, FxBuildHasher>,
    slots: PerNode<u32>,
    nodes: Vec<Slot>,
    code: Vec<Op>,
}

type Matchers = (Vec<AtomRow>, Vec<crate::ir::node::Atom>, Vec<MatcherRow>, Vec<u32>, Regexes);

impl Emitter<'_> {
    /// Sorts the atoms into matchers.
    fn matchers(&mut self, order: &[AtomId]) -> Matchers {
        let pool = self.pool;
        let mut groups: BTreeMap<(ExprId, Span, Sort, u32), Vec<AtomId>> = BTreeMap::new();
        for id in order {
            let atom = &pool[*id];
            let sort = Sort::of(&pool.exprs[atom.expr], &atom.test);
            let span = Span::of(pool.atom_lifetime(atom));
            let alone = if sort == Sort::Alone { id.0 } else { 0 };
            groups.entry((atom.expr, span, sort, alone)).or_default().push(*id);
        }
        let regexes = Regexes::new(order.iter().map(|id| &pool[*id]));
        let (mut rows, mut questions, mut matchers, mut lonely) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for ((expr, span, sort, _), members) in groups {
            let layout = &mut self.layout[span as usize];
            if members.len() >= 64 {
                // Large matchers begin at a word, so that they are cleared and scanned by words.
                layout.value = layout.value.next_multiple_of(64);
            }
            let low = layout.value;
            let matcher = matchers.len() as u32;
            lonely.push(rows.len() as u32);
            for (place, id) in members.iter().enumerate() {
                self.atom_rows.insert(*id, rows.len() as u32);
                rows.push(AtomRow { slot: Slot { span, known: layout.known, value: low + place as u32 }, matcher });
                questions.push(pool[*id].clone());
            }
            let tests: Vec<_> = members.iter().map(|id| &pool[*id].test).collect();
            layout.value = low + members.len() as u32;
            matchers.push(MatcherRow {
                span,
                known: layout.known,
                low,
                high: layout.value,
                expr,
                numbered: pool.exprs[expr]
                    .as_field()
                    .filter(|_| pool.exprs[expr].numbered && span == Span::Event && members.len() <= 64),
                search: Matcher::new(sort, &tests, &regexes),
            });
            layout.known += 1;
        }
        (rows, questions, matchers, lonely, regexes)
    }

    fn node(&mut self, node: NodeId) {
        match &self.pool[node] {
            Node::Const(value) => self.code.push(Op::Constant(*value)),
            Node::Atom(atom) => self.code.push(Op::Atom(self.atom_rows[atom])),
            Node::Not(child) => {
                self.node(*child);
                self.code.push(Op::Not);
            }
            Node::And(children) => self.junction(node, children, false),
            Node::Or(children) => self.junction(node, children, true),
        }
    }

    /// Emits the children up to the first whose result is `until`.
    fn junction(&mut self, node: NodeId, children: &[NodeId], until: bool) {
        let slot = self.slots.get(node);
        let recall = self.code.len();
        if let Some(node) = slot {
            self.code.push(Op::Recall { node, to: 0 });
        }
        let mut jumps = Vec::with_capacity(children.len());
        for (place, child) in children.iter().enumerate() {
            self.node(*child);
            if place + 1 < children.len() {
                jumps.push(self.code.len());
                self.code.push(Op::Jump { when: until, to: 0 });
            }
        }
        let end = self.code.len() as u32;
        for jump in jumps {
            self.code[jump] = Op::Jump { when: until, to: end };
        }
        if let Some(node) = slot {
            self.code.push(Op::Keep { node });
            self.code[recall] = Op::Recall { node, to: self.code.len() as u32 };
        }
    }
}
