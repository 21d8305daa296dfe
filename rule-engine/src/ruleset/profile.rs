//! What rules and their atoms cost: counted on request.

use std::time::Duration;

use serde_json::{Value as Json, json};

/// What one rule cost.
#[derive(Debug, Clone, Default)]
pub struct RuleProfile {
    /// Its name.
    pub rule: String,
    /// How often its program ran: as often as it was a candidate that nothing shared with other rules had ruled out.
    pub evaluated: u64,
    /// How often it matched.
    pub matched: u64,
    /// The time of its programs. Atoms that several rules ask count for the first that asks.
    pub nanoseconds: u64,
}

/// What one atom came to.
#[derive(Debug, Clone, Default)]
pub struct AtomProfile {
    /// The atom, as a condition says it.
    pub atom: String,
    /// In how many searches it was found true.
    pub held: u64,
}

/// What the atoms on one expression cost that are answered together.
#[derive(Debug, Clone, Default)]
pub struct MatcherProfile {
    /// The expression and the kind of question, such as `fd.name startswith`.
    pub matcher: String,
    /// How often they were searched; all other times the answers were known.
    pub searches: u64,
    /// The time of the searches, extraction of the value and all.
    pub nanoseconds: u64,
    /// The atoms.
    pub atoms: Vec<AtomProfile>,
}

/// What a set of rules cost.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// The events of types that any rule is about.
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

    /// The costliest first.
    pub fn sort(&mut self) {
        self.rules.sort_by_key(|row| std::cmp::Reverse((row.nanoseconds, row.evaluated)));
        self.matchers.sort_by_key(|row| std::cmp::Reverse((row.nanoseconds, row.searches)));
    }

    /// All of it, for programs.
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

/// As tables, in the order that the rows have; rules and matchers that did nothing are left out.
impl std::fmt::Display for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} events of types that a rule is about", self.events)?;
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

/// So many atoms of a matcher are shown in a table.
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
