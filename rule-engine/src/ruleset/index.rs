//! Which rules an event may match, found without trying them.
//!
//! Three steps, each leaving fewer. A rule stands on the *slate* of a key only if what is left of its condition for that
//! key can be true at all. On a slate, the part of each condition that depends on the process or its lineage alone, its
//! *guard*, is remembered with the process: one bit per rule, so that a word of bits strikes out 64 rules. On long
//! slates, a rule whose condition needs one of some atoms to be true, its *witness*, is not even looked at unless one is:
//! atoms are answered family by family, whatever their number, and the true ones lead to their rules.

use std::ops::ControlFlow;
use std::time::Instant;

use super::lists::lists;
use super::profile::{AtomProfile, FamilyProfile, Profile};
use super::witness::{self, FamilyKey, Witness};
use super::{EventPlan, Plain, gates};
use crate::event::{Event, Key, Schema};
use crate::lower::arrange::Arranger;
use crate::lower::emit::{Emitted, emit};
use crate::lower::node::{Node, NodeId, Pool};
use crate::vm::compare::Regexes;
use crate::vm::machine::{Frame, Searches, State};
use crate::vm::program::{Program, Span};
use crate::vm::verify::verify;

/// So many rules fit in a word of bits.
const WORD: usize = 64;

/// No slate.
pub(super) const NONE: u32 = u32::MAX;

#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) program: Program,
    slate_of: Box<[u32]>,
    slates: Vec<Slate>,
    extra: [usize; 4],
}

/// The rules of a key.
#[derive(Debug)]
pub(crate) struct Slate {
    rules: Box<[Listed]>,
    /// The places of the rules without a witness, ascending.
    base: Box<[u32]>,
    /// Whether any of those has a guard; then where answers are remembered: for each 64 rules a word that says which
    /// guards were answered, and one that says which are open.
    guarded: bool,
    words_at: u32,
    /// The gates of each 64 rules without a witness.
    gates: Box<[Box<[Gate]>]>,
    groups: Box<[Group]>,
}

/// A question that several rules share.
#[derive(Debug, Clone, Copy)]
struct Gate {
    code: u32,
    /// The rules behind it, and the gate to go on with if it is shut.
    rules: u64,
    skip: u32,
}

#[derive(Debug, Clone, Copy)]
struct Listed {
    rule: u32,
    /// The code of the guard, if there is one.
    guard: Option<u32>,
    /// The code of the rest; of the whole condition, where a witness leads here.
    code: u32,
}

/// The rules that have their witness in one family.
#[derive(Debug)]
struct Group {
    family: u32,
    /// For each atom of the family, where its rules begin in `places`; one more at the end.
    starts: Box<[u32]>,
    places: Box<[u32]>,
    /// The same as bits, on a slate of few rules.
    masks: Box<[u64]>,
}

impl Index {
    pub(super) fn build(pool: &mut Pool, rules: &[Plain], schema: &dyn Schema, regexes: &Regexes) -> Self {
        let mut arranger = Arranger::default();
        let lists = lists(pool, rules, schema, regexes, &mut arranger);
        let plans: Vec<Plan> = lists.distinct.iter().map(|list| Plan::new(pool, &mut arranger, list)).collect();
        let mut roots: Vec<NodeId> = Vec::new();
        for plan in &plans {
            roots.extend(plan.rules.iter().flat_map(|rule| rule.guard.into_iter().chain([rule.code])));
            roots.extend(plan.gates.iter().flatten().map(|gate| gate.node));
            // Witnesses may be atoms that no rule has.
            roots.extend(plan.witnesses.iter().flatten().flatten().map(|(_, atom)| pool.intern(Node::Atom(*atom))));
        }
        let emitted = emit(pool, &mut arranger, &roots);
        let mut extra = [0; 4];
        let lineage = &mut extra[Span::Lineage as usize];
        let mut slates = Vec::with_capacity(plans.len());
        for plan in plans {
            let slate = plan.slate(pool, &emitted, *lineage as u32);
            if slate.guarded {
                *lineage += 2 * slate.base.len().div_ceil(64);
            }
            slates.push(slate);
        }
        Self { program: emitted.program, slate_of: lists.slate_of, slates, extra }
    }

