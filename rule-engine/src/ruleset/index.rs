//! The index: the rules that an event may match, found without evaluating them.
//!
//! Three steps, each leaving fewer. A rule is in the *bucket* of a key only if the rest of its condition for that key
//! can be true at all. In a bucket, the part of each condition that depends on the process or its lineage only, and the
//! part that depends on the file descriptor only, its *guards*, are cached with the process and the file descriptor:
//! one bit per rule, so that a word of bits excludes 64 rules. Common tests of rules are evaluated once for all. A rule
//! whose condition needs one of some atoms to be true, its *prefilter*, is not a candidate unless one is: atoms are
//! evaluated matcher by matcher, whatever their number, and the true ones lead to their rules. In a long bucket
//! prefilters are evaluated first, in a short one after the shared tests.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::bucket::{Chunk, Group, Guard, Listed, NONE, Place, Processes, RuleBucket, SharedTest, WORD};
use super::lists::lists;
use super::prefilter::{self, MatcherKey, Prefilter};
use super::profile::{AtomProfile, MatcherProfile};
use super::{EventPlan, Plain, shared_tests};
use crate::event::{Key, Schema};
use crate::ir::node::{Node, NodeId, Pool};
use crate::lower::arrange::Arranger;
use crate::lower::emit::{Emitted, emit};
use crate::vm::awaited::{Awaited, AwaitedBuilder};
use crate::vm::compare::Regexes;
use crate::vm::machine::Searches;
use crate::vm::program::{Program, Span};
use crate::vm::verify::verify;

#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) program: Program,
    bucket_of: Box<[u32]>,
    /// The buckets of rules that are evaluated on demand: those from `ordinary` on.
    on_demand_of: Box<[u32]>,
    ordinary: u32,
    /// Whether there is a bucket of either kind.
    has: Box<[bool]>,
    buckets: Vec<RuleBucket>,
    extra: [usize; 4],
    /// The rules that are evaluated at first.
    pub(super) awaited: Awaited,
}

impl Index {
    pub(super) fn build(pool: &mut Pool, rules: &[Plain], schema: &dyn Schema, regexes: &Regexes) -> Self {
        let mut arranger = Arranger::default();
        let mut of = |on_demand: bool| {
            let lists = lists(pool, rules, |rule| rule.on_demand == on_demand, schema, regexes, &mut arranger);
            let plans: Vec<Plan> = lists.distinct.iter().map(|list| Plan::new(pool, &mut arranger, list)).collect();
            (lists.bucket_of, plans)
        };
        let (bucket_of, mut plans) = of(false);
        let ordinary = plans.len();
        // Most sets have no such rules.
        let (mut on_demand_of, more) =
            if rules.iter().any(|rule| rule.on_demand) { of(true) } else { Default::default() };
        plans.extend(more);
        on_demand_of.iter_mut().filter(|bucket| **bucket != NONE).for_each(|bucket| *bucket += ordinary as u32);
        let mut roots: Vec<NodeId> = Vec::new();
        for plan in &plans {
            roots.extend(plan.rules.iter().flat_map(|rule| rule.guards.into_iter().flatten().chain([rule.code])));
            roots.extend(plan.shared_tests.iter().flatten().map(|test| test.node));
            // Prefilters may be atoms that no rule has.
            roots.extend(plan.prefilters.iter().flatten().flatten().map(|(_, atom)| pool.intern(Node::Atom(*atom))));
        }
        let emitted = emit(pool, &mut arranger, &roots);
        let mut extra = [0; 4];
        let mut words = GuardWords { taken: HashMap::default(), extra: &mut extra, room: [0; 2] };
        let mut awaited = AwaitedBuilder::default();
        let buckets = plans.into_iter().enumerate().map(|(place, plan)| {
            let awaited = (place >= ordinary).then_some(&mut awaited);
            plan.bucket(pool, &emitted, &mut words, awaited)
        });
        let buckets = buckets.collect();
        let (program, ordinary) = (emitted.program, ordinary as u32);
        let has = |key: usize| bucket_of[key] != NONE || on_demand_of.get(key).is_some_and(|place| *place != NONE);
        let has = (0..bucket_of.len()).map(has).collect();
        Self { program, bucket_of, on_demand_of, ordinary, has, buckets, extra, awaited: awaited.build() }
    }

    /// Returns whether the program is verified: one that is not must not run.
    pub(super) fn is_sound(&self) -> bool {
        let proof = verify(&self.program);
        debug_assert_eq!(proof, Ok(()), "the emitter makes sound programs");
        proof.is_ok()
    }

    /// Returns the rules of a key that are always evaluated.
    #[inline]
    pub(super) fn bucket(&self, key: Key) -> Option<&RuleBucket> {
        self.find(&self.bucket_of, key).map(|place| &self.buckets[place as usize])
    }

    /// Returns the rules of a key that are evaluated on demand, if any of them is awaited.
    #[inline]
    pub(super) fn awaited_bucket(&self, key: Key, awaited: &Awaited) -> Option<&RuleBucket> {
        let place = self.find(&self.on_demand_of, key)?;
        awaited.has(place - self.ordinary).then(|| &self.buckets[place as usize])
    }

