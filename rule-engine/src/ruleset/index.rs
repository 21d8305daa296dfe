//! Which rules an event may match, found without trying them.
//!
//! Three steps, each leaving fewer. A rule stands on the *slate* of a key only if what is left of its condition for that
//! key can be true at all. On a slate, the part of each condition that depends on the process or its lineage alone, and
//! the part that depends on the descriptor alone, its *guards*, are remembered with the process and the descriptor: one
//! bit per rule, so that a word of bits strikes out 64 rules. What rules share beyond that are their *gates*. A rule
//! whose condition needs one of some atoms to be true, its *witness*, is not even looked at unless one is: atoms are
//! answered matcher by matcher, whatever their number, and the true ones lead to their rules. On a long slate witnesses
//! are asked first of all, on a short one after the gates.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::lists::lists;
use super::profile::{AtomProfile, MatcherProfile};
use super::slate::{Chunk, Gate, Group, Guard, Listed, NONE, Place, Slate, WORD};
use super::witness::{self, MatcherKey, Witness};
use super::{EventPlan, Plain, gates};
use crate::event::{Key, Schema};
use crate::ir::node::{Node, NodeId, Pool};
use crate::lower::arrange::Arranger;
use crate::lower::emit::{Emitted, emit};
use crate::vm::compare::Regexes;
use crate::vm::machine::Searches;
use crate::vm::program::{Program, Span};
use crate::vm::verify::verify;

#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) program: Program,
    slate_of: Box<[u32]>,
    slates: Vec<Slate>,
    extra: [usize; 4],
}

impl Index {
    pub(super) fn build(pool: &mut Pool, rules: &[Plain], schema: &dyn Schema, regexes: &Regexes) -> Self {
        let mut arranger = Arranger::default();
        let lists = lists(pool, rules, schema, regexes, &mut arranger);
        let plans: Vec<Plan> = lists.distinct.iter().map(|list| Plan::new(pool, &mut arranger, list)).collect();
        let mut roots: Vec<NodeId> = Vec::new();
        for plan in &plans {
            roots.extend(plan.rules.iter().flat_map(|rule| rule.guards.into_iter().flatten().chain([rule.code])));
            roots.extend(plan.gates.iter().flatten().map(|gate| gate.node));
            // Witnesses may be atoms that no rule has.
            roots.extend(plan.witnesses.iter().flatten().flatten().map(|(_, atom)| pool.intern(Node::Atom(*atom))));
        }
        let emitted = emit(pool, &mut arranger, &roots);
        let mut extra = [0; 4];
        let mut words = GuardWords { taken: HashMap::default(), extra: &mut extra, room: [0; 2] };
        let slates = plans.into_iter().map(|plan| plan.slate(pool, &emitted, &mut words)).collect();
        Self { program: emitted.program, slate_of: lists.slate_of, slates, extra }
    }

    /// Whether the program is proven: one that is not must not run.
    pub(super) fn is_sound(&self) -> bool {
        let proof = verify(&self.program);
        debug_assert_eq!(proof, Ok(()), "the emitter makes sound programs");
        proof.is_ok()
    }

    #[inline]
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

    /// What the searches came to: for each matcher how often and how long, for each atom how often it was true.
    pub(super) fn matchers(&self, searches: &Searches, field: &dyn Fn(u32) -> String) -> Vec<MatcherProfile> {
        let rows = self.program.matchers.iter().zip(&searches.matchers).enumerate();
        rows.map(|(matcher, (row, &(searched, nanoseconds)))| {
            let first = self.program.lonely[matcher];
            let atoms = first..first + (row.high - row.low);
            let atom = |atom: u32| AtomProfile {
                atom: self.program.question(atom, field),
                held: searches.held[atom as usize],
            };
            MatcherProfile {
                matcher: self.program.matcher_name(matcher, field),
                searches: searched,
                nanoseconds,
                atoms: atoms.map(atom).collect(),
            }
        })
        .collect()
    }