    /// Whether the program is proven: one that is not must not run.
    pub(super) fn is_sound(&self) -> bool {
        let proof = verify(&self.program);
        debug_assert_eq!(proof, Ok(()), "the emitter makes sound programs");
        proof.is_ok()
    }

    pub(super) fn slate(&self, key: Key) -> Option<&Slate> {
        match self.slate_of.get(usize::from(key.0)) {
            None | Some(&NONE) => None,
            Some(&slate) => Some(&self.slates[slate as usize]),
        }
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        let some = |(key, slate): (usize, &u32)| (*slate != NONE).then_some(Key(key as u16));
        self.slate_of.iter().enumerate().filter_map(some)
    }

    pub(super) fn extra(&self) -> [usize; 4] {
        self.extra
    }

    /// What the searches came to: for each family how often and how long, for each atom how often it was true.
    pub(super) fn families(&self, searches: &Searches, field: &dyn Fn(u32) -> String) -> Vec<FamilyProfile> {
        let rows = self.program.families.iter().zip(&searches.families).enumerate();
        rows.map(|(family, (row, &(searched, nanoseconds)))| {
            let first = self.program.lonely[family];
            let atoms = first..first + (row.high - row.low);
            let atom = |atom: u32| AtomProfile {
                atom: self.program.question(atom, field),
                held: searches.held[atom as usize],
            };
            FamilyProfile {
                family: self.program.family_name(family, field),
                searches: searched,
                nanoseconds,
                atoms: atoms.map(atom).collect(),
            }
        })
        .collect()
    }

    /// The place of a rule among those without a witness.
    fn base_place(slate: &Slate, place: u32) -> Option<usize> {
        slate.base.iter().position(|base| *base == place)
    }

    pub(super) fn explain(&self, rule: u32, key: Key, field: &dyn Fn(u32) -> String) -> Option<EventPlan> {
        let slate = self.slate(key)?;
        let place = slate.rules.iter().position(|listed| listed.rule == rule)?;
        let listed = slate.rules[place];
        let mut plan = EventPlan { witness: Vec::new(), gates: Vec::new(), guard: None, code: String::new() };
        for group in &slate.groups {
            for atom in 0..group.starts.len() - 1 {
                let places = &group.places[group.starts[atom] as usize..group.starts[atom + 1] as usize];
                if places.contains(&(place as u32)) {
                    let first = self.program.lonely[group.family as usize];
                    plan.witness.push(self.program.question(first + atom as u32, field));
                }
            }
        }
        let place_in_base = Self::base_place(slate, place as u32);
        for gate in place_in_base.iter().flat_map(|at| slate.gates[at / 64].iter().map(move |gate| (gate, at % 64))) {
            if gate.0.rules >> gate.1 & 1 == 1 {
                plan.gates.push(self.program.disassemble(gate.0.code, field));
            }
        }
        plan.guard = listed.guard.map(|guard| self.program.disassemble(guard, field));
        plan.code = self.program.disassemble(listed.code, field);
        Some(plan)
    }
}

/// A slate before there is code.
struct Plan {
    rules: Vec<Planned>,
    /// The witness of each rule that has one.
    witnesses: Vec<Option<Witness>>,
    /// The gates of each 64 rules without a witness.
    gates: Vec<Vec<gates::Planned>>,
}

struct Planned {
    rule: u32,
    guard: Option<NodeId>,
    code: NodeId,
}

impl Plan {
    fn new(pool: &mut Pool, arranger: &mut Arranger, list: &[(u32, NodeId)]) -> Self {
        let witnesses = witness::choose(pool, list);
        let mut rules: Vec<Planned> = list
            .iter()
            .zip(&witnesses)
            .map(|(&(rule, root), witness)| {
                if witness.is_some() {
                    return Planned { rule, guard: None, code: root };
                }
                let (guard, code) = split(pool, arranger, root);
                Planned { rule, guard, code }
            })
            .collect();
        let base: Vec<usize> = (0..rules.len()).filter(|place| witnesses[*place].is_none()).collect();
        let gates = base.chunks(64).map(|places| {
            let mut conditions: Vec<NodeId> = places.iter().map(|place| rules[*place].code).collect();
            let gates = gates::plan(pool, arranger, &mut conditions);
            for (place, condition) in places.iter().zip(conditions) {
                rules[*place].code = condition;
            }
            gates
        });
        let gates = gates.collect();
        Self { rules, witnesses, gates }
    }

