//! Shared tests: a common test of several rules of a bucket is evaluated once for all of them.
//!
//! Most rules about opened files begin with the same few tests. They are taken out of the rules and made a tree: a test
//! that fails excludes all rules that need it, and the tests below it are not evaluated.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::ir::node::{Node, NodeId, Pool};
use crate::lower::arrange::Arranger;

/// A shared test before there is code for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planned {
    /// The test.
    pub(super) node: NodeId,
    /// The rules behind it, as bits.
    pub(super) rules: u64,
    /// The next test where this one fails: the next that does not depend on it.
    pub(super) skip: u32,
}

/// A rule by its place, and its shared tests, in the order of evaluation.
type Demand = (usize, Vec<NodeId>);

/// Returns the shared tests of at most 64 conditions, in their order of evaluation, and takes them out of the conditions.
pub(super) fn plan(pool: &mut Pool, arranger: &mut Arranger, conditions: &mut [NodeId]) -> Vec<Planned> {
    let mut demands: Vec<Vec<NodeId>> = conditions
        .iter()
        .map(|condition| match &pool[*condition] {
            Node::And(children) => children.to_vec(),
            _ => vec![*condition],
        })
        .collect();
    let mut uses: HashMap<NodeId, u32, FxBuildHasher> = HashMap::default();
    for demand in demands.iter().flatten() {
        *uses.entry(*demand).or_default() += 1;
    }
    let mut shared: Vec<Demand> = Vec::new();
    for (place, demands) in demands.iter().enumerate() {
        let is_shared = |node: &NodeId| uses[node] > 1 && arranger.facts(pool, *node).span.is_brief();
        shared.push((place, demands.iter().copied().filter(is_shared).collect()));
    }
    let mut tests = Vec::new();
    grow(shared, &mut |node| arranger.facts(pool, node).rank(true), &mut tests, &mut demands);
    for (condition, demands) in conditions.iter_mut().zip(demands) {
        *condition = match demands.as_slice() {
            [] => pool.constant(true),
            [only] => *only,
            _ => pool.intern(Node::And(demands.into())),
        };
    }
    tests
}

/// Makes shared tests of the conditions of at least two of the rules: each time the one first that, for its cost, is
/// likely to exclude most rules.
fn grow(
    mut rules: Vec<Demand>,
    rank: &mut impl FnMut(NodeId) -> u32,
    tests: &mut Vec<Planned>,
    demands: &mut [Vec<NodeId>],
) {
    loop {
        let mut uses: HashMap<NodeId, u32, FxBuildHasher> = HashMap::default();
        for node in rules.iter().flat_map(|rule| &rule.1) {
            *uses.entry(*node).or_default() += 1;
        }
        let shared = uses.into_iter().filter(|(_, uses)| *uses > 1);
        let Some((node, _)) = shared.min_by_key(|(node, uses)| (rank(*node) / uses, *node)) else { return };
        let (mut members, others): (Vec<Demand>, Vec<Demand>) =
            rules.into_iter().partition(|(_, shared)| shared.contains(&node));
        rules = others;
        let bits = members.iter().fold(0, |bits, (place, _)| bits | 1 << place);
        let at = tests.len();
        tests.push(Planned { node, rules: bits, skip: 0 });
        for (place, shared) in &mut members {
            shared.retain(|demand| *demand != node);
            demands[*place].retain(|demand| *demand != node);
        }
        grow(members, rank, tests, demands);
        tests[at].skip = tests.len() as u32;
    }
}
