//! The cost of rules and their atoms: counted on request.

use std::time::Duration;

use serde_json::{Value as Json, json};

/// The cost of one rule.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RuleProfile {
    /// Its name.
    pub rule: String,
    /// Number of times its program ran: as often as it was a candidate that no shared test had excluded.
    pub evaluated: u64,
    /// Number of times it matched.
    pub matched: u64,
    /// The time of its programs. Atoms of several rules count for the first that evaluates them.
    pub nanoseconds: u64,
}

/// The counts of one atom.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct AtomProfile {
    /// The atom, as a condition writes it.
    pub atom: String,
    /// The number of searches in which it was true.
    pub held: u64,
}

/// The cost of the atoms on one expression that are evaluated together.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct MatcherProfile {
    /// The expression and the kind of test, such as `fd.name startswith`.
    pub matcher: String,
    /// The number of searches; otherwise the results were known.
    pub searches: u64,
    /// The time of the searches, including the extraction of the value.
    pub nanoseconds: u64,
    /// The atoms.
    pub atoms: Vec<AtomProfile>,
}

/// The cost of a set of rules.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Profile {
    /// The events of types that have rules.
    pub events: u64,
    /// Per rule, in the order of the rules.
    pub rules: Vec<RuleProfile>,
    /// Per matcher of atoms.
    pub matchers: Vec<MatcherProfile>,
}

impl Profile {
    pub(super) fn new(rules: usize) -> Self {
        Self { events: 0, rules: vec![RuleProfile::default(); rules], matchers: Vec::new() }
    }

    pub(super) fn count(&mut self, rule: u32, time: Duration, matched: bool) {
        let row = &mut self.rules[rule as usize];
        row.evaluated += 1;
        row.matched += u64::from(matched);
        row.nanoseconds += time.as_nanos() as u64;
    }

    /// Sorts by cost, the highest first.
    pub fn sort(&mut self) {
        self.rules.sort_by_key(|row| std::cmp::Reverse((row.nanoseconds, row.evaluated)));
        self.matchers.sort_by_key(|row| std::cmp::Reverse((row.nanoseconds, row.searches)));
    }

    /// Returns all of it as JSON.
    pub fn json(&self) -> Json {
        let rules = self.rules.iter().map(|row| {
            json!({
                "evaluated": row.evaluated, "matched": row.matched, "nanoseconds": row.nanoseconds, "rule": row.rule,
            })
        });
        let matchers = self.matchers.iter().map(|row| {
            let atoms = row.atoms.iter().map(|atom| json!({ "atom": atom.atom, "held": atom.held }));
            json!({
                "atoms": atoms.collect::<Vec<_>>(), "matcher": row.matcher, "nanoseconds": row.nanoseconds,
                "searches": row.searches,
            })
        });
        json!({
            "events": self.events, "matchers": matchers.collect::<Vec<_>>(), "rules": rules.collect::<Vec<_>>(),
        })
    }
}

/// Tables, in the order of the rows; rules and matchers without any evaluation are left out.
impl std::fmt::Display for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} events of types that rules evaluate", self.events)?;
        writeln!(f, "\n{:>12} {:>10} {:>9} {:>7}  rule", "time", "evaluated", "matched", "each")?;
        for row in self.rules.iter().filter(|row| row.evaluated > 0) {
            let each = row.nanoseconds / row.evaluated;
            let time = micros(row.nanoseconds);
            writeln!(f, "{time:>12} {:>10} {:>9} {each:>4} ns  {}", row.evaluated, row.matched, row.rule)?;
        }
        writeln!(f, "\n{:>12} {:>10} {:>9} {:>7}  atoms", "time", "searches", "true", "each")?;
        for row in self.matchers.iter().filter(|row| row.searches > 0) {
            let each = row.nanoseconds / row.searches;
            let time = micros(row.nanoseconds);
            let held: u64 = row.atoms.iter().map(|atom| atom.held).sum();
            writeln!(f, "{time:>12} {:>10} {held:>9} {each:>4} ns  {}", row.searches, row.matcher)?;
            let mut atoms: Vec<&AtomProfile> = row.atoms.iter().collect();
            atoms.sort_by_key(|atom| std::cmp::Reverse(atom.held));
            for atom in atoms.iter().take(SHOWN) {
                writeln!(f, "{:>33}             {}", atom.held, short(&atom.atom))?;
            }
            if atoms.len() > SHOWN {
                writeln!(f, "{:>33}             and {} more", "", atoms.len() - SHOWN)?;
            }
        }
        Ok(())
    }
}

/// The number of atoms of a matcher that a table shows.
const SHOWN: usize = 3;

fn micros(nanoseconds: u64) -> String {
    format!("{}.{:03} us", nanoseconds / 1000, nanoseconds % 1000)
}

fn short(text: &str) -> String {
    match text.char_indices().nth(100) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
