//! The rules of a source that are evaluated because partial matches wait for them.

use std::sync::atomic::Ordering;

use super::shared::SharedState;
use crate::correlation::{Correlator, Hit};
use crate::ruleset::{Machine, RuleId, Ruleset};

/// The version of a state that was not seen yet.
const UNSEEN: u64 = u64::MAX;

/// Makes other runners follow what an event has changed, for a source without such rules.
pub(super) fn pass_on(state: &SharedState, correlator: &mut Correlator) {
    if std::iter::from_fn(|| correlator.next_turned()).last().is_some() {
        state.version.fetch_add(1, Ordering::Release);
    }
}

/// The rules of a source that are evaluated only while a partial match waits for them.
#[derive(Debug)]
pub(super) struct Awaiting {
    /// For each place in which partial matches wait, the rules of whose members it is.
    by_place: Vec<Box<[u32]>>,
    rules: Vec<(RuleId, Box<[Hit]>)>,
    /// The version of the state that the bytecode machine follows.
    seen: u64,
}

impl Awaiting {
    /// Creates the awaited rules of a source; `None` if it has no such rules.
    pub(super) fn new(rules: &Ruleset, correlator: &Correlator) -> Option<Self> {
        let on_demand = rules.rules().iter().enumerate().filter(|(_, rule)| rule.on_demand && rule.enabled);
        let rules: Vec<(RuleId, Box<[Hit]>)> =
            on_demand.map(|(place, rule)| (RuleId(place as u32), rule.hits.clone())).collect();
        if rules.is_empty() {
            return None;
        }
        let mut by_place: Vec<Vec<u32>> = Vec::new();
        for (at, (_, hits)) in rules.iter().enumerate() {
            for place in hits.iter().filter_map(|hit| correlator.places(*hit)).flatten() {
                let place = place as usize;
                by_place.resize_with(by_place.len().max(place + 1), Vec::new);
                by_place[place].push(at as u32);
            }
        }
        Some(Self { by_place: by_place.into_iter().map(Vec::into_boxed_slice).collect(), rules, seen: UNSEEN })
    }

    /// Makes a machine evaluate all rules, whether anything waits for them or not.
    pub(super) fn await_all(self, machine: &mut Machine) {
        self.rules.iter().for_each(|(rule, _)| machine.set_awaited(*rule, true));
    }

    /// Looks at everything again with the next event.
    pub(super) fn forget(&mut self) {
        self.seen = UNSEEN;
    }

    /// Makes a machine follow what another runner has changed.
    #[inline]
    pub(super) fn follow(&mut self, state: &SharedState, machine: &mut Machine) {
        if state.version.load(Ordering::Acquire) != self.seen {
            self.follow_all(state, machine);
        }
    }

    #[cold]
    fn follow_all(&mut self, state: &SharedState, machine: &mut Machine) {
        let state_now = state.lock();
        self.seen = state.version.load(Ordering::Acquire);
        for (rule, hits) in &self.rules {
            // What newer rules have taken over may be awaited there. It is not for long.
            let is_awaited = |hit: &Hit| state_now.has_successor() || state_now.correlator.is_awaited(*hit);
            machine.set_awaited(*rule, hits.iter().any(is_awaited));
        }
    }

    /// Makes a machine follow what an event of its own has changed, while the state is locked.
    pub(super) fn turn(&mut self, state: &SharedState, correlator: &mut Correlator, machine: &mut Machine) {
        let mut has_turned = false;
        while let Some(place) = correlator.next_turned() {
            has_turned = true;
            for at in self.by_place.get(place as usize).into_iter().flatten() {
                let (rule, hits) = &self.rules[*at as usize];
                machine.set_awaited(*rule, hits.iter().any(|hit| correlator.is_awaited(*hit)));
            }
        }
        if has_turned {
            let before = state.version.fetch_add(1, Ordering::Release);
            // Changes by others before are seen with the next event.
            if self.seen == before {
                self.seen = before + 1;
            }
        }
    }
}
