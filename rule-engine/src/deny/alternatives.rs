//! A condition as alternatives, each of tests that must be true and tests that must be false.

use super::MAX_ALTERNATIVES;
use super::fields::Test;

/// Tests of which any must be true, or none.
type Literal = (Vec<Test>, bool);

/// There are more alternatives than a hook has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMany;

/// Alternatives of which any must be true. None: never; one without tests: always.
#[derive(Debug, Clone, Default)]
pub(super) struct Alternatives(Vec<Vec<Literal>>);

impl Alternatives {
    pub(super) fn constant(value: bool) -> Self {
        Self(if value { vec![Vec::new()] } else { Vec::new() })
    }

    pub(super) fn one(tests: Vec<Test>, wanted: bool) -> Self {
        // None of them is true.
        if tests.is_empty() {
            return Self::constant(!wanted);
        }
        Self(vec![vec![(tests, wanted)]])
    }

    pub(super) fn clauses(&self) -> impl Iterator<Item = &[Literal]> {
        self.0.iter().map(Vec::as_slice)
    }

    pub(super) fn or(mut self, other: Self) -> Result<Self, TooMany> {
        for clause in other.0 {
            self.add(clause)?;
        }
        Ok(self)
    }

    pub(super) fn and(self, other: &Self) -> Result<Self, TooMany> {
        let mut both = Self::default();
        for left in &self.0 {
            for right in &other.0 {
                let mut clause = left.clone();
                for literal in right {
                    if !clause.contains(literal) {
                        clause.push(literal.clone());
                    }
                }
                // What must be true and false is never.
                let never = clause.iter().any(|(tests, wanted)| clause.contains(&(tests.clone(), !wanted)));
                if !never {
                    both.add(clause)?;
                }
            }
        }
        Ok(both)
    }

    /// Adds an alternative, unless one that is there already is true whenever it is.
    fn add(&mut self, clause: Vec<Literal>) -> Result<(), TooMany> {
        let implies = |narrow: &[Literal], wide: &[Literal]| wide.iter().all(|literal| narrow.contains(literal));
        if self.0.iter().any(|known| implies(&clause, known)) {
            return Ok(());
        }
        self.0.retain(|known| !implies(known, &clause));
        if self.0.len() >= MAX_ALTERNATIVES {
            return Err(TooMany);
        }
        self.0.push(clause);
        Ok(())
    }
}
