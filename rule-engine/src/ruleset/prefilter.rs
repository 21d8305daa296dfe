//! Prefilters: for each rule of a bucket some atoms of which one must be true for the rule to match.
//!
//! A rule has several sets of such atoms: each part of an `and` has one, and the sets of all alternatives make one of
//! an `or`. The choice decides the searches on every event of the key, so rules are brought together on few matchers,
//! cheap ones, and a rule that would have a matcher almost to itself has no prefilter.

use hashbrown::HashMap;
use peregrine_text::glob;
use rustc_hash::FxBuildHasher;
use smallvec::{SmallVec, smallvec};

use crate::ir::expr::ExprId;
use crate::ir::node::{Atom, AtomId, Literal, Node, NodeId, Pool, Test};
use crate::lower::arrange::EXTRACTION;
use crate::syntax::ast::Operator;
use crate::vm::matcher::Sort;
use crate::vm::program::Span;

/// The key by which atoms are grouped in a matcher.
pub(super) type MatcherKey = (ExprId, Span, Sort);

/// Atoms of which one must be true, with their matchers.
pub(super) type Prefilter = SmallVec<[(MatcherKey, AtomId); 1]>;

/// The number of rules from which a bucket has prefilters.
const LONG: usize = 6;

/// The approximate cost of a rule without a prefilter, in the unit of [`Sort::cost`].
const LOOK: u32 = 40;

/// The limit of alternatives of an `or` with a prefilter, and of the sets of a rule to choose from.
const MANY: usize = 64;

/// Returns the matcher of an atom, if few of its kind are true.
pub(super) fn matcher_of(pool: &Pool, atom: AtomId) -> Option<MatcherKey> {
    let atom = &pool[atom];
    let sort = Sort::of(&pool.exprs[atom.expr], &atom.test);
    (sort.is_selective() && pool.is_rare(atom)).then(|| (atom.expr, Span::of(pool.atom_lifetime(atom)), sort))
}

/// Returns the cost of a matcher on every event. Results that last with the process are known already.
fn cost(matcher: MatcherKey) -> u32 {
    if matcher.1.is_brief() { matcher.2.cost() + EXTRACTION } else { 20 }
}

/// Returns sets of atoms of which one must be true for `root` to be.
fn necessary(pool: &mut Pool, root: NodeId, found: &mut Vec<Prefilter>) {
    match pool[root].clone() {
        Node::Atom(atom) => {
            for atom in [Some(atom), begins(pool, atom)].into_iter().flatten() {
                found.extend(matcher_of(pool, atom).map(|matcher| smallvec![(matcher, atom)]));
            }
        }
        Node::And(children) => {
            for child in children {
                if found.len() < MANY {
                    necessary(pool, child, found);
                }
            }
        }
        Node::Or(children) if children.len() <= MANY => alternatives(pool, &children, found),
        Node::Or(_) | Node::Const(_) | Node::Not(_) => {}
    }
}

/// Returns the prefix of every match of a pattern: a cheaper test than the pattern, which other rules have anyway.
fn begins(pool: &mut Pool, atom: AtomId) -> Option<AtomId> {
    let Atom { expr, test: Test::Compare(Operator::Glob, pattern) } = &pool[atom] else { return None };
    let (expr, prefix) = (*expr, glob::literal_prefix(pattern.bytes()));
    if prefix.len() < 2 {
        return None;
    }
    let test = Test::Compare(Operator::StartsWith, Literal::Bytes(prefix.into()));
    let begins = pool.atom(Atom { expr, test });
    match pool[begins] {
        Node::Atom(atom) => Some(atom),
        _ => None,
    }
}