    /// Returns whether there is any rule for a key, evaluated always or on demand.
    #[inline]
    pub(super) fn has(&self, key: Key) -> bool {
        self.has.get(usize::from(key.0)).is_some_and(|has| *has)
    }

    #[inline]
    fn find(&self, buckets: &[u32], key: Key) -> Option<u32> {
        buckets.get(usize::from(key.0)).copied().filter(|bucket| *bucket != NONE)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        (0..self.bucket_of.len()).map(|key| Key(key as u16)).filter(|key| self.has(*key))
    }

    pub(super) fn extra(&self) -> [usize; 4] {
        self.extra
    }

    /// Returns the profile of the searches: for each matcher their number and time, for each atom how many times it was true.
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
        let all = [&self.bucket_of, &self.on_demand_of].map(|buckets| self.find(buckets, key));
        let (bucket, place) = all.into_iter().flatten().find_map(|bucket| {
            let bucket = &self.buckets[bucket as usize];
            Some((bucket, bucket.rules.iter().position(|listed| listed.rule == rule)?))
        })?;
        let listed = bucket.rules[place];
        let mut plan = EventPlan::default();
        for group in &bucket.groups {
            for atom in 0..group.starts.len() - 1 {
                let places = &group.places[group.starts[atom] as usize..group.starts[atom + 1] as usize];
                if places.contains(&(place as u32)) {
                    let first = self.program.lonely[group.matcher as usize];
                    plan.prefilter.push(self.program.question(first + atom as u32, field));
                }
            }
        }
        if let Some(at) = bucket.base.iter().position(|base| *base == place as u32) {
            let tests = bucket.chunks[at / WORD].shared_tests.iter().filter(|test| test.rules >> (at % WORD) & 1 == 1);
            plan.shared_tests.extend(tests.map(|test| self.program.disassemble(test.code, field)));
        }
        let guard = |guard: Guard| listed.guards[guard as usize].map(|code| self.program.disassemble(code, field));
        (plan.guard, plan.descriptor) = (guard(Guard::Process), guard(Guard::Descriptor));
        plan.code = self.program.disassemble(listed.code, field);
        Some(plan)
    }
}

/// A bucket before there is code.
struct Plan {
    rules: Vec<Planned>,
    /// The prefilter of each rule that has one.
    prefilters: Vec<Option<Prefilter>>,
    /// The rules that are checked one by one: in a long bucket those without a prefilter.
    base: Vec<u32>,
    /// The shared tests of each 64 of those.
    shared_tests: Vec<Vec<shared_tests::Planned>>,
}

struct Planned {
    rule: u32,
    guards: [Option<NodeId>; 2],
    code: NodeId,
    rest_first: bool,
    /// Whether the guard of the process is cheap and true of few processes.
    is_of_few: bool,
}

/// The rank in an `and` below which the guard of the process is evaluated before a prefilter.
const EARLY: u32 = 128;

/// The words of the cache that are in use. Chunks whose rules have the same guards share theirs.
struct GuardWords<'x> {
    taken: HashMap<(Guard, Vec<Demands>), Place, FxBuildHasher>,
    extra: &'x mut [usize; 4],
    /// The number of free bits in the last two words of each guard.
    room: [u32; 2],
}

/// The conditions of a rule on the object of its guards: the guard, and a prefilter of the same life time.
type Demands = (Option<NodeId>, Prefilter);