    fn slate(self, pool: &Pool, emitted: &Emitted, words_at: u32) -> Slate {
        let rules: Box<[Listed]> = self
            .rules
            .iter()
            .map(|rule| Listed {
                rule: rule.rule,
                guard: rule.guard.map(|guard| emitted.entries[&guard]),
                code: emitted.entries[&rule.code],
            })
            .collect();
        let base: Box<[u32]> =
            (0..rules.len() as u32).filter(|place| self.witnesses[*place as usize].is_none()).collect();
        let mut families: Vec<FamilyKey> =
            self.witnesses.iter().flatten().flatten().map(|(family, _)| *family).collect();
        families.sort_unstable();
        families.dedup();
        let groups = families.into_iter().map(|family| self.group(pool, emitted, family)).collect();
        let gate =
            |gate: &gates::Planned| Gate { code: emitted.entries[&gate.node], rules: gate.rules, skip: gate.skip };
        let gates = self.gates.iter().map(|gates| gates.iter().map(gate).collect()).collect();
        let guarded = base.iter().any(|place| rules[*place as usize].guard.is_some());
        Slate { rules, base, guarded, words_at, gates, groups }
    }

    fn group(&self, pool: &Pool, emitted: &Emitted, family: FamilyKey) -> Group {
        let mut lists: Vec<Vec<u32>> = Vec::new();
        let mut number = 0;
        for (place, witness) in self.witnesses.iter().enumerate() {
            for (_, atom) in witness.iter().flatten().filter(|(of, _)| *of == family) {
                debug_assert_eq!(witness::family_of(pool, *atom), Some(family));
                let row = emitted.program.atoms[emitted.atoms[atom] as usize];
                number = row.family;
                let of = &emitted.program.families[row.family as usize];
                lists.resize((of.high - of.low) as usize, Vec::new());
                lists[(row.slot.value - of.low) as usize].push(place as u32);
            }
        }
        let mut starts = vec![0];
        let mut places = Vec::new();
        let mut masks = Vec::new();
        for list in lists {
            if self.rules.len() <= WORD {
                masks.push(list.iter().fold(0, |mask, place| mask | 1 << place));
            }
            places.extend(list);
            starts.push(places.len() as u32);
        }
        Group { family: number, starts: starts.into(), places: places.into(), masks: masks.into() }
    }
}

/// The part of a condition that outlives the event, and the rest.
fn split(pool: &mut Pool, arranger: &mut Arranger, root: NodeId) -> (Option<NodeId>, NodeId) {
    let children: Vec<NodeId> = match &pool[root] {
        Node::And(children) => children.to_vec(),
        _ => vec![root],
    };
    let (rest, guard): (Vec<NodeId>, Vec<NodeId>) =
        children.into_iter().partition(|child| arranger.facts(pool, *child).span.is_brief());
    let join = |pool: &mut Pool, nodes: Vec<NodeId>| match nodes.as_slice() {
        [] => pool.constant(true),
        [only] => *only,
        _ => pool.intern(Node::And(nodes.into())),
    };
    if guard.is_empty() {
        return (None, root);
    }
    (Some(join(pool, guard)), join(pool, rest))
}

impl Slate {
    /// Tries the rules that the event may match, in order.
    #[inline]
    pub(super) fn run<E: Event>(
        &self,
        frame: &mut Frame<'_, E>,
        state: &mut State,
        candidates: &mut Vec<u32>,
        mut profile: Option<&mut Profile>,
        tell: &mut impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if self.groups.is_empty() {
            for word in 0..self.base.len().div_ceil(64) {
                let mut bits = self.open(frame, state, word);
                while bits != 0 {
                    let place = word * 64 + bits.trailing_zeros() as usize;
                    bits &= bits - 1;
                    self.try_base(frame, state, place, profile.as_deref_mut(), tell)?;
                }
            }
            return ControlFlow::Continue(());
        }
        if self.rules.len() <= WORD {
            return self.run_few(frame, state, profile, tell);
        }
        candidates.clear();
        for word in 0..self.base.len().div_ceil(64) {
            let mut bits = self.open(frame, state, word);
            while bits != 0 {
                let place = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                if self.is_open(frame, state, place) {
                    candidates.push(self.base[place]);
                }
            }
        }
        for group in &self.groups {
            frame.ensure(state, group.family);
            frame.each_true(state, group.family, |atom| {
                let (start, end) = (group.starts[atom as usize], group.starts[atom as usize + 1]);
                candidates.extend_from_slice(&group.places[start as usize..end as usize]);
            });
        }
        candidates.sort_unstable();
        candidates.dedup();
        for place in candidates {
            try_rule(frame, state, &self.rules[*place as usize], profile.as_deref_mut(), tell)?;
        }
        ControlFlow::Continue(())
    }

