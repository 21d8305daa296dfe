//! A program: the code of all conditions of a set of rules, and the tables that it refers to.

use super::compare::Regexes;
use super::matcher::Matcher;
use crate::event::{FieldId, Lifetime};
use crate::ir::expr::{ExprId, Exprs};
use crate::ir::node::Atom;
use crate::ir::op::Op;

/// How long an answer is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Span {
    Event = 0,
    Thread = 1,
    Lineage = 2,
    Fd = 3,
}

impl Span {
    pub(crate) const ALL: [Self; 4] = [Self::Event, Self::Thread, Self::Lineage, Self::Fd];

    pub(crate) const fn of(lifetime: Lifetime) -> Self {
        match lifetime {
            Lifetime::Event => Self::Event,
            Lifetime::Fd => Self::Fd,
            Lifetime::Thread => Self::Thread,
            Lifetime::Lineage => Self::Lineage,
        }
    }

    /// Whether an answer is likely to be asked for anew with each event: not what lasts with the process.
    pub(crate) const fn is_brief(self) -> bool {
        matches!(self, Self::Event | Self::Fd)
    }

    /// The span of something that depends on both.
    pub(crate) const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fd, Self::Fd) => Self::Fd,
            (Self::Event | Self::Fd, _) | (_, Self::Event | Self::Fd) => Self::Event,
            (Self::Lineage, _) | (_, Self::Lineage) => Self::Lineage,
            (Self::Thread, Self::Thread) => Self::Thread,
        }
    }
}

/// Where an answer is kept: a bit that says whether there is one, and a bit that says what it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) span: Span,
    pub(crate) known: u32,
    pub(crate) value: u32,
}

/// An atom: where its answer is, and who finds it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AtomRow {
    pub(crate) slot: Slot,
    pub(crate) matcher: u32,
}

/// A matcher: its atoms have the values bits from `low` on.
#[derive(Debug)]
pub(crate) struct MatcherRow {
    pub(crate) span: Span,
    pub(crate) known: u32,
    pub(crate) low: u32,
    pub(crate) high: u32,
    pub(crate) expr: ExprId,
    /// The field, if answers may be remembered by its number.
    pub(crate) numbered: Option<FieldId>,
    pub(crate) search: Matcher,
}

/// How many bits of each sort a span has.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Layout {
    pub(crate) known: u32,
    pub(crate) value: u32,
}

/// The code of a set of rules and its tables.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) exprs: Exprs,
    /// The field that an expression is, if it is no more than that.
    pub(crate) fields: Vec<Option<FieldId>>,
    /// Whether several matchers look at an expression, so that its value is worth keeping for the event.
    pub(crate) shared: Vec<bool>,
    /// How many of those there are.
    pub(crate) kept: usize,
    pub(crate) atoms: Vec<AtomRow>,
    /// The question of each atom, for those that are answered alone and for people.
    pub(crate) questions: Vec<Atom>,
    pub(crate) matchers: Vec<MatcherRow>,
    /// For each matcher, its first atom: the only one of those that are answered alone.
    pub(crate) lonely: Vec<u32>,
    pub(crate) nodes: Vec<Slot>,
    pub(crate) code: Vec<Op>,
    pub(crate) regexes: Regexes,
    pub(crate) layout: [Layout; 4],
}