impl GuardWords<'_> {
    fn take(&mut self, guard: Guard, demands: Vec<Demands>) -> Option<Place> {
        if demands.iter().all(|(guard, prefilter)| guard.is_none() && prefilter.is_empty()) {
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
        let prefilters = prefilter::choose(pool, list);
        let alone = |place: usize| list.len() <= WORD || prefilters[place].is_none();
        let base: Vec<u32> = (0..list.len()).filter(|place| alone(*place)).map(|place| place as u32).collect();
        let planned = list.iter().enumerate().map(|(place, &(rule, root))| match alone(place) {
            true => split(pool, arranger, rule, root),
            false => Planned { rule, guards: [None; 2], code: root, rest_first: false, is_of_few: false },
        });
        let mut rules: Vec<Planned> = planned.collect();
        let shared_tests = base.chunks(WORD).map(|places| {
            let mut conditions: Vec<NodeId> = places.iter().map(|place| rules[*place as usize].code).collect();
            let tests = shared_tests::plan(pool, arranger, &mut conditions);
            for (place, condition) in places.iter().zip(conditions) {
                rules[*place as usize].code = condition;
            }
            tests
        });
        let shared_tests = shared_tests.collect();
        Self { rules, prefilters, base, shared_tests }
    }

    fn bucket(
        self,
        pool: &Pool,
        emitted: &Emitted,
        words: &mut GuardWords<'_>,
        mut awaited: Option<&mut AwaitedBuilder>,
    ) -> RuleBucket {
        if let Some(awaited) = &mut awaited {
            awaited.bucket(self.rules.iter().map(|rule| rule.rule));
        }
        let code = |node: NodeId| emitted.entries[&node];
        let listed = |rule: &Planned| Listed {
            rule: rule.rule,
            guards: rule.guards.map(|guard| guard.map(code)),
            code: code(rule.code),
            rest_first: rule.rest_first,
        };
        let rules: Box<[Listed]> = self.rules.iter().map(listed).collect();
        let mut matchers: Vec<MatcherKey> =
            self.prefilters.iter().flatten().flatten().map(|(matcher, _)| *matcher).collect();
        matchers.sort_unstable();
        matchers.dedup();
        let groups = matchers.into_iter().map(|matcher| self.group(pool, emitted, matcher)).collect();
        let test =
            |test: &shared_tests::Planned| SharedTest { code: code(test.node), rules: test.rules, skip: test.skip };
        let is_on_demand = awaited.is_some();
        let chunks = self.base.chunks(WORD).zip(&self.shared_tests).map(|(places, tests)| {
            let early = self.early(places, is_on_demand);
            Chunk {
                rules: u64::MAX >> (WORD - places.len()),
                awaited: awaited
                    .as_mut()
                    .map(|awaited| awaited.chunk(places.iter().map(|place| self.rules[*place as usize].rule))),
                early,
                processes: self.processes(pool, emitted, places, early),
                places: Guard::ALL.map(|guard| {
                    let demands = places.iter().map(|place| self.demands(*place as usize, guard));
                    words.take(guard, demands.collect())
                }),
                shared_tests: tests.iter().map(test).collect(),
            }
        });
        let chunks = chunks.collect();
        RuleBucket { rules, base: self.base.into(), chunks, groups }
    }

    /// Returns, as bits, the rules of a chunk whose guard of the process is evaluated before all else. Few steps of
    /// correlations are awaited, and nearly always for other processes.
    fn early(&self, places: &[u32], is_on_demand: bool) -> u64 {
        let is_early = |place: u32| {
            let rule = &self.rules[place as usize];
            let is_after = self.prefilters[place as usize].is_some() && rule.is_of_few;
            rule.guards[Guard::Process as usize].is_some() && (is_on_demand || is_after)
        };
        places.iter().enumerate().fold(0, |bits, (bit, place)| bits | u64::from(is_early(*place)) << bit)
    }

    /// Returns those of them whose guard is one atom that is evaluated together with others.
    fn processes(&self, pool: &Pool, emitted: &Emitted, places: &[u32], early: u64) -> Box<[Processes]> {
        let mut all: Vec<Processes> = Vec::new();
        for (bit, place) in places.iter().enumerate().filter(|(bit, _)| early >> bit & 1 == 1) {
            let Some(guard) = self.rules[*place as usize].guards[Guard::Process as usize] else { continue };
            let Node::Atom(atom) = pool[guard] else { continue };
            let row = emitted.program.atoms[emitted.atoms[&atom] as usize];
            let of = &emitted.program.matchers[row.matcher as usize];
            let known = all.iter().position(|group| group.matcher == row.matcher);
            let at = known.unwrap_or_else(|| {
                let masks = vec![0; (of.high - of.low) as usize].into();
                all.push(Processes { matcher: row.matcher, masks, rules: 0 });
                all.len() - 1
            });
            all[at].masks[(row.slot.value - of.low) as usize] |= 1 << bit;
            all[at].rules |= 1 << bit;
        }
        all.into()
    }

    fn demands(&self, place: usize, guard: Guard) -> Demands {
        let prefilter = self.prefilters[place].iter().flatten().filter(|(matcher, _)| matcher.1 == guard.span());
        (self.rules[place].guards[guard as usize], prefilter.copied().collect())
    }

    fn group(&self, pool: &Pool, emitted: &Emitted, matcher: MatcherKey) -> Group {
        let mut lists: Vec<Vec<u32>> = Vec::new();
        let mut number = 0;
        let remembered = matcher.1 == Span::Fd;
        for (place, prefilter) in self.prefilters.iter().enumerate() {
            for (_, atom) in prefilter.iter().flatten().filter(|(of, _)| *of == matcher) {
                debug_assert_eq!(prefilter::matcher_of(pool, *atom), Some(matcher));
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
        // A rule with atoms of several matchers may match though none of this one is true: it is not excluded here.
        let is_whole = |place: u32| self.prefilters[place as usize].iter().flatten().all(|(of, _)| *of == matcher);
        let rules = masks.iter().fold(0, |all, mask| all | mask);
        let rules = (0..self.rules.len().min(WORD) as u32)
            .filter(|place| is_whole(*place))
            .fold(0, |all, place| all | (rules & 1 << place));
        Group { matcher: number, starts: starts.into(), places: places.into(), masks: masks.into(), rules, remembered }
    }
}

/// Returns the parts of a condition that outlive the event, and the rest.
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
    let is_of_few = rank(process) < EARLY;
    let code = rest.unwrap_or_else(|| pool.constant(true));
    Planned { rule, guards: [process, descriptor], code, rest_first, is_of_few }
}
