//! Gates: what several rules of a slate demand of an event is asked once for all of them.
//!
//! Most rules about opened files begin with the same few questions. They are taken out of the rules and made a tree: a gate
//! that is shut closes all rules behind it, and what lies behind it is not asked.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::lower::arrange::Arranger;
use crate::lower::node::{Node, NodeId, Pool};

/// A gate before there is code for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planned {
    /// The question.
    pub(super) node: NodeId,
    /// The rules behind it, as bits.
    pub(super) rules: u64,
    /// The gate to go on with where this one is shut: the next that does not lie behind it.
    pub(super) skip: u32,
}

/// A rule by its place, and what it shares with others, in the order of asking.
type Demand = (usize, Vec<NodeId>);

/// The gates of at most 64 conditions, in the order in which they are asked; takes what they ask out of the conditions.
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
    // Those that are shared first, cheap ones before others, so that equal beginnings come together.
    let mut shared: Vec<Demand> = Vec::new();
    for (place, demands) in demands.iter().enumerate() {
        let mut list: Vec<NodeId> = demands
            .iter()
            .copied()
            .filter(|node| uses[node] > 1 && arranger.facts(pool, *node).span.is_brief())
            .collect();
        list.sort_by_key(|node| (arranger.facts(pool, *node).rank(true), std::cmp::Reverse(uses[node]), *node));
        shared.push((place, list));
    }
    let mut gates = Vec::new();
    grow(&shared, 0, &mut gates, &mut demands);
    for (condition, demands) in conditions.iter_mut().zip(demands) {
        *condition = match demands.as_slice() {
            [] => pool.constant(true),
            [only] => *only,
            _ => pool.intern(Node::And(demands.into())),
        };
    }
    gates
}

/// Makes gates of what at least two of the rules demand next.
fn grow(rules: &[Demand], depth: usize, gates: &mut Vec<Planned>, demands: &mut [Vec<NodeId>]) {
    let mut groups: Vec<(NodeId, Vec<Demand>)> = Vec::new();
    for rule in rules {
        let Some(next) = rule.1.get(depth) else { continue };
        match groups.iter_mut().find(|(node, _)| node == next) {
            Some((_, members)) => members.push(rule.clone()),
            None => groups.push((*next, vec![rule.clone()])),
        }
    }
    for (node, members) in groups.into_iter().filter(|(_, members)| members.len() > 1) {
        let bits = members.iter().fold(0, |bits, (place, _)| bits | 1 << place);
        let at = gates.len();
        gates.push(Planned { node, rules: bits, skip: 0 });
        for (place, _) in &members {
            demands[*place].retain(|demand| *demand != node);
        }
        grow(&members, depth + 1, gates, demands);
        gates[at].skip = gates.len() as u32;
    }
}