/// Returns the union of one set of each alternative: all of one matcher where possible, and the cheapest of each.
fn alternatives(pool: &mut Pool, children: &[NodeId], found: &mut Vec<Prefilter>) {
    let mut each: Vec<Vec<Prefilter>> = Vec::with_capacity(children.len());
    for child in children {
        let mut sets = Vec::new();
        necessary(pool, *child, &mut sets);
        if sets.is_empty() {
            return;
        }
        each.push(sets);
    }
    let join = |choose: &dyn Fn(&[Prefilter]) -> Option<usize>| -> Option<Prefilter> {
        let mut all = Prefilter::new();
        for sets in &each {
            all.extend_from_slice(&sets[choose(sets)?]);
        }
        all.sort_unstable();
        all.dedup();
        Some(all)
    };
    let mut matchers: Vec<MatcherKey> = each[0].iter().flatten().map(|(matcher, _)| *matcher).collect();
    matchers.sort_unstable();
    matchers.dedup();
    for matcher in matchers {
        found.extend(join(&|sets| sets.iter().position(|set| set.iter().all(|(of, _)| *of == matcher))));
    }
    let price = |set: &Prefilter| set.iter().map(|(matcher, _)| cost(*matcher)).sum::<u32>();
    let cheapest = join(&|sets| (0..sets.len()).min_by_key(|place| price(&sets[*place])));
    found.extend(cheapest.filter(|set| !found.contains(set)));
}

/// Returns the prefilter of each rule.
pub(super) fn choose(pool: &mut Pool, list: &[(u32, NodeId)]) -> Vec<Option<Prefilter>> {
    if list.len() < LONG {
        return vec![None; list.len()];
    }
    let mut popularity: HashMap<AtomId, usize, FxBuildHasher> = HashMap::default();
    let mut choices: Vec<Vec<Prefilter>> = Vec::with_capacity(list.len());
    for (_, root) in list {
        let mut found = Vec::new();
        necessary(pool, *root, &mut found);
        for (_, atom) in found.iter().flatten() {
            *popularity.entry(*atom).or_default() += 1;
        }
        choices.push(found);
    }
    // An atom of many rules does not distinguish them. Results that last with the process are cached rule by rule,
    // which is cheaper as long as there are few rules.
    let limit = (list.len() / 16).max(8);
    let fits = |(matcher, atom): &(MatcherKey, AtomId)| {
        popularity[atom] <= limit && (matcher.1.is_brief() || list.len() > MANY)
    };
    for found in &mut choices {
        found.retain(|set| set.iter().all(fits));
    }
    // Each rule uses the set whose matchers it shares with most; a matcher with too few rules is given up.
    loop {
        let mut served: HashMap<MatcherKey, u32, FxBuildHasher> = HashMap::default();
        for found in &choices {
            let mut matchers: SmallVec<[MatcherKey; 8]> = found.iter().flatten().map(|(matcher, _)| *matcher).collect();
            matchers.sort_unstable();
            matchers.dedup();
            matchers.into_iter().for_each(|matcher| *served.entry(matcher).or_default() += 1);
        }
        // A matcher that would have too few rules even if all that can used it is given up at once.
        let hopeless = |matcher: &MatcherKey| cost(*matcher) > served[matcher] * LOOK;
        let mut gone = false;
        for found in &mut choices {
            let before = found.len();
            found.retain(|set| !set.iter().any(|(matcher, _)| hopeless(matcher)));
            gone |= found.len() != before;
        }
        if gone {
            continue;
        }
        let price = |set: &Prefilter| {
            let mut matchers: SmallVec<[MatcherKey; 8]> = set.iter().map(|(matcher, _)| *matcher).collect();
            matchers.dedup();
            matchers
                .into_iter()
                .map(|matcher| u64::from(cost(matcher)) * 1024 / u64::from(served[&matcher]))
                .sum::<u64>()
        };
        let taken: Vec<Option<usize>> =
            choices.iter().map(|found| (0..found.len()).min_by_key(|place| price(&found[*place]))).collect();
        let mut used: HashMap<MatcherKey, u32, FxBuildHasher> = HashMap::default();
        for (found, place) in choices.iter().zip(&taken) {
            let Some(place) = place else { continue };
            let mut matchers: SmallVec<[MatcherKey; 8]> = found[*place].iter().map(|(matcher, _)| *matcher).collect();
            matchers.dedup();
            matchers.into_iter().for_each(|matcher| *used.entry(matcher).or_default() += 1);
        }
        let dear = used.iter().filter(|(matcher, rules)| cost(**matcher) > **rules * LOOK);
        let Some(dearest) = dear.max_by_key(|(matcher, rules)| (cost(**matcher) / **rules, **matcher)) else {
            let chosen = choices.into_iter().zip(taken);
            return chosen.map(|(mut found, place)| place.map(|place| found.swap_remove(place))).collect();
        };
        let matcher = *dearest.0;
        for found in &mut choices {
            found.retain(|set| set.iter().all(|(of, _)| *of != matcher));
        }
    }
}