    pub(super) fn explain(&self, rule: u32, key: Key, field: &dyn Fn(u32) -> String) -> Option<EventPlan> {
        let slate = self.slate(key)?;
        let place = slate.rules.iter().position(|listed| listed.rule == rule)?;
        let listed = slate.rules[place];
        let mut plan = EventPlan::default();
        for group in &slate.groups {
            for atom in 0..group.starts.len() - 1 {
                let places = &group.places[group.starts[atom] as usize..group.starts[atom + 1] as usize];
                if places.contains(&(place as u32)) {
                    let first = self.program.lonely[group.matcher as usize];
                    plan.witness.push(self.program.question(first + atom as u32, field));
                }
            }
        }
        if let Some(at) = slate.base.iter().position(|base| *base == place as u32) {
            let gates = slate.chunks[at / WORD].gates.iter().filter(|gate| gate.rules >> (at % WORD) & 1 == 1);
            plan.gates.extend(gates.map(|gate| self.program.disassemble(gate.code, field)));
        }
        let guard = |guard: Guard| listed.guards[guard as usize].map(|code| self.program.disassemble(code, field));
        (plan.guard, plan.descriptor) = (guard(Guard::Process), guard(Guard::Descriptor));
        plan.code = self.program.disassemble(listed.code, field);
        Some(plan)
    }
}

/// A slate before there is code.
struct Plan {
    rules: Vec<Planned>,
    /// The witness of each rule that has one.
    witnesses: Vec<Option<Witness>>,
    /// The rules that are looked at one by one: on a long slate those without a witness.
    base: Vec<u32>,
    /// The gates of each 64 of those.
    gates: Vec<Vec<gates::Planned>>,
}

struct Planned {
    rule: u32,
    guards: [Option<NodeId>; 2],
    code: NodeId,
    rest_first: bool,
}

/// Which words of what is remembered are taken. Chunks whose rules have the same guards share theirs.
struct GuardWords<'x> {
    taken: HashMap<(Guard, Vec<Demands>), Place, FxBuildHasher>,
    extra: &'x mut [usize; 4],
    /// How many bits are left in the last two words of each guard.
    room: [u32; 2],
}

/// What a rule demands of what its guards are remembered with: the guard, and a witness of the same life time.
type Demands = (Option<NodeId>, Witness);

impl GuardWords<'_> {
    fn take(&mut self, guard: Guard, demands: Vec<Demands>) -> Option<Place> {
        if demands.iter().all(|(guard, witness)| guard.is_none() && witness.is_empty()) {
            return None;
        }
        let (extra, room) = (&mut self.extra[guard.span() as usize], &mut self.room[guard as usize]);
        let rules = demands.len() as u32;
        Some(*self.taken.entry((guard, demands)).or_insert_with(|| {
            if *room < rules {
                *extra += 2;
                *room = WORD as u32;
            }
            *room -= rules;
            Place { words: *extra as u32 - 2, shift: *room }
        }))
    }
}

impl Plan {
    fn new(pool: &mut Pool, arranger: &mut Arranger, list: &[(u32, NodeId)]) -> Self {
        let witnesses = witness::choose(pool, list);
        let alone = |place: usize| list.len() <= WORD || witnesses[place].is_none();
        let base: Vec<u32> = (0..list.len()).filter(|place| alone(*place)).map(|place| place as u32).collect();
        let planned = list.iter().enumerate().map(|(place, &(rule, root))| match alone(place) {
            true => split(pool, arranger, rule, root),
            false => Planned { rule, guards: [None; 2], code: root, rest_first: false },
        });
        let mut rules: Vec<Planned> = planned.collect();
        let gates = base.chunks(WORD).map(|places| {
            let mut conditions: Vec<NodeId> = places.iter().map(|place| rules[*place as usize].code).collect();
            let gates = gates::plan(pool, arranger, &mut conditions);
            for (place, condition) in places.iter().zip(conditions) {
                rules[*place as usize].code = condition;
            }
            gates
        });
        let gates = gates.collect();
        Self { rules, witnesses, base, gates }
    }

