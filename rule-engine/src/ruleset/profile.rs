//! What rules cost: counted on request.

use std::time::Duration;

/// What one rule cost.
#[derive(Debug, Clone, Copy, Default)]
pub struct RuleProfile {
    /// How often its program ran.
    pub evaluated: u64,
    /// How often it matched.
    pub matched: u64,
    /// The time of its programs.
    pub nanoseconds: u64,
}

/// What the atoms on one expression cost that are answered together.
#[derive(Debug, Clone)]
pub struct FamilyProfile {
    /// The first of the atoms, and how many there are.
    pub family: String,
    /// How often they were searched; all other times the answers were known.
    pub searches: u64,
    /// The time of the searches, extraction of the value and all.
    pub nanoseconds: u64,
}

/// What a set of rules cost.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// Per rule, in the order of the rules.
    pub rules: Vec<RuleProfile>,
    /// Per family of atoms.
    pub families: Vec<FamilyProfile>,
}

impl Profile {
    pub(super) fn new(rules: usize) -> Self {
        Self { rules: vec![RuleProfile::default(); rules], families: Vec::new() }
    }

    pub(super) fn count(&mut self, rule: u32, time: Duration, matched: bool) {
        let row = &mut self.rules[rule as usize];
        row.evaluated += 1;
        row.matched += u64::from(matched);
        row.nanoseconds += time.as_nanos() as u64;
    }
}