    /// As [`run`](Self::run), of so few rules that candidates are bits.
    fn run_few<E: Event>(
        &self,
        frame: &mut Frame<'_, E>,
        state: &mut State,
        mut profile: Option<&mut Profile>,
        tell: &mut impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut candidates = 0u64;
        for group in &self.groups {
            frame.ensure(state, group.family);
            frame.each_true(state, group.family, |atom| candidates |= group.masks[atom as usize]);
        }
        let mut bits = if self.base.is_empty() { 0 } else { self.open(frame, state, 0) };
        while bits != 0 {
            let place = bits.trailing_zeros() as usize;
            bits &= bits - 1;
            if self.is_open(frame, state, place) {
                candidates |= 1 << self.base[place];
            }
        }
        while candidates != 0 {
            let place = candidates.trailing_zeros() as usize;
            candidates &= candidates - 1;
            try_rule(frame, state, &self.rules[place], profile.as_deref_mut(), tell)?;
        }
        ControlFlow::Continue(())
    }

    /// Of 64 rules without a witness, those that neither a gate nor what is known of their guard rules out.
    #[inline]
    fn open<E: Event>(&self, frame: &mut Frame<'_, E>, state: &mut State, word: usize) -> u64 {
        let left = self.base.len() - word * 64;
        let mut bits = if left >= 64 { u64::MAX } else { (1 << left) - 1 };
        if self.guarded {
            let words = state.extra(Span::Lineage);
            let at = self.words_at as usize + 2 * word;
            bits &= !words[at] | words[at + 1];
        }
        let gates = &*self.gates[word];
        let mut at = 0;
        while bits != 0
            && let Some(gate) = gates.get(at)
        {
            if bits & gate.rules == 0 {
                at = gate.skip as usize;
            } else if frame.run(state, gate.code) {
                at += 1;
            } else {
                bits &= !gate.rules;
                at = gate.skip as usize;
            }
        }
        bits
    }

    /// Whether the guard of a rule without a witness is open; it is answered once for a process.
    #[inline]
    fn is_open<E: Event>(&self, frame: &mut Frame<'_, E>, state: &mut State, place: usize) -> bool {
        let Some(guard) = self.rules[self.base[place] as usize].guard else { return true };
        let (at, bit) = (self.words_at as usize + 2 * (place / 64), place % 64);
        let words = state.extra(Span::Lineage);
        if words[at] >> bit & 1 == 1 {
            return words[at + 1] >> bit & 1 == 1;
        }
        let open = frame.run(state, guard);
        let words = state.extra(Span::Lineage);
        words[at] |= 1 << bit;
        words[at + 1] |= u64::from(open) << bit;
        open
    }

    #[inline]
    fn try_base<E: Event>(
        &self,
        frame: &mut Frame<'_, E>,
        state: &mut State,
        place: usize,
        profile: Option<&mut Profile>,
        tell: &mut impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if !self.is_open(frame, state, place) {
            return ControlFlow::Continue(());
        }
        try_rule(frame, state, &self.rules[self.base[place] as usize], profile, tell)
    }
}

#[inline]
fn try_rule<E: Event>(
    frame: &mut Frame<'_, E>,
    state: &mut State,
    listed: &Listed,
    profile: Option<&mut Profile>,
    tell: &mut impl FnMut(u32) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let matched = match profile {
        None => frame.run(state, listed.code),
        Some(profile) => {
            let start = Instant::now();
            let matched = frame.run(state, listed.code);
            profile.count(listed.rule, start.elapsed(), matched);
            matched
        }
    };
    if matched { tell(listed.rule) } else { ControlFlow::Continue(()) }
}