    fn slate(self, pool: &Pool, emitted: &Emitted, words: &mut GuardWords<'_>) -> Slate {
        let code = |node: NodeId| emitted.entries[&node];
        let listed = |rule: &Planned| Listed {
            rule: rule.rule,
            guards: rule.guards.map(|guard| guard.map(code)),
            code: code(rule.code),
            rest_first: rule.rest_first,
        };
        let rules: Box<[Listed]> = self.rules.iter().map(listed).collect();
        let mut matchers: Vec<MatcherKey> =
            self.witnesses.iter().flatten().flatten().map(|(matcher, _)| *matcher).collect();
        matchers.sort_unstable();
        matchers.dedup();
        let groups = matchers.into_iter().map(|matcher| self.group(pool, emitted, matcher)).collect();
        let gate = |gate: &gates::Planned| Gate { code: code(gate.node), rules: gate.rules, skip: gate.skip };
        let chunks = self.base.chunks(WORD).zip(&self.gates).map(|(places, gates)| Chunk {
            rules: u64::MAX >> (WORD - places.len()),
            places: Guard::ALL.map(|guard| {
                let demands = places.iter().map(|place| self.demands(*place as usize, guard));
                words.take(guard, demands.collect())
            }),
            gates: gates.iter().map(gate).collect(),
        });
        let chunks = chunks.collect();
        Slate { rules, base: self.base.into(), chunks, groups }
    }

    fn demands(&self, place: usize, guard: Guard) -> Demands {
        let witness = self.witnesses[place].iter().flatten().filter(|(matcher, _)| matcher.1 == guard.span());
        (self.rules[place].guards[guard as usize], witness.copied().collect())
    }

    fn group(&self, pool: &Pool, emitted: &Emitted, matcher: MatcherKey) -> Group {
        let mut lists: Vec<Vec<u32>> = Vec::new();
        let mut number = 0;
        let remembered = matcher.1 == Span::Fd;
        for (place, witness) in self.witnesses.iter().enumerate() {
            for (_, atom) in witness.iter().flatten().filter(|(of, _)| *of == matcher) {
                debug_assert_eq!(witness::matcher_of(pool, *atom), Some(matcher));
                let row = emitted.program.atoms[emitted.atoms[atom] as usize];
                number = row.matcher;
                let of = &emitted.program.matchers[row.matcher as usize];
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
        let rules = masks.iter().fold(0, |all, mask| all | mask);
        Group { matcher: number, starts: starts.into(), places: places.into(), masks: masks.into(), rules, remembered }
    }
}

/// The parts of a condition that outlive the event, and the rest.
fn split(pool: &mut Pool, arranger: &mut Arranger, rule: u32, root: NodeId) -> Planned {
    let children: Vec<NodeId> = match &pool[root] {
        Node::And(children) => children.to_vec(),
        _ => vec![root],
    };
    let mut parts: [Vec<NodeId>; 3] = Default::default();
    for child in children {
        let part = match arranger.facts(pool, child).span {
            Span::Thread | Span::Lineage => Guard::Process as usize,
            Span::Fd => Guard::Descriptor as usize,
            Span::Event => 2,
        };
        parts[part].push(child);
    }
    let [process, descriptor, rest] = parts.map(|nodes| match nodes.as_slice() {
        [] => None,
        [only] => Some(*only),
        _ => Some(pool.intern(Node::And(nodes.into()))),
    });
    let mut rank = |node: Option<NodeId>| node.map_or(u32::MAX, |node| arranger.facts(pool, node).rank(true));
    let rest_first = rank(rest) < rank(descriptor);
    Planned { rule, guards: [process, descriptor], code: rest.unwrap_or_else(|| pool.constant(true)), rest_first }
}
